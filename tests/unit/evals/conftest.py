"""Small answers to score."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tunewright.core.records import Example, Prediction, Record

Answer = tuple[Example, Prediction]


def _answer(gold: Any, reply: Any = None, *, id: str = "a", text: str | None = None, **record: Any) -> Answer:
    """reply given: what was parsed. Only text given: a reply that could not be parsed."""
    schema = None if isinstance(gold, str) else {"type": "object", "properties": {key: {} for key in gold}}
    example = Example(Record(id, "…", gold, **record), (), "", schema)
    if text is not None and reply is None:
        return example, Prediction(id, text, None, None if isinstance(gold, str) else "not JSON")
    written = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    return example, Prediction(id, text if text is not None else written, reply)


@pytest.fixture
def answer() -> Callable[..., Answer]:
    return _answer
