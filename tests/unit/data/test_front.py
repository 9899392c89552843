"""Title pages set otherwise: another order and dress, and every value of the answer still printed."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tunewright.core import recipe_file
from tunewright.core.recipe import AugmentOptions
from tunewright.core.records import Record
from tunewright.data import front, sources
from tunewright.data.augment import ASKING, augment
from tunewright.data.clean import clean_text
from tunewright.flow import prepared
from tunewright.text import papers

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": ["string", "null"]},
        "title": {"type": "string"},
        "authors": {"type": "array", "items": {"type": "string"}},
        "abstract": {"type": "string"},
        "doi": {"type": ["string", "null"]},
    },
    "required": list(front.FIELDS),
}


@pytest.fixture(scope="module")
def records() -> list[Record]:
    found = sources.load("oa_papers", sample=True).records
    return [record.replace(text=clean_text(record.text, pages=True)) for record in found]


def pages(records: list[Record], count: int, kept: bool = False) -> list[tuple[Record, Record]]:
    made = []
    for record in records:
        for number in range(count):
            page = front.rearranged(record, random.Random(f"{record.id}/{number}"), kept=kept)
            if page is not None:
                made.append((record, page))
    return made


@pytest.mark.parametrize("kept", [False, True])
def test_every_value_is_printed_and_means_what_it_meant(records, kept):
    made = pages(records, 12, kept)
    assert len(made) > 0.9 * 12 * len(records)
    for record, page in made:
        assert not front.unsaid(page)
        assert list(page.target) == list(record.target)
        assert papers.wording(page.target["title"]) == papers.wording(record.target["title"])
        assert page.target["abstract"] == record.target["abstract"]
        assert len(page.target["authors"]) == len(record.target["authors"])
        surnames = [name.split()[-1].casefold() for name in record.target["authors"]]
        assert all(one in name.casefold() for one, name in zip(surnames, page.target["authors"], strict=True))
        assert page.target["doi"] in (record.target["doi"], None)
        if page.target["id"]:
            assert f"arXiv:{page.target['id']} " in page.text
        if page.target["doi"] is None:
            assert record.target["doi"] not in page.text


def test_pages_differ_in_what_they_should_differ_in(records):
    made = [page for _, page in pages(records, 12)]
    order = Counter(
        page.text.find(page.target["authors"][0]) < page.text.find(page.target["title"][:30]) for page in made
    )
    assert set(order) == {True, False}
    stamped = Counter(page.target["id"] is None for page in made)
    assert set(stamped) == {True, False}
    assert any(page.target["title"].isupper() for page in made)
    assert any("," in page.target["authors"][0] for page in made)
    assert any(page.target["doi"] is None for page in made)
    assert any("\n" in page.text[page.text.find(page.target["abstract"][:20]) :][:200] for page in made)


def test_what_is_kept_for_testing_never_stands_in_training(records):
    assert not set(front.ORDERS.seen) & set(front.ORDERS.kept)
    assert not set(front.DOI_FORMS.seen) & set(front.DOI_FORMS.kept)
    assert not set(front.ABSTRACT_HEADS.seen) & set(front.ABSTRACT_HEADS.kept)
    assert not any("Digital Object Identifier" in page.text for _, page in pages(records, 12))
    assert any("Digital Object Identifier" in page.text for _, page in pages(records, 12, kept=True))


def test_the_same_seed_sets_the_same_page(records):
    assert [page for _, page in pages(records, 3)] == [page for _, page in pages(records, 3)]


def test_a_record_whose_head_cannot_be_told_apart_is_left_as_it_is(records):
    [record, *_] = records
    dice = random.Random(0)
    assert front.rearranged(record.replace(text="nothing of it"), dice) is None
    assert front.rearranged(record.replace(target={**record.target, "abstract": None}), dice) is None
    assert front.rearranged(record.replace(target={**record.target, "authors": ["Nobody Here"]}), dice) is None
    assert front.rearranged(record.replace(target="a reply"), dice) is None
    assert front.rearranged(record.replace(target={**record.target, "journal": "J"}), dice) is None


def test_a_value_that_is_not_printed_is_told():
    page = Record("1", "A title by Ada\nByron", {"title": "A title", "authors": ["Ada Byron", "Karl"], "doi": None})
    assert front.unsaid(page) == ["Karl"]


def test_they_are_a_way_of_making_more_of_train(records):
    options = AugmentOptions(copies=2.0, ways={"front": 1.0})
    found = augment(records, {"oa_papers": SCHEMA}, options, 0)
    assert found.counts["front"] == len(found.records) > 1.8 * len(records)
    assert {record.provenance["made"]["by"] for record in found.records} == {"front"}
    others = [Record("r", "Pens for Carla", {"a": "Pens"})]
    lost = augment(others, {"x": {"type": "object"}}, options, 0)
    assert not lost.records
    assert lost.refused["front: not with such a record"] == 2


def test_heads_are_asked_for_all_but_the_abstract_and_say_it(records, monkeypatch):
    monkeypatch.setattr(front, "BEYOND", (0, 20))  # the sample's papers are short
    found = augment(records, {"oa_papers": SCHEMA}, AugmentOptions(copies=4.0, ways={"head": 1.0}), 0)
    assert found.counts["head"] == len(found.records) > 3.6 * len(records)
    without = 0
    for record in found.records:
        assert list(record.target) == ["id", "title", "authors", "doi"]
        assert record.provenance["keys"] == [["id"], ["title"], ["authors"], ["doi"]]
        assert not front.unsaid(record)
        [parent] = [one for one in records if one.id == record.provenance["made"]["of"][0]]
        without += papers.wording(parent.target["abstract"]) not in papers.wording(record.text)
    assert without > 0.3 * len(found.records)


def test_a_head_goes_on_a_while_behind_what_it_is_asked_for():
    text = "A title of\nsome length\nAda Byron\n" + "word " * 2000
    page = Record("1", text, {"title": "A title of some length", "authors": ["Ada Byron"], "abstract": "word " * 400})
    ends = {len(front.head(page, random.Random(seed)).text) for seed in range(40)}
    start = text.index("Byron") + len("Byron")
    assert start + front.BEYOND[0] <= min(ends) < start + 400 < start + 800 < max(ends) <= start + front.BEYOND[1] + 5
    assert all(text[end] == " " for end in ends)
    assert front.head(page.replace(text="Ada Byron"), random.Random(0)).text == "Ada Byron"


def test_mixed_heads_have_other_papers_parts_and_say_them(records):
    parts = front.Parts(records)
    names = {name for record in records for name in record.target["authors"]}
    titles = {record.target["title"] for record in records}
    changed: Counter[str] = Counter()
    for number in range(5):
        for record in records:
            made = parts.mixed(record, random.Random(f"{record.id}/{number}"))
            assert made is not None
            assert list(made.target) == list(record.target)
            assert not front.unsaid(made)
            assert made.target["title"] in titles
            assert set(made.target["authors"]) <= names
            assert len(set(made.target["authors"])) == len(made.target["authors"])
            gone = made.text.partition(record.target["abstract"])[0]
            for key in ("title", "authors", "doi"):
                if made.target[key] != record.target[key]:
                    changed[key] += 1
            if made.target["title"] != record.target["title"]:
                assert record.target["title"] not in gone
    assert all(changed[key] > 3 * len(records) for key in ("title", "authors", "doi"))
    page = records[0].replace(text=records[0].text.replace(", ".join(records[0].target["authors"]), "Nobody Here"))
    assert parts.mixed(page, random.Random(0)) is None


@pytest.mark.parametrize("way", ["mixed", "mixed_head"])
def test_mixed_pages_are_whole_or_heads(records, way):
    options = AugmentOptions(copies=3.0, ways={way: 1.0})
    found = augment(records, {"oa_papers": SCHEMA}, options, 0)
    assert found.counts[way] == len(found.records) > 2.5 * len(records)
    assert {record.provenance["made"]["by"] for record in found.records} == {way}
    assert not any(front.unsaid(record) for record in found.records)
    assert {"abstract" in record.target for record in found.records} == {way == "mixed"}
    assert found.records == augment(records, {"oa_papers": SCHEMA}, options, 0).records


@pytest.mark.parametrize("name", sorted(recipe_file.shipped()))
def test_what_a_shipped_recipe_makes_of_its_records_its_task_can_ask_for(name):
    recipe = recipe_file.read(name, environment={})
    asks = getattr(prepared.make_task(recipe.task, {}), "asks", ())
    if recipe.data.augment.copies:
        assert {way for way in recipe.data.augment.ways if way in ASKING} <= set(asks)
