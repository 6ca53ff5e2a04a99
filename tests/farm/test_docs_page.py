"""The documentation page in a real browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Farm

pytestmark = pytest.mark.farm


def test_a_browser_renders_the_routes_from_the_served_document(farm: Farm, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on PATH")
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            f"{farm.url}/docs",
        ],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert "Judge one input now" in done.stdout
    assert "Submit one input or up to 10,000 items" in done.stdout
