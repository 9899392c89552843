"""The benchmarks that the pages name are there, and their door works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def door(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True)


def test_the_table_names_every_benchmark():
    page = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    there = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if not path.stem.startswith("_")}
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == there


def test_the_door_lists_names_and_refuses_others():
    listed = door("--help")
    assert listed.returncode == 0
    assert "decode" in listed.stdout
    refused = door("nothing")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: there is no benchmark named 'nothing'")
    assert "hint:" in refused.stderr
