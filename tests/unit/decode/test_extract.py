"""Documents of any length become answers: windows cover the text, and merging keeps what is sure."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from tunewright.core.errors import UsageError
from tunewright.core.recipe import DecodeOptions
from tunewright.core.records import Prediction, Record, Span
from tunewright.decode.extract import Answer, extract, merge, windows
from tunewright.tasks.extraction import Extraction

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "total": {"type": ["string", "null"]}},
    "required": ["name", "total"],
}
TASK = Extraction(schemas={"bill": SCHEMA})
LOADED = tiny_models.loaded("wren", 0)
OPTIONS = DecodeOptions(batch_size=4, max_new_tokens=24)


def test_documents_in_order_short_and_long() -> None:
    texts = ["Bill of Ram", "बिल संख्या 7\n" * 200, "", "total 5"]
    answers = list(extract(LOADED, TASK, (Record(id=str(i), text=t) for i, t in enumerate(texts)), options=OPTIONS))
    assert [a.prediction.id for a in answers] == ["0", "1", "2", "3"]
    assert [len(a.windows) > 1 for a in answers] == [False, True, False, False]
    for text, answer in zip(texts, answers, strict=True):
        assert answer.prediction.failure is None
        assert list(answer.prediction.value) == ["name", "total"]
        assert answer.windows[0][0] == 0
        assert answer.windows[-1][1] == len(text)
        assert all(0 <= s.start < s.end <= len(text) for s in answer.prediction.spans)
    assert "windows" in answers[1].to_row()
    assert "windows" not in answers[0].to_row()


def test_free_replies_are_mended_openly(monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewright.decode.system import LocalSystem

    def replies(self, examples):
        for example in examples:
            value, failure = TASK.parse("Here: {'name': 'Ram'}")
            yield Prediction(id=example.id, text="Here: {'name': 'Ram'}", value=value, failure=failure)

    monkeypatch.setattr(LocalSystem, "predict", replies)
    [answer] = extract(LOADED, TASK, [Record(id="1", text="x")], decoding="free", options=OPTIONS)
    assert answer.prediction.value == {"name": "Ram"}
    assert answer.prediction.failure
    assert answer.to_row()["repaired"] == ["text before", "other quotes"]
    [plain] = extract(LOADED, TASK, [Record(id="1", text="x")], decoding="free", options=OPTIONS, mend=False)
    assert plain.prediction.value is None


def test_lists_are_mended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewright.decode.system import LocalSystem

    task = Extraction(schemas={"calls": {"type": "array", "items": {"type": "object"}}})

    def replies(self, examples):
        for example in examples:
            yield Prediction(id=example.id, text="Here: [{'a': 1}, {'a': 2}]", failure="not JSON")

    monkeypatch.setattr(LocalSystem, "predict", replies)
    [answer] = extract(LOADED, task, [Record(id="1", text="x")], decoding="free", options=OPTIONS)
    assert answer.prediction.value == [{"a": 1}, {"a": 2}]
    assert answer.repaired == ("text before", "other quotes")


def test_no_room_for_a_document_is_said() -> None:
    with pytest.raises(UsageError, match="no room"):
        list(extract(LOADED, TASK, [Record(id="1", text="x")], options=DecodeOptions(max_new_tokens=500)))
    with pytest.raises(UsageError, match="overlap"):
        windows("a b c d e f g", LOADED.tokenizer, 2, overlap=1.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["राम ", "कुमार", "\n", "INV-2025-001 ", "total: ", "₹5,000 ", "x" * 30, "😀"]), max_size=40
    ).map("".join),
    st.integers(2, 40),
    st.sampled_from([0.0, 0.2, 0.5, 0.9]),
)
def test_windows_cover_the_text(text: str, size: int, overlap: float) -> None:
    parts = windows(text, LOADED.tokenizer, size, overlap)
    assert parts[0][0] == 0
    assert parts[-1][1] == len(text)
    for (start, end), (following, last) in pairwise(parts):
        assert start < following <= end <= last
    covered = set()
    for start, end in parts:
        covered |= set(range(start, end))
        assert len(LOADED.tokenizer(text[start:end], add_special_tokens=False)["input_ids"]) <= size + 4
    assert covered == set(range(len(text)))


def part(value, confidence=None, spans=(), failure=None) -> Answer:
    return Answer(Prediction(id="1", text="", value=value, failure=failure, confidence=confidence or {}, spans=spans))


def test_merging_takes_the_surest_value_and_shifts_its_span() -> None:
    answer = merge(
        [
            ((0, 100), part({"name": "Ram", "total": None}, {"name": 0.9, "total": 0.4}, (Span("name", 3, 6),))),
            ((80, 200), part({"name": "Rom", "total": "5"}, {"name": 0.5, "total": 0.2}, (Span("total", 10, 11),))),
            ((180, 300), part({"name": "R", "total": "6"}, {"name": 0.9, "total": 0.7}, (Span("total", 20, 21),))),
        ],
        SCHEMA,
    )
    assert answer.prediction.value == {"name": "Ram", "total": "6"}
    assert answer.prediction.confidence == {"name": 0.9, "total": 0.7}
    assert {(s.path, s.start, s.end) for s in answer.prediction.spans} == {("name", 3, 6), ("total", 200, 201)}
    assert answer.prediction.text == '{"name": "Ram", "total": "6"}'


def test_merging_joins_arrays_without_the_overlaps_items() -> None:
    first = {"items": [{"n": "a"}, {"n": "a"}, {"n": "b"}], "who": {"x": None}}
    second = {"items": [{"n": "b"}, {"n": "c"}], "who": {"x": 1}}
    answer = merge(
        [
            ((0, 10), part(first, {"items[2].n": 0.5})),
            ((8, 20), part(second, {"items[1].n": 0.8, "who.x": 0.1}, (Span("items[1].n", 2, 3),))),
        ],
        None,
    )
    assert answer.prediction.value == {"items": [{"n": "a"}, {"n": "a"}, {"n": "b"}, {"n": "c"}], "who": {"x": 1}}
    assert answer.prediction.confidence["items[3].n"] == 0.8
    assert answer.prediction.spans == (Span("items[3].n", 10, 11),)


def test_a_failed_window_is_kept_in_mind() -> None:
    answer = merge([((0, 5), part(None, failure="not JSON")), ((4, 9), part({"name": "x"}))], SCHEMA)
    assert answer.prediction.value == {"name": "x"}
    assert answer.prediction.failure == "not JSON"
    nothing = merge([((0, 5), part(None, failure="a")), ((4, 9), part(None, failure="b"))], SCHEMA)
    assert nothing.prediction.value is None
    assert nothing.prediction.failure == "a"


def test_a_line_that_stands_again_pages_later_is_kept() -> None:
    pages = [{"items": ["tea 10"]}, {"items": ["rice 20"]}, {"items": ["tea 10"]}]
    answer = merge([((i * 10, i * 10 + 12), part(page)) for i, page in enumerate(pages)], None)
    assert answer.prediction.value == {"items": ["tea 10", "rice 20", "tea 10"]}
