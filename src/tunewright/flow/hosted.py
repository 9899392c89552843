"""Fine-tuning at a provider: what `job.train` does where the recipe has a page `hosted:`.

    hosted/train.jsonl validation.jsonl   what is sent, in the provider's form
    hosted/check.json                     what looking at them showed, and what all of it will cost
    hosted/job.json                       the run's own number, ids of files and job, how the job is: written after
                                          every step, so that the next process goes on there
    hosted/events.jsonl checkpoints.json results-1.csv    what the provider tells of the job

Every file and job is sent under the run's own number. A process that dies between the provider's answer and job.json
leaves something there that the next one finds by that number, and does not send again.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunewright.core import catalogue, files
from tunewright.core.contracts import Provider, System, Task
from tunewright.core.errors import DataError, HostedError, RunError, UsageError
from tunewright.core.events import Events, mend
from tunewright.core.hosting import Asked, Checked, Estimate, Job, Reply, Tokens, Told
from tunewright.core.recipe import MODEL_FREE, Recipe, TrainOptions
from tunewright.core.records import JSON, Example, Message, number_of
from tunewright.core.run import Run
from tunewright.flow import answer, prepared
from tunewright.flow.answer import Cell

FOLDER = "hosted"
TUNED = "systems/tuned"
SAID = {
    "validating": "its files are being looked at",
    "queued": "it waits for its turn",
    "running": "it is being trained",
    "succeeded": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""State of a job → in words."""


def provider_of(recipe: Recipe) -> Provider:
    """The provider that a recipe names. Raises UsageError with the nearest name where there is none."""
    name = str(recipe.hosted.provider)
    made: Provider = getattr(catalogue.load("provider", name), catalogue.class_name(name))(
        recipe.model, recipe.hosted, mask_history=recipe.train.mask_history
    )
    return made


def refuse(recipe: Recipe, what: str) -> None:
    """Raises UsageError where a recipe's model is hosted, and something needs it here."""
    if recipe.hosted.provider is not None:
        raise UsageError(
            f"{what} needs a model that is trained here; {recipe.model} is tuned by {recipe.hosted.provider}",
            hint="a recipe without `hosted:`, with an open model",
        )


# ---------------------------------------------------------------- the record


class Record:
    """hosted/job.json: what was done, and so what is not to be done again."""

    def __init__(self, folder: Path):
        self.path = folder / "job.json"
        self._facts: dict[str, Any] = files.read_json(self.path) if self.path.is_file() else {}

    def note(self, **facts: Any) -> None:
        """Add facts; on the disk when this returns."""
        self._facts |= facts
        files.write_json(self.path, self._facts)

    def get(self, name: str) -> Any:
        return self._facts.get(name)

    @property
    def job(self) -> Job | None:
        row = self._facts.get("job")
        return None if row is None else Job.from_row(row)


# ---------------------------------------------------------------- before anything is sent


def agree(job: Run, events: Events, *, yes: bool) -> None:
    """Write and check what would be sent, say what it costs, and go on only where the user has said yes.

    Raises DataError where the provider would refuse the files, UsageError where nobody has said yes.
    """
    folder = job.path / FOLDER
    record = Record(folder)
    if record.get("agreed"):
        return
    provider = provider_of(job.recipe)
    for notice in provider.notices():
        events.say(f"note: {notice}")
    _say_unused(job.recipe, events)
    checked = _prepare(job, provider, events) if "tuned" in job.recipe.evaluate.systems else []
    estimate = provider.estimate(_training(checked), _asked(job, provider))
    files.write_json(folder / "check.json", {"files": [one.to_row() for one in checked], "estimate": estimate.to_row()})
    for one in checked:
        _say(one, events)
    faults = [fault for one in checked for fault in one.faults]
    if faults:
        raise DataError(
            f"{job.recipe.hosted.provider} would refuse this: {'; '.join(map(str, faults[:5]))}",
            where=str(folder),
            hint="train.over_length: drop leaves long examples out"
            if any("longer" in str(f) for f in faults)
            else None,
        )
    for line in estimate.lines():
        events.say(line)
    if not yes:
        raise UsageError(
            "nothing was sent",
            where=str(job.path),
            hint="the same command with --yes sends the data and starts the job",
        )
    record.note(agreed=True, cost=_cost(estimate))


def _cost(estimate: Estimate) -> float | None:
    known = estimate.training_cost, estimate.asking_cost
    return None if known[0] is None or known[1] is None else round(known[0] + known[1], 4)


def _say_unused(recipe: Recipe, events: Events) -> None:
    """What of the recipe's page `train` stands there and does nothing."""
    used = {"over_length", "mask_history"}
    own = TrainOptions()
    unused = [
        name
        for name in TrainOptions.model_fields
        if name not in used and getattr(recipe.train, name) != getattr(own, name)
    ]
    if unused:
        events.say(f"of no effect on a hosted model: {', '.join(f'train.{name}' for name in unused)}")


def _prepare(job: Run, provider: Provider, events: Events) -> list[Checked]:
    """Write train.jsonl and, where there are validation records, validation.jsonl, and look at both."""
    folder, recipe, task = job.path / FOLDER, job.recipe, prepared.task_of(job)
    checked = []
    for split in prepared.LEARNT:
        found = [task.example(record) for record in prepared.records(job, split)]
        if not found:
            if split == "train":
                raise UsageError("there is nothing to train on", where=str(job.path / "data" / "train.jsonl"))
            continue
        path = folder / f"{split}.jsonl"
        if recipe.train.over_length == "drop":
            kept = [example for example in found if not _too_long(provider, example)]
            if len(kept) < len(found):
                events.say(f"{len(found) - len(kept)} examples of {split} are too long and are left out")
            found = kept
        provider.prepare(found, path)
        checked.append(provider.validate(path, least=10 if split == "train" else 1))
    return checked


def _too_long(provider: Provider, example: Example) -> bool:
    whole = [*example.messages, {"role": "assistant", "content": example.completion}]
    return provider.longest is not None and provider.count(whole) > provider.longest


def _training(checked: Sequence[Checked]) -> Checked:
    return checked[0] if checked else Checked("", 0, 0, Tokens("nothing to count"))


def _asked(job: Run, provider: Provider) -> list[Asked]:
    """What systems will be asked, by the gold answers' lengths."""
    found = []
    for cell in answer.cells(job):
        if cell.system in MODEL_FREE or answer.whole(cell):
            continue
        examples = answer.examples(job, cell)
        read = sum(provider.count(example.messages) for example in examples)
        written = sum(provider.count([{"role": "assistant", "content": example.completion}]) for example in examples)
        found.append(Asked(cell.system, len(examples), read, written))
    if job.recipe.generate.per_label:
        task, train = prepared.task_of(job), prepared.records(job, "train")
        examples = [task.example(record) for record in train]
        read = sum(provider.count(example.messages) for example in examples)
        written = sum(provider.count([{"role": "assistant", "content": example.completion}]) for example in examples)
        options = job.recipe.generate
        ways = [way.model for way in options.variants.values()]
        # As many as are drawn at most, of train's mean length. What other models ask for is not known here.
        texts = {
            "texts": options.limit(len({str(record.target) for record in train}))
            + options.compared * (bool(ways) + sum(model != "base" for model in ways)),
            "base": options.compared * ways.count("base"),
        }
        found += [
            Asked(name, count, read * count // len(examples), written * count // len(examples))
            for name, count in texts.items()
            if count
        ]
    return found


def _say(checked: Checked, events: Events) -> None:
    spread = checked.tokens
    events.say(
        f"{checked.name}: {checked.examples:,} examples, {checked.bytes:,} bytes; tokens of one: {spread.least:,} to "
        f"{spread.most:,}, half below {spread.median:,}, 95 % below {spread.p95:,} ({spread.how})"
    )
    for finding in checked.findings:
        if not finding.fatal:
            events.say(f"warning: {finding}")


# ---------------------------------------------------------------- the job


def train(job: Run, events: Events) -> None:
    """Send what is to be learnt, begin the job or find the one that was begun, and stay until it has ended.

    Raises HostedError where it fails or is cancelled, RunError where what is to be sent has changed.
    """
    folder, recipe = job.path / FOLDER, job.recipe
    record, provider = Record(folder), provider_of(recipe)
    begin = f"tunewright run {job.path} --yes"
    if not record.get("agreed"):
        raise RunError("nobody has agreed to send its data", where=str(job.path), hint=begin)
    if record.get("key") is None:
        record.note(key=secrets.token_hex(8), provider=recipe.hosted.provider, model=recipe.model)
    job.note(device=f"hosted by {recipe.hosted.provider}")
    if record.get("train") is None and (why := provider.closed()) is not None:
        raise HostedError(
            f"{why}: nothing was sent", where=str(job.path), hint="docs/hosted.md names what to take instead"
        )
    for split in prepared.LEARNT:
        if record.get(split) is None and (folder / f"{split}.jsonl").is_file():
            record.note(**{split: _upload(provider, folder / f"{split}.jsonl", record.get("key"), split, events)})
    _check_unchanged(folder, record)
    if record.get("train") is None:
        raise RunError("is missing", where=str(folder / "train.jsonl"), hint=f"remove {folder}, then {begin}")
    if record.job is None:
        validation = record.get("validation")
        begun = provider.start(
            record.get("key"), record.get("train")["id"], validation["id"] if validation is not None else None
        )
        record.note(job=begun.to_row())
        events.add("train", "hosted job", id=begun.id, provider=recipe.hosted.provider)
        events.say(f"job {begun.id} at {recipe.hosted.provider}; it goes on there when this process ends")
    ended = _watch(provider, folder, record, recipe.hosted.poll_seconds, events)
    if ended.state != "succeeded":
        reason = f": {ended.error}" if ended.error else ""
        raise HostedError(
            f"the job was cancelled{reason}" if ended.state == "cancelled" else f"the job failed{reason}",
            where=ended.id,
            hint=f"to begin anew remove {folder}, then {begin}",
        )
    checkpoints = provider.fetch(ended, folder)
    files.write_json(folder / "checkpoints.json", checkpoints)
    metrics = _metrics(job, ended, checkpoints, record.get("cost"))
    files.write_json(job.path / TUNED / "training_metrics.json", metrics)
    events.say(f"tuned model: {ended.tuned}; {len(checkpoints)} checkpoints in {folder / 'checkpoints.json'}")
    job.finish(
        TUNED,
        {
            "total_steps": metrics.get("total_steps"),
            "data_sha256": files.sha256(job.path / "data" / "manifest.json"),
            "hosted": {"provider": recipe.hosted.provider, "job": ended.id, "model": ended.tuned},
        },
    )


def _upload(provider: Provider, path: Path, key: str, split: str, events: Events) -> dict[str, str]:
    digest = files.sha256(path)
    name = f"tunewright-{key}-{split}-{digest[:12]}.jsonl"
    id = provider.upload(path, name)
    events.add("train", "uploaded", name=name, id=id)
    return {"id": id, "name": name, "sha256": digest}


def _check_unchanged(folder: Path, record: Record) -> None:
    for split in prepared.LEARNT:
        sent, path = record.get(split), folder / f"{split}.jsonl"
        if sent is not None and (not path.is_file() or files.sha256(path) != sent["sha256"]):
            raise RunError("is not what was sent any more", where=str(path), hint=f"remove {folder} to begin anew")


def _watch(provider: Provider, folder: Path, record: Record, seconds: float, events: Events) -> Job:
    """Stay with the job until it has ended; its events go to the run's as they come."""
    path, known = folder / "events.jsonl", record.job
    assert known is not None
    mend(path)
    rows = files.whole_lines(path)
    last, said = (rows[-1]["id"] if rows else None), None
    if events.progress is not None:
        events.progress.start("train", None, unit="steps")
    try:
        while True:
            state, fresh = provider.watch(known.id, last)
            with open(path, "a", encoding="utf-8", newline="\n") as file:
                file.write("".join(files.line(event.to_row()) for event in fresh))
                file.flush()
                os.fsync(file.fileno())
            for event in fresh:
                _tell(event, events)
                last = event.id
            if state != record.job:
                record.note(job=state.to_row())
            if state.state != said:
                said = state.state
                events.say(f"job {state.id}: {SAID[said]}")
            if state.ended:
                return state
            time.sleep(seconds)
    except KeyboardInterrupt:
        events.say(f"job {known.id} goes on without this process; `tunewright hosted {folder.parent} --cancel` ends it")
        raise


def _tell(event: Told, events: Events) -> None:
    """One event of the job as one of the run: steps and validations like those of a training here."""
    values = event.values
    total = values.get("total_steps")
    if "loss" in values and "step" in values:
        events.add("train", "step", step=values["step"], loss=values["loss"], total_steps=total)
        events.log(f"step {values['step']}/{total}  loss {values['loss']:.4f}")
        if events.progress is not None:
            events.progress.update(int(values["step"]), loss=values["loss"])
    validation = _validation(values)
    if validation is not None:
        events.add("train", "validation", step=values["step"], loss=validation, total_steps=total)
        events.log(f"step {values['step']}/{total}  validation loss {validation:.4f}")
    if not values:
        events.add("train", "told", level=event.level, message=event.message)
        (events.say if event.level == "error" else events.log)(f"the service tells: {event.message}")


def _validation(values: dict[str, Any]) -> float | None:
    """The validation loss of an event: of all validation examples, else of the batch that was looked at."""
    found = values.get("full_validation_loss", values.get("validation_loss"))
    return found if "step" in values else None


def _metrics(job: Run, ended: Job, checkpoints: list[dict[str, JSON]], cost: float | None) -> dict[str, JSON]:
    """The curve of the job, in the form that a training here writes, and what was asked for. cost: as estimated."""
    folder, options = job.path / FOLDER, job.recipe.hosted
    rows = files.whole_lines(folder / "events.jsonl")
    told = {row["values"]["step"]: row["values"] for row in rows if "step" in row["values"]}
    steps = [told[step] for step in sorted(told)]
    checked = files.read_json(folder / "check.json")["files"]
    return {
        "steps": [
            {name: values[name] for name in ("step", "loss", "accuracy") if name in values}
            for values in steps
            if "loss" in values
        ],
        "validations": [
            {"step": values["step"], "loss": loss} for values in steps if (loss := _validation(values)) is not None
        ],
        "total_steps": max((values.get("total_steps") or values["step"] for values in steps), default=None),
        "total_seconds": rows[-1]["time"] - rows[0]["time"] if rows else None,
        "examples": checked[0]["examples"] if checked else None,
        "hosted": {
            "provider": options.provider,
            "job": ended.id,
            "model": ended.tuned,
            "epochs": ended.epochs or options.epochs,
            "batch_size": options.batch_size,
            "learning_rate_multiplier": options.learning_rate_multiplier,
            "billed_tokens": ended.trained_tokens,
            "estimated_cost": cost,
            "checkpoints": checkpoints,
        },
    }


# ---------------------------------------------------------------- afterwards


def system(job: Run, cell: Cell, task: Task) -> System:
    """The system of a cell: the provider's model as it is, or the run's tuned one."""
    from tunewright.hosted._system import HostedSystem

    recipe, options = job.recipe, job.recipe.hosted
    model = tuned_model(job) if cell.system == "tuned" else base_model(recipe)
    rows = files.whole_lines(cell.predictions.with_suffix(".part.jsonl"))
    stand = {row["id"] for row in rows if row["finish"] != "error"}
    return HostedSystem(
        cell.system,
        provider_of(recipe),
        model,
        task,
        max_tokens=recipe.decode.max_new_tokens,
        seed=recipe.seed % 2**31,
        concurrency=options.concurrency,
        answered=next((one for one in answer.examples(job, cell) if one.id in stand), None) if stand else None,
    )


def tuned_model(job: Run) -> str:
    """What the run's tuned model is called at its provider. Raises DataError where it has none yet."""
    return job.recipe.hosted.deployments.get("tuned") or str(job.manifest(TUNED)["hosted"]["model"])


def base_model(recipe: Recipe) -> str:
    """What the untuned model is called at its provider."""
    return recipe.hosted.deployments.get("base") or recipe.model


def write(
    job: Run,
    model: str | None,
    prompts: Sequence[Sequence[Message]],
    numbers: Sequence[int],
    drawing: Mapping[str, Any],
) -> Iterator[tuple[int, Reply]]:
    """Texts of a model of the run's provider, one for each prompt, as they come, each with the place of its prompt.

    model: None for the run's tuned one, `base`, or a name of the provider's. numbers: what each is drawn by, with the
    seed. drawing: temperature and top_p; a provider knows nothing else.
    """
    from tunewright.hosted._system import drawn

    recipe = job.recipe
    return drawn(
        provider_of(recipe),
        tuned_model(job) if model is None else base_model(recipe) if model == "base" else model,
        prompts,
        seeds=[number_of(f"{recipe.seed} {number}") % 2**31 for number in numbers],
        max_tokens=recipe.generate.max_new_tokens,
        temperature=drawing["temperature"],
        top_p=drawing["top_p"],
        concurrency=recipe.hosted.concurrency,
    )


def look(job: Run, *, cancel: bool = False) -> dict[str, JSON]:
    """How the job of a run is now, by its provider; nothing is written. cancel: end it first.

    Returns {"run", "provider", "model", "job", "state", "said", "tuned", "error", "events", "checkpoints"}. Raises
    RunError where the run has no job.
    """
    folder = job.path / FOLDER
    record = Record(folder)
    key, training = record.get("key"), record.get("train")
    if job.recipe.hosted.provider is None or key is None or training is None:
        raise RunError(
            "has no hosted job", where=str(job.path), hint="a recipe with `hosted:`, and tunewright run … --yes"
        )
    provider = provider_of(job.recipe)
    found = record.job or provider.resume(key, training["id"])
    if found is None:
        raise RunError("its job has not begun", where=str(job.path), hint=f"tunewright run {job.path}")
    if cancel:
        provider.cancel(found.id)
    state, events = provider.watch(found.id, None)
    checkpoints = folder / "checkpoints.json"
    return {
        "run": str(job.path),
        "provider": job.recipe.hosted.provider,
        "model": job.recipe.model,
        "job": state.id,
        "state": state.state,
        "said": SAID[state.state],
        "tuned": state.tuned,
        "error": state.error,
        "events": [event.to_row() for event in events],
        "checkpoints": files.read_json(checkpoints) if checkpoints.is_file() else [],
    }
