"""The one place that reads the environment and `config.yaml`.

Precedence: environment (or a mounted secret named by `NAME_FILE`) > file > default.
Every setting is described in `settings_guard` or `settings_watch`; `docs/reference.md` is generated
from these descriptions.
"""

from __future__ import annotations

import functools
import ipaddress
from typing import Any, Self

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from core import urls
from core.configfile import parse_duration, parse_pairs, parse_share
from core.errors import ConfigError
from core.settings_sources import CONFIG_ENV, ConfigFile, MountedSecrets
from core.settings_watch import WatchSettings

__all__ = ["CONFIG_ENV", "Settings", "load", "settings"]

MIN_SECRET_BYTES = 32


class Settings(WatchSettings):
    """Every setting of every process. Field `auth_ttl` is read from the variable `AUTH_TTL`."""

    model_config = SettingsConfigDict(
        case_sensitive=False, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence, first wins."""
        return (
            init_settings,
            env_settings,
            MountedSecrets(settings_cls),
            ConfigFile(settings_cls),
        )

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name, info in cls.model_fields.items():
            given = values.get(name)
            if isinstance(given, str) and "tuple" in str(info.annotation):
                values[name] = tuple(part.strip() for part in given.split(",") if part.strip())
            if given == "" and info.annotation != SecretStr and info.annotation is not str:
                del values[name]
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not 0 <= self.audit_threshold <= self.warn_threshold <= self.block_threshold <= 1:
            raise ValueError(
                "AUDIT_THRESHOLD <= WARN_THRESHOLD <= BLOCK_THRESHOLD must hold within 0..1"
            )
        for name in ("retention_raw", "retention_aggregated", "reports_retention"):
            parse_duration(getattr(self, name))
        parse_share("TELEMETRY_ANALYZE_SAMPLE", self.telemetry_analyze_sample)
        self.analyzed_shares()
        self.kafka_extras()
        if self.external_url and not self.external_url.startswith(("http://", "https://")):
            raise ValueError("EXTERNAL_URL must be an address such as https://sentinel.example.com")
        for name, allowed in (
            ("redis_url", urls.REDIS_SCHEMES),
            ("broker_url", (*urls.AMQP_SCHEMES, *urls.REDIS_SCHEMES)),
        ):
            urls.demand_scheme(name.upper(), getattr(self, name).get_secret_value(), allowed)
        if self.production and len(self.auth_secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(
                f"AUTH_SECRET must have at least {MIN_SECRET_BYTES} bytes in production; "
                "make one with `openssl rand -hex 32`"
            )
        if self.production and self.auth_enabled is False:
            raise ValueError("AUTH_ENABLED=false is refused in production; remove it")
        if self.auth_enabled is False and not self.loopback:
            raise ValueError(
                "AUTH_ENABLED=false is allowed on a loopback GATEWAY_HOST only; "
                "bind to 127.0.0.1 or enable authentication"
            )
        return self

    @property
    def production(self) -> bool:
        """True in production."""
        return self.gateway_mode == "production"

    @property
    def loopback(self) -> bool:
        """True when the API listens on this machine only."""
        if self.gateway_host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.gateway_host).is_loopback
        except ValueError:
            return False

    @property
    def authenticated(self) -> bool:
        """Whether requests need a key: as told, else whenever others can reach the port."""
        if self.auth_enabled is not None:
            return self.auth_enabled
        return self.production or not self.loopback

    @property
    def private_targets(self) -> bool:
        """Whether receivers may call private addresses."""
        if self.outbound_allow_private is not None:
            return self.outbound_allow_private
        return not self.production

    def analyzed_shares(self) -> dict[str, float]:
        """The share of events whose text is analysed, by application that has one of its own."""
        setting = "TELEMETRY_ANALYZE_APPLICATIONS"
        pairs = parse_pairs(setting, self.telemetry_analyze_applications)
        return {name: parse_share(setting, share) for name, share in pairs.items()}

    def kafka_extras(self) -> dict[str, str]:
        """KAFKA_OPTIONS by name."""
        return parse_pairs("KAFKA_OPTIONS", self.kafka_options)

    def database(self) -> str:
        """SQLAlchemy URL of PostgreSQL, driver named.

        Raises ConfigError when neither DATABASE_URL nor an embedded server is known.
        """
        url = self.database_url.get_secret_value()
        if not url:
            raise ConfigError(
                "DATABASE_URL is not set; run `sentinel up` or point it at PostgreSQL"
            )
        return urls.for_sqlalchemy(url)

    @property
    def amqp(self) -> bool:
        """Whether the broker is RabbitMQ."""
        return self.broker_url.get_secret_value().startswith(urls.AMQP_SCHEMES)

    def broker(self) -> str:
        """URL of the Celery broker. Raises ConfigError when none is known."""
        return self.broker_url.get_secret_value() or self.redis()

    def redis(self) -> str:
        """URL of Redis or Valkey, password put in where the URL has none.

        Raises ConfigError when neither REDIS_URL nor an embedded server is known.
        """
        url = self.redis_url.get_secret_value()
        if not url:
            raise ConfigError("REDIS_URL is not set; run `sentinel up` or point it at Redis")
        return urls.with_password(url, self.redis_password.get_secret_value())


def load(**overrides: Any) -> Settings:
    """Settings from the environment and file. Raises ConfigError naming the setting at fault."""
    try:
        return Settings(**overrides)
    except ValidationError as problem:
        first = problem.errors()[0]
        name = ".".join(str(part) for part in first["loc"]).upper()
        message = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(f"{name}: {message}" if name else message) from None


@functools.cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load()
