"""The one canonical JSON form: what models are trained on, what the grammar enforces, what is printed.

Separators are ", " and ": ", letters stay as they are (no \\uXXXX), keys stand in schema order.
"""

from __future__ import annotations

import json

from tunewright.core.records import JSON

ITEM_SEPARATOR = ", "
KEY_SEPARATOR = ": "


def dumps(value: JSON) -> str:
    """`value` in canonical form. Raises ValueError for NaN and infinities, which JSON does not have."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(ITEM_SEPARATOR, KEY_SEPARATOR))


def in_schema_order(value: JSON, schema: dict[str, JSON] | None) -> JSON:
    """`value` with the keys of every object in the order its schema names them; others follow as they came."""
    if schema is None:
        return value
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        named = [key for key in properties if key in value]
        rest = [key for key in value if key not in properties]
        return {key: in_schema_order(value[key], properties.get(key)) for key in named + rest}
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [in_schema_order(item, schema["items"]) for item in value]
    return value
