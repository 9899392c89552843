"""Token F1 of free answers as SQuAD defines it (Rajpurkar et al. 2016, section 6.1), right for every script.

Words are compared as a bag, folded, without punctuation and English articles. The original splits at spaces after it
took ASCII punctuation out; here marks of Devanagari stay with their letters, a danda is punctuation, digits of any
script are equal, and texts are in NFC.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import answer_words, ratio, strings

name = "token_f1"
textual = True


def f1(reference: str, reply: str) -> float:
    """F1 of two texts' words, 0..1; 1 where neither has one."""
    gold, said = answer_words(reference), answer_words(reply)
    if not gold or not said:
        return float(gold == said)
    return 2 * (Counter(gold) & Counter(said)).total() / (len(gold) + len(said))


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    return {"f1": f1(*strings(example, prediction)), "n": 1.0}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"token_f1": ratio(sums["f1"], sums["n"])}
