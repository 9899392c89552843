"""Scores of one system's answers: every metric with its interval, by slice and by field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tunewright.core.errors import DataError
from tunewright.core.recipe import EvaluateOptions
from tunewright.core.records import Example, Prediction, Record
from tunewright.evals.intervals import Array, cluster_sums, interval, leave_one_out, resampled_sums
from tunewright.evals.metrics import fields
from tunewright.evals.table import Table, clusters_of, matches, metrics_for, paired_by_id


def score(
    examples: Sequence[Example],
    predictions: Iterable[Prediction],
    *,
    level: float,
    resamples: int,
    seed: int,
    metrics: Iterable[str] | None = None,
    options: EvaluateOptions | None = None,
) -> dict[str, Any]:
    """Score predictions, matched to examples by id.

    level: of the intervals, such as 0.95. resamples: of the bootstrap over groups (documents, where records have
    none). metrics: names of files in `evals.metrics`; None: all that fit. options: of the recipe, for the metrics that
    can be set; None: as a recipe has them that says nothing.

    Returns {"n", "level", "resamples", "metrics", "slices", "distributions", "cost"}. A metric is {"value", "low",
    "high", "n", "method"}, all in 0..1 (BLEU and chrF++ too: sacrebleu's / 100), n the documents. slices: dimension →
    value → {"n", "metrics"}; in `slices["field"]` n counts the values of that field and the metrics are accuracy,
    precision, recall, f1, correct, omitted, hallucinated, substituted. Of several folds also "spread": metric →
    {"low", "high"}, the least and the greatest score of a fold, which is no interval. distributions: over documents, of
    the overall score (of text: chrF++) and of seconds → {"min", "p5", "p25", "median", "p75", "p90", "p95", "p99",
    "max"}. cost has means per document, tokens_per_second, and seconds_median to seconds_max.

    Raises DataError where examples and predictions do not belong together, or there are none.
    """
    pairs = paired_by_id(examples, predictions)
    if not pairs:
        raise DataError("there is nothing to score")
    chosen = metrics_for([example for example, _ in pairs], metrics, options)
    table = Table.of(pairs, [metric for metric in chosen if getattr(metric, "measures", "quality") == "quality"])
    cost = Table.of(pairs, [metric for metric in chosen if getattr(metric, "measures", "quality") == "cost"])
    boot = _Bootstrap(level, resamples, seed)

    slices: dict[str, dict[str, Any]] = {}
    for row, (example, _) in enumerate(pairs):
        for dimension, value in slices_of(example.record).items():
            slices.setdefault(dimension, {}).setdefault(value, []).append(row)
    for values in slices.values():
        for value, rows in sorted(values.items()):
            values[value] = {"n": len(rows), "metrics": boot.scores(table.take(rows))}
    if any(metric.name == "fields" for metric in table.metrics):
        slices["field"] = _by_field(pairs, boot)
    whole = boot.scores(table)
    spread = _distributions(table, [prediction.seconds for _, prediction in pairs])
    return {
        "n": len(pairs),
        "level": level,
        "resamples": resamples,
        "metrics": whole,
        **({"spread": _spread(slices["fold"], whole)} if len(slices.get("fold", ())) > 1 else {}),
        "slices": slices,
        "distributions": spread,
        "cost": {
            **{name: float(value) for name, value in cost.summarise(cost.matrix.sum(axis=0)).items()},
            **{f"seconds_{kind}": spread["seconds"][kind] for kind in ("median", "p90", "p99", "max")},
        },
    }


_QUANTILES = {
    "min": 0.0, "p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0
}  # fmt: skip
_CHIEF = ("overall", "chrf")
"""The score whose distribution over documents is told: the first of these that there is."""


def _distributions(table: Table, seconds: Sequence[float]) -> dict[str, dict[str, float]]:
    each = table.summarise(table.matrix)
    values = {name: np.broadcast_to(each[name], len(table.matrix)) for name in _CHIEF if name in each}
    values = {**dict(list(values.items())[:1]), "seconds": np.array(seconds)}
    return {
        name: {kind: float(np.quantile(some, share)) for kind, share in _QUANTILES.items()}
        for name, some in values.items()
    }


def _spread(folds: dict[str, Any], names: Iterable[str]) -> dict[str, dict[str, float]]:
    values = {name: [fold["metrics"][name]["value"] for fold in folds.values()] for name in names}
    return {name: {"low": min(each), "high": max(each)} for name, each in values.items()}


def slices_of(record: Record) -> dict[str, str]:
    """What a record is sliced by: dimension → value; the cell is wordings × entities."""
    found = {"language": record.language, "doc_type": record.doc_type}
    marks = record.provenance.get("slice") or {}
    found |= {str(dimension): None if value is None else str(value) for dimension, value in marks.items()}
    if found.get("wordings") and found.get("entities"):
        found["cell"] = f"{found['wordings']} wordings × {found['entities']} entities"
    return {dimension: value for dimension, value in found.items() if value is not None}


class _Bootstrap:
    def __init__(self, level: float, resamples: int, seed: int):
        self.level, self.resamples, self.seed = level, resamples, seed

    def scores(self, table: Table) -> dict[str, dict[str, Any]]:
        """Scores and intervals of a table; those that a metric calls optional only where something was judged."""
        optional = frozenset().union(*(getattr(metric, "optional", ()) for metric in table.metrics))
        idle = {name for name, base in table.bases(table.matrix.sum(axis=0)).items() if not base} & optional
        return {name: found for name, found in self._scores(table).items() if name not in idle}

    def _scores(self, table: Table) -> dict[str, dict[str, Any]]:
        proportions = frozenset().union(*(getattr(metric, "proportions", ()) for metric in table.metrics))
        clustered = cluster_sums(table.matrix, table.clusters)
        return self.of_sums(clustered, table.summarise, table.bases, proportions, len(table.matrix))

    def of_sums(
        self,
        clustered: Array,
        summarise: Callable[[Array], dict[str, Array]],
        bases: Callable[[Array], dict[str, Array]],
        proportions: frozenset[str],
        n: int,
    ) -> dict[str, dict[str, Any]]:
        """Scores and intervals from statistics per cluster `[g, k]`.

        Clusters, and resamples, that hold nothing a score is a share of say nothing about it: they are left out.
        """
        values = summarise(clustered.sum(axis=0))
        resampled = resampled_sums(clustered, self.resamples, self.seed)
        replicates, jackknife = summarise(resampled), summarise(leave_one_out(clustered))
        held, drawn = bases(clustered), bases(resampled)
        found = {}
        for name, value in values.items():
            some, apart = (
                np.broadcast_to(one[name], len(rows)) for one, rows in ((replicates, resampled), (jackknife, clustered))
            )
            if name in held:
                some, apart = some[drawn[name] > 0], apart[held[name] > 0]
            if len(clustered) == 1 and not np.isfinite(apart).all():
                apart = apart[:0]  # nothing is left without the only cluster
            _check(name, value, some, apart)
            share = matches(name, proportions)
            low, high, method = interval(float(value), some, apart, proportion=share, level=self.level)
            found[name] = {"value": float(value), "low": low, "high": high, "n": n, "method": method}
        return found


def _check(name: str, *scores: Array) -> None:
    """Raises DataError where a score is no number from 0 to 1: intervals are made for those."""
    for score in map(np.atleast_1d, scores):
        wrong = score[~((score >= -1e-9) & (score <= 1 + 1e-9))]
        if wrong.size:
            raise DataError(
                f"the score '{name}' is {wrong[0]:.6g}",
                hint="a metric's scores are numbers from 0 to 1, also where there is nothing to score",
            )


_FIELD_PROPORTIONS = frozenset({"accuracy", "precision", "recall", "correct", "omitted", "hallucinated", "substituted"})


def _by_field(pairs: Sequence[tuple[Example, Prediction]], boot: _Bootstrap) -> dict[str, Any]:
    """Scores of each field over the documents that have it, fields in the order they first appear."""
    clusters = clusters_of([example for example, _ in pairs])
    rows: dict[str, list[tuple[int, dict[str, float]]]] = {}
    for row, (example, prediction) in enumerate(pairs):
        for path, counts in fields.by_field(example, prediction).items():
            rows.setdefault(path, []).append((row, counts))
    found = {}
    for path, counted in rows.items():
        keys = list(counted[0][1])
        matrix = np.array([[counts[key] for key in keys] for _, counts in counted])

        def summarise(sums: Array, keys: list[str] = keys) -> dict[str, Array]:
            return fields.summarise_field({key: sums[..., i] for i, key in enumerate(keys)})

        def bases(sums: Array, keys: list[str] = keys) -> dict[str, Array]:
            return fields.bases_of_field({key: sums[..., i] for i, key in enumerate(keys)})

        clustered = cluster_sums(matrix, clusters[[row for row, _ in counted]])
        n = int(matrix.sum())
        found[path] = {"n": n, "metrics": boot.of_sums(clustered, summarise, bases, _FIELD_PROPORTIONS, n)}
    return found
