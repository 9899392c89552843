"""The one canonical JSON form: what models are trained on, what the grammar enforces, what is printed.

Separators are ", " and ": ", letters stay as they are (no \\uXXXX), keys stand in schema order.
"""

from __future__ import annotations

import json
import math

from tunewright.core.records import JSON

ITEM_SEPARATOR = ", "
KEY_SEPARATOR = ": "


class NotStrict(ValueError):
    """What Python reads as JSON and JSON does not know: NaN, an infinity, a key twice in one object."""


def _once(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise NotStrict(f"the key {json.dumps(key, ensure_ascii=False)} stands twice in one object")
            seen.add(key)
    return value


def _no_constant(name: str) -> JSON:
    raise NotStrict(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotStrict(f"{text[:20]} is too large for a number")
    return value


STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)
"""Reads JSON as the standard has it. Raises NotStrict or json.JSONDecodeError, both ValueError."""


def dumps(value: JSON) -> str:
    """`value` in canonical form. Raises ValueError for NaN and infinities, which JSON does not have."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(ITEM_SEPARATOR, KEY_SEPARATOR))
