"""Answers that test shares with train: whole ones, nearly, and single sentences, as collections of questions have them.

Nothing is taken out: a source that says the same of many subjects does so in use, too. It is counted, and results are
sliced by it, so that what was learnt by heart is not taken for an answer to something new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from tunewright.core.records import JSON, Record
from tunewright.data import leakage

LONG = 5
"""Words from which a sentence counts: "It is harmless." says nothing of where it came from."""

_SENTENCE = regex.compile(r"[^.!?।\n]+")


@dataclass(frozen=True, slots=True)
class Repeats:
    """test: its records, each marked in `provenance["slice"]["answers"]` as seen or unseen. near: how many answers of
    test nearly equal one of train. sentences, repeated: how many sentences answers of test have, and how many of them
    stand in train word for word."""

    test: list[Record]
    near: int
    sentences: int
    repeated: int

    def to_row(self) -> dict[str, JSON]:
        return {"near": self.near, "sentences": self.sentences, "sentences_in_train": self.repeated}

    def note(self) -> str:
        share = self.repeated / self.sentences if self.sentences else 0.0
        return (
            f"{self.near} of {len(self.test)} answers of test nearly equal one of train, and {share:.1%} of their "
            f"sentences stand there word for word: they stay, and results are sliced by it"
        )


def repeats(train: Sequence[Record], test: Sequence[Record], threshold: float) -> Repeats:
    """What answers of test share with those of train; both are text. threshold: as `data.near_duplicates`."""
    alike = leakage.duplicates(_as_texts(test), _as_texts(train), threshold)
    near = {pair.id for pair in alike.across}
    known = {key for record in train for key in _sentences(str(record.target))}
    found = [key for record in test for key in _sentences(str(record.target))]
    return Repeats(
        [_marked(record, record.id in near) for record in test],
        len(near),
        len(found),
        sum(key in known for key in found),
    )


def _as_texts(records: Sequence[Record]) -> list[Record]:
    """The answers as records. Their targets are their own ids, so that none of them repeats another of its side."""
    return [record.replace(text=str(record.target), target=record.id) for record in records]


def _sentences(text: str) -> list[int]:
    pieces = (match.group() for match in _SENTENCE.finditer(text))
    return [leakage.text_key(piece) for piece in pieces if len(piece.split()) >= LONG]


def _marked(record: Record, seen: bool) -> Record:
    marks = (record.provenance.get("slice") or {}) | {"answers": "seen" if seen else "unseen"}
    return record.replace(provenance=record.provenance | {"slice": marks})
