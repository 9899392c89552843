"""The run folder: one resolved recipe, its stages, one writer at a time.

    runs/<name>/recipe.yaml            every default spelled out; its content hash is the run's identity
    runs/<name>/lock.json              versions, seed, machine, device and threads once they are known
    runs/<name>/<stage>/manifest.json  written last: where it stands, the stage is complete
    runs/<name>/folds/<number>/        the same shape, nested, where the recipe asks for a cross-validation

Stages are folders ("data", "exams", "systems/tuned"). Nothing finished is ever overwritten.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tunewright.core import catalogue, files, recipe_file
from tunewright.core.errors import RunError
from tunewright.core.recipe import Recipe

FOLDS = "folds"

PACKAGES = (
    "tunewright",
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "tokenizers",
    "safetensors",
    "llguidance",
    "numpy",
    "scipy",
    "pydantic",
    "sacrebleu",
    "rapidfuzz",
    "jsonschema-rs",
    "regex",
    "datasets",
)
"""Packages whose versions can change a result, as they stand in lock.json."""


class Run:
    """A run folder. `run.path / "data"` is a place in it; `run.recipe` is what it does."""

    def __init__(self, path: Path, recipe: Recipe):
        self.path = path
        self.recipe = recipe

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def folds(self) -> list[Path]:
        """The folders of its folds, in order; none where the recipe asks for no cross-validation."""
        return [self.path / FOLDS / str(number) for number in range(1, self.recipe.evaluate.folds + 1)]

    @property
    def outer(self) -> Path | None:
        """The folder of the run that this one is a fold of; None for a run of its own."""
        path = self.path.resolve()
        nested = path.parent.name == FOLDS and path.name.isdigit()
        whole = path.parent.parent
        return whole if nested and all((whole / name).is_file() for name in ("recipe.yaml", "lock.json")) else None

    # ------------------------------------------------------------ making and finding

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """A run that is there. Raises RunError where it is not one, RecipeError where its recipe is damaged."""
        path = Path(path)
        if not (path / "recipe.yaml").is_file():
            raise RunError("is not a run folder (it has no recipe.yaml)", where=str(path), hint="tunewright ls")
        return cls(path, recipe_file.read(path / "recipe.yaml", environment={}, written=True))

    @classmethod
    def named(cls, name: Path | str, root: Path | str) -> Run:
        """A run by its folder, or by its name below `root`. Raises as `open`."""
        below = Path(root) / name
        return cls.open(below if (below / "recipe.yaml").is_file() else name)

    @classmethod
    def create(cls, root: Path | str, recipe: Recipe, *, name: str | None = None) -> Run:
        """The run of a recipe below `root`: the one that is there where the recipe is the same, else a new one.

        Without `name` a changed recipe gets a folder of its own, `<recipe name>-<hash>`, so the same command finds
        it again. Pages that only look at a run (`recipe_file.JUDGED`) are no such change: the run has them as `recipe`
        says. Raises RunError where `name` is given and belongs to another recipe.
        """
        path = place(root, recipe, name=name)
        while not (path / "recipe.yaml").is_file():
            path.mkdir(parents=True, exist_ok=True)
            files.write_new(path / "recipe.yaml", recipe_file.resolved(recipe))
            path = place(root, recipe, name=name)  # another process may have taken it for another recipe
        if not (path / "lock.json").is_file():
            files.write_json(path / "lock.json", lock(recipe))
        return cls.open(path).judged_by(recipe)

    def judged_by(self, recipe: Recipe) -> Run:
        """This run, to be looked at as a recipe says; its files tell it from the next `writing` on."""
        own = {page: getattr(recipe, page) for page in recipe_file.JUDGED}
        return Run(self.path, self.recipe.model_copy(update=own))

    # ------------------------------------------------------------ stages

    def done(self, stage: str) -> bool:
        """Whether a stage is complete."""
        return (self.path / stage / "manifest.json").is_file()

    def manifest(self, stage: str) -> dict[str, Any]:
        """What a finished stage wrote about itself. Raises DataError where it is not finished."""
        return dict(files.read_json(self.path / stage / "manifest.json"))

    def finish(self, stage: str, manifest: dict[str, Any]) -> None:
        """Complete a stage. Raises RunError where it already is: a finished stage is never overwritten."""
        if self.done(stage):
            raise RunError(f"the stage {stage} is already finished", where=str(self.path / stage))
        files.write_json(self.path / stage / "manifest.json", manifest)

    def altered(self, stage: str, *, up_to: int | None = None, but: str | None = None) -> str | None:
        """What is no longer as a finished stage left it, of the files that its manifest names; None: nothing.

        up_to: bytes; larger files are not read, and only their size is compared. but: name of files that may change.
        """
        manifest, folder = self.manifest(stage), self.path / stage
        sizes = manifest.get("bytes", {})
        for name, expected in manifest.get("sha256", {}).items():
            file = folder / name
            if file.name == but:
                continue
            if not file.is_file():
                return f"{name} is missing"
            size = file.stat().st_size
            if size != sizes.get(name, size):
                return f"{name} has {size} bytes instead of {sizes[name]}"
            if (up_to is None or size <= up_to) and files.sha256(file) != expected:
                return f"{name} does not have the sha256 of the manifest"
        return None

    def note(self, **facts: Any) -> None:
        """Add facts to lock.json (device, threads, hashes) as they become known."""
        path = self.path / "lock.json"
        before = files.read_json(path) if path.is_file() else {}
        if any(before.get(name) != value for name, value in facts.items()):
            files.write_json(path, before | facts)

    def tidy(self) -> None:
        """Remove what writers that died left under temporary names. Only for the holder of the lock."""
        for path in self.path.rglob(f"{files.TEMPORARY}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _retell(self) -> None:
        """Write down how the run is looked at now, in its folds, too."""
        for place in (self.path, *self.folds):
            if (place / "recipe.yaml").is_file():
                stands = Run.open(place)
                told = stands.judged_by(self.recipe)
                if told.recipe != stands.recipe:
                    stands.note(recipe_sha256=recipe_file.content_hash(told.recipe))
                    files.write_text(place / "recipe.yaml", recipe_file.resolved(told.recipe))

    def _note_own(self) -> None:
        """Add the user's own plug-ins to lock.json, by their bytes."""
        own = {f"{kind}/{path.name}": files.sha256(path) for kind, path in catalogue.own()}
        if own:
            path = self.path / "lock.json"
            before = files.read_json(path).get("own_code", {}) if path.is_file() else {}
            self.note(own_code=before | own)

    # ------------------------------------------------------------ one writer

    @contextlib.contextmanager
    def writing(self) -> Iterator[Run]:
        """Hold the run for writing. Raises RunError where another process does; one that died holds nothing.

        A run and its folds have one lock.
        """
        with files.one_writer(self.outer or self.path, "wait for it, stop it, or give this one its own --name"):
            self.tidy()
            self._retell()
            self._note_own()
            yield self


def place(root: Path | str, recipe: Recipe, *, name: str | None = None) -> Path:
    """Where the run of a recipe stands, or would stand; nothing is written. Raises RunError as `Run.create` does."""
    own = recipe_file.identity(recipe)
    path = Path(root) / (name or recipe.name)
    other = changes(path, recipe)
    if other is None or not other:
        return path
    if name is None:
        return Path(root) / f"{recipe.name}-{own[:8]}"
    shown = "; ".join(f"{key} {was!r} → {now!r}" for key, was, now in other[:3])
    more = f" and {len(other) - 3} more" if len(other) > 3 else ""
    raise RunError(
        f"this run belongs to another recipe ({shown}{more})",
        where=str(path),
        hint=f"give the changed recipe another --name, for example {name}-{own[:8]}",
    )


def changes(path: Path, recipe: Recipe) -> list[tuple[str, Any, Any]] | None:
    """How a recipe differs from the one a run folder was made from; empty: its run is this; None: there is no run."""
    if not (path / "recipe.yaml").is_file():
        if path.exists() and (not path.is_dir() or any(not _of_creation(entry.name) for entry in path.iterdir())):
            raise RunError(
                "is there already and is not a run folder", where=str(path), hint="give another --name or --runs"
            )
        return None
    before = Run.open(path).recipe
    if recipe_file.identity(before) == recipe_file.identity(recipe):
        return []
    return recipe_file.differences(before, recipe)


def _of_creation(name: str) -> bool:
    """Whether a file is one that a creation leaves which died halfway."""
    return name == "lock.json" or name.startswith(files.TEMPORARY)


def runs(root: Path | str) -> list[Run]:
    """The runs directly below a folder, newest last. Damaged ones are left out."""
    found = []
    root = Path(root)
    for folder in root.iterdir() if root.is_dir() else []:
        with contextlib.suppress(Exception):
            if (folder / "recipe.yaml").is_file():
                found.append(Run.open(folder))
    return sorted(found, key=lambda run: (touched(run.path), run.name))


def touched(path: Path) -> float:
    """When something last happened in a run (seconds since 1970)."""
    stamps = [entry.stat().st_mtime for entry in (path / "events.jsonl", path / "recipe.yaml") if entry.is_file()]
    return max(stamps, default=0.0)


def newest(root: Path | str, having: Callable[[Run], bool] = lambda run: True, *, what: str = "a run") -> Run:
    """The run last worked on of those that pass `having`. Raises RunError where there is none; `what` names it."""
    for run in reversed(runs(root)):
        if having(run):
            return run
    raise RunError(f"there is no {what.removeprefix('a ')} here yet", where=str(root), hint="tunewright run invoices")


def lock(recipe: Recipe) -> dict[str, Any]:
    """What a run was made with: versions, seed, hashes and machine, as they are before anything is loaded."""
    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "recipe_sha256": recipe_file.content_hash(recipe),
        "seed": recipe.seed,
        "versions": {"python": platform.python_version(), **versions},
        "platform": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "command": " ".join(["tunewright", *sys.argv[1:]]) if sys.argv[0].endswith("tunewright") else None,
    }
