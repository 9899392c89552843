"""ROUGE-L: F1 of the longest common subsequence of words, averaged over documents (Lin 2004, section 3.1).

Words are runs of letters, marks and digits of any script, case folded. The usual package keeps only [a-z0-9]: it gives
two equal Hindi texts 0, and two different ones that share "5 mg" 1.
"""

from __future__ import annotations

from typing import Any

from rapidfuzz.distance import LCSseq

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import ratio, strings
from tunewright.text.unicode import words

name = "rouge_l"


def f1(reference: str, reply: str) -> float:
    """ROUGE-L F1 of two texts, 0..1; 1 where neither has a word."""
    gold, said = words(reference.casefold()), words(reply.casefold())
    if not gold or not said:
        return float(not gold and not said)
    numbers: dict[str, int] = {}
    coded = [[numbers.setdefault(word, len(numbers)) for word in side] for side in (gold, said)]
    return 2 * LCSseq.similarity(*coded) / (len(gold) + len(said))


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    reference, reply = strings(example, prediction)
    return {"f1": f1(reference, reply), "n": 1.0}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"rouge_l": ratio(sums["f1"], sums["n"])}
