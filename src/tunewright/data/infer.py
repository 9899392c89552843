"""A JSON Schema from examples, where a data set brings none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tunewright.core.records import JSON
from tunewright.text.schema import type_of

MAP_FROM = 40
"""Distinct keys of one object from which, when most are rare, it is taken for a map with free keys."""

_RARE = 0.05  # share of objects below which a key counts as rare

_COMPARED = 100  # keys of all objects at one place up to which their order is counted


@dataclass(slots=True)
class _Seen:
    """What stood at one place: how often each JSON type, and what was inside.

    strings: how often each stood here, and how often in the text that was told with it.
    before: how often one key stood before another.
    """

    types: dict[str, int] = field(default_factory=dict)
    strings: dict[str, list[int]] = field(default_factory=dict)
    keys: dict[str, _Seen] = field(default_factory=dict)
    items: _Seen | None = None
    before: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, value: JSON, text: str | None = None) -> None:
        """text: what the value is read from, in small letters; None where strings need no count."""
        name = type_of(value)
        self.types[name] = self.types.get(name, 0) + 1
        if isinstance(value, dict):
            for key, inner in value.items():
                self.keys.setdefault(key, _Seen()).add(inner, text)
            if len(self.keys) <= _COMPARED:
                self.before.update(combinations(value, 2))
            else:
                self.before.clear()
        elif isinstance(value, list):
            self.items = self.items or _Seen()
            for inner in value:
                self.items.add(inner, text)
        elif isinstance(value, str) and text is not None:
            count = self.strings.setdefault(value, [0, 0])
            count[0] += 1
            count[1] += value.casefold() in text

    @property
    def count(self) -> int:
        return sum(self.types.values())

    def merged(self, others: Iterable[_Seen]) -> _Seen:
        for other in others:
            for name, count in other.types.items():
                self.types[name] = self.types.get(name, 0) + count
            for key, seen in other.keys.items():
                self.keys.setdefault(key, _Seen()).merged([seen])
            self.before.update(other.before)
            if len(self.keys) > _COMPARED:
                self.before.clear()
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
        order = self.order()
        return {
            "properties": {key: self.keys[key].schema() for key in order},
            "required": [key for key in order if self.keys[key].count == count],
            "additionalProperties": False,
        }

    def order(self, first: Iterable[str] = ()) -> list[str]:
        """The keys in the order that fewest pairs of keys of one object contradict, as far as moving one finds it.

        first: keys in the order to begin with, and to keep where no object says otherwise. A model that writes keys in
        this order reads its text in one direction where the examples were written so.
        """
        order = list(dict.fromkeys([*(key for key in first if key in self.keys), *self.keys]))
        moved = len(order) <= _COMPARED
        while moved:
            moved = False
            for key in list(order):
                here = order.index(key)
                rest = order[:here] + order[here + 1 :]
                # What is contradicted with the key in front of everything, and what each step back changes.
                costs = [sum(self.before[other, key] for other in rest)]
                for other in rest:
                    costs.append(costs[-1] + self.before[key, other] - self.before[other, key])
                best = min(range(len(costs)), key=lambda place: (costs[place], abs(place - here)))
                if costs[best] < costs[here]:
                    order = [*rest[:best], key, *rest[best:]]
                    moved = True
        return order


def schema_of(values: Iterable[JSON]) -> dict[str, JSON]:
    """A JSON Schema that every one of `values` obeys, keys in the order in which they mostly stand.

    Types are those seen ("null" last, an integer among numbers is a number); a key of every object is required and
    others are not allowed; an object with many keys, most of them rare, becomes a map (`additionalProperties`).
    No formats, enums or bounds are guessed. Without values: `{}`.
    """
    seen = _Seen()
    for value in values:
        seen.add(value)
    return seen.schema()


CHOICES = 128
"""A string with more values than that is no choice between them."""

SAID = 0.5
"""Share of a string's values that stand in their texts from which it is copied, not chosen."""

TIMES = 3
"""How often a choice must have been seen, on average."""


def closed(schema: dict[str, JSON], answers: Iterable[tuple[JSON, str]]) -> dict[str, JSON]:
    """`schema` narrowed to what answers were like, so that a grammar leaves a model few ways to go wrong.

    answers: pairs of an answer that obeys it and the text it is read from. Free keys become those that were met. All
    keys take the order in which answers mostly have them, those that were never met at the end.
    Strings that take few values, most of which do not stand in their texts (an intent, "yes" and "no"), become a choice
    between these; those that are copied from texts stay open, however few they are. What was never met stays as it is.
    """
    seen = _Seen()
    for value, text in answers:
        seen.add(value, text.casefold())
    return _closed(seen, schema)


def _closed(seen: _Seen, schema: JSON) -> Any:
    if not isinstance(schema, dict) or "$ref" in schema:
        return schema
    keys, properties = seen.keys, schema.get("properties")
    if isinstance(properties, dict) and properties:
        order = dict.fromkeys([*(key for key in seen.order(properties) if key in properties), *properties])
        inner = {key: _closed(keys[key], properties[key]) if key in keys else properties[key] for key in order}
        return {**schema, "properties": inner}
    if keys and schema.get("additionalProperties", True) is not False:
        met = {key: _closed(keys[key], keys[key].schema()) for key in seen.order()}
        return {**schema, "properties": met, "additionalProperties": False}
    if isinstance(schema.get("items"), dict) and seen.items is not None:
        return {**schema, "items": _closed(seen.items, schema["items"])}
    plain = schema.get("type") in ("string", ["string", "null"])
    if plain and not any(word in schema for word in _BOUNDS) and _is_choice(seen.strings):
        nothing = [None] if isinstance(schema["type"], list) else []
        return {**schema, "enum": [*sorted(seen.strings), *nothing]}
    return schema


def _is_choice(strings: dict[str, list[int]]) -> bool:
    total, said = (sum(count[i] for count in strings.values()) for i in (0, 1))
    return 0 < len(strings) <= CHOICES and total >= TIMES * len(strings) and said < SAID * total


_BOUNDS = ("enum", "const", "pattern", "format")
