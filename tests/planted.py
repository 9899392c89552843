"""Corpora whose truth is known, for tests of what judges them: people who speak, labels that words carry, and synthetic
texts that help, cannot help, or give away whom they were made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewright.core.records import Record

LABELS = ("fluent", "disfluent")
CUES = 60
"""Words that stand for a label, each of them rare: a few texts do not hold them all."""

_COMMON = [f"common{number}" for number in range(120)]
_CUE = {label: [f"{label}{number}" for number in range(CUES)] for label in LABELS}


def said(label: str, draw: np.random.Generator, *, own: Sequence[str] = (), cued: float = 0.12, words: int = 14) -> str:
    """A text of one label. own: words that its speaker likes. cued: chance of a word to be one that the label has.

    Disfluent texts also have fillers and repetitions, a little more often than fluent ones.
    """
    text: list[str] = []
    slips = 0.1 if label == "disfluent" else 0.06
    for _ in range(int(draw.integers(words - 6, words + 7))):
        if draw.random() < slips:
            text.append("um" if draw.random() < 0.5 or not text else text[-1])
        chance = draw.random()
        if chance < cued:
            text.append(_CUE[label][draw.integers(CUES)])
        elif chance < cued + 0.1 and own:
            text.append(own[draw.integers(len(own))])
        else:
            text.append(_COMMON[int(len(_COMMON) * draw.random() ** 2)])
    return " ".join(text) + "."


def people(
    count: int,
    texts: int | Sequence[int],
    seed: int,
    *,
    side: str = "train",
    cued: float = 0.12,
    one_label: bool = False,
) -> list[Record]:
    """Records of so many people, each with texts of both labels in turn and words of their own.

    one_label: all texts of a person have the same label, which every second one has.
    """
    draw = np.random.default_rng(seed)
    sizes = [texts] * count if isinstance(texts, int) else list(texts)
    records = []
    for person in range(count):
        own = [f"topic{number}" for number in draw.integers(0, 400, 5)]
        for number in range(sizes[person]):
            label = LABELS[(person if one_label else number) % 2]
            records.append(
                Record(
                    f"{side}-{person}-{number}",
                    said(label, draw, own=own, cued=cued),
                    label,
                    group=f"{side}-{person}",
                    split=side,
                )
            )
    return records


def helpful(count: int, seed: int) -> list[Record]:
    """Synthetic texts that are as people speak, each by somebody new: they know words that few real texts have."""
    draw = np.random.default_rng(seed)
    own = [[f"topic{number}" for number in draw.integers(0, 400, 5)] for _ in range(count)]
    return _made(said(LABELS[number % 2], draw, own=own[number]) for number in range(count))


def useless(count: int, seed: int) -> list[Record]:
    """Synthetic texts of which no word has to do with their label."""
    draw = np.random.default_rng(seed)
    return _made(said("fluent", draw, cued=0.0) for _ in range(count))


def memorised(records: Sequence[Record], count: int, seed: int) -> list[Record]:
    """Synthetic texts that say again what one of the records says, but for two words; labels are kept."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        own = [record for record in records if record.target == LABELS[number % 2]]
        words = own[draw.integers(len(own))].text.split()
        for at in draw.integers(len(words), size=2):
            words[at] = _COMMON[draw.integers(len(_COMMON))]
        found.append(" ".join(words))
    return _made(found)


def _made(texts) -> list[Record]:
    return [
        Record(f"made-{number}", text, LABELS[number % 2], split="train", provenance={"synthetic": True})
        for number, text in enumerate(texts)
    ]
