"""What several metrics need: the two strings they compare, and division that knows what 0/0 is."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunewright.core.records import Example, Prediction
from tunewright.text.schema import in_schema_order
from tunewright.text.serialise import dumps
from tunewright.text.unicode import nfc


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
