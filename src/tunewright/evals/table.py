"""Answers as a table of additive numbers: one row a document, one column a statistic of a metric.

Everything that follows, scores, slices, intervals and paired tests, is arithmetic on sums of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright.core import catalogue
from tunewright.core.errors import DataError
from tunewright.core.recipe import EvaluateOptions
from tunewright.core.records import Example, Prediction
from tunewright.text.accepted import target_for
from tunewright.text.schema import SCORE
from tunewright.text.serialise import dumps

Array = NDArray[np.float64]


def metrics_for(
    examples: Sequence[Example], names: Iterable[str] | None = None, options: EvaluateOptions | None = None
) -> list[Any]:
    """The metrics that fit the examples, by name in order.

    Those of JSON answers are left out for text, those of free answers for JSON, those of one kind of field (`kind`)
    where no schema has such a field.

    names: only these files of `tunewright.evals.metrics`. options: what the recipe says of metrics that can be set
    (`configured`). Raises UsageError for one that is not there.
    """
    modules = [catalogue.load("metric", name) for name in (catalogue.names("metric") if names is None else names)]
    text = bool(examples) and all(isinstance(example.record.target, str) for example in examples)
    schemas = {id(example.schema): example.schema for example in examples if example.schema}
    marks = dumps(list(schemas.values()))
    foreign = "structured" if text else "textual"

    def fits(module: Any) -> bool:
        if getattr(module, "kind", None) is not None:
            return f'"{SCORE}": "{module.kind}"' in marks
        return not getattr(module, foreign, False)

    fitting = [module for module in modules if fits(module)]
    if options is None:
        return fitting
    return [module.configured(options) if hasattr(module, "configured") else module for module in fitting]


def matches(score: str, patterns: Iterable[str]) -> bool:
    """Whether a score is one of these; `*_exact` stands for that of any field."""
    return any(fnmatchcase(score, pattern) for pattern in patterns)


def lower_is_better(score: str) -> bool:
    """Whether a score tells what went wrong; a metric names those of its own (`lower_is_better`)."""
    return matches(score, _faults())


@cache
def _faults() -> frozenset[str]:
    modules = (catalogue.load("metric", name) for name in catalogue.names("metric"))
    return frozenset[str]().union(*(getattr(module, "lower_is_better", ()) for module in modules))


@dataclass(frozen=True)
class Table:
    """matrix: `[documents, columns]`. columns: (metric, statistic) of each column. clusters: `[documents]`, the number
    of the group that each document belongs to (its record's group, else itself)."""

    metrics: tuple[Any, ...]
    columns: tuple[tuple[str, str], ...]
    matrix: Array
    clusters: NDArray[np.int64]

    @classmethod
    def of(cls, pairs: Sequence[tuple[Example, Prediction]], metrics: Sequence[Any]) -> Table:
        """The table of (example, prediction) pairs. Raises DataError where a metric changes its statistics midway."""
        columns: list[tuple[str, str]] = []
        blocks: list[Array] = []
        for metric in metrics:
            rows = [metric.statistics(example, prediction) for example, prediction in pairs]
            keys = list(dict.fromkeys(key for row in rows for key in row))
            by_field = getattr(metric, "kind", None) is not None  # documents of several types have several fields
            if not by_field and any(row.keys() != rows[0].keys() for row in rows):
                raise DataError(f"the metric '{metric.name}' gives other statistics for other documents")
            columns += [(metric.name, key) for key in keys]
            numbers = [[row.get(key, 0.0) for key in keys] for row in rows]
            blocks.append(np.array(numbers, dtype=float).reshape(len(rows), len(keys)))
        matrix = np.hstack(blocks) if blocks else np.zeros((len(pairs), 0))
        return cls(tuple(metrics), tuple(columns), matrix, clusters_of([example for example, _ in pairs]))

    def take(self, rows: Sequence[int]) -> Table:
        """The table of some rows, in the order given."""
        index = np.asarray(rows, dtype=int)
        return Table(self.metrics, self.columns, self.matrix[index], self.clusters[index])

    def summarise(self, sums: Array) -> dict[str, Array]:
        """Scores by name from summed statistics `[..., columns]`; each `[...]`."""
        scores: dict[str, Array] = {}
        for metric in self.metrics:
            own = {key: sums[..., i] for i, (name, key) in enumerate(self.columns) if name == metric.name}
            with np.errstate(divide="ignore", invalid="ignore"):  # sums of nothing: who asks sees what is not finite
                found = {name: np.asarray(score, dtype=float) for name, score in metric.summarise(own).items()}
            if taken := found.keys() & scores.keys():
                raise DataError(f"the metric '{metric.name}' gives '{min(taken)}', which another gives already")
            scores |= found
        return scores

    def bases(self, sums: Array) -> dict[str, Array]:
        """What scores are shares of, as `summarise` has its sums: by name, for the metrics that say so."""
        found: dict[str, Array] = {}
        for metric in self.metrics:
            if hasattr(metric, "bases"):
                own = {key: sums[..., i] for i, (name, key) in enumerate(self.columns) if name == metric.name}
                found |= {name: np.asarray(base, dtype=float) for name, base in metric.bases(own).items()}
        return found


def clusters_of(examples: Sequence[Example]) -> NDArray[np.int64]:
    """`[examples]`: one number per group; a record without a group is one by itself."""
    numbers: dict[tuple[str, str], int] = {}
    keys = [("group", e.record.group) if e.record.group is not None else ("id", e.id) for e in examples]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def paired_by_id(
    examples: Sequence[Example], predictions: Iterable[Prediction], *, partial: bool = False
) -> list[tuple[Example, Prediction]]:
    """Each example with its prediction, in the examples' order.

    Where a record accepts several answers, its example has the one that the reply comes nearest to.
    partial=True: examples without a prediction are left out. Raises DataError for an id that stands twice, a
    prediction of no example, or (not partial) an example that nobody answered.
    """
    wanted = {example.id: example for example in examples}
    if len(wanted) < len(examples):
        raise DataError("two examples have the same id", hint="give every record its own id")
    answers: dict[str, Prediction] = {}
    for prediction in predictions:
        if prediction.id not in wanted:
            raise DataError(
                f"prediction '{prediction.id}' belongs to no example", hint="score it on the set it was made for"
            )
        if prediction.id in answers:
            raise DataError(f"there are two predictions for '{prediction.id}'")
        answers[prediction.id] = prediction
    missing = [name for name in wanted if name not in answers]
    if missing and not partial:
        raise DataError(
            f"{len(missing)} of {len(wanted)} examples have no prediction, the first is '{missing[0]}'",
            hint="let the system answer all of them; a failed reply is a prediction with `failure` set",
        )
    return [(_settled(example, answers[name]), answers[name]) for name, example in wanted.items() if name in answers]


def _settled(example: Example, prediction: Prediction) -> Example:
    """The example with the one of its accepted answers that the reply comes nearest to."""
    if "accept" not in example.record.provenance or prediction.failure is not None:
        return example
    target = target_for(example.record, prediction.value)
    return replace(example, record=example.record.replace(target=target))
