"""The seams of the house. A plug-in is a module (or object) that fits one of these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tunewright.core.records import JSON, Example, Prediction, Record


@runtime_checkable
class Task(Protocol):
    """One kind of job: what a record is, how it becomes a prompt and a target, how text is parsed back."""

    name: str

    def example(self, record: Record, shots: Sequence[Record] = ()) -> Example:
        """The record as a model meets it; `shots` stand before it as earlier turns."""
        ...

    def parse(self, text: str, example: Example) -> tuple[JSON, str | None]:
        """A raw reply as (value, None), or (None, why not). Never raises on bad text."""
        ...


@runtime_checkable
class System(Protocol):
    """Anything that answers examples: base, tuned, few-shot, rules, hosted. Who it is, nobody asks."""

    name: str

    def predict(self, examples: Sequence[Example]) -> Iterator[Prediction]:
        """One prediction per example, in the order given."""
        ...


class Metric(Protocol):
    """A score whose interval and paired test come for free.

    `statistics` turns one answer into additive numbers; `summarise` turns sums of those into scores, so a
    bootstrap resamples rows of statistics and never calls a model or reparses a text.

    `proportions`, `lower_is_better`: which of its scores are shares of things counted, and which tell what went wrong
    (none without); `*_exact` stands for that of any field.

    A metric that the recipe can set also has `configured(options) -> Metric`, given its page `evaluate`.

    A module with a `kind` scores fields that a schema marks so (`x-score`), under names that begin with the field's;
    its statistics are called `field.statistic`, and are those of the fields that a record's schema has.
    """

    name: str

    def statistics(self, example: Example, prediction: Prediction) -> dict[str, float]:
        """Additive numbers of one record, the same keys for every record."""
        ...

    def summarise(self, sums: dict[str, Any]) -> dict[str, Any]:
        """Scores by name, from 0 to 1, from summed statistics.

        Values may be numpy arrays `[resamples]`: use array arithmetic only. Sums of nothing are summarised too.
        """
        ...


class Row(Protocol):
    """A reader's yield: a good row with the line it stood on."""

    line: int
    value: dict[str, JSON]


class Reader(Protocol):
    """One file format. `suffixes` are what it is known by."""

    suffixes: tuple[str, ...]

    def read(self, path: Path) -> Iterable[Any]: ...
