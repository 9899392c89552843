"""Fine-tuning at a provider, as values that pass between parts: what was found in files, what it costs, how a job is.

All turn into JSON and back, and none of them ever holds a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tunewright.core.records import JSON

State = Literal["validating", "queued", "running", "succeeded", "failed", "cancelled"]
"""How a job stands, whatever its provider calls it."""

ENDED: tuple[State, ...] = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the files that are to be sent. fatal: the provider would refuse them, so they are not sent.

    where: `file:line` of the first; count: how many lines have it.
    """

    message: str
    where: str
    count: int = 1
    fatal: bool = True

    def __str__(self) -> str:
        more = f", and {self.count - 1} more" if self.count > 1 else ""
        return f"{self.where}: {self.message}{more}"


@dataclass(frozen=True, slots=True)
class Tokens:
    """How long examples are. how: who counted, and whether that is exact."""

    how: str
    total: int = 0
    least: int = 0
    median: int = 0
    p95: int = 0
    most: int = 0

    @classmethod
    def of(cls, counts: Sequence[int], how: str) -> Tokens:
        ranked = sorted(counts)
        if not ranked:
            return cls(how)
        last = len(ranked) - 1
        return cls(how, sum(ranked), ranked[0], ranked[last // 2], ranked[round(0.95 * last)], ranked[-1])


@dataclass(frozen=True, slots=True)
class Checked:
    """What looking at one file of examples showed. bytes: its size; examples: its lines."""

    name: str
    examples: int
    bytes: int
    tokens: Tokens
    findings: tuple[Finding, ...] = ()

    @property
    def faults(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.fatal]

    def to_row(self) -> dict[str, JSON]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens: trained, read and written by the model as it is, and by a tuned one.

    looked_up: the day (ISO) on which that was what the provider asked.
    """

    training: float
    base: tuple[float, float]
    tuned: tuple[float, float]
    looked_up: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a system will be asked, in tokens: read, and written about so many. All but base and few-shot are tuned.

    system: its name; `texts` where it writes texts of labels.
    """

    system: str
    documents: int
    read: int
    written: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job takes before anything is sent. price None: nobody here knows it, and so no cost.

    trained_tokens: of all epochs. exact_epochs: False where the provider chooses how many.
    """

    model: str
    examples: int
    tokens: int
    how: str
    epochs: int
    exact_epochs: bool
    price: Price | None
    asked: tuple[Asked, ...] = ()

    @property
    def trained_tokens(self) -> int:
        return self.tokens * self.epochs

    @property
    def training_cost(self) -> float | None:
        """US dollars."""
        return None if self.price is None else self.trained_tokens * self.price.training / 1e6

    @property
    def asking_cost(self) -> float | None:
        """US dollars for the answers of all systems."""
        if self.price is None:
            return None
        total = 0.0
        for one in self.asked:
            read, written = self.price.base if one.system in ("base", "few-shot") else self.price.tuned
            total += (one.read * read + one.written * written) / 1e6
        return total

    def lines(self) -> list[str]:
        """The estimate in words."""
        epochs = (
            f"{self.epochs} epochs" if self.exact_epochs else f"about {self.epochs} epochs, which the service chooses"
        )
        said = [f"{self.examples:,} examples, {self.tokens:,} tokens ({self.how})"] if self.examples else []
        if self.examples:
            said.append(f"{epochs}: {self.trained_tokens:,} tokens trained")
        said += [
            f"{one.system}: {one.documents:,} documents, {one.read:,} tokens to read and about {one.written:,} to write"
            for one in self.asked
        ]
        if self.price is None or self.training_cost is None or self.asking_cost is None:
            return [*said, f"cost: the price of {self.model} is not known here; look at the provider's page"]
        whole = self.training_cost + self.asking_cost
        parts = f"training ${self.training_cost:,.2f}, answers ${self.asking_cost:,.2f}"
        return [*said, f"cost: about ${whole:,.2f} ({parts}), by prices of {self.price.looked_up}"]

    def to_row(self) -> dict[str, JSON]:
        costs = {"training_cost": self.training_cost, "asking_cost": self.asking_cost}
        return asdict(self) | {"trained_tokens": self.trained_tokens} | costs


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its provider tells of it. tuned: the model's name once it is there. files: ids of results.

    error: why it failed, in the provider's words. trained_tokens: what is billed.
    """

    id: str
    state: State
    tuned: str | None = None
    error: str | None = None
    trained_tokens: int | None = None
    epochs: int | None = None
    files: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def to_row(self) -> dict[str, JSON]:
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, JSON]) -> Job:
        return cls(**{**row, "files": tuple(row.get("files") or ())})


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a job. time: seconds since 1970. values: step, loss, validation_loss … of an event with metrics."""

    id: str
    time: float
    message: str
    level: str = "info"
    values: dict[str, Any] = field(default_factory=dict)

    def to_row(self) -> dict[str, JSON]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer. finish: "stop" or "length". refusal: why there is none, in the service's words."""

    text: str
    finish: str
    prompt_tokens: int
    tokens: int
    refusal: str | None = None
