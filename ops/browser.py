"""Pictures of a page in a Chromium without a window."""

from __future__ import annotations

import html
import io
import shutil
import subprocess
import tempfile
from pathlib import Path

from core.errors import StartError

TALLEST = 9000
MARGIN = 60
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def photographed(page: str, width: int) -> bytes:
    """The page as PNG at this width in pixels, cut where it ends.

    A frame gives the width, since a window has a least one. Raises StartError without a Chromium.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise StartError("no Chromium on PATH; install it to make pictures")
    frame = (
        '<!doctype html><body style="margin:0;background:#fff">'
        f'<iframe style="border:0;width:{width}px;height:{TALLEST}px" scrolling="no"'
        f' srcdoc="{html.escape(page)}"></iframe>'
    )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.png")
        source.write_text(frame, encoding="utf-8")
        subprocess.run(
            [
                browser,
                *_FLAGS,
                f"--user-data-dir={folder}/profile",
                f"--window-size={max(width, 500)},{TALLEST}",
                f"--screenshot={target}",
                source.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        return _cut(target.read_bytes(), width)


def _cut(png: bytes, width: int) -> bytes:
    """Without what lies right of the frame and below the page's last line."""
    from PIL import Image, ImageChops

    with Image.open(io.BytesIO(png)) as opened:
        whole = opened.convert("RGB").crop((0, 0, width, opened.height))
    ground = Image.new("RGB", whole.size, whole.getpixel((0, whole.height - 1)))
    box = ImageChops.difference(whole, ground).getbbox() or (0, 0, width, MARGIN)
    kept = whole.crop((0, 0, width, min(whole.height, box[3] + 12)))
    out = io.BytesIO()
    kept.quantize(256, Image.Quantize.MAXCOVERAGE).save(out, "PNG", optimize=True)
    return out.getvalue()
