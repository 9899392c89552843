"""The table of faults names tests that are there, and every test of faults stands in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def defined_in(path: str) -> set[str]:
    return set(re.findall(r"^def (test_\w+)\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))


def test_every_fault_has_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 15
    assert all("`tests/" in row for row in rows)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_the_tests_that_the_table_names_are_there(path, name):
    assert name in defined_in(path)


def test_the_command_of_the_page_runs_files_that_are_there():
    command = re.search(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    assert command is not None
    paths = re.findall(r"tests/[\w/]+\.py", command[1])
    assert len(paths) == 5
    assert all((ROOT / path).is_file() for path in paths)
