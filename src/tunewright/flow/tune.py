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

A killed trial is one that runs in the storage and that nobody claims. The next process that looks for work, of the
same command or of another on a second terminal, takes it up under its number, with its options, from its checkpoint.
Asking is done one process at a time, and draws from a generator seeded by the trial's number: so the planned trials
come about, none lost and none twice, and one process tries the same ones however often it is killed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import secrets
import shutil
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import files, meter, recipe_file
from tunewright.core.errors import (
    CheckpointError,
    DataError,
    MissingExtra,
    RunError,
    TunewrightError,
    UsageError,
    did_you_mean,
)
from tunewright.core.events import Events, Progress
from tunewright.core.recipe import Recipe
from tunewright.core.records import Prediction
from tunewright.core.run import Run
from tunewright.flow import answer, job, judge, prepare, space
from tunewright.flow.outcome import STAGES, TEST, main_cell
from tunewright.flow.space import Space, Values

if TYPE_CHECKING:
    import optuna

LOSS = "validation_loss"
COMPLETE, PRUNED, DIVERGED, OUT_OF_MEMORY, FAILED = STATES = (
    "complete", "pruned", "diverged", "out of memory", "failed",
)  # fmt: skip
"""How a trial may end. diverged: its loss became infinite or NaN."""
RUNNING = "running"
PARTS = 10
"""Trials are compared on the way at so many parts of their training: their steps differ, and so do their epochs."""
BEST, OWN = "best", "own"
"""The options that the finals compare: the best trial's, and the recipe's own."""
BUDGET = ("trials", "minutes", "seeds", "max_retry")
"""Options of a search that may be changed while it is under way."""
WAIT = 0.5
"""Seconds between two looks at what other processes do."""

Report = Callable[[float, float], None]
"""Told the share of the training that is behind a trial, and its validation loss there."""


class GivenUp(Exception):
    """The pruner ends a trial."""


class Diverged(Exception):
    """A validation loss that is no number."""


Attempt = Callable[["Study", int, Recipe, Report], dict[str, Any]]
"""Do trial `number`, a recipe, and answer with its "value" and what else is known of it."""


@dataclass
class Taken:
    """A trial that is this process's own until `claim` is closed."""

    trial: optuna.Trial
    values: Values
    claim: contextlib.ExitStack
    again: bool


class Study:
    """A search, in its folder. Raises RunError where the folder, or the name in the storage, is another's."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        *,
        storage: str | None = None,
        data: Path | str | None = None,
        progress: Progress | None = None,
    ):
        self.recipe, self.folder, self.data = recipe, folder, data
        self.options, self.space = recipe.tune, Space.of(recipe)
        self.progress = progress or Progress(quiet=True)
        self.sign = 1 if self.options.metric == LOSS else -1
        self._session = f"session {secrets.token_hex(4)}"
        self._began = time.time()
        with files.turn(folder):
            self._claim_folder(storage)
            self.optuna = self._open(storage)
            self._enqueue()

    # ------------------------------------------------------------ the storage

    def _claim_folder(self, storage: str | None) -> None:
        plain = recipe_file.plain(self.recipe)
        plain["tune"] = {key: value for key, value in plain["tune"].items() if key not in BUDGET}
        asked = {"recipe": plain, "storage": "study.db" if storage is None else "elsewhere"}
        path = self.folder / "tune.json"
        if not path.is_file():
            files.write_json(path, asked)
            return
        before = files.read_json(path)
        if before["storage"] != asked["storage"]:
            hint = "give its --storage again" if storage is None else "leave out --storage, or give another --name"
            raise RunError(f"this search has its storage in {before['storage']}", where=str(self.folder), hint=hint)
        if before != asked:
            changed = [key for key in plain if before["recipe"].get(key) != plain[key]]
            raise RunError(
                f"is a search for another recipe ({', '.join(changed)} changed)",
                where=str(self.folder),
                hint="give another --name",
            )

    def _open(self, storage: str | None) -> optuna.Study:
        optuna = library()
        url = storage or f"sqlite:///{(self.folder / 'study.db').resolve()}"
        # Several processes write: SQLite lets one after the other, and the others wait so many seconds.
        engine = {"connect_args": {"timeout": 120}} if url.startswith("sqlite") else {"pool_pre_ping": True}
        try:
            kept = optuna.storages.RDBStorage(url, engine_kwargs=engine)
            study = optuna.create_study(
                storage=kept,
                study_name=self.folder.name,
                direction="minimize" if self.sign > 0 else "maximize",
                pruner=self._pruner(optuna),
                load_if_exists=True,
            )
        except Exception as error:
            shown = "the storage cannot be opened"
            if storage is None and (self.folder / "study.db").is_file():
                shown = "study.db cannot be read"
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RunError(f"{shown}: {said}", where=str(self.folder), hint="see --storage, docs/tuning.md") from error
        own = study.user_attrs.get("folder")
        token = self.folder / "study.id"
        if own is None and not token.is_file():
            files.write_text(token, secrets.token_hex(8) + "\n")
        if own is None:
            study.set_user_attr("folder", token.read_text(encoding="utf-8").strip())
        elif not token.is_file() or token.read_text(encoding="utf-8").strip() != own:
            raise RunError(
                f"the storage has a study '{self.folder.name}' of another folder",
                where=str(self.folder),
                hint="give another --name",
            )
        return study

    def _pruner(self, optuna: Any) -> Any:
        match self.options.pruner:
            case "median":
                return optuna.pruners.MedianPruner(
                    n_startup_trials=self.options.n_startup_trials, n_warmup_steps=self.options.n_warmup_steps
                )
            case "hyperband":
                return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=PARTS, reduction_factor=3)
        return optuna.pruners.NopPruner()

    def _sampler(self, number: int) -> Any:
        """Whoever draws trial `number`: the same draws, however often the process before it was killed."""
        samplers, seed = library().samplers, (self.recipe.seed * 100_003 + number) % 2**32
        if self.options.sampler != "tpe":
            return samplers.RandomSampler(seed=seed)  # a grid's points are queued, and nothing is left to draw
        return samplers.TPESampler(
            seed=seed, n_startup_trials=self.options.n_startup_trials, multivariate=True, group=True, constant_liar=True
        )

    def _enqueue(self) -> None:
        """Queue what is tried first: the recipe's own options, where they lie in the space; or all of a grid."""
        if self.options.sampler == "grid":
            points = self.space.points(self.options.grid_points)
            # A budget below the grid tries some of all of it, not a corner.
            points.sort(key=lambda point: files.line_sha256([self.recipe.seed, point]))
        else:
            own = self.space.own()
            points = [] if own is None else [own]
        self._points = len(points)
        standing = len(self.optuna.get_trials(deepcopy=False))
        for point in points[standing : self.options.trials]:
            self.optuna.enqueue_trial(point)

    @property
    def planned(self) -> int:
        """How many trials there will be, if time does not end the search before."""
        if self.options.sampler == "grid":
            return min(self.options.trials, self._points)
        return self.options.trials

    def trials(self) -> list[Any]:
        """Optuna's trials that were begun, by number."""
        waiting = library().trial.TrialState.WAITING
        return [one for one in self.optuna.get_trials(deepcopy=False) if one.state != waiting]

    def rows(self) -> list[dict[str, Any]]:
        """What is known of every trial that was begun, as it stands in trial.json."""
        return [self._row(one) for one in self.trials()]

    def _row(self, trial: Any) -> dict[str, Any]:
        attrs = trial.user_attrs
        finished = trial.state.is_finished()
        state = attrs.get("state", FAILED) if finished else RUNNING
        validations = [[step / PARTS, self.sign * loss] for step, loss in sorted(trial.intermediate_values.items())]
        return {
            "number": trial.number,
            "state": state,
            "options": trial.params,
            "value": trial.value if state == COMPLETE else None,
            "validations": validations,
            "seconds": round(attrs.get("seconds", 0.0), 3),
            "starts": len(attrs.get("starts", ())),
            **attrs.get("facts", {}),
            **({"error": attrs["error"]} if "error" in attrs else {}),
        }

    def best(self) -> dict[str, Any] | None:
        """The row of the best trial that was completed; the first of equals."""
        done = [row for row in self.rows() if row["state"] == COMPLETE]
        return min(done, key=lambda row: (self.sign * row["value"], row["number"]), default=None)

    # ------------------------------------------------------------ time

    def beat(self) -> None:
        """Note that this process still works."""
        self.optuna.set_user_attr(self._session, [self._began, time.time()])

    def worked(self) -> float:
        """Seconds in which any process worked on this search, those of now included."""
        attrs = self.optuna.user_attrs | {self._session: [self._began, time.time()]}
        spans = sorted(span for name, span in attrs.items() if name.startswith("session "))
        total, reached = 0.0, -math.inf
        for begin, end in spans:
            total += max(0.0, end - max(begin, reached))
            reached = max(reached, end)
        return total

    def out_of_time(self) -> bool:
        return self.options.minutes is not None and self.worked() >= 60 * self.options.minutes

    def left(self, rows: Sequence[dict[str, Any]], workers: int = 1) -> float | None:
        """Seconds that the trials left will take, as those behind took; None where none is behind."""
        took = [row["seconds"] for row in rows if row["state"] != RUNNING and row["seconds"]]
        if not took:
            return None
        waiting = self.planned - sum(row["state"] != RUNNING for row in rows)
        found = waiting * sum(took) / len(took) / workers
        return found if self.options.minutes is None else min(found, max(0.0, 60 * self.options.minutes - self.worked()))

    def head(self, rows: Sequence[dict[str, Any]], workers: int = 1, *, own: int | None = None) -> str:
        """`trial 3 of 20, best 0.1234, 12:30 left`"""
        done = sum(row["state"] != RUNNING for row in rows)
        best, left = self.best(), self.left(rows, workers)
        parts = [f"trial {done + 1} of {self.planned}" if own is not None else f"{done} of {self.planned} trials"]
        if best is not None:
            parts.append(f"best {best['value']:.4g}")
        if left is not None:
            parts.append(f"{meter.clock(left)} left")
        return ", ".join(parts)

    # ------------------------------------------------------------ ask, attempt, tell

    def work(self, attempt: Attempt) -> None:
        """Do trials until none is left to begin, and none of another process's to wait for or to take up."""
        while True:
            taken = self.take()
            if taken is not None:
                with taken.claim:
                    self.do(taken, attempt)
            elif self.more():
                time.sleep(WAIT)
            else:
                return

    def take(self) -> Taken | None:
        """A trial to do: one that a killed process left, else a new one; None where there is none now."""
        with files.turn(self.folder):
            trials = self.trials()
            for one in trials:
                claim = None if one.state.is_finished() else self._claim(one.number)
                if claim is not None:
                    self.optuna.sampler = self._sampler(one.number)
                    trial = library().trial.Trial(self.optuna, one._trial_id)
                    return Taken(trial, self.space.ask(trial), claim, again=True)
            if len(trials) >= self.planned or self.out_of_time():
                return None
            self.optuna.sampler = self._sampler(len(trials))
            trial = self.optuna.ask()
            values = self.space.ask(trial)
            claim = self._claim(trial.number)
            assert claim is not None
            return Taken(trial, values, claim, again=False)

    def more(self) -> bool:
        """Whether there is a trial to begin, or to take up from somebody who may die."""
        rows = self.rows()
        begin = len(rows) < self.planned and not self.out_of_time()
        return begin or any(row["state"] == RUNNING for row in rows)

    def _claim(self, number: int) -> contextlib.ExitStack | None:
        """Hold a trial; None where a living process does."""
        place = self.folder / "claims" / str(number)
        place.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack, contextlib.suppress(RunError):
            stack.enter_context(files.one_writer(place, "wait for it"))
            return stack.pop_all()
        return None

    def do(self, taken: Taken, attempt: Attempt) -> None:
        """One trial, from wherever it stands to its end. Raises what is no fault of its options: a full disk, data
        that changed, Ctrl-C."""
        trial, number = taken.trial, taken.trial.number
        frozen = self._kept(number)
        if frozen.state.is_finished():
            return
        began, before = time.monotonic(), frozen.user_attrs.get("seconds", 0.0)
        starts = [*frozen.user_attrs.get("starts", ()), self._step(number)]
        shown = ", ".join(f"{key}={_shown(value)}" for key, value in taken.values.items())
        self.progress.say(f"trial {number}{' goes on' if taken.again else ''}: {shown}")
        tries = self.options.max_retry
        state, facts, error = FAILED, {}, None
        if len(starts) > tries and len(set(starts[-tries - 1 :])) == 1:
            error = f"was killed {tries} times at step {starts[-1]}: as when the system ends what takes all memory"
            self.tell(trial, state, facts, before, error)
            return
        trial.set_user_attr("starts", starts)

        def report(share: float, loss: float) -> None:
            step = max(1, math.ceil(PARTS * share - 1e-9))
            if not math.isfinite(loss):
                raise Diverged(f"the validation loss became {loss} after {share:.0%} of the training")
            trial.set_user_attr("seconds", before + time.monotonic() - began)
            self.beat()
            if step not in self._kept(number).intermediate_values:
                trial.report(self.sign * loss, step)
            if share < 1 and trial.should_prune():
                raise GivenUp

        try:
            if frozen.intermediate_values and max(frozen.intermediate_values) < PARTS and trial.should_prune():
                raise GivenUp
            facts = attempt(self, number, self.space.recipe_of(taken.values), report)
            state = COMPLETE
            if not math.isfinite(facts["value"]):
                raise Diverged(f"its {self.options.metric} is {facts['value']}")
        except GivenUp:
            state = PRUNED
        except KeyboardInterrupt:
            trial.set_user_attr("starts", starts[:-1])  # one that was asked to stop is none that was killed
            trial.set_user_attr("seconds", before + time.monotonic() - began)
            raise
        except Exception as problem:
            state = _state(problem)
            error = str(problem) if isinstance(problem, TunewrightError | Diverged) else traceback.format_exc()
        self.tell(trial, state, facts, before + time.monotonic() - began, error)

    def _kept(self, number: int) -> Any:
        """A trial as the storage has it."""
        return self.optuna.get_trials(deepcopy=False)[number]

    def tell(
        self, trial: Any, state: str, facts: dict[str, Any], seconds: float, error: str | None = None
    ) -> None:
        """Put a trial's end into the storage and its folder, and on the screen."""
        facts = dict(facts)
        value = facts.pop("value", None) if state == COMPLETE else None
        told = library().trial.TrialState
        earlier = self.best()
        trial.set_user_attr("state", state)
        trial.set_user_attr("facts", facts if state == COMPLETE else {})
        trial.set_user_attr("seconds", seconds)
        if error is not None:
            trial.set_user_attr("error", error)
        # The sampler shall stay away from what diverges or does not fit, and learns nothing of what failed otherwise.
        kind = {COMPLETE: told.COMPLETE, FAILED: told.FAIL}.get(state, told.PRUNED)
        self.optuna.tell(trial, value, state=kind)
        self.beat()
        self._write_row(trial.number)
        place = self.folder / "trials" / str(trial.number) / "systems" / "tuned"
        shutil.rmtree(place / "checkpoints", ignore_errors=True)  # nothing goes on from them any more
        if state == COMPLETE:
            better = earlier is None or self.sign * (value - earlier["value"]) < 0
            said = f"{self.options.metric} {value:.4g}" + (", the best so far" if better else "")
        else:
            said = f"{state}: {error.strip().splitlines()[-1]}" if error else state
        self.progress.say(f"trial {trial.number}: {said} ({meter.clock(seconds)})")

    def _write_row(self, number: int) -> None:
        place = self.folder / "trials" / str(number)
        place.mkdir(parents=True, exist_ok=True)
        files.write_json(place / "trial.json", next(row for row in self.rows() if row["number"] == number))

    def _step(self, number: int) -> int:
        """The step of a trial's newest checkpoint; 0: it has none."""
        info = self.folder / "trials" / str(number) / "systems" / "tuned" / "latest_checkpoint_info.json"
        try:
            return int(files.read_json(info)["step"])
        except (DataError, KeyError, TypeError, ValueError):
            return 0

    # ------------------------------------------------------------ data

    @property
    def prepared(self) -> Run:
        return Run.open(self.folder / "prepared")

    def prepare(self) -> None:
        """Prepare the data that all trials share. Raises UsageError where there is nothing to choose by."""
        with files.turn(self.folder):
            recipe = self.space.recipe
            job.run(
                recipe, runs=self.folder, name="prepared", data=self.data, until="data", progress=self.progress
            )
            if not prepare.records(self.prepared, "validation"):
                raise UsageError(
                    "there are no validation records to choose by", hint="--set data.validation_documents=300"
                )

    def lend(self, run: Run, *, test: bool) -> None:
        """Give a run the prepared data, with the test documents or without. Files are linked, not copied."""
        if run.done("data"):
            return
        source, place = self.prepared.path / "data", run.path / "data"
        place.mkdir(parents=True, exist_ok=True)
        held = () if test else ("test.jsonl", "raw.jsonl", "processed.jsonl", "rejected.jsonl")
        manifest = self.prepared.manifest("data")
        for file in sorted(source.iterdir()):
            target = place / file.name
            if file.name in (*held, "manifest.json") or target.exists():
                continue
            try:
                os.link(file, target)
            except OSError:  # a file system without links
                shutil.copyfile(file, target)
        if not test:
            manifest["sha256"] = {name: value for name, value in manifest["sha256"].items() if name not in held}
            manifest["counts"] = {name: value for name, value in manifest["counts"].items() if name != TEST}
        run.finish("data", manifest)


def library() -> Any:
    """Optuna, with its talk kept off the screen. Raises MissingExtra."""
    if importlib.util.find_spec("sklearn") is None:
        raise MissingExtra("scikit-learn (needed to tell what mattered in a search)", "tune")
    try:
        import optuna
    except ImportError:
        raise MissingExtra("optuna (needed to search for options)", "tune") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _state(problem: Exception) -> str:
    """What becomes of a trial that raised this. Raises it again where the trial's options have no part in it."""
    from tunewright.train.memory import ran_out

    words = str(problem)
    if ran_out(problem) or (isinstance(problem, TunewrightError) and problem.message.startswith("out of memory")):
        return OUT_OF_MEMORY
    if isinstance(problem, Diverged) or (isinstance(problem, UsageError) and "infinite or NaN" in words):
        return DIVERGED
    outside = (CheckpointError, RunError, DataError, MissingExtra, OSError, library().exceptions.OptunaError)
    if isinstance(problem, outside) or files.is_full(problem):
        raise problem
    return FAILED


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
        "saved_bytes": sum(files.folder_bytes(folder / kind) for kind in ("adapter", "model")),
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
    found = Space.of(recipe)
    job.resolve(found.recipe, STAGES[:3])
    space.check_adapters(found)
    if recipe.tune.metric != LOSS:
        judge.check_metrics([recipe.tune.metric])


def finish(study: Study) -> None:
    """Train the best options and the recipe's own with every seed, compare them on test, write everything down."""
    best = study.best()
    for row in study.rows():
        study._write_row(row["number"])
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
    return (one.method, one.train) == (other.method, other.train)


def _usable(study: Study, chosen: Recipe) -> Recipe:
    """The recipe as it was given, with the chosen options."""
    return study.recipe.model_copy(
        update={"name": f"{study.recipe.name}-tuned", "method": chosen.method, "train": chosen.train}
    )


def _finals(study: Study, chosen: Recipe) -> Iterator[dict[str, Any]]:
    """Rows of the finals, seed by seed: {"which", "seed", "run", "metrics", …}. Their seeds are not that of the trials: the
    best of many trials owes some of its place to its seed."""
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
            "metrics": {name: metric["value"] for name, metric in scores["metrics"].items()},
            "best_loss": metrics["best_loss"],
            **measured(run),
        }
        if not done:
            study.progress.say(f"{which} options, seed {seed}: validation loss {metrics['best_loss']:.4g}")


def _pairs(study: Study, finals: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The best options against the recipe's own on test, over seeds and documents."""
    from tunewright.evals import paired

    if not finals:
        return []
    first = Run.open(study.folder / finals[0]["run"])
    system, decoding = main_cell(first.recipe).split("/")
    task = prepare.task_of(first, TEST)
    answers: dict[str, list[list[Prediction]]] = {BEST: [], OWN: []}
    for row in finals:
        path = study.folder / row["run"] / "systems" / system / f"predictions-{decoding}.jsonl"
        answers[row["which"]].append([Prediction.from_row(one) for one in files.read_lines(path)])
    options = study.recipe.evaluate
    return paired.over_seeds(
        [task.example(record) for record in prepare.records(first, TEST)],
        answers[OWN],
        answers[BEST],
        level=options.confidence_level,
        resamples=options.bootstrap_resamples,
        seed=study.recipe.seed,
    )


def _write(study: Study, best: dict[str, Any], finals: Sequence[dict[str, Any]]) -> None:
    """metrics_comparison.json and what is made of it."""
    from tunewright.evals import importance
    from tunewright.report import search

    rows, options = study.rows(), study.recipe.evaluate
    own = study.space.own()
    begun = next((row["number"] for row in rows if own is not None and row["options"] == own), None)
    done = [row for row in rows if row["state"] == COMPLETE]
    content = {
        "name": study.folder.name,
        "recipe": study.recipe.name,
        "model": study.recipe.model,
        "metric": study.options.metric,
        "direction": "minimize" if study.sign > 0 else "maximize",
        "sampler": study.options.sampler,
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
