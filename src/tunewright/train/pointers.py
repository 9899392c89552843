"""Where the values of a reply stand in the prompt, and a loss that teaches one attention head to look there.

Extraction copies: each token of a value has a place in the document. Cross entropy alone says which token comes next,
and among digits that fits many places; the place says which value it belongs to. Supervised attention: Garg et al.
2019, "Jointly Learning to Align and Translate with Transformer Models", section 3.2 (one head of the penultimate
layer); Liu et al. 2016, "Neural Machine Translation with Supervised Attention". A second lesson, `links`, goes the
other way: while the document is read, the first token of a value looks at the key that asks for it, every other token
at NOWHERE. The model stays what it was: nothing of this is there when it is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import regex

from tunewright.text.align import exact, stands_alone
from tunewright.text.numbers import amounts, ascii_digits
from tunewright.train.batch import Batch, Lesson, Link, Pointers, Source

if TYPE_CHECKING:
    import torch

Offsets = Sequence[tuple[int, int]]
"""(start, end) in characters of each token of a text."""

_STRING = regex.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?')
MOST = 4
"""Places of one value that are told; a value that stands more often says nothing about where to look."""
IDLE = 0.05
"""Weight of a token that begins no value, against one that does: there are many more of them."""
NOWHERE = -1
"""Where to look for what is absent: at the token before the text, which begins the turn."""


def values(reply: str) -> Iterator[tuple[int, int]]:
    """(start, end) of every string value and every null of a JSON reply; the whole of any other reply."""
    if not reply.startswith(("{", "[")):
        yield 0, len(reply)
        return
    for found in _STRING.finditer(reply):
        if found[2] is None:
            if found[1] and "\\" not in found[1]:
                yield found.span(1)
        elif reply.startswith(" null", found.end()):
            yield found.end() + 1, found.end() + 5


def places(value: str, text: str) -> list[list[int]]:
    """For every place of `value` in `text`: the offset of each of its characters, and of what follows.

    Whole words and numbers only. A value of several words may go over several lines. A number in plain form finds its
    printed form (`5000` finds `₹5,000` and `५०००`).
    """
    found = [list(range(start, end + 1)) for start, end in exact(value, text) if stands_alone(start, end, text)]
    if not found and " " in value.strip():
        found = list(_over_lines(value, text))
    if not found and value[-1:].isdigit():
        for printed in amounts(text):
            if printed.value == value:
                offsets = _digits(value, text, printed.start, printed.end)
                if offsets is not None:
                    found.append(offsets)
    return found


def _over_lines(value: str, text: str) -> Iterator[list[int]]:
    """Places that agree with `value` but for white space where it has white space: a line's end for a space."""
    for match in regex.finditer(r"\s+".join(map(regex.escape, value.split())), text):
        if stands_alone(match.start(), match.end(), text):
            offsets, at = [], match.start()
            for character, following in zip(value, [*value[1:], ""], strict=True):
                offsets.append(at)
                if not character.isspace():
                    at += 1
                elif not following.isspace():
                    while text[at].isspace():
                        at += 1
            yield [*offsets, at]


def _digits(value: str, text: str, start: int, end: int) -> list[int] | None:
    offsets = []
    at = start
    for character in value:
        while at < end and ascii_digits(text[at]) != character:
            at += 1
        if at == end:
            return None
        offsets.append(at)
        at += 1
    return [*offsets, at]


def sources(reply: str, reply_offsets: Offsets, text: str, text_offsets: Offsets) -> list[Source]:
    """Which tokens of a reply are copied from which tokens of a text, the token that ends a value included.

    The token that holds the space before a value tells a string from null (`": "` or `": `): it has the place of the
    value's first token, and NOWHERE before null. So a model looks for the value before it says that there is one.
    """
    token_at, reply_at = _tokens_at(text_offsets), _tokens_at(reply_offsets)
    starts = {start: index for index, (start, end) in enumerate(reply_offsets) if end > start}
    made: list[Source] = []
    for start, end in values(reply):
        if start and reply[start - 1] != '"':
            if start - 1 in reply_at:
                made.append((reply_at[start - 1], (NOWHERE,)))
            continue
        stand = places(reply[start:end], text)
        if not 0 < len(stand) <= MOST:
            continue
        first = {token_at[one[0]] for one in stand if one[0] in token_at}
        space = reply_at.get(start - 2) if reply[start - 3 : start] == ': "' else None
        if space is not None and first and space != starts.get(start):
            made.append((space, tuple(sorted(first))))
        for offset in range(start, end + 1):
            token = starts.get(offset)
            if token is not None:
                from_ = {token_at[one[offset - start]] for one in stand if one[offset - start] in token_at}
                if from_:
                    made.append((token, tuple(sorted(from_))))
    return made


def links(reply: str, text: str, offsets: Offsets, asked: str, asked_offsets: Offsets) -> list[Link]:
    """Which tokens of a text begin a value of the reply, and which tokens of `asked` end the key that it belongs to.

    The others have NOWHERE, at the weight IDLE. Tokens within a value have nothing, nor has a value that stands in
    several places, or whose key several values of the reply share: nobody says which of them is meant. A reply that is
    no JSON, or has a value that does not stand in the text, links nothing, for some idle token might be that value's.
    """
    try:
        found = list(_keyed(json.loads(reply)))
    except ValueError:
        return []
    paths: dict[str, set[str]] = {}
    for path, key, _ in found:
        paths.setdefault(key, set()).add(path)
    token_at, key_at = _tokens_at(offsets), _tokens_at(asked_offsets)
    meant: dict[int, set[int]] = {}
    within: list[tuple[int, int]] = []
    for _, key, value in found:
        stand = places(value, text)
        if not stand:
            return []
        within += [(one[0], one[-1]) for one in stand]
        ends = {key_at[at - 1] for at in _ends(key, asked) if at - 1 in key_at}
        if len(stand) == 1 and len(paths[key]) == 1 and stand[0][0] in token_at and 0 < len(ends) <= MOST:
            meant.setdefault(token_at[stand[0][0]], set()).update(ends)
    idle = [
        token
        for token, (start, end) in enumerate(offsets)
        if start < end and not any(start < stop and end > begin for begin, stop in within)
    ]
    made = [(token, tuple(sorted(ends)), 1.0) for token, ends in meant.items()]
    return sorted([*made, *((token, (NOWHERE,), IDLE) for token in idle)])


def moved_links(found: Sequence[Link], text: int, asked: int) -> tuple[Link, ...]:
    """Links counted in the example: the text begins at token `text`, what asks for its values at token `asked`."""
    return tuple(
        (text + token, tuple(text - 1 if one == NOWHERE else asked + one for one in to), weight)
        for token, to, weight in found
        if text or to != (NOWHERE,)
    )


def _ends(key: str, asked: str) -> Iterator[int]:
    """Where a key ends in the text that asks for it."""
    for found in regex.finditer(
        rf"(?<![\p{{L}}\p{{M}}\p{{N}}_]){regex.escape(key)}(?![\p{{L}}\p{{M}}\p{{N}}_])", asked
    ):
        yield found.end()


def _keyed(value: Any, path: str = "", key: str = "") -> Iterator[tuple[str, str, str]]:
    """(path, key, printed value) of every string and number of a reply; those of a list have the key of the list."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _keyed(one, f"{path}.{name}", name)
    elif isinstance(value, list):
        for one in value:
            yield from _keyed(one, path, key)
    elif key and isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        yield path, key, str(value)


def _tokens_at(offsets: Offsets) -> dict[int, int]:
    """Which token holds each character; the first of several."""
    at: dict[int, int] = {}
    for index, (start, end) in enumerate(offsets):
        for offset in range(start, end):
            at.setdefault(offset, index)
    return at


def moved(found: Sequence[Source], reply: int, text: int) -> tuple[Source, ...]:
    """Sources counted in the example: its reply begins at token `reply`, the text at token `text`.

    Where nothing stands before the text, what is absent has no place.
    """
    counted = ((reply + token, tuple(text + one for one in from_)) for token, from_ in found)
    return tuple(source for source in counted if min(source[1]) >= 0)


NAME = "watched"
_WATCHERS: list[Seen] = []


class Seen(dict[int, "tuple[torch.Tensor, torch.Tensor, float]"]):
    """Layer → (queries `[batch, heads, time, size]`, keys, scaling) of the newest pass.

    layers: the ones that are kept; None: all. usual: the attention that the model had before.
    """

    def __init__(self, layers: frozenset[int] | None, usual: str):
        super().__init__()
        self.layers, self.usual = layers, usual


def watchable(model: Any) -> bool:
    """Whether `watching` leaves what a model computes as it is: it stands in for torch's attention and no other."""
    return bool(model.config._attn_implementation == "sdpa")


@contextmanager
def watching(model: Any, layers: frozenset[int] | None = None) -> Iterator[Seen]:
    """Within, what these layers' attention compares is kept at every pass of `model`, which must be `watchable`.

    Its own attention computes on, or the faster one that stands in for it (`attention.quick`).
    """
    usual = model.config._attn_implementation
    seen = Seen(layers, usual)
    _register()
    model.set_attn_implementation(NAME)
    _WATCHERS.append(seen)
    try:
        yield seen
    finally:
        _WATCHERS.remove(seen)
        model.set_attn_implementation(usual)


def _register() -> None:
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    def attend(module: Any, query: Any, key: Any, value: Any, mask: Any, **options: Any) -> Any:
        for seen in _WATCHERS:
            if seen.layers is None or module.layer_idx in seen.layers:
                scaling = options.get("scaling")
                seen[module.layer_idx] = query, key, query.shape[-1] ** -0.5 if scaling is None else scaling
        usual = next(seen.usual for seen in _WATCHERS if seen.usual != NAME)
        return ALL_ATTENTION_FUNCTIONS[usual](module, query, key, value, mask, **options)

    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])


def looked_away(taken: tuple[torch.Tensor, torch.Tensor, float], head: int, pointers: Pointers) -> torch.Tensor:
    """-log of a head's attention that falls on the right places (nats), `[looks]`, unweighted."""
    import torch

    query, key, scaling = taken
    keys = key[:, head * key.shape[1] // query.shape[1]].float()
    scores = torch.einsum("btd,bsd->bts", query[:, head].float(), keys) * scaling
    scores = scores[pointers.rows, pointers.queries]
    before = key.shape[2] - query.shape[2]  # the shared prefix
    times = torch.arange(key.shape[2], device=key.device)
    scores = scores.masked_fill(times > (pointers.queries + before)[:, None], -torch.inf)
    right = scores.gather(1, pointers.keys.clamp(min=0)).masked_fill(pointers.keys < 0, -torch.inf)
    return scores.logsumexp(1) - right.logsumexp(1)


@dataclass(frozen=True)
class Pointing:
    """One head is taught where to look.

    layer, head: which. weight: of this loss beside cross entropy. lesson: "pointers", from the position that predicts a
    copied token to where it stands; "links", from the first token of a value to the key that asks for it.
    """

    layer: int
    head: int
    weight: float
    lesson: Lesson = "pointers"

    @property
    def missed(self) -> str:
        """What the log calls the mean of this loss (nats)."""
        return "looked_away" if self.lesson == "pointers" else "linked_away"

    def loss_sum(self, seen: Seen, batch: Batch) -> torch.Tensor:
        """Sum of `looked_away`, each look at its own weight, over the batch of the newest pass."""
        import torch

        looks = batch.looks(self.lesson)
        if looks is None:
            return torch.zeros((), device=batch.labels.device)
        return (looked_away(seen[self.layer], self.head, looks) * looks.weights).sum()


def best_head(model: Any, batches: Sequence[Batch], lesson: Lesson = "pointers") -> tuple[int, int] | None:
    """(layer, head) that looks at the right places most already, idle tokens aside; None where no batch tells any."""
    import torch

    from tunewright.train.loss import forward_rows

    mass: dict[tuple[int, int], float] = {}
    with torch.no_grad(), watching(model) as seen:
        for batch in batches:
            there = batch.to(next(model.parameters()).device)
            looks = there.looks(lesson)
            if looks is not None and (looks.weights >= 1).any():
                forward_rows(model, there)
                for layer, taken in seen.items():
                    for head in range(taken[0].shape[1]):
                        right = float(looked_away(taken, head, looks).neg().exp()[looks.weights >= 1].sum())
                        mass[layer, head] = mass.get((layer, head), 0.0) + right
    return max(mass, key=lambda one: mass[one]) if mass else None
