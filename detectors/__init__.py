"""The watch trade: a history of telemetry in, anomalies out. No SQL, no Celery, no clock."""
