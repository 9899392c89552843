"""Examples: the right ones, judged as they are scored, with evidence marked where it stands."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.records import Prediction
from tunewright.report import evidence, examples
from tunewright.report.examples import Mark, highlight

TEXT = st.text(alphabet="ab <>&\"'\nराकि5", max_size=30)


@settings(max_examples=80, deadline=None)
@given(TEXT, st.lists(st.tuples(st.integers(-2, 32), st.integers(-2, 32), st.sampled_from("rmt")), max_size=5))
def test_marks_change_no_letter(text: str, places: list[tuple[int, int, str]]) -> None:
    kinds = {"r": examples.RIGHT, "m": examples.MISSED, "t": examples.TAKEN}
    marked = str(highlight(text, [Mark(a, b, kinds[k], "a<b") for a, b, k in places]))
    assert marked.count("<mark") == marked.count("</mark>")
    bare = re.sub(r'<span class="tag \w+">[^<]*</span>', "", marked)
    assert unescape(re.sub(r'<mark class="[\w ]+">|</mark>', "", bare)) == text


def test_overlapping_marks_keep_both() -> None:
    marked = str(highlight("राम कुमार जी", [Mark(0, 9, "missed", "name"), Mark(0, 12, "taken", "name")]))
    labels = '<span class="tag missed">name · missed</span><span class="tag taken">name · taken instead</span>'
    assert marked == f'<mark class="missed taken">राम कुमार</mark><mark class="taken"> जी{labels}</mark>'


def reply(value: object, failure: str | None = None) -> Prediction:
    return Prediction("1", "", value, failure)


def test_what_became_of_a_field() -> None:
    gold = {"a": "x", "b": None, "c": None, "d": "y", "e": "z"}
    assert examples.compare(gold, reply({"a": "x", "b": None, "c": "no", "d": None, "e": "q", "f": None})) == {
        "a": "correct",
        "b": "correct",
        "c": "hallucinated",
        "d": "omitted",
        "e": "substituted",
    }
    assert set(examples.compare(gold, reply(None, "no JSON")).values()) == {"omitted"}
    assert examples.compare({"a": "é"}, reply({"a": "e\u0301"})) == {"a": "correct"}
    assert examples.compare({"a": "5"}, reply({"a": 5})) == {"a": "substituted"}


def test_items_are_compared_with_their_own() -> None:
    gold = {"items": [{"name": "pen", "price": "5"}, {"name": "ink", "price": "9"}, {"name": "pad", "price": "7"}]}
    said = {"items": [{"name": "pad", "price": "7"}, {"name": "pen", "price": "5"}]}
    results = examples.compare(gold, reply(said))
    assert results["items[0].name"] == results["items[0].price"] == results["items[2].name"] == "correct"
    assert results["items[1].name"] == results["items[1].price"] == "omitted"
    found = examples.became(gold, reply(said))
    assert (found["items[0].price"].gold, found["items[0].price"].reply) == ("5", "5")
    assert found["items[0].price"].said == ("items", 1, "price")
    more = examples.became({"items": gold["items"][:1]}, reply(said))
    assert more["items[1].name"].kind == "hallucinated"
    assert more["items[1].name"].said == ("items", 0, "name")
    swapped = {"items": [{"name": "pen", "price": "9"}, {"name": "ink", "price": "5"}]}
    wrong = [
        path
        for path, result in examples.compare({"items": gold["items"][:2]}, reply(swapped)).items()
        if result != "correct"
    ]
    assert len(wrong) == 2


def test_differences_are_marked_by_what_a_reader_sees() -> None:
    assert str(examples.difference("सुनीता शर्मा", "सुनीता शर्मा जी")) == "सुनीता शर्मा<ins> जी</ins>"
    assert str(examples.difference("INV-12", "INV-1")) == "INV-1<del>2</del>"
    assert str(examples.difference("06/09/2025", "01/01/2020")) == "<ins>01/01/2020</ins>"
    assert str(examples.difference("a", "<b>")) == "<ins>&lt;b&gt;</ins>"


def test_choice_is_by_rule_and_takes_turns(run_folder: Path) -> None:
    found = evidence.read(run_folder)
    worst, best, judged, wrong = examples.choose(found, worst=4, best=2)
    assert judged == 24
    assert 0 < wrong < judged
    assert all(case.wrong for case in worst)
    assert not any(case.wrong for case in best)
    assert {case.language for case in worst} == {case.language for case in best} == {"en", "hi"}
    assert worst == examples.choose(found, worst=4, best=2)[0]
    rows = {row.path: row for row in worst[0].rows}
    assert sum(row.outcome != "correct" for row in rows.values()) == worst[0].wrong
    assert worst[0].baseline == "base/free"


def test_a_long_document_says_what_is_not_shown(tmp_path: Path) -> None:
    import fixture_run

    folder = fixture_run.write(tmp_path / "run")
    path = folder / "data" / "test.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("Thank you", "x" * 7000), encoding="utf-8")
    worst, *_ = examples.choose(evidence.read(folder))
    assert any(case.hidden > 1000 for case in worst)
    assert all(len(re.sub(r"<[^>]+>", "", str(case.text))) < 6600 for case in worst)


def test_an_item_that_is_missing_takes_nothing_from_another() -> None:
    gold = {"items": [{"name": "pen"}, {"name": "ink"}, {"name": "pad"}]}
    found = examples.became(gold, reply({"items": [{"name": "ink"}, {"name": "pad"}]}))
    assert found["items[0].name"].kind == "omitted"
    assert found["items[0].name"].said == ("items", 2, "name")
    assert found["items[1].name"].said == ("items", 0, "name")
