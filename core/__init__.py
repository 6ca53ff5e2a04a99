"""The ground every other package stands on: settings, nouns, database, logs, metrics."""

__version__ = "0.1.0"
