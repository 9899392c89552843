"""A JSON Schema from examples, where a data set brings none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tunewright.core.records import JSON

MAP_FROM = 40
"""Distinct keys of one object from which, when most are rare, it is taken for a map with free keys."""

_RARE = 0.05  # share of objects below which a key counts as rare


@dataclass(slots=True)
class _Seen:
    """What stood at one place: how often each JSON type, and what was inside."""

    types: dict[str, int] = field(default_factory=dict)
    keys: dict[str, _Seen] = field(default_factory=dict)
    items: _Seen | None = None

    def add(self, value: JSON) -> None:
        name = _type(value)
        self.types[name] = self.types.get(name, 0) + 1
        if isinstance(value, dict):
            for key, inner in value.items():
                self.keys.setdefault(key, _Seen()).add(inner)
        elif isinstance(value, list):
            self.items = self.items or _Seen()
            for inner in value:
                self.items.add(inner)

    @property
    def count(self) -> int:
        return sum(self.types.values())

    def merged(self, others: Iterable[_Seen]) -> _Seen:
        for other in others:
            for name, count in other.types.items():
                self.types[name] = self.types.get(name, 0) + count
            for key, seen in other.keys.items():
                self.keys.setdefault(key, _Seen()).merged([seen])
            if other.items is not None:
                self.items = (self.items or _Seen()).merged([other.items])
        return self

    def schema(self) -> dict[str, JSON]:
        types = dict(self.types)
        if "number" in types and "integer" in types:
            types["number"] += types.pop("integer")
        names = [name for name in types if name != "null"] + ["null"] * ("null" in types)
        if not names:
            return {}  # an array that was always empty: anything may stand in it
        found: dict[str, JSON] = {"type": names[0] if len(names) == 1 else names}
        if "object" in types:
            found.update(self._object(types["object"]))
        if "array" in types:
            found["items"] = self.items.schema() if self.items is not None else {}
        return found

    def _object(self, count: int) -> dict[str, JSON]:
        rare = sum(seen.count < _RARE * count for seen in self.keys.values())
        if len(self.keys) > MAP_FROM and rare * 2 > len(self.keys):
            return {"additionalProperties": _Seen().merged(self.keys.values()).schema()}
        return {
            "properties": {key: seen.schema() for key, seen in self.keys.items()},
            "required": [key for key, seen in self.keys.items() if seen.count == count],
            "additionalProperties": False,
        }


def _type(value: JSON) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def schema_of(values: Iterable[JSON]) -> dict[str, JSON]:
    """A JSON Schema that every one of `values` obeys, keys in the order in which they were first met.

    Types are those seen ("null" last, an integer among numbers is a number); a key of every object is required and
    others are not allowed; an object with many keys, most of them rare, becomes a map (`additionalProperties`).
    No formats, enums or bounds are guessed. Without values: `{}`.
    """
    seen = _Seen()
    for value in values:
        seen.add(value)
    return seen.schema()
