"""What tests share: where shared data is, tiny models, quiet libraries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).resolve().parent.parent


def _shared_data() -> Path | None:
    named = os.environ.get("TUNEWRIGHT_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of licensed data sets; the test is skipped where it is absent."""
    folder = _shared_data()
    if folder is None:
        pytest.skip("the shared data sets are not here (set TUNEWRIGHT_DATA)")
    return folder
