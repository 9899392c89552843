"""What a reviewer would try before a language model: more texts with labels, made cheaply of those of train.

- `oversampling`: texts of the label once more, drawn with replacement.
- `edits`: the four operations of Wei & Zou (2019, EDA) on a drawn text: words exchanged for others, added, swapped and
  left out, each for a tenth of its words. No thesaurus is asked: a word is exchanged for one that train has seen
  between the same two neighbours (Mintz 2003, frequent frames), and added where train has seen it behind the word
  before.
- `ngrams`: texts drawn from a model of three words of the label's own texts, mixed with those of two and of one
  (Jelinek & Mercer 1980).

All is made of the records that are given and of nothing else. What is made says that it is synthetic, and of what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.evals.classifiers import label_of

SHARE = 0.1
"""Share of a text's words that each of the four edits changes (Wei & Zou 2019, section 2: alpha)."""

MIXTURE = (0.7, 0.25, 0.05)
"""Weights of three words, two and one in the n-gram model."""

Draw = np.random.Generator


class Alternative:
    """A way of `NAMES` that has seen some records, and makes others of them."""

    def __init__(self, name: str, records: Sequence[Record]):
        self.name = name
        self._by_label: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            self._by_label[label_of(record)].append(record)
        self._write = _WAYS[name](self._by_label)

    def make(self, counts: Mapping[str, int], seed: int) -> list[Record]:
        """Synthetic records, as many of each label as `counts` says; the same seed, the same texts.

        Raises DataError where a label is asked for that no record has.
        """
        missing = [label for label, count in counts.items() if count and label not in self._by_label]
        if missing:
            raise DataError(f"no text of '{missing[0]}' to make others of")
        draw = np.random.default_rng([seed, NAMES.index(self.name)])
        made = []
        for label, count in counts.items():
            for number in range(count):
                text, of = self._write(label, draw)
                provenance = {"synthetic": True, "generator": self.name, "seed": seed} | ({"of": of} if of else {})
                name = f"{self.name}-{label}-{number}"
                made.append(Record(name, text, label, split="train", provenance=provenance))
        return made


_ByLabel = Mapping[str, Sequence[Record]]
_Writer = Callable[[str, Draw], tuple[str, str | None]]
"""(label, draw) → (text, id of the record that it was made of)"""


def _oversampling(records: _ByLabel) -> _Writer:
    def write(label: str, draw: Draw) -> tuple[str, str | None]:
        record = records[label][int(draw.integers(len(records[label])))]
        return record.text, record.id

    return write


def _edits(records: _ByLabel) -> _Writer:
    between: dict[tuple[str, str], set[str]] = defaultdict(set)
    behind: dict[str, set[str]] = defaultdict(set)
    for own in records.values():
        for record in own:
            said = ["", *record.text.split(), ""]
            for before, word, after in zip(said, said[1:], said[2:], strict=False):
                between[before, after].add(word)
                behind[before].add(word)
    framed = {frame: sorted(words) for frame, words in between.items() if len(words) > 1}
    followed = {word: sorted(words) for word, words in behind.items()}

    def write(label: str, draw: Draw) -> tuple[str, str | None]:
        record = records[label][int(draw.integers(len(records[label])))]
        words = record.text.split()
        times = max(1, round(SHARE * len(words)))
        for edit in (_exchange, _insert):
            for _ in range(times):
                edit(words, framed, followed, draw)
        for _ in range(times):
            if len(words) > 1:
                one, other = draw.integers(len(words), size=2)
                words[one], words[other] = words[other], words[one]
        kept = [word for word in words if draw.random() >= SHARE]
        return " ".join(kept or words), record.id

    return write


_Frames = Mapping[tuple[str, str], Sequence[str]]


def _exchange(words: list[str], framed: _Frames, _: Mapping[str, Sequence[str]], draw: Draw) -> None:
    """One word for another of the same frame; a text without such a word stays."""
    padded = ["", *words, ""]
    places = [at for at in range(len(words)) if (padded[at], padded[at + 2]) in framed]
    if places:
        at = places[draw.integers(len(places))]
        others = [word for word in framed[padded[at], padded[at + 2]] if word != words[at]]
        words[at] = others[draw.integers(len(others))] if others else words[at]


def _insert(words: list[str], _: _Frames, followed: Mapping[str, Sequence[str]], draw: Draw) -> None:
    """A word behind another that train has seen there."""
    at = int(draw.integers(len(words) + 1))
    others = [word for word in followed.get(words[at - 1] if at else "", ()) if word]
    if others:
        words.insert(at, others[draw.integers(len(others))])


_END = ""
"""What stands behind the last word."""


def _ngrams(records: _ByLabel) -> _Writer:
    models = {label: _Model(own) for label, own in records.items() if own}
    return lambda label, draw: (models[label].write(draw), None)


class _Model:
    """The words of some texts behind none, one and two others."""

    def __init__(self, records: Sequence[Record]):
        self.behind: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self.longest = 1
        for record in records:
            words = record.text.split()
            self.longest = max(self.longest, len(words))
            said = [_END, _END, *words, _END]
            for at in range(2, len(said)):
                for size in range(3):
                    self.behind[tuple(said[at - size : at])].append(said[at])
        if len(self.behind[()]) <= len(records):
            raise DataError("no text of the label has a word to learn from", where=records[0].id)

    def write(self, draw: Draw) -> str:
        """A text of one word at least, and no longer than the longest that the model was made of."""
        while True:
            said = [_END, _END]
            while len(said) < self.longest + 2:
                chance = draw.random()
                size = 2 if chance < MIXTURE[0] else 1 if chance < MIXTURE[0] + MIXTURE[1] else 0
                known = self.behind.get(tuple(said[len(said) - size :]), self.behind[()])
                word = known[draw.integers(len(known))]
                if word == _END:
                    break
                said.append(word)
            if len(said) > 2:
                return " ".join(said[2:])


_WAYS: Mapping[str, Callable[[_ByLabel], _Writer]] = {"oversampling": _oversampling, "edits": _edits, "ngrams": _ngrams}
NAMES = tuple(_WAYS)
