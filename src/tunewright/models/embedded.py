"""The models inside the package, one folder a version. Knows names only: nothing here loads a weight."""

from __future__ import annotations

import re
from pathlib import Path

EMBEDDED = Path(__file__).parent / "wren"
"""Folder of the models in the package: wren-1, wren-2 …"""


def embedded() -> list[str]:
    """Names of the models in the package, oldest first."""
    found = [
        p.name for p in EMBEDDED.iterdir() if re.fullmatch(r"[a-z]+-\d+", p.name) and (p / "config.json").is_file()
    ]
    return sorted(found, key=lambda name: (name.split("-")[0], int(name.split("-")[1])))


def is_embedded(name: str) -> bool:
    """Whether a name means a model inside the package: a version (`wren-1`) or its family (`wren`)."""
    return any(name in (version, version.split("-")[0]) for version in embedded())


def is_gone(name: str) -> bool:
    """Whether a name means a version of the package's own model that this installation does not have."""
    return not is_embedded(name) and re.fullmatch(r"wren(-\d+)?", name) is not None


def pinned(name: str) -> str:
    """The version that a family's name means (`wren` → the newest `wren-N`); every other name as it is."""
    return next((version for version in reversed(embedded()) if version.split("-")[0] == name), name)
