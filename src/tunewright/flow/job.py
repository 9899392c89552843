"""The whole job, top to bottom: data → training (→ texts → their judgement) → answers and scores → comparison → report.

Each stage reads and writes the run folder only and keeps what is finished, so killing the process at any moment and
giving the same command again ends with the same result.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tunewright.core import catalogue, files
from tunewright.core.errors import RunError, TunewrightError, UsageError, did_you_mean
from tunewright.core.events import Events, Progress
from tunewright.core.processes import count, first
from tunewright.core.recipe import Recipe
from tunewright.core.run import Run
from tunewright.flow import answer, downstream, folds, generation, hosted, judge, likelihood, prepare, prepared, scale
from tunewright.flow.outcome import STAGES, Outcome, complete
from tunewright.models import embedded

TUNED = "systems/tuned"


def run(
    recipe: Recipe,
    *,
    runs: Path | str = "runs",
    name: str | None = None,
    data: Path | str | None = None,
    until: str = STAGES[-1],
    processes: int = 1,
    yes: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Do a recipe's job below the folder `runs`, or go on with it, up to the stage `until`.

    data: the folder of data sets that recipes call by name. processes: how many train together (`flow.scale`).
    yes: what a hosted job costs is agreed to.
    Raises RunError where the run is being written by another process or `name` belongs to another recipe; whatever a
    stage raises.
    """
    check_stage(until)
    if not first():
        return _help()
    folder = Run.create(runs, settled(recipe), name=name)
    return go_on(folder, data=data, until=until, processes=processes, yes=yes, progress=progress)


def check_stage(name: str) -> None:
    """Raises UsageError where there is no stage of that name."""
    if name not in STAGES:
        raise UsageError(f"there is no stage '{name}'", hint=did_you_mean(name, STAGES) or ", ".join(STAGES))


def settled(recipe: Recipe) -> Recipe:
    """The recipe with the very model that it means today: an adapter fits one version of a family only."""
    return recipe.model_copy(update={"model": embedded.pinned(recipe.model)})


def go_on(
    job: Run,
    *,
    data: Path | str | None = None,
    until: str = STAGES[-1],
    processes: int = 1,
    yes: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Do what is missing of a run, up to the stage `until`."""
    check_stage(until)
    if not first():
        return _help()
    folds.refuse(job)
    if processes > 1:
        hosted.refuse(job.recipe, "training by several processes")
    wanted = STAGES[: STAGES.index(until) + 1]
    scale.check(processes)
    if processes > 1 and "train" in wanted and not complete(job, "train"):
        resolve(job.recipe, wanted)
        go_on(job, data=data, until="data", progress=progress)
        if "evaluate" in wanted:
            prepared.check_testable(job)
        scale.train(job, processes, data=data, progress=progress)
    recipe = job.recipe
    with _room(job), job.writing(), Events(job.path, progress=progress) as events:
        if not all(complete(job, name) for name in wanted):
            resolve(job.recipe, wanted)
        if "data" in wanted:
            with stage(job, events, "data"):
                (folds.prepare_all if job.folds else prepare.prepare)(job, events, data=data)
            downstream.foretell(job, events)
        if "evaluate" in wanted:
            prepared.check_testable(job)
            if not complete(job, "evaluate"):
                likelihood.foretell(job, events)
        if (
            job.recipe.hosted.provider is not None
            and "train" in wanted
            and not all(complete(job, name) for name in wanted)
        ):
            hosted.agree(job, events, yes=yes)
        if "train" in wanted:
            with stage(job, events, "train"):
                everywhere(job, events, "train", train)
        scale.call(job, train=False)
        if "generate" in wanted and recipe.generate.per_label:
            with stage(job, events, "generate"):
                everywhere(job, events, "generate", generation.generate)
        if "judge" in wanted and recipe.downstream.judge:
            with stage(job, events, "judge"):
                downstream.judge(job, events)
        if "evaluate" in wanted:
            with stage(job, events, "evaluate"):
                everywhere(job, events, "evaluate", functools.partial(answer.evaluate, data=data))
                if job.folds:
                    folds.pool(job, events)
        if "compare" in wanted:
            with stage(job, events, "compare"):
                judge.compare(job, events)
        if "report" in wanted:
            with stage(job, events, "report"):
                judge.report(job)
    return Outcome.of(job)


def everywhere(job: Run, events: Events, name: str, work: Callable[[Run, Events], None]) -> None:
    """Do a stage's work in the run itself or, where it has folds, in each of them."""
    if not job.folds:
        work(job, events)
        return
    for fold in folds.of(job):
        if complete(fold, name):
            work(fold, events)  # only looks
            continue
        folds.check_apart(fold)
        with folds.events_of(fold, events, name) as own, stage(fold, own, name):
            work(fold, own)


def _help() -> Outcome:
    """What a process does that is not the first of several: take part in every training it is called to, and leave."""
    job, to_train = scale.heard()
    while to_train:
        _finetune(job, None)
        job, to_train = scale.heard()
    return Outcome.of(job)


@contextlib.contextmanager
def _room(job: Run) -> Iterator[None]:
    """Within, a full disk is an error that says what to do."""
    try:
        yield
    except Exception as error:
        if isinstance(error, TunewrightError) or not files.is_full(error):
            raise
        raise RunError(
            "the disk is full",
            where=str(job.path),
            hint="make room and give the same command again: it goes on where it stopped",
        ) from error


def resolve(recipe: Recipe, wanted: Sequence[str] = STAGES) -> None:
    """Refuse now what would fail after hours: a task, a model or a gate's metric that is not there."""
    folds.check(recipe)
    catalogue.load("task", recipe.task.name)
    if recipe.hosted.provider is not None:
        hosted.provider_of(recipe)
    elif "train" in wanted:
        from tunewright.train import trackers

        catalogue.load("method", recipe.method.adapter)
        trackers.check(trackers.named(recipe.train))
    if recipe.hosted.provider is None and ("train" in wanted or "evaluate" in wanted):
        locate_model(recipe.model)
    if "train" in wanted:
        generation.check(recipe)
        downstream.check(recipe)
    if "compare" in wanted:
        judge.check_metrics(recipe.evaluate.gates, recipe.evaluate)
    if "evaluate" in wanted:
        judge.check_embedding(recipe)


def locate_model(name: str) -> None:
    """Raises ModelError where there is no such model."""
    from tunewright.models.load import locate

    locate(name)


@contextlib.contextmanager
def stage(job: Run, events: Events, name: str) -> Iterator[None]:
    """Note when a stage begins, ends or breaks off. What a finished stage still does is only looking."""
    was_complete = complete(job, name)
    began = time.monotonic()
    if not was_complete:
        events.add(name, "begin")
    try:
        yield
    except BaseException as error:
        if events.progress is not None:
            events.progress.finish()
        spent = round(time.monotonic() - began, 3)
        with contextlib.suppress(OSError):  # on a full disk there is no room for this either
            events.add(name, "broken off", error=type(error).__name__, message=str(error)[:500], seconds=spent)
        raise
    if events.progress is not None:
        events.progress.finish()
    if not was_complete:
        events.add(name, "end", seconds=round(time.monotonic() - began, 3))


def train(job: Run, events: Events) -> None:
    """Fine-tune the model on data/train.jsonl into systems/tuned/, from the newest good checkpoint."""
    data = files.sha256(job.path / "data" / "manifest.json")
    if complete(job, "train"):
        if job.done(TUNED) and job.manifest(TUNED).get("data_sha256", data) != data:
            raise RunError(
                "its model was trained on other data than stands here now",
                where=str(job.path),
                hint=f"remove {job.path / 'systems'} to train again",
            )
        if job.done(TUNED):
            answer.check_weights(job)
        return
    if job.recipe.hosted.provider is not None:
        hosted.train(job, events)
        return
    answer.note_machine(job)
    if count() > 1:
        job.note(processes=count())
    folder = job.path / TUNED
    folder.mkdir(parents=True, exist_ok=True)
    scale.call(job, train=True)
    metrics = _finetune(job, events)
    for name in ("adapter", "model"):
        if (folder / name).is_dir():
            prepared.describe_task(job, folder / name)
    made = [path for name in ("adapter", "model") for path in sorted((folder / name).rglob("*")) if path.is_file()]
    job.finish(
        TUNED,
        {
            "best_step": metrics.get("best_step"),
            "total_steps": metrics.get("total_steps"),
            "data_sha256": data,
            "sha256": {str(path.relative_to(folder)): files.sha256(path) for path in made},
            "bytes": {str(path.relative_to(folder)): path.stat().st_size for path in made},
        },
    )


def _finetune(job: Run, events: Events | None) -> dict[str, Any]:
    """The training itself, in every process that takes part; the first one has events. Returns the metrics."""
    from tunewright.train.finetune import finetune

    recipe = job.recipe
    task = prepared.task_of(job)
    train_records = prepared.records(job, "train")
    if not train_records:
        raise UsageError("there is nothing to train on", where=str(job.path / "data" / "train.jsonl"))
    return finetune(
        recipe.model,
        [task.example(record) for record in train_records],
        [task.example(record) for record in prepared.records(job, "validation")],
        recipe,
        job.path / TUNED,
        events,
        events.progress if events is not None else None,
    )
