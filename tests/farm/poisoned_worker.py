"""A CPU worker whose process dies over every text with the word POISON, as a bad library would."""

from __future__ import annotations

import os
import signal

from engines.document import Document
from engines.jailbreak import Jailbreak
from workers.launch import worker

_examine = Jailbreak.examine


def _die(self: Jailbreak, document: Document) -> object:
    if "POISON" in " ".join(document.texts()):
        os.kill(os.getpid(), signal.SIGKILL)
    return _examine(self, document)


Jailbreak.examine = _die  # type: ignore[assignment, method-assign]
worker("cpu")
