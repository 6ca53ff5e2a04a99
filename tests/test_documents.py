"""Documents that fail the build when they drift from the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.quality.worker_path import kept_section

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/reference.md",
    "docs/brokers.md",
    "docs/telemetry.md",
    "docs/kafka.md",
    "docs/telemetry_storage.md",
    "docs/alerts.md",
    "docs/conformance.md",
    "docs/detection.md",
    "docs/reports.md",
    "docs/alerts_receivers.md",
)


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "ops/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr[-300:] if done.returncode else "") == (0, "")


def test_the_readme_names_the_two_commands_on_its_first_screen() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40]
    assert {"make up", "make test"} <= set(re.findall(r"make \w+", "\n".join(first)))


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_repository_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [one for one in targets if not ((ROOT / page).parent / one).exists()] == []


def test_the_page_of_detectors_has_the_figures_that_were_kept() -> None:
    text = (ROOT / "docs" / "detectors.md").read_text(encoding="utf-8")
    assert "\n".join(kept_section()) in text


@pytest.mark.parametrize("page", PAGES)
def test_routes_that_a_page_names_exist(page: str) -> None:
    def routes(text: str) -> set[tuple[str, str]]:
        found = re.findall(r"`(GET|POST|PUT|DELETE) (/[^`\s?]*)", text)
        return {(method, re.sub(r"[<{][^>}]+[>}]", "*", path)) for method, path in found}

    known = routes((ROOT / "docs/reference.md").read_text(encoding="utf-8"))
    assert routes((ROOT / page).read_text(encoding="utf-8")) - known == set()


def test_every_top_level_package_is_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert {name for name in packages if f"`{name}" not in text} == set()
