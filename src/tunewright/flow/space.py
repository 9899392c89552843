"""The space of a search: which options are varied between which values, and the recipe that a choice of them makes.

Options are drawn one after the other, the method first: one that the method drawn does not read is not drawn at all
(`ADAPTER_OPTIONS`), so no trial differs from another by what changes nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tunewright.core import catalogue, recipe_file
from tunewright.core.errors import UsageError, did_you_mean
from tunewright.core.recipe import (
    ADAPTER_OPTIONS,
    PRESETS,
    Choice,
    MethodOptions,
    Range,
    Recipe,
    TrainOptions,
    TuneOptions,
    is_whole,
)
from tunewright.flow.benchmark import SIZES, WHOLE

METHOD = "method"
Values = dict[str, Any]
"""Option → value: what one trial tries. A choice that is a list stands as its names with commas between."""


@dataclass(frozen=True)
class Space:
    """What is varied around a recipe. axes: option → its range or choices, in the order they are drawn."""

    recipe: Recipe
    axes: dict[str, Range | tuple[Choice, ...]]

    @classmethod
    def of(cls, recipe: Recipe) -> Space:
        """The space that a recipe asks for. Raises UsageError for a method that there is not, and where nothing is
        left to vary because no method reads it."""
        given = recipe.tune.space
        ordered = dict(sorted(given.items(), key=lambda item: item[0] != METHOD))
        methods = ordered.get(METHOD, (recipe.method.name,))
        for name in methods if isinstance(methods, tuple) else ():
            if name not in (known := recipe_file.known_names(METHOD)):
                raise UsageError(
                    f"there is no method '{name}'", hint=did_you_mean(str(name), known) or ", ".join(known)
                )
        own = recipe.evaluate.model_copy(update={"systems": ("tuned",), "folds": 0, "exams": (), "gates": {}})
        tuned = recipe.model_copy(update={"evaluate": own, "tune": TuneOptions()})
        read = {
            key: axis
            for key, axis in ordered.items()
            if key == METHOD or any(reads(str(name), key) for name in methods)
        }
        if not read:
            raise UsageError(
                f"the method {recipe.method.name} reads none of {', '.join(ordered)}",
                where="tune.space",
                hint='--set tune.space.learning_rate="{low: 1e-4, high: 1e-2, log: true}"',
            )
        return cls(tuned, read)

    def ask(self, trial: Any) -> Values:
        """The values of an Optuna trial, drawn or as they were drawn before."""
        values: Values = {}
        for key, axis in self.axes.items():
            if not self._drawn(key, values):
                continue
            if not isinstance(axis, Range):
                values[key] = trial.suggest_categorical(key, [label(choice) for choice in axis])
            elif is_whole(key):
                step = 1 if axis.step is None else int(axis.step)
                values[key] = trial.suggest_int(key, int(axis.low), int(axis.high), step=step, log=axis.log)
            else:
                values[key] = trial.suggest_float(key, axis.low, axis.high, step=axis.step, log=axis.log)
        return values

    def _drawn(self, key: str, values: Mapping[str, Any]) -> bool:
        return key == METHOD or reads(str(values.get(METHOD, self.recipe.method.name)), key)

    def recipe_of(self, values: Mapping[str, Any]) -> Recipe:
        """The recipe with these values. Another method keeps the sizes of the recipe's own, and an adapter in the place
        of a whole model learns with AdamW. Raises UsageError where the values do not go together."""
        own = self.recipe
        given = {key: self._choice(key, value) for key, value in values.items()}
        name = given.pop(METHOD, own.method.name)
        other = name != own.method.name
        sizes = {key: getattr(own.method, key) for key in SIZES}
        method = {"name": name, **sizes} if other else own.method.model_dump()
        train = own.train.model_dump()
        if other and name not in WHOLE:
            train["optim"] = "adamw"
        for key, value in given.items():
            (method if key in MethodOptions.model_fields else train)[key] = value
        try:
            pages = {"method": MethodOptions.model_validate(method), "train": TrainOptions.model_validate(train)}
        except ValidationError as error:
            raise UsageError(f"these options do not go together: {error.errors()[0]['msg']}") from None
        return own.model_copy(update=pages)

    def _choice(self, key: str, value: Any) -> Any:
        axis = self.axes[key]
        return within(axis, value) if isinstance(axis, Range) else next(one for one in axis if label(one) == value)

    def settled(self, values: Mapping[str, Any]) -> Values:
        """The values of a trial as their ranges have them: Optuna's own steps are sums with their dust."""
        return {
            key: within(axis, value) if isinstance(axis := self.axes[key], Range) else value
            for key, value in values.items()
        }

    def given(self) -> Values:
        """The recipe's own values of what is varied, of what its method reads."""
        values: Values = {}
        for key in self.axes:
            if self._drawn(key, values):
                page = self.recipe.method if key in MethodOptions.model_fields or key == METHOD else self.recipe.train
                values[key] = label(getattr(page, "name" if key == METHOD else key))
        return values

    def own(self) -> Values | None:
        """The same where a search may try them; None where one of them lies outside the space."""
        values = self.given()
        for key, value in values.items():
            axis = self.axes[key]
            if not isinstance(axis, Range):
                if value not in [label(choice) for choice in axis]:
                    return None
                continue
            if isinstance(value, str) or value is None or not plain(axis.low) <= plain(value) <= plain(axis.high):
                return None
            steps = (value - axis.low) / axis.step if axis.step else 0.0
            if abs(steps - round(steps)) > 1e-9:
                return None
        return self.settled(values)

    def points(self, count: int) -> list[Values]:
        """Every combination, `count` values of a range without a step, each once."""
        return list(self._points({}, list(self.axes), count))

    def _points(self, values: Values, left: list[str], count: int) -> Iterator[Values]:
        if not left:
            yield values
            return
        key, *others = left
        if not self._drawn(key, values):
            yield from self._points(values, others, count)
            return
        for value in ticks(key, self.axes[key], count):
            yield from self._points({**values, key: value}, others, count)


def reads(method: str, key: str) -> bool:
    """Whether a method reads an option of that name: all do of training, and one of the user's own of everything."""
    adapter = str(PRESETS.get(method, {}).get("adapter", method))
    known = ADAPTER_OPTIONS.get(adapter)
    return key not in MethodOptions.model_fields or known is None or key in known


def label(choice: Choice) -> bool | int | float | str:
    """A choice as Optuna keeps it."""
    return ",".join(choice) if isinstance(choice, tuple) else choice


def plain(value: Any) -> Any:
    """A number without the dust of arithmetic: 0.05 + 2 × 0.05 is 0.15, not 0.15000000000000002."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two have the same options with the same values, dust aside."""
    return {key: plain(value) for key, value in one.items()} == {key: plain(value) for key, value in other.items()}


def within(axis: Range, value: Any) -> Any:
    """A value of a range: a step as it is written, and neither end stepped over by a rounding."""
    return min(max(value if axis.step is None else plain(value), axis.low), axis.high)


def ticks(key: str, axis: Range | tuple[Choice, ...], count: int) -> list[Any]:
    """The values of an option on a grid: its choices, its steps, or `count` values from end to end."""
    if not isinstance(axis, Range):
        return [label(choice) for choice in axis]
    if axis.step is not None:
        steps = math.floor((axis.high - axis.low) / axis.step + 1e-9)
        found = [within(axis, axis.low + i * axis.step) for i in range(steps + 1)]
    elif count == 1:
        found = [plain(math.sqrt(axis.low * axis.high) if axis.log else (axis.low + axis.high) / 2)]
    else:
        shares = [i / (count - 1) for i in range(count)]
        inner = [
            plain(axis.low * (axis.high / axis.low) ** share if axis.log else axis.low + (axis.high - axis.low) * share)
            for share in shares[1:-1]
        ]
        found = [axis.low, *inner, axis.high]  # the ends to the bit: a power of a share may step over them
    if is_whole(key):
        return [whole for whole, _ in itertools.groupby(round(one) for one in found)]
    return found


def check_adapters(space: Space) -> None:
    """Load every method of a space. Raises UsageError where one cannot be."""
    methods = space.axes.get(METHOD, (space.recipe.method.name,))
    for name in methods if isinstance(methods, tuple) else ():
        catalogue.load("method", str(PRESETS.get(str(name), {}).get("adapter", name)))
