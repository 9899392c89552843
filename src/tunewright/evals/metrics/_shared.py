"""What several metrics need: the two strings they compare, division that knows what 0/0 is, fields of one kind.

A schema says with `x-score` how a field is scored besides being right or wrong: "identifier", "wording", "names",
"passage". The metric of that kind (`kind` in its module) then gives scores that begin with the field's name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from tunewright.core.records import JSON, Example, Prediction
from tunewright.text.schema import SCORE, in_schema_order, resolve
from tunewright.text.serialise import dumps
from tunewright.text.unicode import nfc

DEEPEST = 4
"""Objects within objects in which fields are looked for."""


def strings(example: Example, prediction: Prediction) -> tuple[str, str]:
    """(reference, reply), NFC. JSON is compared in canonical form, so neither spacing nor key order costs anything."""
    target, value = example.record.target, prediction.value
    if isinstance(target, str):
        return nfc(target), nfc(value if isinstance(value, str) else prediction.text)
    reference = dumps(in_schema_order(target, example.schema))
    if prediction.failure is not None or value is None:
        return nfc(reference), nfc(prediction.text)
    return nfc(reference), nfc(dumps(in_schema_order(value, example.schema)))


def container(example: Example) -> type:
    """What an answer in JSON has to be: list where the schema asks for an array, else dict."""
    return list if (example.schema or {}).get("type") == "array" else dict


def ratio(part: Any, whole: Any, *, empty: Any = 0.0) -> Any:
    """part / whole, elementwise; `empty` where whole is 0."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), empty)


def scored(example: Example, prediction: Prediction, kind: str) -> Iterator[tuple[str, JSON, JSON]]:
    """(field, gold value, the reply's) of every field of the example's schema that is scored as this kind.

    A field of an object within goes by both names, `paper_title`. None stands for what is absent or was not answered.
    """
    said = prediction.value if prediction.failure is None else None
    for way in _ways(dumps(example.schema or {}), kind):
        yield "_".join(way), _at(example.record.target, way), _at(said, way)


@lru_cache(maxsize=256)
def _ways(schema: str, kind: str) -> tuple[tuple[str, ...], ...]:
    root = json.loads(schema)

    def walk(node: JSON, way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        known = resolve(node, root)
        if way and known.get(SCORE) == kind:
            yield way
        elif len(way) < DEEPEST:
            for key, child in (known.get("properties") or {}).items():
                yield from walk(child, (*way, key))

    return tuple(walk(root, ()))


def _at(value: JSON, way: tuple[str, ...]) -> JSON:
    for key in way:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text_of(value: JSON) -> str | None:
    """A value as one line of text in NFC, None where there is none."""
    return " ".join(nfc(value if isinstance(value, str) else dumps(value)).split()) if value is not None else None


def fields_of(sums: dict[str, Any], statistic: str) -> list[str]:
    """The fields that have this statistic among sums that are called `field.statistic`."""
    return [name.removesuffix(f".{statistic}") for name in sums if name.endswith(f".{statistic}")]
