"""What several verbs share: options, the progress line, and how tables look."""

from __future__ import annotations

import functools
import json
import math
import os
import shlex
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


QUICK = (
    "data.documents=120", "data.test_documents=24", "data.validation_documents=8", "train.max_steps=6",
    "train.per_device_train_batch_size=8", "train.per_device_eval_batch_size=8", "train.eval_steps=2",
    "train.logging_steps=1", "decode.batch_size=8", "decode.max_new_tokens=96", "evaluate.sample=12",
    "evaluate.shots=1", "evaluate.exams=[]", "evaluate.bootstrap_resamples=200", "benchmark.rates=1",
    "tune.trials=3", "tune.seeds=1",
    "generate.draws=64", "generate.batch=32", "generate.max_new_tokens=64",
    "downstream.amounts=[1.0]", "downstream.ratios=[1.0]", "downstream.seeds=2", "downstream.permutations=100",
)  # fmt: skip
"""What makes of any recipe one that is done in a minute, to see that every part works."""


def recipe(function: Callable[..., Any]) -> Callable[..., Any]:
    """RECIPE, --set, --sample and --quick."""
    return click.argument("recipe", metavar="RECIPE")(changes(function))


def changes(function: Callable[..., Any]) -> Callable[..., Any]:
    """--set, --sample and --quick, for verbs that name their recipes themselves."""

    @functools.wraps(function)
    def shortened(*arguments: Any, sample: bool, quick: bool, sets: tuple[str, ...], **others: Any) -> Any:
        sets = (*(QUICK if quick else ()), *sets, *(("data.sample=true",) if sample else ()))
        return function(*arguments, sets=sets, **others)

    with_set = click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change a key of the recipe: --set train.learning_rate=1e-4. May be given again.",
    )(shortened)
    quick = click.option(
        "--quick",
        is_flag=True,
        help="Everything in miniature, in about a minute, to see that it works; what comes out means nothing.",
    )(with_set)
    return click.option(
        "--sample", is_flag=True, help="Take the small sample of the recipe's data that comes with the package."
    )(quick)


def folds(function: Callable[..., Any]) -> Callable[..., Any]:
    """--folds, a short form of --set. Stands below `recipe`."""

    @functools.wraps(function)
    def with_folds(*arguments: Any, folds: int | None, sets: tuple[str, ...], **others: Any) -> Any:
        return function(*arguments, sets=sets if folds is None else (*sets, f"evaluate.folds={folds}"), **others)

    return click.option(
        "--folds",
        type=int,
        metavar="K",
        help="Cross-validate in K folds of whole groups: --set evaluate.folds=K.",
    )(with_folds)


def place(function: Function) -> Function:
    """--runs and --name."""
    function = click.option(
        "--name", metavar="NAME", help="The run's folder below --runs; without it, the recipe's name."
    )(function)
    return runs(function)


def runs(function: Function) -> Function:
    return click.option(
        "--runs",
        "root",
        envvar="TUNEWRIGHT_RUNS",
        default="runs",
        show_default=True,
        metavar="DIR",
        help="Where run folders stand.",
    )(function)


def processes(function: Function) -> Function:
    return click.option(
        "--processes",
        type=click.IntRange(min=1),
        default=1,
        metavar="N",
        help="Train in so many processes: one per GPU, or shares of a CPU's cores. See docs/scale.md.",
    )(function)


def yes(function: Function) -> Function:
    return click.option(
        "--yes",
        is_flag=True,
        help="Where a provider tunes the model (`hosted:`): send it the data, at the estimated cost. Without --yes, "
        "the cost is only told.",
    )(function)


def run_argument(function: Function) -> Function:
    """RUN and --runs."""
    return click.argument("run", required=False, metavar="[RUN]")(runs(function))


def data(function: Function) -> Function:
    return click.option(
        "--data",
        envvar="TUNEWRIGHT_DATA",
        metavar="DIR",
        help="Where the data sets are that recipes call by name; without it, TUNEWRIGHT_DATA.",
    )(function)


def code(function: Function) -> Function:
    return click.option(
        "--code",
        multiple=True,
        metavar="FILE",
        expose_value=False,
        is_eager=True,
        callback=_adopt,
        help="A plug-in of your own: a Python file with a metric, reader, method or task. May be given again.",
    )(function)


def _adopt(context: click.Context, option: click.Parameter, given: Sequence[str]) -> None:
    if given and not context.resilient_parsing:
        from tunewright import api

        for path in given:
            api.plug_in(path)


def next_command(*words: str) -> str:
    """A command to go on with, as a shell takes it, the user's own plug-ins named again."""
    from tunewright.core import catalogue

    own = [word for _, path in catalogue.own() for word in ("--code", str(path))]
    return shlex.join(["tunewright", *words, *own])


def as_json(function: Function) -> Function:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")(function)


def quiet(function: Function) -> Function:
    return click.option("--quiet", is_flag=True, help="Say nothing on the way.")(function)


def debug(function: Function) -> Function:
    return click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")(function)


def fail_under(function: Function) -> Function:
    return click.option(
        "--fail-under",
        "floors",
        multiple=True,
        metavar="METRIC=VALUE",
        callback=_floors,
        help="Exit with 3 where the tuned system scores lower: --fail-under exact_match=0.9. May be given again.",
    )(function)


def _floors(context: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, float]:
    floors = {}
    for text in given:
        metric, _, value = text.partition("=")
        try:
            floors[metric.strip()] = float(value)
            if math.isnan(floors[metric.strip()]):
                raise ValueError
        except ValueError:
            raise click.BadParameter(f"'{text}' is not of the form METRIC=VALUE", context, option) from None
    return floors


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def table(rows: Sequence[Sequence[str]], *, heads: Sequence[str] = ()) -> str:
    """Columns side by side, two spaces between, numbers as they come."""
    lines = [list(heads), *map(list, rows)] if heads else [list(row) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))] if lines else []
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def colour() -> bool | None:
    """False where NO_COLOR asks for none; None lets click look at the terminal."""
    return False if os.environ.get("NO_COLOR") else None
