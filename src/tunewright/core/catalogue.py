"""Plug-ins by name: a plug-in is a module in the right folder, known by its file's name.

Names are listed without importing anything; only the one asked for is imported.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable
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

EXPORTS = {
    "reader": frozenset(("suffixes", "read")),
    "metric": frozenset(("name", "statistics", "summarise")),
    "method": frozenset(("SAVED_AS", "attach", "save")),
}
"""Kind → what its files define. A task's file defines a class that is called like the file (rank.py: Rank)."""

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
    """Make a user's own file known as a plug-in of this kind; returns its name. Nothing is imported yet."""
    path = Path(path)
    if path.suffix != ".py" or not path.is_file():
        raise UsageError("is not a Python file", where=str(path))
    _folder(kind)
    if _own.get((kind, path.stem)) == path:
        return path.stem
    if path.stem in names(kind):
        raise UsageError(f"a {kind} named '{path.stem}' is already there", where=str(path), hint="rename the file")
    _own[kind, path.stem] = path
    return path.stem


def adopt(path: Path | str) -> tuple[str, str]:
    """Make a user's own file known (`--code`), its kind told by what it defines. Returns (kind, name).

    Nothing is imported yet. Raises UsageError where the file is none, is no Python, fits no kind, or its name is taken.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig") if path.suffix == ".py" else ""
        defined = frozenset(_defined(ast.parse(text, str(path)).body))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise UsageError(
            f"is no Python: {getattr(error, 'msg', error)}", where=f"{path}:{line}" if line else str(path)
        ) from None
    fits = [kind for kind, wanted in EXPORTS.items() if wanted <= defined]
    if class_name(path.stem) in defined:
        fits.append("task")
    if len(fits) != 1:
        wanted = "; ".join(f"a {kind} defines {', '.join(sorted(names))}" for kind, names in EXPORTS.items())
        raise UsageError(
            f"fits {' and '.join(fits)}" if fits else "is no plug-in",
            where=str(path),
            hint=f"{wanted}; a task, a class {class_name(path.stem)}",
        )
    return fits[0], add(fits[0], path.resolve())


def own() -> list[tuple[str, Path]]:
    """(kind, file) of every plug-in of the user's own."""
    return [(kind, path) for (kind, _), path in _own.items()]


def class_name(module: str) -> str:
    """What the class of a task's file is called: `text_to_json` → `TextToJson`."""
    return "".join(part.title() for part in re.split(r"\W|_", module))


def _defined(body: Iterable[ast.stmt]) -> Iterable[str]:
    """Names that a module's top level defines or imports."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in statement.names)


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
    return _imported(kind, name, own)


def _imported(kind: str, name: str, path: Path) -> ModuleType:
    """A user's own file as a module, run once. Raises UsageError where it cannot be imported."""
    full = f"tunewright_own_{kind}_{name}"
    there = sys.modules.get(full)
    if there is not None and there.__file__ == str(path):
        return there
    spec = importlib.util.spec_from_file_location(full, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[full]
        raise UsageError(f"cannot be imported: {type(error).__name__}: {error}", where=str(path)) from error
    if kind == "metric" and getattr(module, "name", None) != name:
        del sys.modules[full]
        raise UsageError(
            f"its name is '{getattr(module, 'name', None)}'; a metric is called like its file", where=str(path)
        )
    return module
