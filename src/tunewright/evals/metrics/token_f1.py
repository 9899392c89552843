"""Token F1 of free answers as SQuAD defines it (Rajpurkar et al. 2016, section 6.1), right for every script."""

from __future__ import annotations

from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import ratio, strings
from tunewright.text.words import f1

name = "token_f1"
textual = True


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    return {"f1": f1(*strings(example, prediction)), "n": 1.0}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"token_f1": ratio(sums["f1"], sums["n"])}
