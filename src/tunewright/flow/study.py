"""A search under way: asked, attempted, told, and found again after a kill.

A killed trial is one that runs in the storage and that nobody claims. The next process that looks for work, of the
same command or of another on a second terminal, takes it up under its number, with its options, from its checkpoint.
Asking is done one process at a time, and draws from a generator seeded by the trial's number: so the planned trials
come about, none lost and none twice, and one process tries the same ones however often it is killed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import secrets
import shutil
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import files, meter, recipe_file
from tunewright.core.errors import CheckpointError, DataError, MissingExtra, RunError, TunewrightError, UsageError
from tunewright.core.events import Progress
from tunewright.core.recipe import Recipe
from tunewright.core.run import Run
from tunewright.flow import job, prepared
from tunewright.flow.outcome import TEST
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
BUDGET = ("trials", "minutes", "seeds", "test_documents", "max_retry")
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
        plain = _asked(self.recipe)
        asked = {"recipe": plain, "storage": "study.db" if storage is None else "elsewhere"}
        path = self.folder / "tune.json"
        if not path.is_file():
            files.write_json(path, asked)
            return
        before = files.read_json(path)
        if before["storage"] != asked["storage"]:
            hint = "give its --storage again" if storage is None else "leave out --storage, or give another --name"
            raise RunError(f"this search has its storage in {before['storage']}", where=str(self.folder), hint=hint)
        earlier = _asked(recipe_file.of_plain(before["recipe"], str(path)))
        changed = [key for key in plain if earlier[key] != plain[key]]
        if changed:
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
        return (
            found if self.options.minutes is None else min(found, max(0.0, 60 * self.options.minutes - self.worked()))
        )

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
        state, error = FAILED, None
        facts: dict[str, Any] = {}
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
            state = state_of(problem)
            error = str(problem) if isinstance(problem, TunewrightError | Diverged) else traceback.format_exc()
        self.tell(trial, state, facts, before + time.monotonic() - began, error)

    def _kept(self, number: int) -> Any:
        """A trial as the storage has it."""
        return self.optuna.get_trials(deepcopy=False)[number]

    def tell(self, trial: Any, state: str, facts: dict[str, Any], seconds: float, error: str | None = None) -> None:
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
        self.write_row(trial.number)
        place = self.folder / "trials" / str(trial.number) / "systems" / "tuned"
        shutil.rmtree(place / "checkpoints", ignore_errors=True)  # nothing goes on from them any more
        if state == COMPLETE:
            better = earlier is None or self.sign * (value - earlier["value"]) < 0
            said = f"{self.options.metric} {value:.4g}" + (", the best so far" if better else "")
        else:
            said = f"{state}: {error.strip().splitlines()[-1]}" if error else state
        self.progress.say(f"trial {trial.number}: {said} ({meter.clock(seconds)})")

    def write_row(self, number: int) -> None:
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
            job.run(recipe, runs=self.folder, name="prepared", data=self.data, until="data", progress=self.progress)
            if not prepared.records(self.prepared, "validation"):
                raise UsageError(
                    "there are no validation records to choose by", hint="--set data.validation_documents=300"
                )

    def lend(self, run: Run, *, test: bool) -> None:
        """Give a run the prepared data, with the test documents or without. Files are linked, not copied.

        Of the test documents `tune.test_documents` at most, the same for every run.
        """
        if run.done("data"):
            return
        source, place = self.prepared.path / "data", run.path / "data"
        held = () if test else ("test.jsonl", "raw.jsonl", "processed.jsonl", "rejected.jsonl")
        manifest = self.prepared.manifest("data")
        for file in sorted(source.iterdir()):
            if file.name not in (*held, "manifest.json"):
                files.lend(file, place / file.name)
        if not test:
            manifest["sha256"] = {name: value for name, value in manifest["sha256"].items() if name not in held}
            manifest["counts"] = {name: value for name, value in manifest["counts"].items() if name != TEST}
        elif self.options.test_documents:
            self._sample(place / "test.jsonl", manifest)
        run.finish("data", manifest)

    def _sample(self, path: Path, manifest: dict[str, Any]) -> None:
        from tunewright.evals.sampling import sample

        found = prepared.records(self.prepared, TEST)
        chosen = sample(found, self.options.test_documents or len(found), seed=self.recipe.seed)
        path.unlink()  # the link, not what it leads to
        files.write_lines(path, prepared.rows(chosen))
        manifest["counts"] = {**manifest["counts"], TEST: len(chosen)}
        manifest["sha256"] = {**manifest["sha256"], path.name: files.sha256(path)}


def _asked(recipe: Recipe) -> dict[str, Any]:
    """What makes a search this one: its recipe, without how long it may take."""
    plain = recipe_file.plain(recipe)
    plain["tune"] = {key: value for key, value in plain["tune"].items() if key not in BUDGET}
    return plain


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


def state_of(problem: Exception) -> str:
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
