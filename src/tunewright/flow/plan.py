"""The dry run: what a job would take on this machine. Writes nothing and loads no weights.

Counts (records, tokens, steps, parameters) are exact or measured on a sample of the data. Times and memory come from
a rough model: how fast this machine multiplies matrices of the model's width, times the work of each stage; they are
within a factor of two or so, not a promise.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewright.core import meter
from tunewright.core.errors import TunewrightError
from tunewright.core.recipe import Recipe
from tunewright.core.records import Example
from tunewright.core.run import Run, changes, place
from tunewright.flow import folds, prepare
from tunewright.flow.job import settled
from tunewright.flow.outcome import STAGES, complete, main_cell
from tunewright.text.serialise import dumps

SAMPLE = 64
"""Examples that are tokenised to learn how long they are."""

EFFICIENCY = 0.35
"""Share of the matrix speed that a whole training step reaches: attention, norms, the optimiser take the rest."""

LAYER_SECONDS = 5e-4
"""Time of one layer in one decoding pass beside its matrices, on a processor."""

KEPT = 2.6
"""Memory of the way back, as a multiple of what enters and leaves the matrices (measured on Wren: full and LoRA)."""

FLOOR_BYTES = 700_000_000
"""Memory of Python, torch and the data before any model."""


@dataclass(frozen=True)
class Plan:
    """What a job takes. seconds: by stage, of those that are not done. longest: tokens of the longest example seen.

    trainings: one, or one a fold of a cross-validation; records, steps and trained_examples are then those of one
    fold, answers and seconds those of all.
    """

    run: Path
    exists: bool
    done: tuple[str, ...]
    records: dict[str, int]
    prompt_tokens: float
    reply_tokens: float
    longest: int
    parameters: int
    trainable_parameters: int
    steps: int
    trained_examples: int
    answers: dict[str, int]
    seconds: dict[str, float]
    disk_bytes: int
    memory_bytes: int
    free_memory_bytes: int
    free_disk_bytes: int
    trainings: int = 1
    warnings: list[str] = field(default_factory=list)

    def to_row(self) -> dict[str, Any]:
        names = [name for name in self.__dataclass_fields__ if name not in ("run", "done")]
        return {"run": str(self.run), "done": list(self.done)} | {name: getattr(self, name) for name in names}

    def text(self) -> str:
        """The plan in words."""
        state = f"goes on; done: {', '.join(self.done) or 'nothing'}" if self.exists else "new"
        folded = self.trainings > 1
        many = f"{self.trainings} trainings, one a fold, each of " if folded else ""
        rows = [
            ("run", f"{self.run} ({state})"),
            ("records", ", ".join(f"{count:,} {name}" for name, count in self.records.items()) + (" a fold" * folded)),
            ("tokens", f"{self.prompt_tokens:.0f} prompt + {self.reply_tokens:.0f} reply, longest {self.longest:,}"),
            ("parameters", f"{self.parameters:,}, of them trained {self.trainable_parameters:,}"),
            ("training", f"{many}{self.steps:,} steps over {self.trained_examples:,} examples"),
            ("answers", f"{sum(self.answers.values()):,} by {len(self.answers)} systems"),
            (
                "time",
                ", ".join(f"{name} {meter.clock(each)}" for name, each in self.seconds.items()) or "nothing to do",
            ),
            ("", f"{meter.clock(sum(self.seconds.values()))} in all, give or take a factor of two"),
            ("memory", f"{meter.size(self.memory_bytes)} (free: {meter.size(self.free_memory_bytes)})"),
            ("disk", f"{meter.size(self.disk_bytes)} (free: {meter.size(self.free_disk_bytes)})"),
        ]
        lines = [f"{name:<10}  {value}" for name, value in rows]
        return "\n".join([*lines, *(f"warning: {each}" for each in self.warnings), "", "Nothing was written."])


def plan(recipe: Recipe, *, runs: Path | str = "runs", name: str | None = None, data: Path | str | None = None) -> Plan:
    """What the job of a recipe would take below the folder `runs`.

    Raises what the job itself would raise on its way to the model: a missing data set, a model that is not there.
    """
    recipe = settled(recipe)
    folds.check(recipe)
    path = place(runs, recipe, name=name)
    exists = changes(path, recipe) is not None
    done = tuple(stage for stage in STAGES if exists and complete(Run.open(path), stage))
    counts, sample, row_bytes, warnings, exams = _data(recipe, path if "data" in done else None, data)
    shape = _Shape.of(recipe.model)
    prompts, replies = shape.lengths(sample)
    prompt_tokens, reply_tokens = (sum(each) / max(1, len(each)) for each in (prompts, replies))
    longest = max((p + r for p, r in zip(prompts, replies, strict=True)), default=0)
    if longest > recipe.train.max_length:
        warnings.append(
            f"examples reach {longest:,} tokens, train.max_length is {recipe.train.max_length:,} "
            f"(train.over_length: {recipe.train.over_length})"
        )
    tuned = "tuned" in recipe.evaluate.systems
    trainable = shape.trainable(recipe) if tuned else 0
    options = recipe.train
    batch = options.batch_size * options.gradient_accumulation_steps
    steps = (
        math.ceil(counts["train"] / batch * options.num_train_epochs) if options.max_steps < 1 else options.max_steps
    )
    steps = steps if tuned else 0
    trained = steps * batch
    trainings = recipe.evaluate.folds or 1
    answers = {cell: trainings * count for cell, count in _answers(recipe, counts["test"], exams).items()}

    speed = shape.speed()
    work = 6 if recipe.method.name == "full" else 4
    tokens = prompt_tokens + reply_tokens
    sharing = options.share_prefix and recipe.method.lora_dropout == 0 and options.neftune_noise_alpha == 0
    shared = shape.shared(sample) * (1 - 1 / options.batch_size) if sharing else 0.0
    seconds = {
        "data": 2
        + (sum(counts.values()) / 1500 if recipe.data.source.startswith("synth:") else sum(counts.values()) / 5000),
        "train": (5 + trained * (tokens - shared) * work * shape.body / (speed * EFFICIENCY)) if tuned else 0,
        "evaluate": 5
        + sum(
            0.005 * count
            if cell.startswith("rules")
            else shape.answering(count, cell, recipe, prompt_tokens, reply_tokens, speed)
            for cell, count in answers.items()
        ),
        "compare": 5.0,
        "report": 5.0,
    }
    for stage in ("data", "train"):
        seconds[stage] *= trainings
    adapter = trainable * 4
    disk = trainings * (row_bytes * sum(counts.values()) * 3 + adapter * (1 + 4 * options.save_total_limit))
    disk += sum(answers.values()) * 600 + 2_000_000
    # The longest batch decides: what every matrix reads and writes is kept for the way back, and logits three times.
    kept = 4 * KEPT * sum(a + b for a, b in shape.linears.values())
    rows = options.batch_size
    activations = rows * ((longest - shared) * kept + max(replies, default=0) * shape.vocabulary * 12)
    memory = FLOOR_BYTES + shape.parameters * 4 + trainable * 16 + int(activations)
    free_memory, free_disk = meter.free_memory(), _free_disk(path)
    if memory > free_memory:
        warnings.append("this may not fit into memory; a smaller train.per_device_train_batch_size needs less")
    if disk > free_disk:
        warnings.append("this does not fit onto the disk")
    return Plan(
        run=path,
        exists=exists,
        done=done,
        records=counts,
        prompt_tokens=round(prompt_tokens, 1),
        reply_tokens=round(reply_tokens, 1),
        longest=longest,
        parameters=shape.parameters,
        trainable_parameters=trainable,
        steps=steps,
        trained_examples=trained,
        answers=answers,
        seconds={stage: round(each, 1) for stage, each in seconds.items() if stage not in done and each},
        disk_bytes=int(disk),
        memory_bytes=int(memory),
        free_memory_bytes=free_memory,
        free_disk_bytes=free_disk,
        trainings=trainings,
        warnings=warnings,
    )


def _data(
    recipe: Recipe, prepared: Path | None, data: Path | str | None
) -> tuple[dict[str, int], list[Example], float, list[str], dict[str, int]]:
    """Counts, a sample of examples, bytes a row, warnings and exam sizes: from the run, or by looking at the source.

    Of a cross-validation the counts are those of the fold that trains on most.
    """
    from tunewright.core import files
    from tunewright.data import sources, split

    options = recipe.data
    warnings: list[str] = []
    if prepared is not None:
        job = max(folds.of(Run.open(prepared)) or [Run.open(prepared)], key=_trained_on)
        counts = {name: job.manifest("data")["counts"][name] for name in prepare.SPLITS}
        records = prepare.records(job, "train")
        schemas = files.read_json(job.path / "data" / "schemas.json")
    elif options.source.startswith("synth:"):
        # What is synthesised is known without doing it; a few documents show how long they are.
        few = options.model_copy(update={"documents": 2 * SAMPLE, "test_documents": SAMPLE // 2, "workers": 1})
        found = sources.load(options.source, few, seed=recipe.seed, folder=data, sample=options.sample)
        records, schemas = found.records, found.schemas
        train, test = options.synthetic
        validation = min(options.validation_documents, train // 5)
        counts = {"train": train - validation, "validation": validation, "test": test}
    else:
        found = sources.load(options.source, options, seed=recipe.seed, folder=data, sample=options.sample)
        if recipe.evaluate.folds:
            dealt = split.folds(found.records, recipe.evaluate.folds, options, recipe.seed)
            parts = max(dealt, key=lambda each: len(each.train))
        else:
            parts = split.split(found.records, options, recipe.seed)
        counts = {name: len(getattr(parts, name)) for name in prepare.SPLITS}
        records, schemas = parts.train, found.schemas
        if found.rejected:
            warnings.append(f"{len(found.rejected)} rows cannot be used and would be set aside")
    row_bytes = sum(len(files.line(each.to_row()).encode()) for each in records[:500]) / max(1, len(records[:500]))
    task = prepare.make_task(recipe.task, schemas)
    step = max(1, len(records) // SAMPLE)
    sample = [task.example(record) for record in records[::step][:SAMPLE]]
    exams: dict[str, int] = {}
    if recipe.evaluate.folds and recipe.evaluate.exams:
        warnings.append(f"exams are taken by one model, not by folds: {', '.join(recipe.evaluate.exams)}")
        return counts, sample, row_bytes, warnings, exams
    for name in recipe.evaluate.exams:
        if name in sources.named_sets(data):
            from tunewright.core.recipe import DataOptions

            exams[name] = len(sources.load(name, DataOptions.model_validate({}), folder=data).records)
        else:
            warnings.append(f"exam '{name}' is not here and would be skipped")
    return counts, sample, row_bytes, warnings, exams


def _trained_on(job: Run) -> int:
    return int(job.manifest("data")["counts"]["train"])


def _answers(recipe: Recipe, test: int, exams: dict[str, int]) -> dict[str, int]:
    """Cell → documents it answers, exams included; of a cross-validation in one fold."""
    from tunewright.flow.answer import decodings

    if recipe.evaluate.folds:
        recipe = folds.recipe_of(recipe, 1)
    found = {}
    for system in recipe.evaluate.systems:
        for decoding in decodings(recipe, system):
            cell = f"{system}/{decoding}"
            own = test if cell == main_cell(recipe) else min(test, recipe.evaluate.sample)
            found[cell] = own + sum(exams.values())
    return found


@dataclass(frozen=True)
class _Shape:
    """A model without its weights. body: parameters outside embeddings and head; linears: name → its two sizes."""

    parameters: int
    body: int
    width: int
    layers: int
    vocabulary: int
    linears: dict[str, tuple[int, int]]
    chat: Any

    @classmethod
    def of(cls, name: str) -> _Shape:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
        from transformers.pytorch_utils import Conv1D

        from tunewright.models.chat import Chat
        from tunewright.models.load import locate

        folder = locate(name, weights=False)
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(config)
            chat = Chat(AutoTokenizer.from_pretrained(folder, local_files_only=True))
        except TunewrightError:
            raise
        except Exception as error:
            from tunewright.core.errors import ModelError

            raise ModelError(f"the model cannot be planned with: {error}", where=str(folder)) from error
        ends = {id(model.get_input_embeddings()), id(model.get_output_embeddings())}
        linears = {
            path: (module.weight.shape[1], module.weight.shape[0])
            for path, module in model.named_modules()
            if isinstance(module, torch.nn.Linear | Conv1D) and id(module) not in ends
        }
        parameters = sum(weight.numel() for weight in model.parameters())
        return cls(
            parameters=parameters,
            body=sum(a * b for a, b in linears.values()) or parameters,
            width=int(getattr(config, "hidden_size", 0) or getattr(config, "n_embd", 256)),
            layers=int(getattr(config, "num_hidden_layers", 0) or getattr(config, "n_layer", 1)),
            vocabulary=int(config.vocab_size),
            linears=linears,
            chat=chat,
        )

    def lengths(self, examples: list[Example]) -> tuple[list[int], list[int]]:
        """Tokens of prompts and of replies."""
        return (
            [len(self.chat.prompt_ids(example.messages)) for example in examples],
            [len(self.chat.reply_ids(example.completion)) for example in examples],
        )

    def shared(self, examples: list[Example]) -> float:
        """Tokens, on average, that a prompt has in common with all others of its schema."""
        alike: dict[str, list[list[int]]] = {}
        for example in examples:
            alike.setdefault(dumps(example.schema), []).append(self.chat.prompt_ids(example.messages))
        total = 0
        for prompts in alike.values():
            low, high = min(prompts), max(prompts)  # what these two begin with, all do
            differs = (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b)
            common = next(differs, min(map(len, prompts)))
            total += common * len(prompts) if len(prompts) > 1 else 0
        return total / max(1, len(examples))

    def trainable(self, recipe: Recipe) -> int:
        if recipe.method.name == "full":
            return self.parameters
        return sum(recipe.method.lora_r * (a + b) for path, (a, b) in self.linears.items() if _targeted(path, recipe))

    def speed(self) -> float:
        """Multiply-adds × 2 a second of this machine on matrices as wide as the model's, measured for a moment."""
        import torch

        from tunewright.models.load import best_dtype

        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = best_dtype(device)
        width = max(64, self.width)
        a = torch.randn(2048, width, dtype=dtype, device=device)
        b = torch.randn(width, 4 * width, dtype=dtype, device=device)
        for _ in range(3):
            a @ b
        rounds, began = 0, time.perf_counter()
        while time.perf_counter() - began < 0.15:
            for _ in range(4):
                a @ b
            if device == "cuda":
                torch.cuda.synchronize()
            rounds += 4
        return rounds * 2.0 * 2048 * width * 4 * width / (time.perf_counter() - began)

    def answering(self, count: int, cell: str, recipe: Recipe, prompt: float, reply: float, speed: float) -> float:
        """Seconds for `count` answers: prompts read at training speed, replies a token a pass for a whole batch."""
        shots = recipe.evaluate.shots if cell.startswith("few-shot") else 0
        read = prompt * (1 + 0.8 * shots) * 2 * self.body / (speed * EFFICIENCY)
        # An untuned model often goes on to the end of its budget.
        passes = reply if cell.startswith("tuned") else (reply + recipe.decode.max_new_tokens) / 2
        batch = min(recipe.decode.batch_size, count) or 1
        one_pass = self.layers * LAYER_SECONDS + batch * 2 * (self.body + self.vocabulary * self.width) / (
            speed * EFFICIENCY
        )
        return count * read + math.ceil(count / batch) * passes * one_pass


def _free_disk(path: Path) -> int:
    import shutil

    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def _targeted(path: str, recipe: Recipe) -> bool:
    """Whether PEFT puts an adapter on the module of this name."""
    targets = recipe.method.target_modules
    if targets == "all-linear":
        return True
    if isinstance(targets, str):
        return re.fullmatch(targets, path) is not None
    return any(path == target or path.endswith(f".{target}") for target in targets)
