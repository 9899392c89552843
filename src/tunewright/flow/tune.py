"""A search for better options: many short-lived runs of one recipe, each with options of its own, and what came of it.

    runs/<name>-tune/
      tune.json            what was asked; the same command goes on with it
      study.db             Optuna's storage (SQLite): what was drawn, every validation on the way, how it ended
      prepared/            a run up to its data: all trials learn from the same records
      trials/<n>/          runs up to training, with trial.json: options, state, result
      claims/<n>/          held by the process whose trial it is; one that died holds nothing
      best.yaml            the recipe with the best trial's options
      finals/<which>-<seed>/     whole runs: the best options and the recipe's own, with the same seeds
      metrics_comparison.json optimization_analysis.md tune_*.png

Trials choose by validation records alone: a trial's folder has no test documents. Only the finals do, and nothing is
chosen by them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tunewright.core import files, recipe_file
from tunewright.core.errors import RunError, UsageError, did_you_mean
from tunewright.core.events import Events, Progress
from tunewright.core.recipe import Recipe
from tunewright.core.records import Prediction
from tunewright.core.run import Run
from tunewright.flow import answer, hosted, job, judge, prepared, space
from tunewright.flow.outcome import STAGES, TEST, main_cell, saved_bytes
from tunewright.flow.space import Space
from tunewright.flow.study import COMPLETE, LOSS, Attempt, Report, Study, library

BEST, OWN = "best", "own"
"""The options that the finals compare: the best trial's, and the recipe's own."""

# ---------------------------------------------------------------- a trial


class _Heard(Events):
    """The events of a trial, whose validations go to the study as well."""

    def __init__(self, folder: Path, report: Report, *, progress: Progress | None):
        super().__init__(folder, progress=progress)
        self._report = report

    def add(self, stage: str, event: str, **values: Any) -> None:
        super().add(stage, event, **values)
        if (stage, event) == ("train", "validation"):
            self._report(values["step"] / values["total_steps"], values["loss"])


class _Line(Progress):
    """The progress of a run within a search: the search stands before it, and its sentences are in its own log."""

    def __init__(self, outer: Progress, head: str):
        super().__init__(outer.stream, quiet=outer.quiet)
        self.head = head

    def say(self, text: str, *, painted: str | None = None) -> None: ...

    def line(self) -> str:
        return f"{self.head}  {super().line()}"


def train(study: Study, number: int, recipe: Recipe, report: Report) -> dict[str, Any]:
    """Train a trial, or go on with it, and measure it on the validation records."""
    run = Run.create(study.folder / "trials", recipe, name=str(number))
    line = _Line(study.progress, study.head(study.rows(), own=number))
    with run.writing(), _Heard(run.path, report, progress=line) as events:
        study.lend(run, test=False)
        with job.stage(run, events, "train"):
            job.train(run, events)
        metrics = files.read_json(run.path / "systems" / "tuned" / "training_metrics.json")
        if metrics.get("best_loss") is None:
            raise UsageError("it has no validation loss: there was no validation after which it could be the result")
        value = float(metrics["best_loss"])
        if study.options.metric != LOSS:
            value = _score(run, study.options.metric, events)
    return {"value": value, "best_loss": metrics["best_loss"], **measured(run)}


def _score(run: Run, metric: str, events: Events) -> float:
    """A score of the answers to the validation records, in the decoding that the recipe is used with."""
    cell = answer.Cell(run.path, "tuned", main_cell(run.recipe).split("/")[1], "validation")
    if not answer.whole(cell):
        models = answer.Models(run)
        cost = models.cost(cell) if cell.predictions.is_file() else answer.write_answers(run, cell, models, events)
        said = [Prediction.from_row(row) for row in files.read_lines(cell.predictions)]
        answer.score_cell(run, cell, answer.examples(run, cell), said, cost, events)
    found = files.read_json(cell.scores)["metrics"]
    if metric not in found:
        raise MetricMissing(
            f"the answers have no score '{metric}'", where="tune.metric", hint=did_you_mean(metric, found)
        )
    return float(found[metric]["value"])


class MetricMissing(RunError):
    """A score that this task's answers do not have: no trial will have it."""


def measured(run: Run) -> dict[str, Any]:
    """Time, memory and size of a trained run. peak_memory_bytes: of the whole process, or of the GPU where one is."""
    folder = run.path / "systems" / "tuned"
    metrics = files.read_json(folder / "training_metrics.json")
    return {
        "train_seconds": metrics["total_seconds"],
        "peak_memory_bytes": metrics.get("peak_memory_bytes"),
        "trainable_parameters": metrics.get("trainable_parameters"),
        "saved_bytes": saved_bytes(run.path),
    }


# ---------------------------------------------------------------- the whole


def tune(
    recipe: Recipe,
    *,
    runs: Path | str = "runs",
    name: str | None = None,
    data: Path | str | None = None,
    workers: int = 1,
    storage: str | None = None,
    progress: Progress | None = None,
    attempt: Attempt = train,
) -> Path:
    """Search for better options of a recipe, compare the best with its own on test, and write down what came of it.

    workers: processes that do trials side by side on this machine; others may join by the same call elsewhere, where
    they see the same folder. storage: a database's URL in the place of the folder's own. attempt: does one trial.
    Returns the folder. Raises RunError where it belongs to another search, where no trial was completed, and
    MissingExtra without Optuna.
    """
    from tunewright.flow import crew
    from tunewright.train.material import remembering

    library()
    hosted.refuse(recipe, "a search")
    recipe = job.settled(recipe)
    check(recipe)
    folder = Path(runs) / (name or f"{recipe.name}-tune")
    study = Study(recipe, folder, storage=storage, data=data, progress=progress)
    unread = [key for key in recipe.tune.space if key not in study.space.axes]
    if unread:
        study.progress.say(f"not varied, for {recipe.method.name} does not read it: {', '.join(unread)}")
    study.prepare()
    if workers > 1 and study.more():
        crew.work(study, workers, storage)
    with remembering():
        study.work(attempt)
        finish(study)
    return folder


def check(recipe: Recipe) -> None:
    """Refuse now what every trial would fail by. Raises UsageError, ModelError, MissingExtra."""
    judge.check_scored(recipe)
    found = Space.of(recipe)
    job.resolve(found.recipe, STAGES[: STAGES.index("evaluate") + 1])
    space.check_adapters(found)
    if recipe.tune.metric != LOSS:
        judge.check_metrics([recipe.tune.metric])


def finish(study: Study) -> None:
    """Train the best options and the recipe's own with every seed, compare them on test, write everything down."""
    best = study.best()
    for row in study.rows():
        study.write_row(row["number"])
    if best is None:
        failed = next((row["error"].strip().splitlines()[-1] for row in study.rows() if "error" in row), None)
        raise RunError(
            "no trial was completed" + (f"; the first that failed: {failed}" if failed else ""),
            where=str(study.folder),
            hint="trials/<number>/trial.json tells what became of each; more --trials go on",
        )
    chosen = study.space.recipe_of(best["options"])
    files.write_text(study.folder / "best.yaml", recipe_file.resolved(_usable(study, chosen)))
    with files.turn(study.folder / "finals"):
        finals = [] if same(chosen, study.space.recipe) else list(_finals(study, chosen))
        _write(study, best, finals)


def same(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes train in the same way."""
    return all(space.alike(dict(a), dict(b)) for a, b in ((one.method, other.method), (one.train, other.train)))


def _usable(study: Study, chosen: Recipe) -> Recipe:
    """The recipe as it was given, with the chosen options."""
    return study.recipe.model_copy(
        update={"name": f"{study.recipe.name}-tuned", "method": chosen.method, "train": chosen.train}
    )


def _finals(study: Study, chosen: Recipe) -> Iterator[dict[str, Any]]:
    """Rows of the finals, seed by seed: {"which", "seed", "run", "metrics", …}.

    Their seeds are not that of the trials: the best of many trials owes some of its place to its seed.
    """
    recipes = {BEST: chosen, OWN: study.space.recipe}
    total = study.options.seeds * len(recipes)
    for number in range(total):
        which, seed = list(recipes)[number % 2], study.recipe.seed + 1 + number // 2
        line = _Line(study.progress, f"final {number + 1} of {total}")
        run = Run.create(
            study.folder / "finals", recipes[which].model_copy(update={"seed": seed}), name=f"{which}-{seed}"
        )
        done = run.done("systems")
        with run.writing():
            study.lend(run, test=True)
        job.go_on(run, data=study.data, until="evaluate", progress=line)
        cell = answer.Cell(run.path, *main_cell(run.recipe).split("/"))
        scores = files.read_json(cell.scores)
        metrics = files.read_json(run.path / "systems" / "tuned" / "training_metrics.json")
        yield {
            "which": which,
            "seed": seed,
            "run": str(run.path.relative_to(study.folder)),
            "n": scores["n"],
            "metrics": {name: metric["value"] for name, metric in scores["metrics"].items()} | _beside(run),
            "best_loss": metrics["best_loss"],
            **measured(run),
        }
        if not done:
            study.progress.say(f"{which} options, seed {seed}: validation loss {metrics['best_loss']:.4g}")


def _pairs(study: Study, finals: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The best options against the recipe's own on test, over seeds and documents, Holm over all scores."""
    from tunewright.evals import paired

    if not finals:
        return []
    first = Run.open(study.folder / finals[0]["run"])
    system, decoding = main_cell(first.recipe).split("/")
    task = prepared.task_of(first, TEST)
    asked = [{record.id for record in prepared.records(Run.open(study.folder / row["run"]), TEST)} for row in finals]
    common = set.intersection(*asked)  # tune.test_documents may have changed between them
    answers: dict[str, list[list[Prediction]]] = {BEST: [], OWN: []}
    for row in finals:
        path = study.folder / row["run"] / "systems" / system / f"predictions-{decoding}.jsonl"
        said = (Prediction.from_row(one) for one in files.read_lines(path))
        answers[row["which"]].append([one for one in said if one.id in common])
    examples = [task.example(record) for record in prepared.records(first, TEST) if record.id in common]
    draw = study.recipe.draw
    rows = paired.over_seeds(examples, answers[OWN], answers[BEST], options=study.recipe.evaluate, **draw)
    for metric, (file, amount, bound) in BESIDE.items():
        found: dict[str, list[paired.Weighted]] = {BEST: [], OWN: []}
        for row in finals:
            path = study.folder / row["run"] / "systems" / system / file
            if path.is_file():
                lines = [one for one in files.read_lines(path) if one["id"] in common]
                found[row["which"]].append({one["id"]: amount(one) for one in lines})
        if found[OWN] and len(found[OWN]) == len(found[BEST]):
            rows.append(paired.ratios_over_seeds(metric, examples, found[OWN], found[BEST], bound=bound, **draw))
    return paired.corrected(rows, draw["level"], falling=FALLING)


def _beside(run: Run) -> dict[str, float]:
    """What was measured of a run beside its answers, by score."""
    found = {}
    for metric, (file, amount, _) in BESIDE.items():
        if (path := run.path / "systems" / "tuned" / file).is_file():
            amounts, weights = zip(*map(amount, files.read_lines(path)), strict=True)
            found[metric] = sum(amounts) / sum(weights)
    return found


def _bits(row: dict[str, Any]) -> tuple[float, float]:
    return row["answers"]["nats"] / math.log(2), row["answers"]["bytes"]


def _ranked(row: dict[str, Any]) -> tuple[float, float]:
    from tunewright.evals import ranking

    return ranking.first_place(ranking.gains(row)), 1.0


BESIDE: dict[str, tuple[str, Callable[[dict[str, Any]], tuple[float, float]], float]] = {
    "bits_per_byte": ("likelihood.jsonl", _bits, math.inf),
    "right_answer_first": ("ranking.jsonl", _ranked, 1.0),
}
"""Scores measured beside answers (`flow.likelihood`): file, (amount, weight) of a row, what they can differ by."""

FALLING = ("bits_per_byte",)
"""Those of them that are better when lower."""


def _write(study: Study, best: dict[str, Any], finals: Sequence[dict[str, Any]]) -> None:
    """metrics_comparison.json and what is made of it."""
    from tunewright.evals import importance
    from tunewright.report import search

    options, own = study.recipe.evaluate, study.space.own()
    rows = [row | {"options": study.space.settled(row["options"])} for row in study.rows()]
    begun = next((row["number"] for row in rows if own is not None and space.alike(row["options"], own)), None)
    done = [row for row in rows if row["state"] == COMPLETE]
    content = {
        "name": study.folder.name,
        "recipe": study.recipe.name,
        "model": study.recipe.model,
        "metric": study.options.metric,
        "direction": "minimize" if study.sign > 0 else "maximize",
        "sampler": study.options.sampler,
        "n_startup_trials": study.options.n_startup_trials,
        "pruner": study.options.pruner,
        "planned": study.planned,
        "seconds": round(study.worked(), 1),
        "level": options.confidence_level,
        "space": {
            key: axis.model_dump() if hasattr(axis, "model_dump") else [space.label(choice) for choice in axis]
            for key, axis in study.space.axes.items()
        },
        "trials": rows,
        "best": best["number"],
        "best_is_own": not finals and same(study.space.recipe_of(best["options"]), study.space.recipe),
        "own": begun,
        "own_options": study.space.given(),
        "finals": list(finals),
        "pairs": _pairs(study, finals),
        "importance": importance.measure(
            [(row["options"], row["value"]) for row in done],
            study.space.axes,
            level=options.confidence_level,
            seed=study.recipe.seed,
        ),
    }
    path = study.folder / "metrics_comparison.json"
    if path.is_file() and _lasting(files.read_json(path)) == _lasting(json.loads(json.dumps(content))):
        return
    files.write_json(path, content)
    search.build(study.folder)


def _lasting(content: dict[str, Any]) -> dict[str, Any]:
    """What of metrics_comparison.json does not change by looking again."""
    return {key: value for key, value in content.items() if key != "seconds"}
