"""The seams of the house. A plug-in is a module (or object) that fits one of these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tunewright.core.hosting import Asked, Checked, Estimate, Job, Reply, Told
from tunewright.core.records import JSON, Example, Message, Prediction, Record


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


class Provider(Protocol):
    """Who fine-tunes a model elsewhere. Up to `count` neither a key nor a network is needed.

    What is sent is sent once: `upload` and `start` look first for what an earlier process sent under the same name.
    Nothing that is returned, written or raised holds the key. What asks the service raises HostedError.

    longest: tokens that an example may have, None where that is not known.
    """

    name: str
    longest: int | None

    def notices(self) -> list[str]:
        """What the user should know of the service and the model, with dates."""
        ...

    def closed(self) -> str | None:
        """Why the service takes no new job today, or None. Asked before anything is sent."""
        ...

    def prepare(self, examples: Iterable[Example], path: Path) -> int:
        """Write examples as the provider reads them. Returns how many."""
        ...

    def validate(self, path: Path, *, least: int) -> Checked:
        """A prepared file by the provider's own rules. least: examples that there must be."""
        ...

    def estimate(self, checked: Checked, asked: Sequence[Asked]) -> Estimate:
        """Tokens and cost of training on a file and of the answers that are asked for."""
        ...

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of a conversation, counted or estimated."""
        ...

    def upload(self, path: Path, name: str) -> str:
        """Send a file under a name that is its alone, unless it is there. Returns its id."""
        ...

    def start(self, key: str, training: str, validation: str | None) -> Job:
        """Begin a job on files by id, unless one with this key is there."""
        ...

    def resume(self, key: str, training: str) -> Job | None:
        """The job that was started with this key on this file, or None."""
        ...

    def watch(self, job: str, after: str | None) -> tuple[Job, list[Told]]:
        """How a job is, and its events behind the one with the id `after`, the oldest first."""
        ...

    def cancel(self, job: str) -> Job:
        """Stop a job; one that has ended stays as it is."""
        ...

    def fetch(self, job: Job, folder: Path) -> list[dict[str, JSON]]:
        """Write the results of a job into a folder. Returns its checkpoints: {"step", "model", ...}."""
        ...

    def generate(
        self,
        messages: Sequence[Message],
        *,
        model: str,
        max_tokens: int,
        seed: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
    ) -> Reply:
        """A model's answer: the likeliest, or one that is drawn at a temperature above 0."""
        ...
