"""Celery's settings, read when the application is first used."""

from __future__ import annotations

import ssl
from typing import Any

from core import valkey
from core.settings import settings
from workers import queues, rabbitmq, redis_transport
from workers.app import KEY_PREFIX

_chosen = settings()
_url = _chosen.broker()
_sentinels = valkey.sentinels(_url)
_again = {"interval_start": 0, "interval_step": 0, "interval_max": 0}
_again["max_retries"] = len(_url.split(";"))
"""A pooled connection may be dead without knowing it; each node is then asked for a new one."""

broker_url = _sentinels.kombu_url() if _sentinels else _url
broker_connection_retry_on_startup = True
broker_connection_timeout = 3
broker_transport_options: dict[str, Any]
broker_use_ssl: dict[str, Any]

if _chosen.amqp:
    broker_heartbeat = 10
    broker_transport_options = {**rabbitmq.install(), **_again}
    worker_consumer = "workers.consumer:FarmConsumer"
    task_publish_retry = True
    task_publish_retry_policy = _again
    task_acks_late = True
else:
    redis_transport.install()
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
    if _sentinels:
        broker_transport_options |= {
            "master_name": _chosen.redis_sentinel_master,
            "health_check_interval": 5,
            "sentinel_kwargs": {
                "socket_connect_timeout": 2,
                "socket_timeout": 5,
                **valkey.sentinel_login(),
            },
        }
    task_publish_retry = False
    worker_disable_prefetch = True

if _url.startswith("rediss://") and "ssl_" not in _url:
    broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
if _url.startswith("amqps://"):
    broker_use_ssl = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}

task_queues = queues.declared()
task_default_queue = "io"
task_create_missing_queues = False
task_ignore_result = True
task_serializer = "json"
accept_content = ["json"]
task_reject_on_worker_lost = True

worker_prefetch_multiplier = 1
worker_hijack_root_logger = False
worker_send_task_events = False
"""Flower turns them on while it watches; they cost a worker a third of its rate."""
worker_soft_shutdown_timeout = 2.0
worker_cancel_long_running_tasks_on_connection_loss = False

beat_max_loop_interval = 1.0
timezone = "UTC"
enable_utc = True
