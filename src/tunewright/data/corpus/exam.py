"""Wren's own examination: documents whose layouts, label wordings and instruction pretraining never saw.

Values are invented afresh, so none can be remembered. The cases:

- flat: up to 7 fields, held-out layouts, label wordings and instruction;
- notions: the same with fields whose notions were held out too (only words in common lead from key to label);
- nested: objects and lists in seen layouts;
- long: 2,000 to 4,000 tokens of prose around the fields.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from tunewright.data.corpus.documents import Limits, Sample, document
from tunewright.data.corpus.values import Words

CASES = {
    "flat": Limits(fields=7, nested=0.0, held=True),
    "notions": Limits(fields=3, nested=0.0, held=True, held_notions=True),
    "nested": Limits(fields=4, nested=1.0),
    "long": Limits(fields=5, nested=0.0, length=5500),
}


def exam(case: str, count: int, words: Words, *, seed: int = 2026) -> Iterator[Sample]:
    """`count` documents of a case; the same for the same seed and words. Raises KeyError for an unknown case."""
    limits = CASES[case]
    made = 0
    index = 0
    while made < count:
        sample = document(random.Random(f"exam/{case}/{seed}/{index}"), words, limits)
        index += 1
        if case != "nested" or any(isinstance(value, (dict, list)) for value in sample.value.values()):
            made += 1
            yield sample
