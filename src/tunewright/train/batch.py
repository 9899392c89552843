"""From token ids to batches: what is trained, which examples go together, and the prompt prefix they share.

The reply is trained by construction: an example is prompt ids followed by reply ids, never a search in a string.
Rows are padded on the right, so a causal model needs no padding mask: a real token never sees a pad.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

    from tunewright.train.below import States


GRAIN = 16
"""Lengths are rounded to multiples of it: a processor's library makes new code for every shape that it has not seen."""

FAMILY = 64
"""The fewest examples that are parted from others because they begin alike."""

Source = tuple[int, tuple[int, ...]]
"""(index of a token, indices of earlier tokens that it is copied from)."""
Link = tuple[int, tuple[int, ...], float]
"""(index of a token, indices of earlier tokens that say what it is, weight)."""


Stretch = tuple[int, int]
"""(index of the first token, index behind the last) of a run of tokens."""

Lesson = Literal["pointers", "links"]
"""What a head is taught: where a copied token stands, or which key a value belongs to."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One example. ids: prompt and reply. start: index of the first trained token (1 or more).

    gaps: what is not trained behind `start`, in order: the turns of others between several replies.
    sources: what the reply's values are copied from (`train.pointers`); empty where that is not known.
    links: which of the document's tokens begin a value of which key (`train.pointers`); empty where that is not known.
    """

    ids: tuple[int, ...]
    start: int
    sources: tuple[Source, ...] = ()
    links: tuple[Link, ...] = ()
    gaps: tuple[Stretch, ...] = ()

    @property
    def spans(self) -> tuple[Stretch, ...]:
        """What is trained, in order."""
        starts = (self.start, *(end for _, end in self.gaps))
        ends = (*(begin for begin, _ in self.gaps), len(self.ids))
        return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start < end)

    @property
    def trained(self) -> int:
        """How many tokens are trained."""
        return sum(end - start for start, end in self.spans)


@dataclass(frozen=True, slots=True)
class Pointers:
    """Where to look, for `looks` positions of a batch.

    rows, queries: `[looks]` row, and time after the prefix, of the position that looks.
    keys: `[looks, places]` times it may look at, the prefix counted in; -1 fills up.
    weights: `[looks]` how much each look counts.
    """

    rows: torch.Tensor
    queries: torch.Tensor
    keys: torch.Tensor
    weights: torch.Tensor

    def to(self, device: torch.device | str) -> Pointers:
        return Pointers(*(one.to(device) for one in (self.rows, self.queries, self.keys, self.weights)))

    def between(self, first: int, last: int) -> Pointers | None:
        """The looks of rows `first` to `last` (left out), as if there were no others; None where none looks."""
        mine = (self.rows >= first) & (self.rows < last)
        if not mine.any():
            return None
        return Pointers(self.rows[mine] - first, self.queries[mine], self.keys[mine], self.weights[mine])


@dataclass(frozen=True, slots=True)
class Batch:
    """What one forward pass takes.

    prefix: `[1, prefix]` ids that all rows begin with, computed once; None where nothing is shared.
    input_ids: `[batch, time]` ids after the prefix, padded on the right.
    rows: `[trained]` flat positions in `batch * time` whose next token is trained.
    labels: `[trained]` those next tokens.
    pointers: from the positions that predict copied tokens to where those stand; None where that is not known.
    links: from the document's tokens to the keys that ask for them; None where that is not known. Those of tokens in a
    shared prefix are left out.
    positions: `[batch, time]` places of packed tokens, from 0 in each example; None where a row is one example.
    packed: how many examples stand in each row, where they are packed.
    below: what enters the first trained layer, where the layers below it were gone through before.
    """

    prefix: torch.Tensor | None
    input_ids: torch.Tensor
    rows: torch.Tensor
    labels: torch.Tensor
    pointers: Pointers | None = None
    links: Pointers | None = None
    positions: torch.Tensor | None = None
    packed: tuple[int, ...] | None = None
    below: States | None = None

    @property
    def examples(self) -> int:
        """How many examples it holds."""
        return len(self.input_ids) if self.packed is None else sum(self.packed)

    def looks(self, lesson: Lesson) -> Pointers | None:
        """Where to look, in this lesson."""
        return self.pointers if lesson == "pointers" else self.links

    @property
    def seen(self) -> int:
        """Tokens put through the model, padding included."""
        return self.input_ids.numel() + (self.prefix.numel() if self.prefix is not None else 0)

    def to(self, device: torch.device | str) -> Batch:
        moved = ("prefix", "input_ids", "rows", "labels", "pointers", "links", "positions", "below")
        there = {name: part.to(device) for name in moved if (part := getattr(self, name)) is not None}
        return replace(self, **there)

    def split(self, parts: int) -> list[Batch]:
        """This batch as `parts` smaller ones with about as many rows each, in order; fewer where it has fewer rows.

        Losses are sums over trained tokens, so those of the parts add up to that of the whole. Every part begins with
        the shared prefix.
        """
        count = len(self.input_ids)
        parts = max(1, min(parts, count))
        edges = [count * i // parts for i in range(parts + 1)]
        return [self.between(first, last) for first, last in itertools.pairwise(edges)]

    def between(self, first: int, last: int) -> Batch:
        """The batch of rows `first` to `last` (left out)."""
        time = self.input_ids.shape[1]
        mine = (self.rows >= first * time) & (self.rows < last * time)
        return replace(
            self,
            input_ids=self.input_ids[first:last],
            rows=self.rows[mine] - first * time,
            labels=self.labels[mine],
            pointers=self.pointers.between(first, last) if self.pointers is not None else None,
            links=self.links.between(first, last) if self.links is not None else None,
            positions=self.positions[first:last] if self.positions is not None else None,
            packed=self.packed[first:last] if self.packed is not None else None,
            below=self.below.between(first, last) if self.below is not None else None,
        )


def split(batch: Batch, size: int) -> list[Batch]:
    """The batch in parts of at most `size` rows, each with the whole prefix: their losses add up to its loss."""
    count = len(batch.input_ids)
    return [batch] if count <= size else [batch.between(i, min(i + size, count)) for i in range(0, count, size)]


def shared_prefix(examples: Sequence[Tokens]) -> int:
    """Length of the longest token prefix that all examples share and none trains.

    One prompt token at least stays in every row: it is the one that predicts the first trained token.
    """
    if len(examples) < 2:
        return 0
    limit = max(min(example.start for example in examples) - 1, 0)
    ends = (min(example.ids for example in examples), max(example.ids for example in examples))
    # What the first and the last in order share, all between them share.
    return next((i for i, (one, other) in enumerate(zip(*ends, strict=False)) if i == limit or one != other), limit)


def families(examples: Sequence[Tokens], size: int) -> list[int]:
    """For each example the number of its family: those that begin alike for longest, for batches of `size` to share.

    A family has 64 examples, or two batches where that is more, and begins alike at least a grain further than the one
    it is parted from; what is in none is of family 0. Copies of one document, fewer than that, stay among the others: a
    batch of them would teach that document alone.
    """
    enough = max(FAMILY, 2 * size)
    order = sorted(range(len(examples)), key=lambda i: examples[i].ids)  # those that begin alike stand together
    alike = [shared_prefix((examples[one], examples[other])) for one, other in itertools.pairwise(order)]
    found = [0] * len(examples)
    number, waiting = 0, [(0, len(order), 0)]
    while waiting:
        begin, behind, depth = waiting.pop()
        while begin < behind:
            end = begin
            while end + 1 < behind and alike[end] >= depth + GRAIN:
                end += 1
            if end - begin + 1 >= enough:
                number += 1
                for place in range(begin, end + 1):
                    found[order[place]] = number
                waiting.append((begin, end + 1, min(alike[begin:end])))
            begin = end + 1
    return found


def whole_grains(length: int, context: int) -> int:
    """`length` rounded up to whole grains, of which a model with this context reads no more than that."""
    return max(length, min(length + -length % GRAIN, context))


def collate(examples: Sequence[Tokens], pad: int, *, share_prefix: bool, context: int | None = None) -> Batch:
    """The batch of `examples`. With `share_prefix`, what all begin with goes through the model once.

    context: the most tokens that the model reads; where it is given, prefix and rows are whole grains long.
    """
    import torch

    cut = shared_prefix(examples) if share_prefix else 0
    longest = max(len(example.ids) for example in examples)
    if context is not None:
        cut, longest = cut - cut % GRAIN, whole_grains(longest, context)
    time = longest - cut
    input_ids = torch.full((len(examples), time), pad, dtype=torch.long)
    rows: list[int] = []
    labels: list[int] = []
    for i, example in enumerate(examples):
        tail = example.ids[cut:]
        input_ids[i, : len(tail)] = torch.tensor(tail, dtype=torch.long)
        for start, end in example.spans:
            rows.extend(range(i * time + start - cut - 1, i * time + end - cut - 1))
            labels.extend(example.ids[start:end])
    prefix = torch.tensor([examples[0].ids[:cut]], dtype=torch.long) if cut else None
    return Batch(
        prefix,
        input_ids,
        torch.tensor(rows, dtype=torch.long),
        torch.tensor(labels, dtype=torch.long),
        _pointers([(i, token - 1 - cut, at, 1.0) for i, one in enumerate(examples) for token, at in one.sources]),
        _pointers(
            [(i, token - cut, at, w) for i, one in enumerate(examples) for token, at, w in one.links if token >= cut]
        ),
    )


def packed(examples: Sequence[Tokens], pad: int) -> Batch:
    """The batch of `examples` with short ones together in rows as long as the longest of them.

    Positions begin again at 0 in each example, which is how transformers' models know packed examples and keep them
    from seeing each other (`train.loss.isolates` looks whether a model does). Best fit, the longest first.
    """
    import torch

    time = max(len(example.ids) for example in examples)
    rows_of: list[list[Tokens]] = []
    for example in sorted(examples, key=lambda one: -len(one.ids)):
        room = [(time - sum(len(one.ids) for one in row), i) for i, row in enumerate(rows_of)]
        fitting = [(left, i) for left, i in room if left >= len(example.ids)]
        if fitting:
            rows_of[min(fitting)[1]].append(example)
        else:
            rows_of.append([example])
    input_ids = torch.full((len(rows_of), time), pad, dtype=torch.long)
    positions = torch.zeros((len(rows_of), time), dtype=torch.long)
    rows: list[int] = []
    labels: list[int] = []
    for i, row in enumerate(rows_of):
        at = 0
        for example in row:
            end = at + len(example.ids)
            input_ids[i, at:end] = torch.tensor(example.ids, dtype=torch.long)
            positions[i, at:end] = torch.arange(len(example.ids))
            for first, last in example.spans:
                rows.extend(range(i * time + at + first - 1, i * time + at + last - 1))
                labels.extend(example.ids[first:last])
            at = end
        positions[i, at:] = torch.arange(time - at)
    return Batch(
        None,
        input_ids,
        torch.tensor(rows, dtype=torch.long),
        torch.tensor(labels, dtype=torch.long),
        positions=positions,
        packed=tuple(len(row) for row in rows_of),
    )


def _pointers(looks: Sequence[tuple[int, int, tuple[int, ...], float]]) -> Pointers | None:
    """Pointers of (row, query, keys, weight); None of none."""
    import torch

    if not looks:
        return None
    width = max(len(at) for _, _, at, _ in looks)
    rows, queries, _, weights = zip(*looks, strict=True)
    return Pointers(
        torch.tensor(rows, dtype=torch.long),
        torch.tensor(queries, dtype=torch.long),
        torch.tensor([[*at, *[-1] * (width - len(at))] for _, _, at, _ in looks], dtype=torch.long),
        torch.tensor(weights),
    )


def epoch_batches(
    lengths: Sequence[int], family_of: Sequence[int], size: int, seed: int, epoch: int
) -> list[list[int]]:
    """The order of one epoch: batches of indices, of one family (`families`) and alike in length.

    Examples of a family are shuffled, then sorted by length inside windows of 32 batches, so that padding is small and
    the order still random; the batches are shuffled last. Every index stands in exactly one batch, and every epoch
    has the same number of batches.
    """
    rng = random.Random(f"{seed}/{epoch}")
    members: dict[int, list[int]] = {}
    for index, family in enumerate(family_of):
        members.setdefault(family, []).append(index)
    batches: list[list[int]] = []
    window = size * 32
    for family in sorted(members):
        alike = members[family]
        rng.shuffle(alike)
        for begin in range(0, len(alike), window):
            part = sorted(alike[begin : begin + window], key=lambda index: lengths[index])
            batches.extend(part[i : i + size] for i in range(0, len(part), size))
    rng.shuffle(batches)
    return batches
