"""Celery, and nothing clever: fetch, call pure code, store."""
