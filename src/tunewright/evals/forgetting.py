"""What a model has forgotten of what it knew before it was fine-tuned, in bits per byte.

Two sets that no recipe trains on: short prose in English and Hindi, written for this package; and, for a model that the
package itself pretrained, replies of its own examination (JSON of nested schemas it has never seen). Bits per byte do
not depend on the tokenizer. A difference is bootstrapped over whole texts, the same texts before and after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import files as package_files
from typing import Any

import numpy as np

from tunewright.decode.likelihood import likelihoods
from tunewright.evals.intervals import resampled_sums
from tunewright.evals.paired import by_bootstrap
from tunewright.models.embedded import is_embedded
from tunewright.models.load import Loaded

EXAMINED = 120
"""Documents of the examination that are read."""

Bits = list[tuple[float, int]]
"""(bits, bytes) of each text."""


def prose() -> list[str]:
    """Paragraphs of general text: twelve English, eight Hindi."""
    text = package_files("tunewright.evals").joinpath("general.txt").read_text(encoding="utf-8")
    return [paragraph for paragraph in text.strip().split("\n\n") if paragraph]


def measure(loaded: Loaded, name: str) -> dict[str, Bits]:
    """Set → bits and bytes of each of its texts. name: of the base model; the examination is for embedded ones."""
    found = {"general text": _prose_bits(loaded)}
    if is_embedded(name):
        found["examination"] = _examination_bits(loaded)
    return found


def _prose_bits(loaded: Loaded) -> Bits:
    """The first token of a text is given, where the tokenizer puts nothing before it: nothing could predict it."""
    pairs, sizes = [], []
    for text in prose():
        ids = loaded.tokenizer(text)["input_ids"]
        pairs.append((ids[:1], ids[1:]))
        sizes.append(len(text.encode()))
    return [(one.nats / math.log(2), size) for one, size in zip(likelihoods(loaded, pairs), sizes, strict=True)]


def _examination_bits(loaded: Loaded) -> Bits:
    from tunewright.data.corpus.exam import exam
    from tunewright.data.corpus.values import Words

    samples = list(exam("nested", EXAMINED, Words.none()))
    pairs = [(loaded.chat.prompt_ids(one.messages), loaded.chat.reply_ids(one.reply)) for one in samples]
    sizes = [len(one.reply.encode()) for one in samples]
    return [(one.nats / math.log(2), size) for one, size in zip(likelihoods(loaded, pairs), sizes, strict=True)]


def compare(before: Sequence[tuple[float, int]], after: Sequence[tuple[float, int]], *, level: float, seed: int = 0,
            resamples: int = 2000) -> dict[str, Any]:  # fmt: skip
    """Bits per byte before and after: {"n", "before", "after", "difference", "low", "high", "p"}. Above 0: forgotten.

    Interval and p are those of the paired bootstrap over texts (`evals.paired`), widened for how few they are.
    Raises ValueError where the two are not of the same texts.
    """
    if [size for _, size in before] != [size for _, size in after] or not before:
        raise ValueError("bits before and after must be of the same texts")
    first, second = np.array(before, dtype=float), np.array(after, dtype=float)
    drawn = resampled_sums(np.hstack([first, second]), resamples, seed)
    a, b = (float(side[:, 0].sum() / side[:, 1].sum()) for side in (first, second))
    differing = int((first[:, 0] != second[:, 0]).sum())
    apart = drawn[:, 2] / drawn[:, 3] - drawn[:, 0] / drawn[:, 1]
    tested = by_bootstrap(b - a, apart, len(first), differing, level)
    return {
        "n": len(first),
        "before": a,
        "after": b,
        "difference": b - a,
        **{name: tested[name] for name in ("low", "high", "p")},
    }
