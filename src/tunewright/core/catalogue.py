"""Plug-ins by name: a plug-in is a module in the right folder, known by its file's name.

Names are listed without importing anything; only the one asked for is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from tunewright.core.errors import UsageError, did_you_mean

KINDS = {
    "task": "tunewright.tasks",
    "reader": "tunewright.data.read",
    "metric": "tunewright.evals.metrics",
    "method": "tunewright.models.methods",
    "provider": "tunewright.hosted",
}
"""Kind of plug-in → the package its files stand in."""

_own: dict[tuple[str, str], Path] = {}


def _folder(kind: str) -> Path:
    if kind not in KINDS:
        raise UsageError(f"there is no kind of plug-in '{kind}'", hint=f"known: {', '.join(KINDS)}")
    spec = importlib.util.find_spec(KINDS[kind])
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"the package {KINDS[kind]} is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


def names(kind: str) -> list[str]:
    """All names of a kind, in order: files of its folder that do not begin with `_`, and a user's own."""
    shipped = {
        entry.stem
        for entry in _folder(kind).iterdir()
        if not entry.name.startswith("_") and (entry.suffix == ".py" or (entry / "__init__.py").is_file())
    }
    return sorted(shipped | {name for owner, name in _own if owner == kind})


def add(kind: str, path: Path | str) -> str:
    """Make a user's own file known (the command line's `--code`); returns its name. Nothing is imported yet."""
    path = Path(path)
    if path.suffix != ".py" or not path.is_file():
        raise UsageError("is not a Python file", where=str(path))
    _folder(kind)
    if path.stem in names(kind):
        raise UsageError(f"a {kind} named '{path.stem}' is already there", where=str(path), hint="rename the file")
    _own[kind, path.stem] = path
    return path.stem


def load(kind: str, name: str) -> ModuleType:
    """Import the one module asked for. Raises UsageError with the nearest name where there is none."""
    known = names(kind)
    if name not in known:
        raise UsageError(
            f"there is no {kind} named '{name}'",
            hint=did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}",
        )
    own = _own.get((kind, name))
    if own is None:
        return importlib.import_module(f"{KINDS[kind]}.{name}")
    spec = importlib.util.spec_from_file_location(f"tunewright_own_{kind}_{name}", own)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
