"""What the report and the card say of texts that a model wrote."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from tunewright.core import files
from tunewright.report import cards, evidence, generated, html

EVIL = "<script>alert('x')</script>"
MANIFEST = {
    "counts": {
        "calm": {"asked": 5, "drawn": 1200, "kept": 5, "set_aside": {"label": 1000, "broken": 195}},
        f"wild{EVIL}": {"asked": 5, "drawn": 9, "kept": 4, "set_aside": {"surplus": 5}},
    },
    "drawn": 1209,
    "kept": 9,
    "options": {"temperature": 0.9, "top_p": 0.95, "filters": {"use": ["broken", "label"]}},
}


@pytest.fixture
def found(run_folder: Path, tmp_path: Path) -> evidence.Evidence:
    own = copy.copy(evidence.read(run_folder))
    own.generated = MANIFEST
    own.path = tmp_path
    rows = [{"id": str(n), "text": f"{EVIL} text {n}", "target": "calm"} for n in range(5)]
    files.write_lines(tmp_path / "synthetic" / "kept.jsonl", rows)
    return own


def test_numbers_by_label_and_filter(found: evidence.Evidence) -> None:
    table = generated.texts(found)
    assert table is not None
    assert table["columns"] == ["asked for", "drawn", "kept", "broken", "other label", "length not needed"]
    calm, wild = ([value.replace("\u202f", " ") for value in row["values"]] for row in table["rows"])
    assert calm == ["5", "1,200", "5", "195", "1,000", "0"]
    assert wild == ["5", "9", "4", "0", "0", "5"]
    assert [len(texts) for _, texts in table["shown"]] == [generated.SHOWN]


def test_the_sentence_says_who_wrote_what_is_missing_and_what_it_is_not_for(found: evidence.Evidence) -> None:
    said = generated.sentence(found)
    assert "9 texts were kept" in said
    assert "temperature 0.9" in said
    assert "broken, label" in said
    assert f"Of wild{EVIL} fewer than asked for" in said
    assert "never for validation or test" in said
    found.generated = {}
    assert generated.sentence(found) == ""
    assert generated.texts(found) is None


def test_page_and_card_tell_it_and_escape_it(found: evidence.Evidence) -> None:
    page = html.render(found)
    assert "Texts it wrote" in page
    assert EVIL not in page
    card = cards.model_card(found, found.trainings["tuned"])
    assert "## Texts it wrote" in card
    assert "<script" not in card
    found.generated = {}
    assert "Texts it wrote" not in html.render(found)
    assert "Texts it wrote" not in cards.model_card(found, found.trainings["tuned"])


def test_ways_stand_in_one_table(found: evidence.Evidence) -> None:
    assert generated.ways(found) is None
    first = {"name": "own", "kept": 0.5, "low": 0.4, "high": 0.6, "distinct_2": 0.8, "words_off": 0.25, "set": {}}
    other = first | {"name": "hot", "difference": -0.2, "verdict": "worse", "set": {"temperature": 1.5, "model": EVIL}}
    found.generated = MANIFEST | {"compared": {"n": 200, "distinct_2_real": 0.9, "rows": [first, other]}}
    table = generated.ways(found)
    assert table is not None
    assert [row["values"][0] for row in table["rows"]] == ["as the recipe", f"temperature 1.5, model {EVIL}"]
    assert table["rows"][1]["values"][2].endswith("worse")
    page = html.render(found)
    assert "Other ways to have texts written" in page
    assert EVIL not in page


def test_a_task_that_is_not_scored_misses_no_scores(found: evidence.Evidence, tmp_path: Path) -> None:
    found.recipe = found.recipe | {"task": {"name": "labelled_text"}}
    assert not found.scored
    assert "extract" not in cards.model_card(found, found.trainings["tuned"]).split("## Use")[1]
    files.write_text(tmp_path / "recipe.yaml", "name: x\ntask: {name: labelled_text}\n")
    assert not any("no scores" in line for line in evidence.read(tmp_path).missing)
    files.write_text(tmp_path / "recipe.yaml", "name: x\ntask: {name: extraction}\n")
    assert any("no scores" in line for line in evidence.read(tmp_path).missing)
