"""The served OpenAPI document is true: no 5xx, no answer outside the schema."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Farm

pytestmark = pytest.mark.farm

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance"
)


def test_schemathesis_finds_no_answer_outside_the_schema(farm: Farm, tmp_path: Path) -> None:
    farm.finished(farm.submit(items=[{"text": "hello"}, {"text": "world"}]))
    command = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert command is not None
    done = subprocess.run(
        [
            command,
            "run",
            f"{farm.url}/api/v1/openapi.json",
            f"--checks={CHECKS}",
            "--max-examples=12",
            "--seed=7",
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout[-4000:]
