"""SIGHUP to a worker: an io worker reads alerts.yaml again, any other goes on.

Celery's own answer is to start the program anew, by a name that is no file here: it would end.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Any

from celery.apps import worker as celery_worker

from workers import alert_config
from workers.presence import CLASS_ENV

log = logging.getLogger(__name__)


def wait() -> None:
    """Take no notice while the process starts, which reads every file anyway. In a terminal that is
    closed it ends, as any program does."""
    if not sys.stdout.isatty():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


class Worker(celery_worker.Worker):  # type: ignore[misc]
    """Celery's worker with an answer of ours."""

    def install_platform_tweaks(self, worker: Any) -> None:
        """Runs once, before the first task."""
        super().install_platform_tweaks(worker)
        if os.environ.get(CLASS_ENV) == "io":
            alert_config.on_signal()
        elif not sys.stdout.isatty():
            signal.signal(signal.SIGHUP, _go_on)


def _go_on(_number: int, _frame: object) -> None:
    log.info("SIGHUP is for io workers; nothing is to be read again here")
