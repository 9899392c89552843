"""Rules for papers: what they find on a plain title page, and that they know when they are not meant."""

from __future__ import annotations

import pytest

from tunewright.core.records import Example
from tunewright.data import sources
from tunewright.evals import rule_papers
from tunewright.evals.rules import Rules
from tunewright.tasks.extraction import Extraction

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": ["string", "null"], "x-score": "identifier"},
        "title": {"type": "string", "x-score": "wording"},
        "authors": {"type": "array", "items": {"type": "string"}, "x-score": "names"},
        "abstract": {"type": ["string", "null"], "x-score": "passage"},
        "doi": {"type": ["string", "null"], "x-score": "identifier"},
    },
}


def test_they_read_the_plain_title_pages_of_the_sample():
    task = Extraction(schemas={"oa_papers": SCHEMA})
    examples: list[Example] = [task.example(record) for record in sources.load("oa_papers", sample=True).records]
    right = [
        said.value == example.record.target for example, said in zip(examples, Rules().predict(examples), strict=True)
    ]
    assert sum(right) >= len(right) - 1


@pytest.mark.parametrize(
    ("front", "found"),
    [
        ("Ada Byron1,2*, Karl Weiss2", ["Ada Byron", "Karl Weiss"]),
        ("Byron, Ada; Weiss, Karl", ["Byron, Ada", "Weiss, Karl"]),
        ("Ada Byron and Karl van der Weiss", ["Ada Byron", "Karl van der Weiss"]),
        ("1School of Sciences, University of Nowhere", []),
        ("OPEN ACCESS", []),
        ("Moss and other plants on roofs", []),
    ],
)
def test_lines_of_names(front, found):
    assert rule_papers._people(front) == found


def test_a_stamp_is_an_id_and_a_reference_is_none():
    stamped = rule_papers.extract("arXiv:2301.12345v2 [cs.CL] 5 Jan 2023\nMoss on the roofs of houses", SCHEMA)
    assert stamped["id"] == "2301.12345v2"
    assert rule_papers.extract("Moss on the roofs of houses\nas in arXiv:2301.12345.", SCHEMA)["id"] is None


def test_they_break_where_a_title_page_is_set_otherwise():
    text = (
        "Ada Byron, Karl Weiss\nKeywords: moss, roofs, walls and houses\nMoss on the roofs\nAbstract: It grew.\n\nText"
    )
    found = rule_papers.extract(text, SCHEMA)
    assert found["abstract"] == "It grew."
    assert found["doi"] is None


def test_other_schemas_are_not_theirs():
    assert rule_papers.fits(SCHEMA)
    assert not rule_papers.fits({"type": "object", "properties": {"title": {"type": "string"}}})
