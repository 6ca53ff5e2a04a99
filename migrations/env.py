"""Runs migrations under an advisory lock, each in its own transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

from core.settings import settings
from core.urls import for_sqlalchemy
from migrations import LOCK

url = context.config.attributes.get("database_url") or settings().database()
engine = create_engine(
    for_sqlalchemy(url), poolclass=pool.NullPool, connect_args={"connect_timeout": 10}
)

with engine.connect() as connection:
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
    connection.exec_driver_sql("SET lock_timeout = '5s'; SET statement_timeout = '15min'")
    connection.commit()
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    connection.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK})")
    connection.commit()
