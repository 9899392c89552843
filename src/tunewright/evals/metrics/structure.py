"""Structure: how far a reply has the keys, the nesting and the types that gold has, whatever the values are.

A JSON value is taken as a bag of its places: the way to each of its nodes, objects and lists included, and what stands
there (object, array, string, number, boolean, null). Scores are F1 between the bags of gold and of the reply, summed
over documents:

- structure_keys: ways to the nodes alone, items of a list alike;
- structure_similarity: ways and types, items of a list alike, so that their order costs nothing;
- structure_ordered: the same with an item's number in the way.

A reply that could not be read has no places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tunewright.core.records import JSON, Example, Prediction
from tunewright.evals.metrics._shared import ratio
from tunewright.text.schema import type_of

name = "structure"
structured = True

Way = tuple[str | int | None, ...]
"""Keys and, for items of a list, their numbers; None for any item."""


def places(value: JSON, way: Way = ()) -> Iterator[tuple[Way, str]]:
    """(way, type) of every node, the value itself first."""
    kind = type_of(value)
    yield way, "number" if kind == "integer" else kind
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*way, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*way, number))


def _alike(way: Way) -> Way:
    return tuple(None if isinstance(step, int) else step for step in way)


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    gold = list(places(example.record.target))
    said = [] if prediction.failure is not None else list(places(prediction.value))
    views: dict[str, list[list[Any]]] = {
        "keys": [[_alike(way) for way, _ in side] for side in (gold, said)],
        "similarity": [[(_alike(way), kind) for way, kind in side] for side in (gold, said)],
        "ordered": [gold, said],
    }
    common = {view: sum((Counter(one) & Counter(other)).values()) for view, (one, other) in views.items()}
    return {**{view: float(count) for view, count in common.items()}, "both": float(len(gold) + len(said))}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {
        f"structure_{view}": ratio(2 * sums[view], sums["both"], empty=1.0)
        for view in ("keys", "similarity", "ordered")
    }
