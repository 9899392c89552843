"""What a run folder says about itself: stages, scores, comparisons, files. Reads files only, never a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewright.core import files
from tunewright.core.errors import DataError, GateMissed, UsageError, did_you_mean
from tunewright.core.recipe import MODEL_FREE, TEXT_TASKS, UNSCORED_TASKS, Recipe
from tunewright.core.run import FOLDS, Run, touched

STAGES = ("data", "train", "generate", "judge", "evaluate", "compare", "report")
"""The stages of a job, in order; which of them a recipe has, `stages` says."""

ORDER = tuple(
    f"{system}/{decoding}"
    for system in ("tuned", "few-shot", "base", *reversed(MODEL_FREE))
    for decoding in ("grammar", "progressive", "free")
)
"""Cells as they are shown, the strongest first."""

TEST = "test"


@dataclass(frozen=True)
class Outcome:
    """A run as it stands.

    stages: those that are complete. cells: on ("test" or an exam) → cell ("base/free") → scores as they stand in
    scores-<decoding>.json. pairs, gates: rows of metrics_comparison.json. counts: records of train, validation,
    test, rejected; folds: the same of every fold of a cross-validation. likelihood, ranking: what models find likely,
    as metrics_comparison.json has it. scored: whether the task's answers are. texts: label → how many the
    tuned model wrote and which were kept, as synthetic/manifest.json has it. main: the cell that answers every test
    document, and that gates are about.
    files: what there is to open, by name.
    """

    path: Path
    recipe: str
    model: str
    stages: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    folds: list[dict[str, int]] = field(default_factory=list)
    cells: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    gates: list[dict[str, Any]] = field(default_factory=list)
    likelihood: dict[str, Any] = field(default_factory=dict)
    ranking: dict[str, Any] = field(default_factory=dict)
    scored: bool = True
    texts: dict[str, dict[str, Any]] = field(default_factory=dict)
    main: str = "tuned/grammar"
    level: float = 0.95
    seconds: float | None = None
    files: dict[str, Path] = field(default_factory=dict)
    touched: float = 0.0

    @classmethod
    def of(cls, run: Run) -> Outcome:
        """Read from the run folder. What is not there yet is left empty; a damaged file raises DataError."""
        path, recipe = run.path, run.recipe
        comparison, data = _json(path / "metrics_comparison.json"), _json(path / "data" / "manifest.json")
        return cls(
            path=path,
            recipe=recipe.name,
            model=recipe.model,
            stages=tuple(stage for stage in stages(recipe) if complete(run, stage)),
            counts=data.get("counts", {}),
            folds=data.get("folds", []),
            cells=_cells(path),
            pairs=comparison.get("pairs", []),
            gates=comparison.get("gates", []),
            likelihood=comparison.get("likelihood", {}),
            ranking=comparison.get("ranking", {}),
            texts=_json(path / "synthetic" / "manifest.json").get("counts", {}),
            scored=recipe.task.name not in UNSCORED_TASKS,
            main=main_cell(recipe),
            level=comparison.get("level", recipe.evaluate.confidence_level),
            seconds=_seconds(path),
            files={name: path / name for name in FILES if (path / name).exists()},
            touched=touched(path),
        )

    def fold_rows(self) -> list[dict[str, Any]]:
        """Every fold of a cross-validation: {"fold", "path", "counts", "scores"}, scores by cell."""
        rows = []
        for number, counts in enumerate(self.folds, 1):
            own = {
                cell: scores["slices"]["fold"][str(number)]
                for cell, scores in self.cells.get(TEST, {}).items()
                if str(number) in scores["slices"].get("fold", {})
            }
            rows.append({"fold": number, "path": str(self.path / FOLDS / str(number)), "counts": counts, "scores": own})
        return rows

    def pair(self, a: str, on: str = TEST, metric: str = "exact_match") -> dict[str, Any] | None:
        """The paired comparison of a cell with the main one, or None."""
        wanted = {"a": a, "b": self.main, "on": on, "metric": metric}
        return next((row for row in self.pairs if all(row.get(key) == wanted[key] for key in wanted)), None)

    def value(self, metric: str, cell: str | None = None, on: str = TEST) -> float:
        """A score, of the main cell where none is named. Raises UsageError for a metric or cell that was not scored."""
        cell = cell or self.main
        cells = self.cells.get(on, {})
        if cell not in cells:
            raise UsageError(f"there are no scores of {cell} on {on}", where=str(self.path), hint="tunewright evaluate")
        metrics = cells[cell]["metrics"]
        if metric not in metrics:
            raise UsageError(f"there is no metric '{metric}'", hint=did_you_mean(metric, metrics) or ", ".join(metrics))
        return float(metrics[metric]["value"])

    def check(self, floors: dict[str, float]) -> None:
        """Raises GateMissed where the main system is below a floor of `floors` or of the recipe.

        Raises UsageError for a score that there is not, or one that is better when lower.
        """
        from tunewright.evals import paired

        for metric in floors:
            self.value(metric)
        own = paired.gates(self.cells[TEST][self.main]["metrics"], floors) if floors else []
        missed = [
            f"{gate['metric']} {gate['value']:.4g} < {gate['floor']:g}"
            for gate in [*self.gates, *own]
            if not gate["met"]
        ]
        if missed:
            raise GateMissed(
                f"quality gate missed: {'; '.join(dict.fromkeys(missed))}", where=str(self.path), hint="tunewright show"
            )

    def to_row(self) -> dict[str, Any]:
        """The outcome as one JSON object: what `--json` prints."""
        return {
            "run": str(self.path),
            "recipe": self.recipe,
            "model": self.model,
            "stages": list(self.stages),
            "seconds": self.seconds,
            "counts": self.counts,
            **({"folds": self.fold_rows()} if self.folds else {}),
            "scores": {
                on: {
                    cell: {"n": scores["n"], "metrics": scores["metrics"], "cost": scores.get("cost", {})}
                    | {name: scores[name] for name in ("spread",) if name in scores}
                    for cell, scores in cells.items()
                }
                for on, cells in self.cells.items()
            },
            "pairs": self.pairs,
            "gates": self.gates,
            **({"texts": self.texts} if self.texts else {}),
            **({"likelihood": self.likelihood} if self.likelihood else {}),
            **({"ranking": self.ranking} if self.ranking else {}),
            "files": {name: str(path) for name, path in self.files.items()},
        }


FILES = (
    "report.html",
    "benchmark_results.csv",
    "benchmark_results.png",
    "metrics_comparison.json",
    "experiment_metadata.json",
    "systems/tuned/adapter",
    "systems/tuned/model",
    "synthetic/kept.jsonl",
    "published.json",
    "recipe.yaml",
    "lock.json",
    "training.log",
)


def main_cell(recipe: Recipe) -> str:
    """The cell that a run is about: the tuned system as it is used, or the strongest of those that are evaluated."""
    decoding = "grammar" if recipe.grammar else "free"
    asked = recipe.evaluate.systems
    chief = next((name for name in ("tuned", "few-shot", "base") if name in asked), None)
    return f"{chief}/{decoding}" if chief else "rules/free"


def chief_score(recipe: Recipe) -> str:
    """The score that a run is about: free answers are seldom equal, letter by letter, to the one that was written."""
    return "token_f1" if recipe.task.name in TEXT_TASKS else "exact_match"


def stages(recipe: Recipe) -> tuple[str, ...]:
    """The stages of a recipe's job: all, but for texts, and a judgement of them, that are not asked for."""
    asked = {"generate": recipe.generate.per_label, "judge": recipe.downstream.judge}
    return tuple(stage for stage in STAGES if asked.get(stage, True))


def complete(run: Run, stage: str) -> bool:
    """Whether a stage of a job is complete."""
    match stage:
        case "data":
            return run.done("data")
        case "train":
            places = run.folds or [run.path]
            trained = all((place / "systems/tuned/manifest.json").is_file() for place in places)
            return trained or "tuned" not in run.recipe.evaluate.systems
        case "generate":
            places = run.folds or [run.path]
            return not run.recipe.generate.per_label or all(
                Run(place, run.recipe).done("synthetic") for place in places
            )
        case "judge":
            return not run.recipe.downstream.judge or _judged(run)
        case "evaluate":
            return run.done("systems")
        case "compare":
            return (run.path / "metrics_comparison.json").is_file()
        case "report":
            return (run.path / "report.html").is_file() and complete(run, "compare")
    raise UsageError(f"there is no stage '{stage}'", hint=did_you_mean(stage, STAGES) or ", ".join(STAGES))


def _judged(run: Run) -> bool:
    """Whether texts were judged as the recipe says by now."""
    source = _json(run.path / "downstream" / "source.json")
    return run.done("downstream") and source.get("options") == run.recipe.downstream.model_dump(mode="json")


def _cells(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for file in [*path.glob("systems/*/scores-*.json"), *path.glob("systems/*/exams/*/scores-*.json")]:
        scores = files.read_json(file)
        on = file.parent.name if file.parent.parent.name == "exams" else TEST
        system = file.relative_to(path).parts[1]
        found.setdefault(on, {})[f"{system}/{file.stem.removeprefix('scores-')}"] = scores
    rank = {cell: place for place, cell in enumerate(ORDER)}
    return {
        on: dict(sorted(found[on].items(), key=lambda item: (rank.get(item[0], 99), item[0])))
        for on in sorted(found, key=lambda on: (on != TEST, on))
    }


def saved_bytes(path: Path) -> int:
    """Size of the tuned weights of a run or a fold: those of its adapter, or of the whole model."""
    return sum(files.folder_bytes(path / "systems" / "tuned" / kind) for kind in ("adapter", "model"))


def _seconds(path: Path) -> float | None:
    """Time spent in stages, over all starts; what a killed process spent is not known."""
    if not (path / "events.jsonl").is_file():
        return None
    rows = [row for row in files.whole_lines(path / "events.jsonl") if isinstance(row, dict)]
    spent = [row["seconds"] for row in rows if row.get("event") in ("end", "broken off") and "seconds" in row]
    return round(sum(spent), 1) if spent else None


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = files.read_json(path)
    if not isinstance(value, dict):
        raise DataError("does not hold a JSON object", where=str(path))
    return value
