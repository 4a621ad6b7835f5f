"""A run in CI fails when it skips what could be installed; elsewhere skips are named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("reason", "ci", "code"),
    [
        ("no Chromium is installed here", "", 0),
        ("no Chromium is installed here", "true", 1),
        ("this processor does not multiply bfloat16", "true", 0),
    ],
)
def test_skips(reason, ci, code, tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(
        f"import pytest\ndef test_it():\n    pytest.skip({reason!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "skips", "-q", "-rs", str(tmp_path)],
        env=os.environ | {"CI": ci, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout
    assert reason in done.stdout
