"""Corpus chrF++ in 0..1 (Popović 2017): F2 over character 1- to 6-grams and word 1- and 2-grams.

Made from summed counts, as sacrebleu makes its corpus score with word_order=2, and equals it / 100. It needs no
tokenizer and so is the safest text score across scripts.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import strings
from tunewright.evals.overlap import f_of_ngrams, ngrams_in_common

name = "chrf"


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    return ngrams_in_common(*strings(example, prediction))


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"chrf": f_of_ngrams(sums)}
