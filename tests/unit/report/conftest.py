"""Made-up run folders, built once for all tests of the report."""

from __future__ import annotations

from pathlib import Path

import fixture_run
import pytest

from tunewright import report


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its report."""
    folder = fixture_run.write(tmp_path_factory.mktemp("runs") / "invoices")
    report.build(folder)
    return folder


@pytest.fixture(scope="session")
def page(run_folder: Path) -> str:
    return (run_folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def evil_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose documents, gold values and replies try to break out of the page."""
    folder = fixture_run.write(tmp_path_factory.mktemp("runs") / "evil", evil=True)
    report.build(folder)
    return folder
