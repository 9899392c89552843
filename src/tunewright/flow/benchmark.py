"""Ways of fine-tuning side by side: one recipe, several methods, each at the learning rate that suits it.

    runs/<name>-methods/
      benchmark.json       what was asked; the same command goes on with it
      trials/<method>-<rate>/    runs up to training, short: validation loss chooses the rate
      methods/<method>-<epochs>/  whole runs at the chosen rate
      kept/<run>.json      bits per byte on general text, before and after
      methods.json methods.csv methods.md

A study is a folder of runs: each is resumed, read and reported like any other.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core import files, meter, recipe_file
from tunewright.core.errors import RunError, UsageError, did_you_mean
from tunewright.core.events import Progress
from tunewright.core.recipe import PRESETS, MethodOptions, Recipe
from tunewright.core.records import Prediction
from tunewright.core.run import Run
from tunewright.flow import answer, job, prepare
from tunewright.flow.outcome import TEST, main_cell

METHODS = ("full", "lora", "qlora", "dora", "adalora", "hybrid")
STEP = 3.0
"""Factor between two learning rates that are tried."""

FARTHEST = 2
"""How many more rates are tried beyond an end of the grid, while the best stands at that end."""

AT_THE_END = 10**9
"""Steps between the validations of a trial: the one behind its last step is what is asked for."""

SIZES = ("lora_r", "lora_alpha", "lora_dropout", "target_modules", "init_r", "target_r", "delta_t")
"""What a method takes over from the recipe's own."""

SCORES = ("exact_match", "field_accuracy")

WHOLE = ("full", "last-layers")
"""Methods that move the model's own weights; an adapter begins at nothing and takes rates some ten times theirs."""


@dataclass(frozen=True)
class Study:
    """What is asked. rates: how many are tried for each method. search_share: how long a trial is, of a whole training.

    epochs: how many passes the whole runs make, one run each; none: as the recipe says. sample: documents the base
    answers. The first method is what the others are compared with.
    """

    methods: tuple[str, ...] = METHODS
    rates: int = 3
    search_share: float = 0.25
    epochs: tuple[float, ...] = ()
    sample: int = 400

    def to_row(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def benchmark(
    recipe: Recipe,
    study: Study,
    *,
    runs: Path | str = "runs",
    name: str | None = None,
    data: Path | str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train and measure every method of `study` on a recipe; returns the folder of the study.

    Raises UsageError for a method that is not there, RunError where the folder belongs to another study.
    """
    from tunewright.train.material import remembering

    for method in study.methods:
        if method not in PRESETS:
            raise UsageError(
                f"there is no method '{method}'", hint=did_you_mean(method, PRESETS) or f"known: {', '.join(PRESETS)}"
            )
    recipe = job.settled(recipe)
    folder = Path(runs) / (name or f"{recipe.name}-methods")
    _claim(folder, recipe, study)
    with files.one_writer(folder, "wait for it, stop it, or give this one its own --name"), remembering():
        rows = []
        for method in study.methods:
            rate, tried = _best_rate(recipe, study, method, folder, data, progress)
            for epochs in study.epochs or (recipe.train.num_train_epochs,):
                rows.append(_whole(recipe, study, method, rate, epochs, tried, folder, data, progress))
                _write(folder, rows, recipe)
    return folder


def _claim(folder: Path, recipe: Recipe, study: Study) -> None:
    asked = {"recipe": recipe_file.plain(recipe), "study": json.loads(json.dumps(study.to_row()))}
    path = folder / "benchmark.json"
    if path.is_file():
        if files.read_json(path) != asked:
            raise RunError(
                "is a comparison of another recipe or of other methods", where=str(folder), hint="give another --name"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(path, asked)


def variant(recipe: Recipe, method: str, rate: float, **train: Any) -> Recipe:
    """The recipe with another method at a rate. Sizes (rank, targets …) stay its own; adapters learn with AdamW."""
    own = recipe.method
    sizes = {key: getattr(own, key) for key in SIZES}
    options = MethodOptions.model_validate({"name": method, **sizes})
    optim = recipe.train.optim if method in WHOLE else "adamw"
    changed = recipe.train.model_copy(update={"learning_rate": rate, "optim": optim, **train})
    evaluate = recipe.evaluate.model_copy(update={"folds": 0})
    return recipe.model_copy(update={"method": options, "train": changed, "evaluate": evaluate})


def grid(recipe: Recipe, study: Study, method: str) -> list[float]:
    """The learning rates to begin with: around the recipe's own, for adapters around ten times a whole model's."""
    middle = recipe.train.learning_rate
    whole = recipe.method.name in WHOLE
    if whole and method not in WHOLE:
        middle *= 10
    elif not whole and method in WHOLE:
        middle /= 10
    first = -((study.rates - 1) // 2)
    return [float(f"{middle * STEP**i:.3g}") for i in range(first, first + study.rates)]


def _best_rate(
    recipe: Recipe, study: Study, method: str, folder: Path, data: Path | str | None, progress: Progress | None
) -> tuple[float, dict[float, float]]:
    """(rate, validation loss by rate): the grid, and beyond its ends while the best stands there."""
    found: dict[float, float] = {}
    if study.rates == 1:
        return grid(recipe, study, method)[0], found
    waiting, beyond = grid(recipe, study, method), 0
    while waiting:
        for rate in waiting:
            found[rate] = _trial(recipe, study, method, rate, folder, data, progress)
        best = min(found, key=lambda rate: found[rate])
        edge = {min(found): 1 / STEP, max(found): STEP}.get(best)
        waiting = [float(f"{best * edge:.3g}")] if edge and beyond < FARTHEST else []
        beyond += 1
    if not any(math.isfinite(loss) for loss in found.values()):
        raise RunError(f"no learning rate trains {method}: {sorted(found)}", where=str(folder))
    return min(found, key=lambda rate: found[rate]), found


def _trial(
    recipe: Recipe,
    study: Study,
    method: str,
    rate: float,
    folder: Path,
    data: Path | str | None,
    progress: Progress | None,
) -> float:
    """Validation loss after a short training; infinite where the loss was."""
    epochs = recipe.train.num_train_epochs * study.search_share
    steps = recipe.train.max_steps
    short = variant(
        recipe,
        method,
        rate,
        num_train_epochs=epochs,
        max_steps=max(1, round(steps * study.search_share)) if steps > 0 else steps,
        eval_steps=AT_THE_END,
        save_steps=recipe.train.save_steps or recipe.train.eval_steps,
        load_best_model_at_end=True,
    )
    name = f"{method}-{rate:g}"
    lost = folder / "trials" / f"{name}.json"
    if lost.is_file():
        return math.inf
    try:
        done = job.run(short, runs=folder / "trials", name=name, data=data, until="train", progress=progress)
    except UsageError as error:
        if "infinite or NaN" not in error.message:
            raise
        files.write_json(lost, {"lost": error.message})
        return math.inf
    metrics = files.read_json(done.path / "systems" / "tuned" / "training_metrics.json")
    return float(metrics["best_loss"])


def _whole(
    recipe: Recipe,
    study: Study,
    method: str,
    rate: float,
    epochs: float,
    tried: dict[float, float],
    folder: Path,
    data: Path | str | None,
    progress: Progress | None,
) -> dict[str, Any]:
    """One row of the table: a whole run of a method."""
    chosen = variant(recipe, method, rate, num_train_epochs=epochs)
    # The base is asked once, by the first method; all answer the same sample of the test documents.
    systems = ("base", "tuned") if method == study.methods[0] else ("tuned",)
    evaluate = chosen.evaluate.model_copy(update={"systems": systems, "sample": study.sample, "exams": (), "gates": {}})
    limited = chosen.model_copy(update={"evaluate": evaluate})
    outcome = job.run(
        limited, runs=folder / "methods", name=f"{method}-{epochs:g}", data=data, until="report", progress=progress
    )
    run = Run.open(outcome.path)
    metrics = files.read_json(run.path / "systems" / "tuned" / "training_metrics.json")
    main = outcome.cells[TEST][main_cell(limited)]
    row = {
        "method": method,
        "epochs": epochs,
        "learning_rate": rate,
        "tried": {f"{rate:g}": loss for rate, loss in sorted(tried.items())},
        "n": main["n"],
        "metrics": {name: main["metrics"][name] for name in SCORES if name in main["metrics"]},
        "validation_loss": metrics["best_loss"],
        "trainable_parameters": metrics["trainable_parameters"],
        "parameters": metrics["parameters"],
        "train_seconds": metrics["total_seconds"],
        "peak_memory_bytes": metrics["peak_memory_bytes"],
        "saved_bytes": sum(
            files.folder_bytes(run.path / "systems" / "tuned" / kind)
            for kind in ("adapter", "model")
            if (run.path / "systems" / "tuned" / kind).is_dir()
        ),
        "kept": _kept(run, recipe, folder),
        "run": str(run.path.relative_to(folder)),
    }
    if "mean_rank" in metrics:
        row["mean_rank"] = metrics["mean_rank"]
    return row


def _kept(run: Run, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Bits per byte of general text before and after, by set."""
    from tunewright.evals import forgetting
    from tunewright.models.load import load

    level = recipe.evaluate.confidence_level
    before = folder / "kept" / "base.json"
    if not before.is_file():
        files.write_json(before, forgetting.measure(load(recipe.model), recipe.model))
    after = folder / "kept" / f"{run.name}.json"
    if not after.is_file():
        files.write_json(after, forgetting.measure(answer.load_tuned(run), recipe.model))
    first, second = files.read_json(before), files.read_json(after)
    return {name: forgetting.compare(first[name], second[name], level=level) for name in first}


# ---------------------------------------------------------------- the table


def _write(folder: Path, rows: list[dict[str, Any]], recipe: Recipe) -> None:
    """methods.json, methods.csv and methods.md, each replaced whole."""
    pairs = list(_pairs(folder, rows, recipe))
    files.write_json(folder / "methods.json", {"rows": rows, "pairs": pairs, "level": recipe.evaluate.confidence_level})
    files.write_text(folder / "methods.csv", _csv(rows))
    files.write_text(folder / "methods.md", text(rows, pairs))


def _pairs(folder: Path, rows: Sequence[dict[str, Any]], recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Every run against the first, on the same documents, Holm over all."""
    from tunewright.evals import paired

    if len(rows) < 2:
        return
    first = Run.open(folder / rows[0]["run"])
    task = prepare.task_of(first, TEST)
    cell = main_cell(first.recipe)
    system, decoding = cell.split("/")
    answers = {}
    for row in rows:
        path = folder / row["run"] / "systems" / system / f"predictions-{decoding}.jsonl"
        answers[row["run"]] = [Prediction.from_row(one) for one in files.read_lines(path)]
    examples = [task.example(record) for record in prepare.records(first, TEST)]
    found = paired.compare(
        [paired.Trial(TEST, examples, answers)],
        pairs=[(rows[0]["run"], row["run"]) for row in rows[1:]],
        metrics=SCORES,
        level=recipe.evaluate.confidence_level,
        resamples=recipe.evaluate.bootstrap_resamples,
        seed=recipe.seed,
    )
    yield from found


COLUMNS = (
    "method", "epochs", "learning_rate", "n", "exact_match", "exact_match_low", "exact_match_high", "field_accuracy",
    "field_accuracy_low", "field_accuracy_high", "validation_loss", "trainable_parameters", "peak_memory_bytes",
    "train_seconds", "saved_bytes", "mean_rank",
)  # fmt: skip


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    sets = list(rows[0]["kept"]) if rows else []
    forgotten = [f"{name.replace(' ', '_')}_{part}" for name in sets for part in ("difference", "low", "high")]
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([*COLUMNS, *forgotten])
    for row in rows:
        flat = dict(row)
        for name, metric in row["metrics"].items():
            flat |= {name: metric["value"], f"{name}_low": metric["low"], f"{name}_high": metric["high"]}
        line = ["" if flat.get(column) is None else flat[column] for column in COLUMNS]
        table.writerow([*line, *(row["kept"][name][part] for name in sets for part in ("difference", "low", "high"))])
    return out.getvalue()


def text(rows: Sequence[dict[str, Any]], pairs: Sequence[dict[str, Any]]) -> str:
    """The table in Markdown, with what it says and does not say."""
    sets = list(rows[0]["kept"])
    heads = ["method", "epochs", "rate", "exact match", "fields", *(f"bits/byte, {name}" for name in sets),
             "trained", "memory", "time", "size"]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        scores = [_share(row["metrics"].get(name)) for name in SCORES]
        kept = [f"{row['kept'][name]['after']:.3f} ({row['kept'][name]['difference']:+.3f})" for name in sets]
        rank = f" (rank {row['mean_rank']:.1f})" if "mean_rank" in row else ""
        lines.append(
            f"| {row['method']}{rank} | {row['epochs']:g} | {row['learning_rate']:g} | {' | '.join([*scores, *kept])} "
            f"| {row['trainable_parameters']:,} | {meter.size(row['peak_memory_bytes'])} "
            f"| {meter.clock(row['train_seconds'])} | {meter.size(row['saved_bytes'])} |"
        )
    said = [_sentence(pair, rows) for pair in pairs if pair["metric"] == "exact_match"]
    notes = [
        "Rates were chosen on validation loss after a short training. In brackets: intervals; for bits per byte the",
        "difference to the model before fine-tuning (above 0: it has forgotten).",
    ]
    return "\n".join([*lines, "", *notes, "", *said]).strip() + "\n"


def _share(metric: dict[str, Any] | None) -> str:
    if metric is None:
        return ""
    return f"{100 * metric['value']:.1f} % ({100 * metric['low']:.1f}–{100 * metric['high']:.1f})"


def _sentence(pair: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    names = {row["run"]: f"{row['method']} ({row['epochs']:g} epochs)" for row in rows}
    low, high = 100 * pair["low"], 100 * pair["high"]
    return (
        f"- {names[pair['b']]} against {names[pair['a']]}: {100 * pair['difference']:+.1f} points "
        f"({low:.1f} to {high:.1f}) on {pair['n']} documents: {pair['verdict']}."
    )
