"""Celery's settings, read when the application is first used."""

from __future__ import annotations

from kombu.entity import Queue

from core.settings import settings
from workers.app import KEY_PREFIX, QUEUES

broker_url = settings().broker()
broker_connection_retry_on_startup = True
broker_connection_timeout = 3
broker_transport_options = {
    "visibility_timeout": 60,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_keepalive": True,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "retry_on_timeout": False,
    "global_keyprefix": KEY_PREFIX,
}

task_queues = [Queue(name) for name in QUEUES]  # type: ignore[no-untyped-call]
task_default_queue = "io"
task_create_missing_queues = False
task_ignore_result = True
task_publish_retry = False
task_serializer = "json"
accept_content = ["json"]
task_reject_on_worker_lost = True

worker_prefetch_multiplier = 1
worker_disable_prefetch = True
worker_hijack_root_logger = False
worker_send_task_events = True
worker_soft_shutdown_timeout = 2.0
worker_cancel_long_running_tasks_on_connection_loss = False

beat_max_loop_interval = 1.0
timezone = "UTC"
enable_utc = True
