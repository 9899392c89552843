"""A script without `if __name__ == "__main__"` that answers in several processes does its job once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
from tunewright import api

print("began", flush=True)
outcome = api.run("smoke", sets=["evaluate.workers=2"])
print("ended", len(outcome.stages))
"""


@pytest.mark.slow
def test_a_script_without_a_guard_does_its_job_once(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "job.py"], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("began") == 1
    assert "ended 5" in done.stdout
