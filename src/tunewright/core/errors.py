"""Every error a user can meet, under one root.

TunewrightError
├── UsageError        the command line asked for something impossible (exit code 2)
│   └── RecipeError   one or more faults in a recipe, gathered
├── DataError         a data file or record that cannot be used
├── ModelError        a model, adapter or tokenizer that cannot be loaded or used
├── CheckpointError   no verified checkpoint where one is needed
├── RunError          a run folder that is missing, locked or belongs to another recipe
├── HubError          the Hugging Face Hub refuses, or cannot be reached
├── HostedError       a provider of hosted fine-tuning refuses, fails, or cannot be reached
├── MissingExtra      an optional part is not installed
└── GateMissed        a quality gate was not reached (exit code 3)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class TunewrightError(Exception):
    """An error written for the person at the screen.

    message: what went wrong, one sentence.
    hint: a command to run or a change to make.
    where: `file:line` or a JSON path.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(TunewrightError):
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a recipe or a data file."""

    message: str
    where: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.hint})" if self.hint else text


class RecipeError(UsageError):
    """All faults of a recipe at once. faults: list[Fault], never empty."""

    def __init__(self, faults: Iterable[Fault], *, hint: str | None = None):
        self.faults = list(faults)
        first = self.faults[0]
        message = first.message if len(self.faults) == 1 else f"{len(self.faults)} faults in the recipe"
        super().__init__(message, hint=hint or (first.hint if len(self.faults) == 1 else None), where=first.where)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


class DataError(TunewrightError):
    pass


class ModelError(TunewrightError):
    pass


class CheckpointError(TunewrightError):
    pass


class RunError(TunewrightError):
    pass


class HubError(TunewrightError):
    pass


class HostedError(TunewrightError):
    """status: of HTTP, None where there was no answer. passing: the same request may well succeed later."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        where: str | None = None,
        status: int | None = None,
        passing: bool = False,
    ):
        super().__init__(message, hint=hint, where=where)
        self.status = status
        self.passing = passing


class MissingExtra(TunewrightError):
    def __init__(self, what: str, extra: str):
        super().__init__(f"{what} is not installed", hint=f"pip install 'tunewright[{extra}]'")


class GateMissed(TunewrightError):
    exit_code = 3


def nearest(word: str, known: Iterable[str], count: int = 1) -> list[str]:
    """The known names most like `word`, best first; empty when none is close."""
    return difflib.get_close_matches(word, list(known), n=count, cutoff=0.5)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """`did you mean 'x'?`, or None when nothing is close."""
    near = nearest(word, known)
    return f"did you mean '{near[0]}'?" if near else None
