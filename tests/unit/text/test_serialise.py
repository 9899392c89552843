"""The one strict reading of JSON."""

from __future__ import annotations

import json

import pytest

from tunewright.text.serialise import STRICT, NotStrict, dumps


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', "[Infinity]", "-Infinity", '{"a": 1, "a": 2}', "1e999", "-1e999", "9" * 400 + ".0"]
)
def test_what_json_does_not_know_is_refused(text):
    with pytest.raises(NotStrict):
        STRICT.decode(text)


def test_what_is_read_can_be_written():
    text = '{"राशि": 5000.5, "a": [1, null, true, 1e300], "b": {}}'
    value = STRICT.decode(text)
    assert json.loads(dumps(value)) == json.loads(text) == value
