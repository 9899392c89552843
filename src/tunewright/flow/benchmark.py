"""Ways of fine-tuning side by side: one recipe, several methods, each at the learning rate that suits it.

    runs/<name>-methods/
      benchmark.json       what was asked last
      trials/<method>-<rate>/    runs up to training, short: validation loss chooses the rate
      methods/<method>-<epochs>/  whole runs at the chosen rate; of folds beside one split, `-<folds>-folds` behind it
      methods/<system>/    systems without training, where no run of a method has asked them
      kept/<run>.json      bits per byte on general text, before and after
      curves/              with --curves: runs on parts of the training data, answers to texts with noise
      trained.json         with --skip benchmark: what was trained
      methods.json methods.csv methods.md curves.json curves.csv report.html

A study is a folder of runs: each is resumed, read and reported like any other. So more can be asked of it later: what
stands is kept, and the tables and the page are written anew about all that is asked now.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core import files, recipe_file
from tunewright.core.errors import RunError, UsageError, did_you_mean
from tunewright.core.events import Progress
from tunewright.core.recipe import MODEL_FREE, PRESETS, BenchmarkOptions, EvaluateOptions, MethodOptions, Recipe
from tunewright.core.records import Prediction
from tunewright.core.run import Run
from tunewright.core.run import runs as runs_below
from tunewright.flow import answer, curves, hosted, job, judge, methods, prepare, prepared
from tunewright.flow import folds as several
from tunewright.flow.outcome import TEST, Outcome, main_cell, saved_bytes

STEP = 3.0
"""Factor between two learning rates that are tried."""

FARTHEST = 2
"""How many more rates are tried beyond an end of the grid, while the best stands at that end."""

AT_THE_END = 10**9
"""Steps between the validations of a trial: the one behind its last step is what is asked for."""

SIZES = ("lora_r", "lora_alpha", "lora_dropout", "target_modules", "init_r", "target_r", "delta_t")
"""What a method takes over from the recipe's own."""

COMPARED = ("token_f1", "exact_match", "field_f1", "overall")
"""What the pairs are compared by."""

EVALUATION = "benchmark"
"""What to skip, where methods are only to be trained."""

WHOLE = ("full", "last-layers")
"""Methods that move the model's own weights; an adapter begins at nothing and takes rates some ten times theirs."""


@dataclass(frozen=True)
class Study:
    """What is asked. rates: how many are tried for each method. search_share: how long a trial is, of a whole training.

    epochs: how many passes the whole runs make, one run each; none: as the recipe says. The first method is what the
    others are compared with; without any, only systems that need no training are measured. measured: whether anything
    is evaluated, or only trained. folds: so many parts the whole runs are cross-validated over, 0 for one split.
    curves: whether scores are also measured against the amount of training data and against noise in the texts
    (`flow.curves`).
    """

    methods: tuple[str, ...]
    rates: int
    search_share: float
    epochs: tuple[float, ...] = ()
    measured: bool = True
    folds: int = 0
    curves: bool = False

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        *,
        methods: Sequence[str] = (),
        rates: int | None = None,
        epochs: Sequence[float] = (),
        skip: Sequence[str] = (),
        folds: int | None = None,
        curves: bool = False,
    ) -> Study:
        """What the recipe asks, with changes. skip: methods that are left out; "benchmark": nothing is evaluated.

        Raises UsageError for a name that is no method, where nothing is left to do, for curves that cannot be drawn,
        and for a task whose answers are not scored.
        """
        asked = recipe.benchmark
        judge.check_scored(recipe)
        for method in (*methods, *asked.methods, *(name for name in skip if name != EVALUATION)):
            if method not in PRESETS:
                hint = did_you_mean(method, PRESETS) or f"known: {', '.join(PRESETS)}"
                raise UsageError(f"there is no method '{method}'", hint=hint)
        left = tuple(method for method in methods or asked.methods if method not in skip)
        measured, parts = EVALUATION not in skip, recipe.evaluate.folds if folds is None else folds
        if not left and (curves or not measured or not _without_training(recipe)):
            hint = f"leave one of {', '.join(methods or asked.methods)} out of --skip"
            raise UsageError("no method is left to train", hint=hint)
        if curves and (parts or not measured):
            raise UsageError("curves are measured on one split", hint="leave out --folds, and --skip benchmark")
        lengths = tuple(epochs) or asked.epochs
        return cls(left, rates or asked.rates, asked.search_share, lengths, measured, parts, curves)

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

    What stands in the folder, of this command or of an earlier one, is kept, and the rest is done. Raises RunError
    where the folder is of another recipe, or of rates that were chosen otherwise.
    """
    from tunewright.train.material import remembering

    hosted.refuse(recipe, "a comparison of methods")
    recipe = job.settled(recipe)
    several.check(with_folds(recipe, study.folds))
    folder = Path(runs) / (name or f"{recipe.name}-methods")
    folder.mkdir(parents=True, exist_ok=True)
    with files.one_writer(folder, "wait for it, stop it, or give this one its own --name"), remembering():
        _claim(folder, recipe, study)
        rows: list[dict[str, Any]] = []
        points: list[dict[str, Any]] = []
        for method in study.methods:
            rate, tried = best_rate(recipe, study, method, folder, data, progress)
            for epochs in study.epochs or (recipe.train.num_train_epochs,):
                run = _whole(recipe, study, method, rate, epochs, folder, data, progress)
                row = _trained(run, method, rate, epochs, tried, folder)
                if not study.measured:
                    rows.append(row)
                    files.write_json(folder / "trained.json", {"rows": rows})
                    continue
                rows = rows or _untrained(recipe, study, folder, data, progress)
                rows.append(row | _measured(run, recipe, folder))
                _write(folder, rows, recipe, study)
            if study.curves:
                # Of several lengths of training, the last.
                home = _home(folder, method, epochs)
                part = functools.partial(_part, recipe, method, rate, epochs, home, data, progress)
                points += curves.of(_noisy(run, recipe, study, method), method, part, home, progress)
                curves.write(folder, points)
                _report(folder)
        if not study.methods:
            _write(folder, _untrained(recipe, study, folder, data, progress), recipe, study)
    return folder


def with_folds(recipe: Recipe, folds: int) -> Recipe:
    """The recipe with its records dealt into so many folds; 0: one split."""
    evaluate = EvaluateOptions.model_validate({**recipe.evaluate.model_dump(), "folds": folds})
    return recipe.model_copy(update={"evaluate": evaluate})


def _evaluated(recipe: Recipe, **changed: Any) -> Recipe:
    return recipe.model_copy(update={"evaluate": recipe.evaluate.model_copy(update=changed)})


def _claim(folder: Path, recipe: Recipe, study: Study) -> None:
    """Note what is asked now. Curves that are not asked for leave the page; what they were made of stays."""
    path = folder / "benchmark.json"
    if path.is_file():
        before = files.read_json(path)
        earlier = recipe_file.of_plain(before["recipe"], str(path))
        known = {key: before["study"][key] for key in ("rates", "search_share")}
        one, other = _common(earlier, **known), _common(recipe, study.rates, study.search_share)
        if recipe_file.identity(one) != recipe_file.identity(other):
            changed = ", ".join(key for key, _, _ in recipe_file.differences(one, other))
            raise RunError(
                f"is a comparison for another recipe ({changed} changed)", where=str(folder), hint="give another --name"
            )
    files.write_json(path, {"recipe": recipe_file.plain(recipe), "study": study.to_row()})
    if study.measured and not study.curves:
        for name in (curves.FILE, "curves.csv"):
            (folder / name).unlink(missing_ok=True)


def _common(recipe: Recipe, rates: int, search_share: float) -> Recipe:
    """What makes a study this one: its recipe and how rates are chosen; not its methods, systems and folds."""
    chosen = BenchmarkOptions(rates=rates, search_share=search_share)
    return _evaluated(recipe, systems=("tuned",), folds=0).model_copy(update={"benchmark": chosen})


def _settled(recipe: Recipe, place: Path, *names: str) -> tuple[Recipe, str]:
    """(recipe, name) of a run below `place`: the first of `names` that is its own, or free.

    One that stands keeps the systems that it asks and its page `benchmark`, which say nothing about its training.
    """
    for name in names:
        if not (place / name / "recipe.yaml").is_file():
            return recipe, name
        stands = Run.open(place / name).recipe
        same = _evaluated(recipe, systems=stands.evaluate.systems).model_copy(update={"benchmark": stands.benchmark})
        if recipe_file.identity(same) == recipe_file.identity(stands):
            return same, name
    return recipe, names[-1]


def variant(recipe: Recipe, method: str, rate: float, **train: Any) -> Recipe:
    """The recipe with another method at a rate, on one split, without exams and gates.

    Sizes (rank, targets …) stay its own; adapters learn with AdamW.
    """
    own = recipe.method
    sizes = {key: getattr(own, key) for key in SIZES}
    options = MethodOptions.model_validate({"name": method, **sizes})
    optim = recipe.train.optim if method in WHOLE else "adamw"
    changed = recipe.train.model_copy(update={"learning_rate": rate, "optim": optim, **train})
    alone = _evaluated(recipe, folds=0, exams=(), gates={})
    return alone.model_copy(update={"method": options, "train": changed})


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


def best_rate(
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


def trial_steps(folder: Path, method: str) -> int | None:
    """How many steps the short trainings are by which a method's rate was chosen; None where it was not."""
    told = (folder / "trials").glob(f"{method}-*/systems/tuned/training_metrics.json")
    return max((files.read_json(path)["last_step"] for path in told), default=None)


def _trial(
    recipe: Recipe,
    study: Study,
    method: str,
    rate: float,
    folder: Path,
    data: Path | str | None,
    progress: Progress | None,
) -> float:
    """Validation loss after a short training; infinite where the loss was, or is no number.

    Raises UsageError where there is nothing to validate with.
    """
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
    short, name = _settled(short, folder / "trials", f"{method}-{rate:g}")
    lost = folder / "trials" / f"{name}.json"
    if lost.is_file():
        return math.inf
    made = _run(short, folder, "trials", name, data, "data", progress)
    if not prepared.records(made, "validation"):
        raise UsageError(
            "there are no validation records to choose a learning rate by",
            hint="--set data.validation_documents=300; --set benchmark.rates=1 takes the recipe's own",
        )
    try:
        job.go_on(made, data=data, until="train", progress=progress)
    except UsageError as error:
        if "infinite or NaN" not in error.message:
            raise
        files.write_json(lost, {"lost": error.message})
        return math.inf
    metrics = files.read_json(made.path / "systems" / "tuned" / "training_metrics.json")
    loss = metrics["best_loss"]
    return float(loss) if loss is not None and math.isfinite(loss) else math.inf


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
    # Systems without training are asked once, in the first run; all answer the same sample of the test documents.
    first = method == study.methods[0] and epochs == (study.epochs or (epochs,))[0]
    asked = _without_training(recipe) if first else ()
    systems = (*(system for system in asked if _asked_in(folder, recipe, study, system) is None), "tuned")
    chosen = _evaluated(variant(recipe, method, rate, num_train_epochs=epochs), systems=systems)
    return _done(chosen, study, folder, f"{method}-{epochs:g}", data, progress)


def _done(
    recipe: Recipe,
    study: Study,
    folder: Path,
    name: str,
    data: Path | str | None,
    progress: Progress | None,
) -> Run:
    """A run below methods/, over the folds that are asked for: `name` belongs to those that came first."""
    limited = _evaluated(with_folds(recipe, study.folds), exams=(), gates={})
    limited, name = _settled(limited, folder / "methods", name, f"{name}-{study.folds}-folds")
    return _run(limited, folder, "methods", name, data, "report" if study.measured else "train", progress)


def _run(
    recipe: Recipe,
    folder: Path,
    part: str,
    name: str,
    data: Path | str | None,
    until: str,
    progress: Progress | None,
) -> Run:
    """A run below `part` of the study, up to a stage. What another of its runs has read is not read again."""
    stands = Run.create(folder / part, recipe, name=name)
    prepare.borrow(stands, (run for each in ("trials", "methods") for run in runs_below(folder / each)))
    return Run.open(job.run(recipe, runs=folder / part, name=name, data=data, until=until, progress=progress).path)


def _home(folder: Path, method: str, epochs: float) -> Path:
    """Where a method's curves stand: in a folder of their own, where the study's are of another length of training."""
    share = curves.LEARNING[0]
    part = folder / "curves" / f"{method}-{share:g}"
    other = (part / "recipe.yaml").is_file() and Run.open(part).recipe.train.num_train_epochs != epochs / share
    return folder / f"{epochs:g}-epochs" if other else folder


def _noisy(run: Run, recipe: Recipe, study: Study, method: str) -> Run:
    """A whole run, as what answers texts with noise: systems without a model beside the first method."""
    beside = _without_training(recipe) if method == study.methods[0] else ()
    return Run(run.path, _evaluated(run.recipe, systems=(*beside, "tuned")))


def _part(
    recipe: Recipe,
    method: str,
    rate: float,
    epochs: float,
    folder: Path,
    data: Path | str | None,
    progress: Progress | None,
    share: float,
) -> Run:
    """A run on a share of the training data, in as many steps as on all of it: smaller shares are seen more often."""
    chosen = variant(recipe, method, rate, num_train_epochs=epochs / share)
    less = chosen.data.model_copy(update={"train_share": share})
    part = _evaluated(chosen, systems=("tuned",)).model_copy(update={"data": less})
    part, name = _settled(part, folder / "curves", f"{method}-{share:g}")
    return Run.open(job.run(part, runs=folder / "curves", name=name, data=data, progress=progress).path)


def _without_training(recipe: Recipe) -> tuple[str, ...]:
    """The recipe's systems that need no training, as they stand in the table."""
    return tuple(system for system in (*MODEL_FREE, "base", "few-shot") if system in recipe.evaluate.systems)


def _decoding(recipe: Recipe, system: str) -> str:
    return "free" if system in MODEL_FREE else main_cell(recipe).split("/")[1]


def _asked_in(folder: Path, recipe: Recipe, study: Study, system: str) -> Run | None:
    """The run in which a system without training has answered; None where none has."""
    scores = f"systems/{system}/scores-{_decoding(recipe, system)}.json"
    found = sorted(runs_below(folder / "methods"), key=lambda run: run.name)
    alike = (run for run in found if run.recipe.evaluate.folds == study.folds)
    return next((run for run in alike if (run.path / scores).is_file()), None)


def _untrained(
    recipe: Recipe, study: Study, folder: Path, data: Path | str | None, progress: Progress | None
) -> list[dict[str, Any]]:
    """Rows of the table: systems without training. What no run has asked yet is asked in one of its own."""
    systems = _without_training(recipe)
    waiting = tuple(system for system in systems if _asked_in(folder, recipe, study, system) is None)
    if waiting:
        _done(_evaluated(recipe, systems=waiting), study, folder, "-".join(waiting), data, progress)
    rows = []
    for system in systems:
        run, cell = _asked_in(folder, recipe, study, system), f"{system}/{_decoding(recipe, system)}"
        assert run is not None
        job.go_on(run, data=data, until="data", progress=progress)  # refuses data that changed since
        cells = Outcome.of(run).cells[TEST]
        rows.append(
            {
                "method": system,
                "n": cells[cell]["n"],
                "metrics": _scores(cells[cell]),
                "json": _json(cells, system),
                "latency": _latency(cells[cell]),
                "run": str(run.path.relative_to(folder)),
                "cell": cell,
            }
        )
    return rows


def _scores(scores: dict[str, Any]) -> dict[str, Any]:
    return {name: scores["metrics"][name] for name in methods.SCORES if name in scores["metrics"]}


def _latency(scores: dict[str, Any]) -> dict[str, float]:
    return {name: scores["cost"][name] for name in methods.LATENCY if name in scores["cost"]}


def _json(cells: dict[str, dict[str, Any]], system: str) -> dict[str, Any]:
    """How often what a system writes is JSON, in each way in which it answered."""
    found = {}
    for name, (_, decoding, metric) in methods.JSON.items():
        scores = cells.get(f"{system}/{decoding}", {}).get("metrics", {})
        if metric in scores:
            found[name] = scores[metric]
    return found


def _trained(
    run: Run, method: str, rate: float, epochs: float, tried: dict[float, float], folder: Path
) -> dict[str, Any]:
    """One row of the table, without scores: a whole run of a method."""
    metrics = _trainings(run)
    return {
        "method": method,
        "epochs": epochs,
        "learning_rate": rate,
        "tried": {f"{rate:g}": loss for rate, loss in sorted(tried.items())},
        "trial_steps": trial_steps(folder, method),
        "validation_loss": metrics["best_loss"],
        "trainable_parameters": metrics["trainable_parameters"],
        "parameters": metrics["parameters"],
        "train_seconds": metrics["total_seconds"],
        "peak_memory_bytes": metrics["peak_memory_bytes"],
        "saved_bytes": saved_bytes((run.folds or [run.path])[0]),
        **({"mean_rank": metrics["mean_rank"]} if "mean_rank" in metrics else {}),
        "run": str(run.path.relative_to(folder)),
    }


def _measured(run: Run, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """The scores of a whole run's row."""
    cells, cell = Outcome.of(run).cells[TEST], main_cell(run.recipe)
    return {
        "n": cells[cell]["n"],
        "metrics": _scores(cells[cell]),
        "json": _json(cells, "tuned"),
        "latency": _latency(cells[cell]),
        **({} if run.folds else {"kept": _kept(run, recipe, folder)}),
        "cell": cell,
    }


def _trainings(run: Run) -> dict[str, Any]:
    """What its training took; of a cross-validation all folds' time, the mean of their losses, the most memory."""
    each = [files.read_json(place / "systems" / "tuned" / "training_metrics.json") for place in run.folds or [run.path]]
    losses = [one["best_loss"] for one in each if one["best_loss"] is not None]
    return {
        **each[0],
        "best_loss": sum(losses) / len(each) if len(losses) == len(each) else None,
        "total_seconds": sum(one["total_seconds"] for one in each),
        "peak_memory_bytes": max(one["peak_memory_bytes"] for one in each),
    }


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


def _write(folder: Path, rows: list[dict[str, Any]], recipe: Recipe, study: Study) -> None:
    """methods.json, methods.csv, methods.md and the page, each replaced whole."""
    pairs = list(_pairs(folder, rows, recipe))
    head = {"level": recipe.evaluate.confidence_level} | ({"folds": study.folds} if study.folds else {})
    files.write_json(folder / "methods.json", {"rows": rows, "pairs": pairs, **head})
    files.write_text(folder / "methods.csv", methods.sheet(rows))
    files.write_text(folder / "methods.md", methods.text(rows, pairs, folds=study.folds))
    _report(folder)


def _report(folder: Path) -> None:
    from tunewright.report import study

    study.build(folder)


def _pairs(folder: Path, rows: Sequence[dict[str, Any]], recipe: Recipe) -> Iterator[dict[str, Any]]:
    """The first method against every system without training, and every other run against it, on the documents that
    both answered, Holm over all."""
    from tunewright.evals import paired

    trained = [row for row in rows if "epochs" in row]
    if len(rows) < 2 or not trained:
        return
    first = Run.open(folder / trained[0]["run"])
    answers = {}
    for row in rows:
        system, decoding = row["cell"].split("/")
        path = folder / row["run"] / "systems" / system / f"predictions-{decoding}.jsonl"
        answers[methods.key(row)] = [Prediction.from_row(one) for one in files.read_lines(path)]
    chief = methods.key(trained[0])
    found = paired.compare(
        [paired.Trial(TEST, prepared.examples(first, TEST), answers)],
        pairs=[
            *((methods.key(row), chief) for row in rows if "epochs" not in row),
            *((chief, methods.key(row)) for row in trained[1:]),
        ],
        metrics=[name for name in COMPARED if all(name in row["metrics"] for row in rows)],
        options=recipe.evaluate,
        **recipe.draw,
    )
    yield from found
