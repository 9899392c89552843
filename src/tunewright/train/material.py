"""What a training learns from: examples as tokens, checked, in an order that is the same whoever asks."""

from __future__ import annotations

import array
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tunewright.core.errors import DataError
from tunewright.core.events import visible
from tunewright.core.recipe import TrainOptions
from tunewright.core.records import Example
from tunewright.text.serialise import dumps
from tunewright.train import length, turns
from tunewright.train.batch import Batch, Link, Source, Tokens, collate, epoch_batches, families, packed
from tunewright.train.pointers import links, moved, moved_links, sources

if TYPE_CHECKING:
    from tunewright.models.load import Loaded
    from tunewright.train.below import Below

Say = Callable[[str], None]


@dataclass(frozen=True)
class Material:
    """Examples to train on and to validate on, and what became of those that were too long."""

    train: list[Tokens]
    validation: list[Tokens]
    train_lengths: length.Lengths
    validation_lengths: length.Lengths

    @property
    def tokens(self) -> int:
        """All tokens of the examples to train on."""
        return sum(len(one.ids) for one in self.train)

    @property
    def trained_share(self) -> float:
        """How many of them are trained."""
        return sum(one.trained for one in self.train) / self.tokens

    @property
    def longest(self) -> int:
        return max(len(one.ids) for one in [*self.train, *self.validation])


_remembered: dict[str, tuple[Material, list[str]]] | None = None
"""What was gathered last and what was said about it, by what it was made of; None outside `remembering`."""

READ = ("max_length", "over_length", "mask_history", "pointer_weight", "link_weight")
"""The options that say what becomes of the examples."""


@contextmanager
def remembering() -> Iterator[None]:
    """Within, a training on the examples of the one before takes over its tokens: several are compared on the same."""
    global _remembered
    _remembered = {}
    try:
        yield
    finally:
        _remembered = None


def gather(
    loaded: Loaded, train: Sequence[Example], validation: Sequence[Example], options: TrainOptions, say: Say
) -> Material:
    """Examples as tokens, cut or dropped as the recipe says, with a word about it. Raises DataError as `check` does."""
    if _remembered is None:
        return _gather(loaded, train, validation, options, say)
    key = _made_of(loaded, train, validation, options)
    if key not in _remembered:
        _remembered.clear()
        said: list[str] = []
        _remembered[key] = (_gather(loaded, train, validation, options, said.append), said)
    made, said = _remembered[key]
    for sentence in said:
        say(sentence)
    return made


def _made_of(loaded: Loaded, train: Sequence[Example], validation: Sequence[Example], options: TrainOptions) -> str:
    """sha256 of all that `gather` looks at."""
    chat = loaded.chat
    rows = [
        [[one.id, one.messages, one.completion, one.schema, one.document, one.trained] for one in examples]
        for examples in (train, validation)
    ]
    tokenizer = chat.tokenizer.backend_tokenizer.to_str()
    asked = [getattr(options, name) for name in READ]
    row = [tokenizer, chat.template, sorted(chat.stop_ids), loaded.context, asked, rows]
    return hashlib.sha256(json.dumps(row).encode()).hexdigest()


def _gather(
    loaded: Loaded, train: Sequence[Example], validation: Sequence[Example], options: TrainOptions, say: Say
) -> Material:
    fit, lengths = length.fitted(loaded, rows(loaded, train, options, say), options)
    tokens = tokenise(loaded, fit, point=options.pointer_weight > 0, link=options.link_weight > 0)
    kept = check(loaded, fit, tokens, options)
    if not kept:
        raise DataError("no example is left to train on", hint="raise train.max_length")
    held_fit, held_lengths = length.fitted(loaded, rows(loaded, validation, options), options)
    held = tokenise(loaded, held_fit)
    held_kept = check(loaded, held_fit, held, options)
    lengths.dropped, held_lengths.dropped = len(tokens) - len(kept), len(held) - len(held_kept)
    for found, what in ((lengths, "examples"), (held_lengths, "validation examples")):
        for sentence in found.sentences(what, options.over_length):
            say(sentence)
    made = Material([tokens[i] for i in kept], [held[i] for i in held_kept], lengths, held_lengths)
    say(f"{len(made.train)} examples, {made.tokens:,} tokens, {made.trained_share:.1%} of them trained")
    return made


def rows(
    loaded: Loaded, examples: Sequence[Example], options: TrainOptions, say: Say = lambda text: None
) -> list[Example]:
    """The examples, conversations as rows of replies that are trained together; or with the last reply alone."""
    if options.mask_history:
        return [replace(example, trained=()) for example in examples]
    made = [row for example in examples for row in turns.rows(loaded.chat, example)]
    if earlier := sum(len(example.trained) for example in examples):
        say(f"{len(examples)} conversations with {len(examples) + earlier} replies to learn, in {len(made)} rows")
    return made


def tokenise(loaded: Loaded, examples: Sequence[Example], *, point: bool = False, link: bool = False) -> list[Tokens]:
    """Prompt and reply ids of every example; the reply, its stop token included, is what is trained.

    Of a conversation the earlier replies are trained, too (one of `turns.rows`, whose replies stand in one row).
    point: find out what the reply's values are copied from. link: which key each of them belongs to.
    """
    chat, made = loaded.chat, []
    for example in examples:
        prompt, reply = chat.prompt_ids(example.messages), chat.reply_ids(example.completion)
        copied: tuple[Source, ...] = ()
        linked: tuple[Link, ...] = ()
        text, asking = example.messages[-1]["content"], example.messages[0]["content"]
        document = chat.placed(text, prompt) if point or link else None
        if point and document is not None and (answered := chat.placed(example.completion, reply)) is not None:
            copied = moved(sources(example.completion, answered[1], text, document[1]), len(prompt), document[0])
        if link and document is not None and len(example.messages) == 2:
            asked = chat.placed(asking, prompt)
            if asked is not None and asked[0] < document[0]:
                linked = moved_links(
                    links(example.completion, text, document[1], asking, asked[1]), document[0], asked[0]
                )
        start, gaps = turns.gaps(turns.replies(chat, example, prompt), len(prompt))
        made.append(Tokens((*prompt, *reply), start, copied, linked, gaps))
    return made


def check(loaded: Loaded, examples: Sequence[Example], tokens: Sequence[Tokens], options: TrainOptions) -> list[int]:
    """Indices of the examples to train or validate on. Raises DataError where that would go wrong quietly.

    Every target must be accepted by its schema's grammar; every reply must end in a stop token; examples over
    `max_length` are refused, or dropped where the recipe says so; also those that cutting could not make fit.
    """
    from tunewright.decode.grammar import Grammar

    grammars: dict[str, Grammar] = {}
    limit = length.limit(loaded, options)
    long: list[int] = []
    for i, (example, one) in enumerate(zip(examples, tokens, strict=True)):
        if example.schema is not None:
            key = dumps(example.schema)
            if key not in grammars:
                chat = loaded.chat
                grammars[key] = Grammar(loaded.tokenizer, example.schema, stop_ids=chat.stop_ids, head=chat.head)
            reason = grammars[key].fault(example.completion)
            if reason is not None:
                shown = example.completion[:160]
                raise DataError(
                    f"the target of record '{example.id}' does not obey its schema ({reason}): {shown}",
                    hint="mend the record or the schema; what the grammar refuses at use must not be learnt",
                )
        if one.trained < 1 or one.ids[-1] not in loaded.chat.stop_ids:
            raise DataError(f"the reply of record '{example.id}' does not end in a stop token of the model")
        if len(one.ids) > limit:
            long.append(i)
    if long and options.over_length == "refuse":
        worst = max(len(tokens[i].ids) for i in long)
        raise DataError(
            f"{len(long)} of {len(examples)} examples are longer than {limit} tokens (the longest has {worst})",
            where=examples[long[0]].id,
            hint=f"--set train.max_length={worst} if the model reads so much, or --set train.over_length=drop, "
            "or truncate_tail to cut documents",
        )
    dropped = set(long)
    return [i for i in range(len(examples)) if i not in dropped]


def shown(loaded: Loaded, one: Tokens) -> tuple[str, str]:
    """(what stands before, what is trained last) of an example, special tokens and all, each in one line."""
    start = one.spans[-1][0]
    parts = (loaded.tokenizer.decode(list(ids)) for ids in (one.ids[:start], one.ids[start:]))
    before, trained = (visible(part.replace("\n", "⏎")) for part in parts)
    return before, trained


class Epochs:
    """Micro-batches by optimiser step: epoch after epoch in seeded order, the same whoever asks."""

    def __init__(
        self,
        tokens: Sequence[Tokens],
        pad: int,
        options: TrainOptions,
        seed: int,
        *,
        share_prefix: bool,
        context: int,
        pack: bool = False,
    ):
        self.tokens = tokens
        self.pad = pad
        self.options = options
        self.seed = seed
        self.share_prefix = share_prefix
        self.context = context
        self.pack = pack
        self.below: Below | None = None
        # Packed rows are filled with examples of any length: batches of like length would leave nothing to fill.
        self.lengths = [0 if pack else len(one.ids) for one in tokens]
        self.families = families(tokens, options.batch_size) if share_prefix else [0] * len(tokens)
        self._epoch = -1
        self._order: list[list[int]] = []
        self.steps_per_epoch = math.ceil(len(self.batches(0)) / options.gradient_accumulation_steps)

    def batches(self, epoch: int) -> list[list[int]]:
        if epoch != self._epoch:
            size = self.options.batch_size
            self._order = epoch_batches(self.lengths, self.families, size, self.seed, epoch)
            self._epoch = epoch
        return self._order

    def __call__(self, step: int) -> Sequence[Batch]:
        epoch, within = divmod(step, self.steps_per_epoch)
        size = self.options.gradient_accumulation_steps
        chosen = self.batches(epoch)[within * size : (within + 1) * size]
        return [self.batch(one) for one in chosen]

    def batch(self, indices: Sequence[int]) -> Batch:
        """The micro-batch of these examples."""
        some = [self.tokens[i] for i in indices]
        if self.pack:
            return packed(some, self.pad)
        batch = collate(some, self.pad, share_prefix=self.share_prefix, context=self.context)
        if self.below is None:
            return batch
        prefix = 0 if batch.prefix is None else batch.prefix.shape[1]
        return replace(batch, below=self.below.of(indices, prefix, batch.input_ids.shape[1]))


def digest(tokens: Sequence[Tokens]) -> str:
    """sha256 of what is trained on, in order: a checkpoint goes on with these examples and no others."""
    found = hashlib.sha256()
    for one in tokens:
        edges = [edge for span in one.spans for edge in span]
        found.update(array.array("q", (len(one.ids), len(edges), *edges, *one.ids)).tobytes())
    return found.hexdigest()
