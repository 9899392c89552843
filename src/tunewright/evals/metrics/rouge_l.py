"""ROUGE-L: F1 of the longest common subsequence of words, averaged over documents (Lin 2004, section 3.1).

Words are runs of letters, marks and digits of any script, case folded. The usual package keeps only [a-z0-9]: it gives
two equal Hindi texts 0, and two different ones that share "5 mg" 1.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import ratio, strings
from tunewright.evals.overlap import longest_in_common

name = "rouge_l"


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    reference, reply = strings(example, prediction)
    return {"f1": longest_in_common(reference, reply), "n": 1.0}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"rouge_l": ratio(sums["f1"], sums["n"])}
