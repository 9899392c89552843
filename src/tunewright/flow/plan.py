"""The dry run: what a job would take, on this machine and on common cards. Writes nothing and loads no weights.

Counts (records, tokens, steps, parameters) are exact or measured on a sample of the data. Times come from a rough
model: how fast this machine multiplies matrices of the model's width, times the work of each stage; they are within a
factor of two or so, not a promise. Memory is counted (`flow.memory`). A model that is not here but known by its shape
(`models.shapes`) is planned without a network; how many tokens the examples have is then estimated, and said to be.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import meter
from tunewright.core.errors import ModelError, TunewrightError, UsageError
from tunewright.core.recipe import MODEL_FREE, UNSCORED_TASKS, Recipe
from tunewright.core.records import Example
from tunewright.core.run import Run, changes, place
from tunewright.flow import downstream, dress, examine, folds, likelihood, memory, pace, prepare, prepared
from tunewright.flow.job import settled
from tunewright.flow.memory import Card, Need
from tunewright.flow.outcome import complete, main_cell, stages
from tunewright.models import shapes
from tunewright.text.serialise import dumps

if TYPE_CHECKING:
    from tunewright.models.chat import Chat

SAMPLE = 64
"""Examples that are tokenised to learn how long they are."""

LONG = 4
"""Examples with most characters, of which the longest in tokens is sought."""

SHOWN = 1024
"""Documents that are synthesised to see how long they are."""

EFFICIENCY = 0.35
"""Share of the matrix speed that the head and a pass of decoding reach."""

LAYER_SECONDS = 5e-4
"""Time of one layer in one decoding pass beside its matrices, on a processor."""

CANDIDATE = 0.2
"""What each further candidate of a reply takes beside it: many replies need none, and many are given up early."""

DRAWN = 2
"""Texts that are drawn for one that is kept, about."""

GENERAL = 50_000
"""Tokens of general text and of an embedded model's examination, about."""

TURN_TOKENS = 5
"""Tokens of a chat template for each turn, where the tokenizer is not here."""

WIDEST = 2048
"""Matrices this wide tell a machine's speed; wider ones are as fast and take longer to try."""


@dataclass(frozen=True)
class Plan:
    """What a job takes. seconds: by stage, of those that are not done, here. longest: tokens of an example seen.

    tokens_estimated: the tokenizer is not here. download_bytes: of the model, 0 where it is here. memory: of training
    on this machine; cards: of training on each of the common cards. trainings: one, or one a fold of a
    cross-validation; records, steps and trained_examples are then those of one fold, answers and seconds those of all.
    texts: that the tuned model writes, {"labels", "wanted", "most"}; empty where none are asked for.
    """

    run: Path
    exists: bool
    done: tuple[str, ...]
    model: str
    records: dict[str, int]
    prompt_tokens: float
    reply_tokens: float
    longest: int
    max_length: int
    tokens_estimated: bool
    parameters: int
    trainable_parameters: int
    steps: int
    trained_examples: int
    answers: dict[str, int]
    seconds: dict[str, float]
    download_bytes: int
    disk_bytes: int
    memory_bytes: int
    memory: Need
    card_memory: Need
    cards: list[Card]
    free_memory_bytes: int
    free_disk_bytes: int
    trainings: int = 1
    texts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def to_row(self) -> dict[str, Any]:
        simple = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return simple | {
            "run": str(self.run),
            "done": list(self.done),
            "memory": self.memory.to_row(),
            "card_memory": self.card_memory.to_row(),
            "cards": [card.to_row() for card in self.cards],
        }

    def text(self) -> str:
        """The plan in words."""
        state = f"goes on; done: {', '.join(self.done) or 'nothing'}" if self.exists else "new"
        folded = self.trainings > 1
        many = f"{self.trainings} trainings, one a fold, each of " if folded else ""
        told = " (estimated: the tokenizer is not here)" if self.tokens_estimated else ""
        rows = [
            ("run", f"{self.run} ({state})"),
            ("records", ", ".join(f"{count:,} {name}" for name, count in self.records.items()) + (" a fold" * folded)),
            (
                "tokens",
                f"{self.prompt_tokens:.0f} prompt + {self.reply_tokens:.0f} reply, longest {self.longest:,}{told}",
            ),
            (
                "model",
                f"{self.model}: {meter.size(self.download_bytes) + ' to download' if self.download_bytes else 'here'}",
            ),
            ("parameters", f"{self.parameters:,}, of them trained {self.trainable_parameters:,}"),
            ("training", f"{many}{self.steps:,} steps over {self.trained_examples:,} examples"),
            *self._of_texts(),
            ("answers", f"{sum(self.answers.values()):,} by {len(self.answers)} systems"),
            (
                "time here",
                ", ".join(f"{name} {meter.clock(each)}" for name, each in self.seconds.items()) or "nothing to do",
            ),
            ("", f"{meter.clock(sum(self.seconds.values()))} in all, give or take a factor of two"),
            ("memory", f"{meter.size(self.memory_bytes)} (free: {meter.size(self.free_memory_bytes)})"),
            ("disk", f"{meter.size(self.disk_bytes)} (free: {meter.size(self.free_disk_bytes)})"),
            *(self._on_cards() if self.steps else ()),
        ]
        lines = [f"{name:<10}  {value}" for name, value in rows]
        return "\n".join([*lines, *(f"warning: {each}" for each in self.warnings), "", "Nothing was written."])

    def _of_texts(self) -> Iterator[tuple[str, str]]:
        if texts := self.texts:
            kept = f"{texts['wanted']:,} of {texts['labels']} labels to be kept"
            yield "texts", f"{kept}, {texts['most']:,} drawn at most"

    def _on_cards(self) -> Iterator[tuple[str, str]]:
        """What a GPU must hold, part by part, and which cards do."""
        parts = {name: size for name, size in self.card_memory.to_row().items() if name != "peak" and size}
        yield "on a GPU", ", ".join(f"{name} {meter.size(size)}" for name, size in parts.items())
        peaks = meter.size(self.card_memory.peak), meter.size(self.cards[0].needs_at_most)
        yield "", f"peak {peaks[0]}; with examples of train.max_length ({self.max_length:,} tokens) {peaks[1]}"
        for card in self.cards:
            verdict = "fits" if card.fits else "does not fit"
            if card.fits and not card.fits_at_most:
                verdict = f"fits, but not with examples of {self.max_length:,} tokens"
            yield "", f"{card.name} ({meter.size(card.usable)}): {verdict}"


def plan(recipe: Recipe, *, runs: Path | str = "runs", name: str | None = None, data: Path | str | None = None) -> Plan:
    """What the job of a recipe would take below the folder `runs`.

    Raises what the job itself would raise on its way to the model: a missing data set, a model that is neither here
    nor known by its shape, a method that does not fit it.
    """
    from tunewright.train.batch import whole_grains
    from tunewright.train.finetune import hinders_sharing, precision

    if recipe.hosted.provider is not None:
        raise UsageError(
            "a hosted job is estimated by the job itself", hint="without --yes it tells, and sends nothing"
        )
    recipe = settled(recipe)
    folds.check(recipe)
    path = place(runs, recipe, name=name)
    exists = changes(path, recipe) is not None
    done = tuple(stage for stage in stages(recipe) if exists and complete(Run.open(path).judged_by(recipe), stage))
    counts, sample, long, row_bytes, warnings, exams = _data(recipe, path if "data" in done else None, data)
    shape = _Shape.of(recipe.model)
    prompts, replies = shape.lengths(sample)
    prompt_tokens, reply_tokens = (sum(each) / max(1, len(each)) for each in (prompts, replies))
    of_long = shape.lengths(long)
    longest = max((p + r for p, r in zip(*of_long, strict=True)), default=0)
    if longest > recipe.train.max_length:
        warnings.append(
            f"examples reach {longest:,} tokens, train.max_length is {recipe.train.max_length:,} "
            f"(train.over_length: {recipe.train.over_length})"
        )
    tuned = "tuned" in recipe.evaluate.systems
    options = recipe.train
    batch = options.batch_size * options.gradient_accumulation_steps
    per_epoch = math.ceil(math.ceil(counts["train"] / options.batch_size) / options.gradient_accumulation_steps)
    steps = max(1, round(options.num_train_epochs * per_epoch)) if options.max_steps < 1 else options.max_steps
    steps = steps if tuned else 0
    trained = steps * batch
    trainings = recipe.evaluate.folds or 1
    answers = {cell: trainings * count for cell, count in _answers(recipe, counts["test"], exams).items()}

    texts = _texts(recipe, [*sample, *long], trainings)
    tokens = prompt_tokens + reply_tokens
    device = _device()
    trainables = _trainables(recipe, shape)
    noise = options.neftune_noise_alpha > 0
    sharing = options.share_prefix and hinders_sharing(trainables[device].model, longest, noise=noise) is None
    alike = shape.shared(sample) if sharing else 0.0
    shared = alike * (1 - 1 / options.batch_size)
    speed = shape.speed()
    whole, mixed = recipe.method.adapter == "full", precision(options, device)[0]
    length = max(1, round(tokens))
    layer = pace.of(shape.config, rows=options.batch_size, length=length, precision=mixed, whole=whole, device=device)
    head = reply_tokens * (6 if whole else 4) * shape.vocabulary * shape.width / (speed * EFFICIENCY)
    seconds = {
        "data": 2
        + (sum(counts.values()) / 1500 if recipe.data.source.startswith("synth:") else sum(counts.values()) / 5000),
        "train": (5 + trained * ((tokens - shared) * shape.layers * layer.train + head)) if tuned else 0,
        "generate": shape.writing(recipe, texts, prompt_tokens, reply_tokens, speed, layer) if texts else 0,
        "evaluate": 5
        + sum(
            0.005 * count
            if cell.startswith(MODEL_FREE)
            else shape.answering(count, cell, recipe, prompt_tokens, reply_tokens, speed, layer)
            for cell, count in answers.items()
        )
        + trainings * shape.measuring(recipe, counts["test"], prompt_tokens, reply_tokens, speed, layer),
        "compare": 5.0,
        "report": 5.0,
    }
    for stage in ("data", "train"):
        seconds[stage] *= trainings
    reply = max([*replies, *of_long[1]], default=1)
    read = whole_grains(longest, shape.context)
    seen = memory.Batch(options.batch_size, max(1, read - reply), reply, int(alike))
    full = min(options.max_length, max(longest, shape.context))
    at_length = replace(seen, prompt=max(1, full - seen.reply))

    def need(where: str, batch: memory.Batch) -> Need:
        mixed, held_out = precision(options, where)[0] != "fp32", counts["validation"] > 0
        return memory.need(trainables[where], options, batch, mixed=mixed, device=where, held_out=held_out)

    on_card, at_most = need("cuda", seen), need("cuda", at_length)
    here = on_card if device == "cuda" else need(device, seen)
    trainable = trainables[device].count if tuned else 0
    disk = trainings * (row_bytes * sum(counts.values()) * 3 + 4 * trainable * (1 + 4 * options.save_total_limit))
    disk += (sum(answers.values()) + 4 * texts.get("wanted", 0)) * 600 + 2_000_000 + shape.download_bytes
    # What only answers needs the weights, and half as much again for what it remembers of a batch.
    needed = here.peak if tuned else round(here.floor + 1.5 * here.weights)
    free_memory, free_disk = meter.free_memory(), _free_disk(path)
    if needed > free_memory:
        warnings.append("this may not fit into memory; a smaller train.per_device_train_batch_size needs less")
    if disk > free_disk:
        warnings.append("this does not fit onto the disk")
    return Plan(
        run=path,
        exists=exists,
        done=done,
        model=recipe.model,
        records=counts,
        prompt_tokens=round(prompt_tokens, 1),
        reply_tokens=round(reply_tokens, 1),
        longest=longest,
        max_length=options.max_length,
        tokens_estimated=shape.chat is None,
        parameters=shape.parameters,
        trainable_parameters=trainable,
        steps=steps,
        trained_examples=trained,
        answers=answers,
        seconds={stage: round(each, 1) for stage, each in seconds.items() if stage not in done and each},
        download_bytes=shape.download_bytes,
        disk_bytes=int(disk),
        memory_bytes=needed,
        memory=here,
        card_memory=on_card,
        cards=memory.cards(on_card, at_most),
        free_memory_bytes=free_memory,
        free_disk_bytes=free_disk,
        trainings=trainings,
        texts=texts,
        warnings=warnings,
    )


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _trainables(recipe: Recipe, shape: _Shape) -> dict[str, memory.Trainable]:
    """The model's bare shape with the method on it, by the device it would be trained on; one where both are alike."""
    import torch

    from tunewright.train.finetune import precision

    made: dict[bool, memory.Trainable] = {}
    found: dict[str, memory.Trainable] = {}
    for where in ("cpu", "cuda"):
        mixed = precision(recipe.train, where)[0] != "fp32"
        if mixed not in made:
            bare = shapes.skeleton(shape.config, torch.bfloat16 if mixed else torch.float32)
            made[mixed] = memory.Trainable.of(bare, recipe.method)
        found[where] = made[mixed]
    return found


def _data(
    recipe: Recipe, begun: Path | None, data: Path | str | None
) -> tuple[dict[str, int], list[Example], list[Example], float, list[str], dict[str, int]]:
    """Counts, a sample, long examples, bytes a row, warnings, exam sizes: of the run, or by looking at the source.

    Of a cross-validation the counts are those of the fold that trains on most.
    """
    from tunewright.core import files
    from tunewright.data import several, sources, split

    options = recipe.data
    warnings: list[str] = []
    if begun is not None:
        job = max(folds.of(Run.open(begun)) or [Run.open(begun)], key=_trained_on)
        counts = {name: job.manifest("data")["counts"][name] for name in prepared.SPLITS}
        records = prepared.records(job, "train")
        schemas = files.read_json(job.path / "data" / "schemas.json")
    elif options.source.startswith("synth:"):
        # What is synthesised is known without doing it; a few documents show how long they are.
        few = options.model_copy(update={"documents": SHOWN, "test_documents": SHOWN // 4, "workers": 1})
        found = several.load(options.source, few, seed=recipe.seed, folder=data, sample=options.sample)
        records, schemas = found.records, found.schemas
        train, test = options.synthetic
        validation = min(options.validation_documents, train // 5)
        counts = {"train": train - validation, "validation": validation, "test": test}
    else:
        found = several.load(options.source, options, seed=recipe.seed, folder=data, sample=options.sample)
        looked = prepare.fitting(recipe, found)
        if recipe.evaluate.folds:
            dealt = prepare.deal(recipe, looked.task, looked.records)
            parts = max(dealt, key=lambda each: len(each.train))
        else:
            parts = split.split(looked.records, options, recipe.seed)
        schemas = looked.schemas
        if options.close_schemas:
            schemas = dress.closed(schemas, [*parts.train, *parts.validation])
        sides = {name: getattr(parts, name) for name in prepared.SPLITS}
        dressed = dress.dressed(recipe, schemas, sides, lambda text: None)
        task = prepared.make_task(recipe.task, schemas)
        warnings += prepare.labels(recipe, task, dressed, fold=bool(recipe.evaluate.folds))
        counts = {name: len(part) for name, part in dressed.items()}
        records = dressed["train"]
        if rejected := len(found.rejected) + len(looked.cleaned.rejected) + len(looked.unfit):
            warnings.append(f"{rejected} rows cannot be used and would be set aside")
    warnings += downstream.scarce(recipe, records)
    row_bytes = sum(len(files.line(each.to_row()).encode()) for each in records[:500]) / max(1, len(records[:500]))
    task = prepared.make_task(recipe.task, schemas)
    step = max(1, len(records) // SAMPLE)
    sample = [task.example(record) for record in records[::step][:SAMPLE]]
    by_length = sorted(records, key=lambda record: len(record.text), reverse=True)
    long = [task.example(record) for record in by_length[:LONG]]
    exams: dict[str, int] = {}
    if recipe.evaluate.folds and recipe.evaluate.exams:
        warnings.append(f"exams are taken by one model, not by folds: {', '.join(recipe.evaluate.exams)}")
        return counts, sample, long, row_bytes, warnings, exams
    for name in recipe.evaluate.exams:
        if name == examine.TITLE_PAGES:
            exams[name] = counts["test"]
        elif name in sources.named_sets(data):
            from tunewright.core.recipe import DataOptions

            exams[name] = len(sources.load(name, DataOptions.model_validate({}), folder=data).records)
        else:
            warnings.append(f"exam '{name}' is not here and would be skipped")
    return counts, sample, long, row_bytes, warnings, exams


def _trained_on(job: Run) -> int:
    return int(job.manifest("data")["counts"]["train"])


def _answers(recipe: Recipe, test: int, exams: dict[str, int]) -> dict[str, int]:
    """Cell → documents it answers, exams included; of a cross-validation in one fold."""
    from tunewright.flow.answer import decodings, on_exams

    if recipe.task.name in UNSCORED_TASKS:
        return {}
    if recipe.evaluate.folds:
        recipe = folds.recipe_of(recipe, 1)
    found = {}
    for system in recipe.evaluate.systems:
        for decoding in decodings(recipe, system):
            cell = f"{system}/{decoding}"
            own = test if cell == main_cell(recipe) else min(test, recipe.evaluate.sample)
            found[cell] = own + sum(exams.values()) * (decoding == on_exams(recipe, system))
    return found


def _texts(recipe: Recipe, examples: list[Example], trainings: int) -> dict[str, int]:
    """What generation is asked for, as `Plan.texts` has it. Labels are those of the roles, or of some examples."""
    options = recipe.generate
    if not options.per_label:
        return {}
    labels = len(recipe.task.roles) or len({str(example.record.target) for example in examples})
    return {
        "labels": labels,
        "wanted": trainings * labels * options.per_label,
        "most": trainings * options.limit(labels),
    }


@dataclass(frozen=True)
class _Shape:
    """A model without its weights. body: parameters outside embeddings and head.

    chat: None where the tokenizer is not here; then `known` is there. download_bytes: 0 where the weights are here.
    """

    config: Any
    parameters: int
    body: int
    chat: Chat | None
    known: shapes.Known | None
    download_bytes: int

    @classmethod
    def of(cls, name: str) -> _Shape:
        from transformers import AutoConfig, AutoTokenizer

        from tunewright.models.chat import Chat
        from tunewright.models.load import cached, locate

        known = shapes.KNOWN.get(name) if not Path(name).is_dir() else None
        folder = cached(name) if known is not None else locate(name, weights=False)
        try:
            if folder is None:
                assert known is not None
                config, chat = shapes.config(known), None
            else:
                config = AutoConfig.from_pretrained(folder, local_files_only=True)
                chat = Chat(AutoTokenizer.from_pretrained(folder, local_files_only=True))
            bare = shapes.skeleton(config)
        except TunewrightError:
            raise
        except Exception as error:
            raise ModelError(f"the model cannot be planned with: {error}", where=str(folder or name)) from error
        parameters = sum(weight.numel() for weight in bare.parameters())
        weights_here = folder is not None and any(folder.glob("*.safetensors"))
        return cls(
            config=config,
            parameters=parameters,
            body=sum(a * b for a, b in memory.linears(bare).values()) or parameters,
            chat=chat,
            known=known,
            download_bytes=0 if weights_here else parameters * (known.stored_bytes if known is not None else 2),
        )

    @property
    def width(self) -> int:
        return int(getattr(self.config, "hidden_size", 0) or getattr(self.config, "n_embd", 256))

    @property
    def layers(self) -> int:
        return int(getattr(self.config, "num_hidden_layers", 0) or getattr(self.config, "n_layer", 1))

    @property
    def vocabulary(self) -> int:
        return int(self.config.vocab_size)

    @property
    def context(self) -> int:
        return int(getattr(self.config, "max_position_embeddings", 0) or 2048)

    def lengths(self, examples: list[Example]) -> tuple[list[int], list[int]]:
        """Tokens of prompts and of replies."""
        return (
            [self._prompt(example) for example in examples],
            [
                len(self.chat.reply_ids(example.completion)) if self.chat else self._about([example.completion]) + 1
                for example in examples
            ],
        )

    def _prompt(self, example: Example) -> int:
        if self.chat is not None:
            return len(self.chat.prompt_ids(example.messages))
        turns = len(example.messages) + 1
        return self._about(message["content"] for message in example.messages) + TURN_TOKENS * turns

    def _about(self, texts: Iterable[str]) -> int:
        assert self.known is not None
        return shapes.tokens(texts, self.known.vocabulary)

    def shared(self, examples: list[Example]) -> float:
        """Tokens, on average, that a prompt has in common with all others of its schema."""
        alike: dict[str, list[Example]] = {}
        for example in examples:
            alike.setdefault(dumps(example.schema), []).append(example)
        total = sum(self._common(some) * len(some) for some in alike.values() if len(some) > 1)
        return total / max(1, len(examples))

    def _common(self, examples: list[Example]) -> int:
        """Tokens that all of these prompts begin with."""
        if self.chat is None:
            texts = ["\n".join(message["content"] for message in example.messages) for example in examples]
            return self._about([texts[0][: _alike(texts)]])
        return _alike([self.chat.prompt_ids(example.messages) for example in examples])

    def speed(self) -> float:
        """Multiply-adds × 2 a second of this machine on matrices as wide as the model's, measured for a moment."""
        import torch

        from tunewright.models.load import best_dtype

        device = _device()
        dtype = best_dtype(device)
        width = max(64, min(self.width, WIDEST))
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

    def answering(
        self, count: int, cell: str, recipe: Recipe, prompt: float, reply: float, speed: float, layer: pace.Pace
    ) -> float:
        """Seconds for `count` answers: prompts read layer by layer, replies a token a pass for a whole batch."""
        shots = recipe.evaluate.shots if cell.startswith("few-shot") else 0
        read = prompt * (1 + 0.8 * shots) * self.layers * layer.read
        # An untuned model often goes on to the end of its budget.
        passes = reply if cell.startswith("tuned") else (reply + recipe.decode.max_new_tokens) / 2
        batch = min(recipe.decode.batch_size, count) or 1
        one_pass = self.layers * LAYER_SECONDS + batch * 2 * (self.body + self.vocabulary * self.width) / (
            speed * EFFICIENCY
        )
        seconds = count * read + math.ceil(count / batch) * passes * one_pass
        if cell.endswith("grammar"):
            seconds *= 1 + CANDIDATE * (recipe.decode.candidates - 1)
        return seconds

    def writing(
        self, recipe: Recipe, texts: dict[str, int], prompt: float, reply: float, speed: float, layer: pace.Pace
    ) -> float:
        """Seconds for texts that are drawn until enough are kept: about every second one is, and filters look on."""
        drawn = min(texts["most"], DRAWN * texts["wanted"])
        return 20 + 0.005 * drawn + self.answering(drawn, "tuned", recipe, prompt, reply, speed, layer)

    def measuring(
        self, recipe: Recipe, test: int, prompt: float, reply: float, speed: float, layer: pace.Pace
    ) -> float:
        """Seconds for what is measured beside answers (`flow.likelihood`): texts read, prompts answered."""
        asked = recipe.evaluate
        count = min(asked.sample or test, test)
        texts = count * (recipe.likelihood + bool(asked.ranking.distractors) * (1 + asked.ranking.distractors))
        a_token = self.layers * layer.read + 2 * self.vocabulary * self.width / (speed * EFFICIENCY)
        read = (texts * (prompt + reply) + GENERAL * asked.likelihood) * a_token
        answers = self.answering(len(asked.prompts), "base", recipe, prompt, reply, speed, layer)
        return len(likelihood.measured(recipe)) * (read + answers)


def _alike(sequences: list[Any]) -> int:
    """How long the beginning is that all of these have."""
    low, high = min(sequences), max(sequences)  # what these two begin with, all do
    return next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))


def _free_disk(path: Path) -> int:
    import shutil

    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free
