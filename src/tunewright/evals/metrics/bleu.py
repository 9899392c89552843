"""Corpus BLEU-4 in 0..1 (Papineni et al. 2002) with sacrebleu's "intl" tokens and its "exp" smoothing (Post 2018).

The score is made from summed n-gram counts, as sacrebleu makes its corpus score, and equals it / 100. "intl" splits
at Unicode punctuation and symbols; the default "13a" knows only ASCII and glues the danda to the word before.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import strings

name = "bleu"

_ORDER = 4


@cache
def _tokenizer() -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize="intl").tokenizer


def counts(reference: str, reply: str) -> dict[str, float]:
    """reply and reference length in tokens; for n = 1..4 matches (clipped) and n-grams of the reply."""
    gold = _tokenizer()(reference.rstrip()).split()
    said = gold if reply == reference else _tokenizer()(reply.rstrip()).split()
    found: dict[str, float] = {"reply": len(said), "reference": len(gold)}
    for n in range(1, _ORDER + 1):
        total = max(0, len(said) - n + 1)
        match = total if said is gold else sum((_ngrams(said, n) & _ngrams(gold, n)).values())
        found |= {f"match{n}": match, f"total{n}": total}
    return found


def _ngrams(tokens: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    return counts(*strings(example, prediction))


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    match = np.stack([np.asarray(sums[f"match{n}"], dtype=float) for n in range(1, _ORDER + 1)])
    total = np.stack([np.asarray(sums[f"total{n}"], dtype=float) for n in range(1, _ORDER + 1)])
    reply, reference = np.asarray(sums["reply"], dtype=float), np.asarray(sums["reference"], dtype=float)
    # The k-th order without a match counts as 1 / 2^k of one.
    smoothed = np.where(match > 0, match, 0.5 ** np.cumsum(match == 0, axis=0))
    usable = (total > 0).all(axis=0) & (match > 0).any(axis=0)
    precision = smoothed / np.where(total > 0, total, 1.0)
    brevity = np.where(reply < reference, np.exp(1 - reference / np.where(reply > 0, reply, 1.0)), 1.0)
    return {"bleu": np.where(usable, brevity * np.exp(np.log(precision).mean(axis=0)), 0.0)}
