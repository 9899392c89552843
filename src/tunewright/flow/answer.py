"""Every system answers every set of documents, part by part, and is scored.

A cell is one system under one decoding on one set: base/free on test. Answers are appended in parts to a file that
is renamed when it is whole; a run that was killed goes on after the last whole part, with the same batches as ever;
where a provider answers, after the last answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from tunewright.core import catalogue, files, meter
from tunewright.core.contracts import System, Task
from tunewright.core.errors import RunError
from tunewright.core.events import Events
from tunewright.core.recipe import MODEL_FREE, TEXT_TASKS, UNSCORED_TASKS, Recipe
from tunewright.core.records import Example, Prediction, Record
from tunewright.core.run import Run
from tunewright.flow import examine, likelihood, prepared
from tunewright.flow.outcome import TEST, main_cell

if TYPE_CHECKING:
    from tunewright.data.leakage import Overlap
    from tunewright.decode.system import Decoding


class Teller(Protocol):
    """Who hears how answering goes on: `Events`, or what stands for it in another process."""

    progress: Any

    def add(self, stage: str, event: str, **values: Any) -> None: ...
    def say(self, text: str) -> None: ...


QUICK_BYTES = 1 << 26
"""Size of a file up to which its checksum is looked at whenever it is used; that takes less than loading it."""

CARD = "README.md"
"""The model card beside the weights: the report writes it again, and nothing reads it."""

BATCHES = 4
"""Batches in a part: a part is what a kill can cost."""


@dataclass(frozen=True)
class Cell:
    """One system under one decoding on one set ("test" or an exam) of a run."""

    run: Path
    system: str
    decoding: str
    on: str = TEST

    @property
    def name(self) -> str:
        return f"{self.system}/{self.decoding}"

    @property
    def folder(self) -> Path:
        below = self.run / "systems" / self.system
        return below if self.on == TEST else below / "exams" / self.on

    @property
    def predictions(self) -> Path:
        return self.folder / f"predictions-{self.decoding}.jsonl"

    @property
    def scores(self) -> Path:
        return self.folder / f"scores-{self.decoding}.json"


def cells(job: Run) -> list[Cell]:
    """All cells of a run in the order they are answered: what shares weights stands together. None where the task's
    answers have no right one.
    """
    if job.recipe.task.name in UNSCORED_TASKS:
        return []
    asked = [name for name in (*MODEL_FREE, "base", "few-shot", "tuned") if name in job.recipe.evaluate.systems]
    return [
        Cell(job.path, system, decoding, on)
        for system in asked
        for decoding in decodings(job.recipe, system)
        for on in (TEST, *exams(job))
        if on == TEST or decoding == on_exams(job.recipe, system)
    ]


def on_exams(recipe: Recipe, system: str) -> str:
    """How a system answers exams: the one that the run is about as it is used, the others free."""
    chief, decoding = main_cell(recipe).split("/")
    return decoding if system == chief else "free"


def decodings(recipe: Recipe, system: str) -> tuple[str, ...]:
    """How a system answers: one without a model in one way only, models also drawn again, or under the grammar."""
    if system in MODEL_FREE:
        return ("free",)
    wanted = {"progressive": bool(recipe.decode.retry_temperatures), "grammar": recipe.grammar}
    return ("free", *(name for name, asked in wanted.items() if asked))


def exams(job: Run) -> list[str]:
    """The exams of the recipe whose documents stand in the run folder."""
    return [name for name in job.recipe.evaluate.exams if (job.path / "exams" / f"{name}.jsonl").is_file()]


def finished(job: Run) -> list[Cell]:
    """The cells that are answered and scored."""
    return [cell for cell in cells(job) if cell.scores.is_file() and cell.predictions.is_file()]


def documents(job: Run, cell: Cell) -> list[Record]:
    """What a cell answers: the tuned system's chief decoding all of the test documents, the others a fixed sample."""
    from tunewright.evals.sampling import sample

    found = prepared.records(job, cell.on)
    if cell.on != TEST or cell.name == main_cell(job.recipe):
        return found
    return sample(found, job.recipe.evaluate.sample, seed=job.recipe.seed)


def evaluate(job: Run, events: Events, *, data: Path | str | None = None) -> None:
    """Answer and score every cell that is not. Exams that were not there before are taken when they are now.

    Raises RunError where the data, or the tuned model that the recipe asks for, is not finished.
    """
    if not job.done("data"):
        raise RunError("its data is not prepared", where=str(job.path), hint=f"tunewright prepare {job.path}")
    examine.take(job, events, data=data)
    waiting = [cell for cell in cells(job) if not whole(cell)]
    if waiting:
        warn_of_overlap(job, events)
    counts = {cell: len(documents(job, cell)) for cell in waiting}
    for cell in waiting:
        if not counts[cell]:
            raise RunError(f"there are no documents of '{cell.on}' to answer", where=str(job.path))
    models = Models(job)
    for cell, measured in _answered(job, models, waiting, counts, events):
        answers = [Prediction.from_row(row) for row in files.read_lines(cell.predictions)]
        score_cell(job, cell, examples(job, cell), answers, measured, events)
    likelihood.measure(job, models, events)
    if not job.done("systems"):
        job.finish("systems", {"cells": [f"{cell.name} on {cell.on}" for cell in cells(job)], "exams": exams(job)})


def whole(cell: Cell) -> bool:
    """Whether a cell is answered and scored, by the metrics of one's own (`--code`) that are known now as well."""
    if not (cell.scores.is_file() and cell.predictions.is_file()):
        return False
    own = {path.stem for kind, path in catalogue.own() if kind == "metric"}
    return not own or own <= set(files.read_json(cell.scores).get("measured", ()))


def _answered(
    job: Run, models: Models, waiting: Sequence[Cell], counts: dict[Cell, int], events: Events
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Cells as they come to be answered: by this process, or several side by side where that is faster."""
    from tunewright.flow import workers

    modelled = [cell for cell in waiting if cell.system not in MODEL_FREE and not cell.predictions.is_file()]
    if job.recipe.hosted.provider is not None:
        modelled = []  # nothing is computed here
    if modelled:
        note_machine(job)
    many = workers.useful(job, [counts[cell] for cell in modelled]) if modelled else 1
    if many == 1:
        modelled = []
    for cell in waiting:
        if cell not in modelled:
            done = cell.predictions.is_file()
            yield cell, models.cost(cell) if done else write_answers(job, cell, models, events)
    if modelled:
        yield from workers.answered(job, modelled, [counts[cell] for cell in modelled], many, events)


def examples(job: Run, cell: Cell) -> list[Example]:
    """A cell's documents as its system meets them; few-shot with records of train before each."""
    task: Task = prepared.task_of(job, cell.on)
    found = documents(job, cell)
    if cell.system != "few-shot":
        return [task.example(record) for record in found]
    shots = prepared.Shots(prepared.records(job, "train"), job.recipe.evaluate.shots)
    return [task.example(record, shots.of(record)) for record in found]


def write_answers(job: Run, cell: Cell, models: Models, events: Teller) -> dict[str, Any]:
    """Append a cell's answers part by part, then give the file its name. Returns what was measured on the way."""
    system, asked, size = models.system(cell), examples(job, cell), job.recipe.decode.batch_size * BATCHES
    partial = cell.predictions.with_suffix(".part.jsonl")
    partial.parent.mkdir(parents=True, exist_ok=True)
    # Answers of a provider hang on nothing but what was asked, and cost money: all of them stand.
    alone = job.recipe.hosted.provider is not None
    done = _resume(partial, [example.id for example in asked], 1 if alone else size)
    if done:
        events.say(f"{cell.name} on {cell.on}: goes on after {done} of {len(asked)} answers")
    events.add("evaluate", "cell", system=cell.system, decoding=cell.decoding, on=cell.on, n=len(asked), done=done)
    if events.progress is not None:
        events.progress.start(f"{cell.name} on {cell.on}", len(asked), unit="documents", done=done)
    failures, cut = 0, 0
    with meter.Meter() as spent, open(partial, "a", encoding="utf-8", newline="\n") as file:
        for start in range(done, len(asked), size):
            part = asked[start : start + size]
            expected, names = [example.id for example in part], list[str]()
            for prediction in system.predict(part):
                names.append(prediction.id)
                if names != expected[: len(names)]:
                    break
                file.write(files.line(prediction.to_row()))
                if alone:
                    file.flush()
                failures += prediction.failure is not None
                cut += prediction.cut > 0
                if events.progress is not None:
                    events.progress.update(start + len(names), failures=failures or None)
            if names != expected:
                raise RunError(f"the system {cell.name} did not answer the documents it was asked, in their order")
            file.flush()
            os.fsync(file.fileno())
    if cut:
        how = job.recipe.train.over_length
        events.say(f"{cell.name} on {cell.on}: {cut} documents were too long and were cut (train.over_length: {how})")
    os.replace(partial, cell.predictions)
    files.sync_folder(cell.predictions.parent)
    events.add("evaluate", "answered", system=cell.system, decoding=cell.decoding, on=cell.on, seconds=spent.seconds)
    return {"peak_memory_bytes": spent.peak_bytes} | models.cost(cell)


def _resume(partial: Path, wanted: Sequence[str], size: int) -> int:
    """How many answers of a partial file stand: whole parts of the very documents asked for. Cuts off the rest."""
    kept = files.whole_lines(partial)
    matching = 0
    for row, name in zip(kept, wanted, strict=False):
        if not isinstance(row, dict) or row.get("id") != name:
            break
        matching += 1
    done = matching if matching == len(wanted) else matching - matching % size
    files.write_text(partial, "".join(files.line(row) for row in kept[:done]))
    return done


def score_cell(
    job: Run,
    cell: Cell,
    asked: Sequence[Example],
    answers: Sequence[Prediction],
    cost: dict[str, Any],
    events: Events,
) -> None:
    """Write the scores of a cell's answers, and a table of them for people. cost: what was measured beside them."""
    from tunewright.evals.score import score
    from tunewright.evals.sheet import sheet
    from tunewright.evals.table import paired_by_id

    scores = score(asked, answers, options=job.recipe.evaluate, **job.recipe.draw)
    of = len(prepared.records(job, cell.on))
    head = {"system": cell.system, "decoding": cell.decoding, "on": cell.on, "of": of}
    head["sample"] = "all" if len(asked) == of else "stratified"
    head["measured"] = catalogue.names("metric")
    files.write_text(cell.predictions.with_suffix(".csv"), sheet(paired_by_id(asked, answers)))
    files.write_json(cell.scores, head | scores | {"cost": scores["cost"] | cost})
    shown = {name: round(metric["value"], 6) for name, metric in scores["metrics"].items()}
    events.add("evaluate", "scored", system=cell.system, decoding=cell.decoding, on=cell.on, n=scores["n"], **shown)
    first = next(iter(name for name in ("token_f1", "exact_match", "rouge_l") if name in shown), None)
    said = f", {first.replace('_', ' ')} {100 * shown[first]:.1f} %" if first else ""
    events.say(f"{cell.name} on {cell.on}: {scores['n']} documents{said}")


class Models:
    """The weights that cells need, one model in memory at a time."""

    def __init__(self, job: Run):
        self.job = job
        self._name: str | None = None
        self._loaded: Any = None

    def system(self, cell: Cell) -> System:
        """The system of a cell, its weights loaded."""
        if cell.system == "rules":
            from tunewright.evals.rules import Rules

            return Rules()
        if cell.system == "classical":
            from tunewright.evals.classical import Classical
            from tunewright.evals.retrieval import Retrieval

            task = prepared.task_of(self.job)
            written = (one for one in prepared.records(self.job, "train") if "made" not in one.provenance)
            known = [task.example(record) for record in written]
            return Retrieval(known) if self.job.recipe.task.name in TEXT_TASKS else Classical(known)
        job = self.job
        task = prepared.task_of(job, cell.on)
        if job.recipe.hosted.provider is not None:
            from tunewright.flow import hosted

            return hosted.system(job, cell, task)
        from tunewright.decode.system import LocalSystem

        return LocalSystem(
            cell.system,
            self.loaded(cell.system),
            task,
            decoding=cast("Decoding", cell.decoding),
            options=job.recipe.decode,
            **prepared.length_of(job),
        )

    def loaded(self, system: str) -> Any:
        """The model of a system; what was loaded before is let go first."""
        name = "tuned" if system == "tuned" else "base"
        if self._name != name:
            self._loaded = None
            if name == "base":
                self._loaded = load_base(self.job.recipe)
            else:
                check_weights(self.job, thorough=True)
                self._loaded = load_tuned(self.job)
            self._name = name
        return self._loaded

    def cost(self, cell: Cell) -> dict[str, Any]:
        """Sizes on disk and in memory of what a cell answers with."""
        if cell.system in MODEL_FREE:
            return {"model_bytes": 0, "adapter_bytes": 0}
        if self.job.recipe.hosted.provider is not None:
            return {}
        adapter = self.job.path / "systems" / "tuned" / "adapter"
        tuned = cell.system == "tuned"
        return {
            "model_bytes": self.loaded(cell.system).bytes,
            "adapter_bytes": files.folder_bytes(adapter) if tuned else 0,
        }


def load_base(recipe: Recipe, *, adapter: Path | None = None) -> Any:
    """The model that a recipe begins with, with an adapter on it or without, as training has its weights: in 4 bits
    where they are frozen so. A processor takes these written out, the same numbers. So base and tuned differ by what
    was learnt and by nothing else.
    """
    import torch

    from tunewright.models.load import load

    return load(
        recipe.model,
        adapter=adapter,
        quantisation=recipe.method.quantisation,
        keep_4bit=torch.cuda.is_available(),
    )


def load_tuned(job: Run) -> Any:
    """The run's tuned model. Raises RunError where it has none yet."""
    from tunewright.models.load import load

    folder = job.path / "systems" / "tuned"
    if job.folds:
        raise RunError(
            "is a cross-validation: its models are for measuring, each without a part of the records",
            where=str(job.path),
            hint=f"a run of one split: tunewright run {job.path / 'recipe.yaml'} --set evaluate.folds=0 "
            f"--runs {job.path.parent} --name {job.name}-model",
        )
    if job.recipe.hosted.provider is not None:
        raise RunError(f"its tuned model stands at {job.recipe.hosted.provider}, not here", where=str(job.path))
    if not job.done("systems/tuned"):
        raise RunError("its model is not trained", where=str(job.path), hint=f"tunewright train {job.path}")
    check_weights(job)
    if (folder / "model" / "config.json").is_file():
        return load(str(folder / "model"))
    return load_base(job.recipe, adapter=folder / "adapter")


def check_weights(job: Run, *, thorough: bool = False) -> None:
    """Raises RunError where the run's tuned weights are not, byte for byte, the ones that training left.

    thorough: read files of any size; otherwise the large ones are told by their size alone.
    """
    fault = job.altered("systems/tuned", up_to=None if thorough else QUICK_BYTES, but=CARD)
    if fault is not None:
        manifest = job.path / "systems" / "tuned" / "manifest.json"
        raise RunError(
            f"its tuned weights are damaged: {fault}",
            where=str(job.path),
            hint=f"remove {manifest}, then `tunewright train {job.path}` writes them again from the last checkpoint",
        )


def note_machine(job: Run) -> None:
    """Put what computes into lock.json: device, threads, whether bf16 is used."""
    import torch

    from tunewright.models.load import best_dtype

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    job.note(device=device, threads=torch.get_num_threads(), dtype=str(best_dtype()).removeprefix("torch."))


def warn_of_overlap(job: Run, events: Events) -> None:
    """Say where documents of test or an exam share text with what an embedded model was pretrained on."""
    if job.recipe.hosted.provider is not None:
        return
    for on in (TEST, *exams(job)):
        found = pretraining_overlap(job.recipe.model, prepared.records(job, on))
        if found is None:
            return
        events.add("evaluate", "pretraining overlap", on=on, **found.to_row())
        if found.hits:
            events.say(
                f"warning: at least {len(found.hits)} of {found.records} documents of {on} share text with what "
                f"{job.recipe.model} was pretrained on"
            )


def pretraining_overlap(model: str, found: Sequence[Record]) -> Overlap | None:
    """Which records share text with what an embedded model was pretrained on; None for a model that does not tell.

    A lower bound: a version's manifest does not reach back to the first of its ancestors.
    """
    from tunewright.data import leakage
    from tunewright.models.embedded import is_embedded
    from tunewright.models.load import locate

    manifest = locate(model) / "pretraining.manifest" if is_embedded(model) else None
    return leakage.overlap(found, manifest) if manifest is not None and manifest.is_file() else None
