"""What the answers prove: paired comparisons, gates, the report. Rewritten whole whenever the answers changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tunewright.core import files
from tunewright.core.errors import RunError, UsageError
from tunewright.core.events import Events
from tunewright.core.recipe import UNSCORED_TASKS, EvaluateOptions, Recipe
from tunewright.core.records import Example, Prediction, Record
from tunewright.core.run import Run
from tunewright.evals import paired
from tunewright.flow import answer, likelihood, prepared
from tunewright.flow.outcome import TEST, chief_score, main_cell
from tunewright.text.schema import SCORE
from tunewright.text.serialise import dumps

COMPARISON = "metrics_comparison.json"


def compare(job: Run, events: Events) -> None:
    """Write metrics_comparison.json from the answers of every cell; nothing to do where they are as they were."""
    recipe = job.recipe
    options = recipe.evaluate
    cells = answer.finished(job)
    if not cells and not likelihood.present(job) and recipe.task.name not in UNSCORED_TASKS:
        raise RunError("there are no scores to compare", where=str(job.path), hint=f"tunewright evaluate {job.path}")
    read = [*(cell.scores for cell in cells), *likelihood.present(job)]
    source = {str(path.relative_to(job.path)): files.sha256(path) for path in read}
    path = job.path / COMPARISON
    if path.is_file() and files.read_json(path).get("of") == source:
        return
    trials = []
    for on in dict.fromkeys(cell.on for cell in cells):
        own = [cell for cell in cells if cell.on == on]
        answers = {cell.name: [Prediction.from_row(row) for row in files.read_lines(cell.predictions)] for cell in own}
        trials.append(paired.Trial(on, prepared.examples(job, on), answers))
    main = next((cell for cell in cells if cell.name == main_cell(recipe) and cell.on == TEST), None)
    pairs: list[dict[str, Any]] = []
    if trials:
        pairs = paired.compare(
            trials,
            chief=main_cell(recipe),
            primary=("base/free", main_cell(recipe), TEST, chief_score(recipe)),
            options=options,
            **recipe.draw,
        )
    gates: list[dict[str, Any]] = []
    if options.gates and main is not None:
        gates = paired.gates(files.read_json(main.scores)["metrics"], options.gates)
    head = {"level": options.confidence_level} | ({"folds": options.folds} if options.folds else {})
    likely = likelihood.compare(job)
    files.write_json(path, {**head, "pairs": pairs, "gates": gates, **likely, "of": source})
    shown = sum(row["verdict"] != "no difference shown" for row in pairs)
    events.add(
        "compare", "compared", pairs=len(pairs), shown=shown, gates_missed=sum(not gate["met"] for gate in gates)
    )


def check_metrics(names: Iterable[str], options: EvaluateOptions | None = None) -> None:
    """Refuse a gate on a score that will never be computed, before hours are spent. Raises UsageError.

    options: of the recipe, where there is one.
    """
    names = list(names)
    if not names:
        return
    from tunewright.evals.score import score

    known: dict[str, Any] = {}
    for target in ({"a": "b"}, "b"):
        example = Example(Record("1", "b", target), (), dumps(target), {"type": "object"})
        answer_to = Prediction("1", example.completion, target)
        known |= score([example], [answer_to], level=0.95, resamples=1, seed=0, options=options)["metrics"]
    known |= {name: {"value": 0.0} for name in names if name.endswith(_of_fields())}
    paired.gates(known, dict.fromkeys(names, 0.0))


def check_scored(recipe: Recipe) -> None:
    """Raises UsageError where no answer of the recipe's task is right or wrong, so that no model scores better."""
    if recipe.task.name in UNSCORED_TASKS:
        raise UsageError(
            f"answers of {recipe.task.name} have no right one, and are not scored",
            hint="tunewright run tells how likely base and tuned model find real texts",
        )


def check_embedding(recipe: Recipe) -> None:
    """Raises ModelError where the recipe names an embedding model that is not here, before hours are spent."""
    from tunewright.evals.metrics import semantic

    semantic.configured(recipe.evaluate)


def _of_fields() -> tuple[str, ...]:
    """How the scores of single fields end (`x-score`); they begin with the field's name, which a schema says."""
    from tunewright.evals.table import metrics_for

    found: list[str] = []
    for kind, said in {"identifier": "1", "wording": "a", "names": ["a"], "passage": "a"}.items():
        schema = {"type": "object", "properties": {kind: {SCORE: kind}}}
        example = Example(Record("1", "a", {kind: said}), (), "", schema)
        for metric in metrics_for([example]):
            if getattr(metric, "kind", None) == kind:
                sums = metric.statistics(example, Prediction("1", "", {kind: said}))
                found += [name.removeprefix(kind) for name in metric.summarise(sums)]
    return tuple(found)


def report(job: Run, *, again: bool = False) -> dict[str, Path]:
    """Write the report and its tables from the run folder. Kept where nothing changed since, unless `again`.

    Returns what was written, by name.
    """
    from tunewright.report import build

    page, told = job.path / "report.html", [job.path / COMPARISON, job.path / "downstream" / "manifest.json"]
    if not again and page.is_file() and told[0].is_file():
        newest = max(path.stat().st_mtime for path in told if path.is_file())
        if page.stat().st_mtime >= newest:
            return {}
    return build(job.path)
