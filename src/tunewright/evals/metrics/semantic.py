"""Semantic correctness: fields that mean what gold means, however they are written (`text.meaning`).

Fields are aligned as in `fields`; one that is substituted there is right here where its value is the same date, time,
number, quantity or sum, or almost the same text. Where the schema gives a choice between values, only the very value is
right.

- semantic_accuracy: share of fields that are right by meaning, rightly empty ones included; never below field_accuracy.
- semantic_f1: F1 over values only, as field_f1.
- semantic_similarity: as accuracy, a field that is not right counting as much as its text is alike (0..0.9).
- semantic_ambiguous: share of fields that could mean the same and could mean another day or time; counted as wrong.
- semantic_embedding, only with `evaluate.embedding_model`: the mean cosine of texts in the place of each other, 1 for
  those that are the same, 0 for those that are missing or made up. What it says depends on that model.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tunewright.core.recipe import EvaluateOptions
from tunewright.core.records import JSON, Example, Prediction
from tunewright.evals.metrics._shared import ratio
from tunewright.text.meaning import Judged, judge
from tunewright.text.outcomes import Outcome, outcomes
from tunewright.text.schema import at_path

if TYPE_CHECKING:
    from tunewright.models.embed import Embedder

name = "semantic"
structured = True
proportions = frozenset({"semantic_accuracy", "semantic_ambiguous"})
lower_is_better = frozenset({"semantic_ambiguous"})


def judged(outcome: Outcome, schema: dict[str, JSON] | None) -> Judged:
    """What a field's value is worth by its meaning."""
    if outcome.kind in ("correct", "null"):
        return Judged(1.0, "equal")
    if outcome.kind != "substituted":
        return Judged(0.0, "different")
    known = at_path(schema, outcome.at) if schema else {}
    return judge(outcome.gold, outcome.reply, closed="enum" in known or "const" in known)


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    counts = dict.fromkeys(("values", "null", "said", "wanted", "alike", "ambiguous", "n"), 0.0)
    for outcome in outcomes(example.record.target, prediction.value, answered=prediction.failure is None):
        found = judged(outcome, example.schema)
        counts["n"] += 1
        counts["alike"] += found.likeness
        counts["ambiguous"] += found.how == "ambiguous"
        counts["null"] += outcome.kind == "null"
        counts["values"] += found.same and outcome.kind != "null"
        counts["said"] += outcome.kind in ("correct", "substituted", "hallucinated")
        counts["wanted"] += outcome.kind in ("correct", "substituted", "omitted")
    return counts


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {
        "semantic_accuracy": ratio(sums["values"] + sums["null"], sums["n"], empty=1.0),
        "semantic_f1": ratio(2 * sums["values"], sums["said"] + sums["wanted"], empty=1.0),
        "semantic_similarity": ratio(sums["alike"], sums["n"], empty=1.0),
        "semantic_ambiguous": ratio(sums["ambiguous"], sums["n"]),
    }


def bases(sums: dict[str, Any]) -> dict[str, Any]:
    """What each score is a share of, 0 where there is nothing to judge."""
    return {
        "semantic_accuracy": sums["n"],
        "semantic_f1": sums["said"] + sums["wanted"],
        "semantic_similarity": sums["n"],
        "semantic_ambiguous": sums["n"],
    }


class Embedded:
    """The metric with texts compared by an embedding model, too."""

    name, structured = name, structured
    proportions = proportions

    def __init__(self, embedder: Embedder):
        self.embedder = embedder

    def statistics(self, example: Example, prediction: Prediction) -> dict[str, float]:
        texts, likeness = 0, 0.0
        for outcome in outcomes(example.record.target, prediction.value, answered=prediction.failure is None):
            pair = (outcome.gold, outcome.reply)
            if any(isinstance(value, str) for value in pair):
                texts += 1
                both = all(isinstance(value, str) for value in pair)
                likeness += self.embedder.likeness(*pair) if both else 0.0
        return {**statistics(example, prediction), "texts": float(texts), "cosine": likeness}

    def summarise(self, sums: dict[str, Any]) -> dict[str, Any]:
        own = {"semantic_embedding": ratio(sums["cosine"], sums["texts"], empty=1.0)}
        return {**summarise(sums), **own}

    def bases(self, sums: dict[str, Any]) -> dict[str, Any]:
        return {**bases(sums), "semantic_embedding": sums["texts"]}


def configured(options: EvaluateOptions) -> Any:
    """This metric, or `Embedded` where the recipe names a model. Raises ModelError where that is not there."""
    return Embedded(_embedder(options.embedding_model)) if options.embedding_model else sys.modules[__name__]


@lru_cache(maxsize=1)
def _embedder(name: str) -> Embedder:
    from tunewright.models.embed import Embedder

    return Embedder(name)
