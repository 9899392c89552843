"""What models find likely, beside what they write: bits per byte, ranking, general text, and the recipe's own prompts.

    systems/<base or tuned>/likelihood.jsonl  ranking.jsonl  general.json  prompts.jsonl
    systems/words/ranking.jsonl               the ranker that knows words only

All is measured on the documents of the recipe's sample, each file written whole; `compare` makes scores of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import files
from tunewright.core.errors import UsageError
from tunewright.core.events import Events
from tunewright.core.recipe import Recipe
from tunewright.core.records import Example, Record
from tunewright.core.run import Run
from tunewright.flow import prepared
from tunewright.flow.outcome import TEST

if TYPE_CHECKING:
    from tunewright.evals.ranking import Choice
    from tunewright.flow.answer import Models

SYSTEMS = ("tuned", "base")
"""Whose likelihoods are measured: those that the recipe evaluates."""

WORDS = "words"


def wanted(recipe: Recipe) -> list[str]:
    """Names of the files that a recipe asks of every system that is measured."""
    asked = recipe.evaluate
    names = {"likelihood.jsonl": recipe.likelihood, "general.json": asked.likelihood}
    names |= {"ranking.jsonl": asked.ranking.distractors > 0, "prompts.jsonl": bool(asked.prompts)}
    return [name for name, wished in names.items() if wished]


def measured(recipe: Recipe) -> list[str]:
    """The systems that are measured."""
    return [system for system in SYSTEMS if system in recipe.evaluate.systems]


def present(job: Run) -> list[Path]:
    """The files that stand, in a fixed order."""
    folders = [job.path / "systems" / name for name in (*measured(job.recipe), WORDS)]
    return [path for folder in folders for name in wanted(job.recipe) if (path := folder / name).is_file()]


def measure(job: Run, models: Models, events: Events) -> None:
    """Write every file that the recipe asks for and that is not there; no ranking where nothing can be ranked."""
    names = wanted(job.recipe)
    asked = _choices(job) if "ranking.jsonl" in names else []
    if not asked and "ranking.jsonl" in names:
        names.remove("ranking.jsonl")
    if asked and not (path := job.path / "systems" / WORDS / "ranking.jsonl").is_file():
        from tunewright.evals import ranking

        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_lines(path, ranking.by_words(asked, prepared.records(job, "train")))
    for system in measured(job.recipe):
        folder = job.path / "systems" / system
        for name in names:
            if not (folder / name).is_file():
                folder.mkdir(parents=True, exist_ok=True)
                _measure(job, folder / name, models.loaded(system), asked)
                events.add("evaluate", "measured", system=system, file=name)
                events.say(f"{system}: {SAID[name]}")


SAID = {
    "likelihood.jsonl": "bits per byte of the right answers measured",
    "general.json": "bits per byte of general text measured",
    "ranking.jsonl": "right answers ranked among others of their subjects",
    "prompts.jsonl": "the recipe's prompts answered",
}


def _measure(job: Run, path: Path, loaded: Any, asked: Sequence[Choice]) -> None:
    from tunewright.evals import forgetting, likelihood, ranking

    task, length = prepared.task_of(job), prepared.length_of(job)
    match path.name:
        case "likelihood.jsonl":
            files.write_lines(path, likelihood.measure(loaded, sampled(job), **length))
        case "general.json":
            files.write_json(path, forgetting.measure(loaded, job.recipe.model))
        case "ranking.jsonl":
            files.write_lines(path, ranking.measure(loaded, task, asked, **length))
        case "prompts.jsonl":
            from tunewright.decode.system import LocalSystem

            system = LocalSystem(path.parent.name, loaded, task, options=job.recipe.decode, **length)
            records = [Record(f"prompt-{i}", text) for i, text in enumerate(job.recipe.evaluate.prompts, 1)]
            replies = system.predict([task.example(record) for record in records])
            files.write_lines(
                path,
                (
                    {"prompt": record.text, "reply": reply.text, "finish": reply.finish}
                    for record, reply in zip(records, replies, strict=True)
                ),
            )


def sampled(job: Run) -> list[Example]:
    """The test documents that are measured: the sample that every cell but the chief one answers."""
    from tunewright.evals.sampling import sample

    task = prepared.task_of(job)
    found = sample(prepared.records(job, TEST), job.recipe.evaluate.sample, seed=job.recipe.seed)
    return [task.example(record) for record in found]


def foretell(job: Run, events: Events) -> None:
    """Say before anything is trained where no answers of test can be ranked among others.

    Raises UsageError where the recipe names a column for it, and none of it comes.
    """
    options = job.recipe.evaluate.ranking
    if not options.distractors or _choices(job):
        return
    reason = "no question of test has another about the same subject to be ranked with"
    if options.subject is not None:
        raise UsageError(
            reason,
            where=str(job.path / "data" / "test.jsonl"),
            hint=f"is '{options.subject}' the column that makes a subject (evaluate.ranking.subject)? "
            "evaluate.ranking.distractors=0 does without",
        )
    events.say(
        f"warning: {reason}: evaluate.ranking is left out. evaluate.ranking.subject names a column that makes subjects"
    )


def _choices(job: Run) -> list[Choice]:
    """The questions that are ranked: a sample of those of test that others stand beside."""
    from tunewright.evals import ranking
    from tunewright.evals.sampling import sample

    options = job.recipe.evaluate.ranking
    found = ranking.choices(prepared.records(job, TEST), options.distractors, options.subject)
    by_id = {one.record.id: one for one in found}
    chosen = sample([one.record for one in found], job.recipe.evaluate.sample, seed=job.recipe.seed)
    return [by_id[record.id] for record in chosen]


def pool(job: Run, folds: Sequence[Run]) -> None:
    """Put together what the folds of a cross-validation measured; general text is told by each fold alone."""
    for system in (*measured(job.recipe), WORDS):
        for name in ("likelihood.jsonl", "ranking.jsonl"):
            parts = [fold.path / "systems" / system / name for fold in folds]
            if all(part.is_file() for part in parts):
                path = job.path / "systems" / system / name
                path.parent.mkdir(parents=True, exist_ok=True)
                files.write_lines(path, (row for part in parts for row in files.read_lines(part)))


def compare(job: Run) -> dict[str, Any]:
    """The scores and differences of all that was measured: {"likelihood", "general", "ranking"}, each where it was."""
    from tunewright.evals import forgetting, likelihood, ranking

    options, found = job.recipe.evaluate, dict[str, Any]()
    draw = job.recipe.draw
    parts = [Run.open(path) for path in job.folds] or [job]

    def rows(name: str) -> dict[str, list[Any]]:
        paths = {system: job.path / "systems" / system / name for system in reversed(SYSTEMS)}
        return {system: list(files.read_lines(path)) for system, path in paths.items() if path.is_file()}

    if job.recipe.likelihood and (measured := rows("likelihood.jsonl")):
        general = [job.path / "systems" / system / "general.json" for system in ("base", "tuned")]
        if all(path.is_file() for path in general):
            before, after = (files.read_json(path) for path in general)
            found["general"] = {name: forgetting.compare(before[name], after[name], **draw) for name in before}
        asked = [example for part in parts for example in sampled(part)]
        beside = list(found.get("general", {}).values())
        found["likelihood"] = likelihood.compare(asked, measured, pair=("base", "tuned"), beside=beside, **draw)
    words = job.path / "systems" / WORDS / "ranking.jsonl"
    if options.ranking.distractors and words.is_file() and (measured := rows("ranking.jsonl")):
        task = prepared.task_of(job)
        asked = [task.example(one.record) for part in parts for one in _choices(part)]
        found["ranking"] = ranking.compare(asked, measured, list(files.read_lines(words)), **draw)
        found["ranking"]["subject"] = options.ranking.subject
        found["ranking"]["distractors"] = options.ranking.distractors
    return found
