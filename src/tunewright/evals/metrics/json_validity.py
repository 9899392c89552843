"""JSON validity: the share of replies that are one JSON object and nothing else.

Strict: no fence, no word before or after, no NaN, no key twice. What a repair could save does not count. Where the
schema asks for an array, an array is right and an object is not.
"""

from __future__ import annotations

import json
from typing import Any

from tunewright.core.records import JSON, Example, Prediction
from tunewright.evals.metrics._shared import ratio

name = "json_validity"
structured = True
proportions = frozenset({"json_validity"})
binary = "valid"


def _refuse(constant: str) -> JSON:
    raise ValueError(f"{constant} is not JSON")


def _once(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key stands twice")
    return value


def valid(text: str, wanted: type = dict) -> bool:
    """Whether `text` is strictly one JSON value of the type wanted (dict or list)."""
    try:
        return isinstance(json.loads(text, parse_constant=_refuse, object_pairs_hook=_once), wanted)
    except (ValueError, RecursionError):
        return False


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    wanted = list if (example.schema or {}).get("type") == "array" else dict
    return {"valid": float(valid(prediction.text, wanted)), "n": 1.0}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"json_validity": ratio(sums["valid"], sums["n"])}
