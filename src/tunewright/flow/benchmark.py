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
from tunewright.core.recipe import MODEL_FREE, PRESETS, MethodOptions, Recipe
from tunewright.core.records import Prediction
from tunewright.core.run import Run
from tunewright.flow import answer, job, prepare
from tunewright.flow.outcome import TEST, Outcome, main_cell

STEP = 3.0
"""Factor between two learning rates that are tried."""

FARTHEST = 2
"""How many more rates are tried beyond an end of the grid, while the best stands at that end."""

AT_THE_END = 10**9
"""Steps between the validations of a trial: the one behind its last step is what is asked for."""

SIZES = ("lora_r", "lora_alpha", "lora_dropout", "target_modules", "init_r", "target_r", "delta_t")
"""What a method takes over from the recipe's own."""

SCORES = ("exact_match", "field_f1", "field_accuracy")

EVALUATION = "benchmark"
"""What to skip, where methods are only to be trained."""

WHOLE = ("full", "last-layers")
"""Methods that move the model's own weights; an adapter begins at nothing and takes rates some ten times theirs."""


@dataclass(frozen=True)
class Study:
    """What is asked. rates: how many are tried for each method. search_share: how long a trial is, of a whole training.

    epochs: how many passes the whole runs make, one run each; none: as the recipe says. The first method is what the
    others are compared with. measured: whether anything is evaluated, or only trained.
    """

    methods: tuple[str, ...]
    rates: int
    search_share: float
    epochs: tuple[float, ...] = ()
    measured: bool = True

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        *,
        methods: Sequence[str] = (),
        rates: int | None = None,
        epochs: Sequence[float] = (),
        skip: Sequence[str] = (),
    ) -> Study:
        """What the recipe asks, with changes. skip: methods that are left out; "benchmark": nothing is evaluated.

        Raises UsageError for a name that is no method, and where none is left.
        """
        asked = recipe.benchmark
        for method in (*methods, *asked.methods, *skip):
            if method not in PRESETS and method != EVALUATION:
                hint = did_you_mean(method, PRESETS) or f"known: {', '.join(PRESETS)}"
                raise UsageError(f"there is no method '{method}'", hint=hint)
        left = tuple(method for method in methods or asked.methods if method not in skip)
        if not left:
            raise UsageError("no method is left to compare", hint=f"of {', '.join(methods or asked.methods)}")
        return cls(left, rates or asked.rates, asked.search_share, tuple(epochs), EVALUATION not in skip)

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

    Raises RunError where the folder belongs to another study.
    """
    from tunewright.train.material import remembering

    recipe = job.settled(recipe)
    folder = Path(runs) / (name or f"{recipe.name}-methods")
    _claim(folder, recipe, study)
    with files.one_writer(folder, "wait for it, stop it, or give this one its own --name"), remembering():
        rows: list[dict[str, Any]] = []
        for method in study.methods:
            rate, tried = _best_rate(recipe, study, method, folder, data, progress)
            for epochs in study.epochs or (recipe.train.num_train_epochs,):
                run = _whole(recipe, study, method, rate, epochs, folder, data, progress)
                if study.measured:
                    rows = [*(rows or _untrained(run, folder)), _row(run, recipe, method, rate, epochs, tried, folder)]
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
    folder: Path,
    data: Path | str | None,
    progress: Progress | None,
) -> Run:
    """A whole run of a method."""
    chosen = variant(recipe, method, rate, num_train_epochs=epochs)
    # Systems without training are asked once, in the first run; all answer the same sample of the test documents.
    first = method == study.methods[0] and epochs == (study.epochs or (epochs,))[0]
    systems = tuple(dict.fromkeys((*recipe.evaluate.systems, "tuned"))) if first else ("tuned",)
    evaluate = chosen.evaluate.model_copy(update={"systems": systems, "exams": (), "gates": {}})
    limited = chosen.model_copy(update={"evaluate": evaluate})
    until = "report" if study.measured else "train"
    name = f"{method}-{epochs:g}"
    return Run.open(
        job.run(limited, runs=folder / "methods", name=name, data=data, until=until, progress=progress).path
    )


def _untrained(run: Run, folder: Path) -> list[dict[str, Any]]:
    """Rows of the table: systems without training, as the first run asked them."""
    cells = Outcome.of(run).cells[TEST]
    decoding = main_cell(run.recipe).split("/")[1]
    rows = []
    for system in (*MODEL_FREE, "base", "few-shot"):
        cell = f"{system}/free" if system in MODEL_FREE else f"{system}/{decoding}"
        if cell in cells:
            rows.append(
                {
                    "method": system,
                    "n": cells[cell]["n"],
                    "metrics": _scores(cells[cell]),
                    "free": _free(cells, system),
                    "run": str(run.path.relative_to(folder)),
                    "cell": cell,
                }
            )
    return rows


def _scores(scores: dict[str, Any]) -> dict[str, Any]:
    return {name: scores["metrics"][name] for name in SCORES if name in scores["metrics"]}


def _free(cells: dict[str, dict[str, Any]], system: str) -> dict[str, Any]:
    """What free decoding alone tells: whether JSON comes of it, strictly and after cleaning."""
    scores = cells.get(f"{system}/free", {}).get("metrics", {})
    return {name: scores[name] for name in ("json_validity", "json_validity_cleaned") if name in scores}


def _row(
    run: Run, recipe: Recipe, method: str, rate: float, epochs: float, tried: dict[float, float], folder: Path
) -> dict[str, Any]:
    """One row of the table: a whole run of a method."""
    metrics = files.read_json(run.path / "systems" / "tuned" / "training_metrics.json")
    cells, cell = Outcome.of(run).cells[TEST], main_cell(run.recipe)
    row = {
        "method": method,
        "epochs": epochs,
        "learning_rate": rate,
        "tried": {f"{rate:g}": loss for rate, loss in sorted(tried.items())},
        "n": cells[cell]["n"],
        "metrics": _scores(cells[cell]),
        "free": _free(cells, "tuned"),
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
        "cell": cell,
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
    """The first method against every system without training, and every other run against it, on the documents that
    both answered, Holm over all."""
    from tunewright.evals import paired

    if len(rows) < 2:
        return
    trained = [row for row in rows if "epochs" in row]
    first = Run.open(folder / trained[0]["run"])
    task = prepare.task_of(first, TEST)
    answers = {}
    for row in rows:
        system, decoding = row["cell"].split("/")
        path = folder / row["run"] / "systems" / system / f"predictions-{decoding}.jsonl"
        answers[_key(row)] = [Prediction.from_row(one) for one in files.read_lines(path)]
    examples = [task.example(record) for record in prepare.records(first, TEST)]
    chief = _key(trained[0])
    found = paired.compare(
        [paired.Trial(TEST, examples, answers)],
        pairs=[
            *((_key(row), chief) for row in rows if "epochs" not in row),
            *((chief, _key(row)) for row in trained[1:]),
        ],
        metrics=SCORES,
        level=recipe.evaluate.confidence_level,
        resamples=recipe.evaluate.bootstrap_resamples,
        seed=recipe.seed,
        options=recipe.evaluate,
    )
    yield from found


def _key(row: dict[str, Any]) -> str:
    """A row's name among the compared: a method's run, or a system of one."""
    return str(row["run"]) if "epochs" in row else f"{row['run']}/{row['method']}"


COLUMNS = (
    "method", "epochs", "learning_rate", "n", "exact_match", "exact_match_low", "exact_match_high", "field_f1",
    "field_f1_low", "field_f1_high", "field_accuracy", "field_accuracy_low", "field_accuracy_high", "json_validity",
    "json_validity_cleaned", "validation_loss", "trainable_parameters", "peak_memory_bytes",
    "train_seconds", "saved_bytes", "mean_rank",
)  # fmt: skip


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    sets = _sets(rows)
    forgotten = [f"{name.replace(' ', '_')}_{part}" for name in sets for part in ("difference", "low", "high")]
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([*COLUMNS, *forgotten])
    for row in rows:
        flat = dict(row)
        flat |= {name: metric["value"] for name, metric in row["free"].items()}
        for name, metric in row["metrics"].items():
            flat |= {name: metric["value"], f"{name}_low": metric["low"], f"{name}_high": metric["high"]}
        line = ["" if flat.get(column) is None else flat[column] for column in COLUMNS]
        kept = row.get("kept", {})
        table.writerow(
            [*line, *(kept[name][part] if kept else "" for name in sets for part in ("difference", "low", "high"))]
        )
    return out.getvalue()


def text(rows: Sequence[dict[str, Any]], pairs: Sequence[dict[str, Any]]) -> str:
    """The table in Markdown, with what it says and does not say."""
    sets = _sets(rows)
    heads = ["method", "epochs", "rate", "exact match", "F1", "fields", "JSON, free",
             *(f"bits/byte, {name}" for name in sets), "trained", "memory", "time", "size"]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        scores = [_share(row["metrics"].get(name)) for name in SCORES]
        scores.append(_percent(row["free"].get("json_validity")))
        if "epochs" not in row:
            lines.append(f"| {row['method']} | | | {' | '.join(scores)} |{' |' * (len(sets) + 4)}")
            continue
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
        "difference to the model before fine-tuning (above 0: it has forgotten). JSON, free: replies that are JSON by",
        "themselves, without a grammar.",
    ]
    return "\n".join([*lines, "", *notes, "", *said]).strip() + "\n"


def _sets(rows: Sequence[dict[str, Any]]) -> list[str]:
    return next((list(row["kept"]) for row in rows if "kept" in row), [])


def _percent(metric: dict[str, Any] | None) -> str:
    return "" if metric is None else f"{100 * metric['value']:.1f} %"


def _share(metric: dict[str, Any] | None) -> str:
    if metric is None:
        return ""
    return f"{100 * metric['value']:.1f} % ({100 * metric['low']:.1f}–{100 * metric['high']:.1f})"


def _sentence(pair: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    names = {
        _key(row): f"{row['method']} ({row['epochs']:g} epochs)" if "epochs" in row else row["method"] for row in rows
    }
    low, high = 100 * pair["low"], 100 * pair["high"]
    return (
        f"- {names[pair['b']]} against {names[pair['a']]}: {100 * pair['difference']:+.1f} points "
        f"({low:.1f} to {high:.1f}) on {pair['n']} documents: {pair['verdict']}."
    )
