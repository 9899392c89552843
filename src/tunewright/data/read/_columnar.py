"""Values of columnar files as JSON has them."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import Any

from tunewright.core.records import JSON


def plain(value: Any) -> JSON:
    """A value as JSON has it: dates in ISO form, decimals as printed, NaN (a missing number) as null.

    Raises ValueError for what JSON has no form for, such as bytes and images.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    raise ValueError(f"a value of type {type(value).__name__}, which is not text")


def plain_row(row: dict[str, Any]) -> dict[str, JSON]:
    """A row whose columns without a JSON form (images, bytes) hold null; text columns are never among them."""
    value: dict[str, JSON] = {}
    for key, cell in row.items():
        try:
            value[key] = plain(cell)
        except ValueError:
            value[key] = None
    return value
