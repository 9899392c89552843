"""Pools: scripts kept apart, sides dealt once, templates that can be filled."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
import regex

from tunewright.core.errors import DataError
from tunewright.data.synth import amounts, documents, draw, layouts, pools, sentences, slots, templates
from tunewright.data.synth.scenes import SCENES

assert slots
SPLIT = {name: pool for name, pool in pools.pools().items() if pool.kind != "closed"}


def test_no_letter_of_another_script_in_any_pool():
    assert pools.intruders() == []


def test_the_guard_sees_intruders():
    assert pools.foreign("राम Kumar", "hi")
    assert pools.foreign("Ram कुमार", "en")
    assert not pools.foreign("{mister} जी", "hi")
    assert not pools.foreign("Bill नं.", "mix")


def test_sides_share_no_atom():
    """An atom is on one side in whatever pools it stands."""
    side: dict[tuple[str, str], set[int]] = {}
    for pool in SPLIT.values():
        if pool.sides[0] == pool.sides[1]:
            continue
        for number, entries in enumerate(pool.sides):
            for entry in entries:
                side.setdefault((pool.kind, pools.atom_key(entry)), set()).add(number)
    torn = [key for key, sides in side.items() if len(sides) > 1]
    assert torn == []


def test_both_sides_have_enough():
    shares = []
    for name, pool in SPLIT.items():
        seen, unseen = pool.sides
        assert seen, name
        assert unseen, name
        if len(pool.entries) >= 10:
            shares.append(len(unseen) / len(pool.entries))
    assert 0.22 < sum(shares) / len(shares) < 0.34
    whole = [name for name, pool in SPLIT.items() if pool.sides[0] == pool.sides[1]]
    assert len(whole) <= 4, whole


@pytest.mark.parametrize("language", ["en", "hi"])
def test_every_notion_has_at_least_six_wordings(language):
    labels = {name: pool for name, pool in SPLIT.items() if name.startswith("label.") and name.endswith(f".{language}")}
    thin = {name: len(pool.entries) for name, pool in labels.items() if len(pool.entries) < 5}
    assert thin == {}
    gold = [
        name
        for name in labels
        if any(part in name for part in ("number", "party", "date", "total", "applicant.", "id."))
    ]
    assert all(len(labels[name].entries) >= 6 for name in gold)


def test_every_template_can_be_filled():
    known = set(draw.SLOTS) | sentences.OWN | {"purpose", "trade"}
    unknown = {
        (pool.name, slot)
        for pool in pools.pools().values()
        for entry in pool.entries
        for slot in templates.slots(entry) - known
    }
    assert unknown == set()


def test_gold_slots_stand_outside_choices():
    """A choice may drop what it holds; gold may not be dropped."""
    for name, pool in SPLIT.items():
        if name.startswith("say."):
            for entry in pool.entries:
                inside = "".join(re.findall(r"<[^<>]*>", entry))
                assert not templates.slots(inside.replace("<", "").replace(">", "")) & sentences.OWN, entry


def test_scenes_find_their_pools():
    for kind, scenes in SCENES.items():
        for scene in scenes:
            for language in ("en", "hi"):
                assert pools.has(f"purpose.{scene.purpose}.{language}"), scene
                assert not scene.facts or pools.has(f"facts.{scene.facts}.{language}"), scene
                assert not scene.items or pools.has(f"item.{scene.items}.{language}"), scene
                assert not scene.story or pools.has(f"story.{scene.story}.{language}"), scene
                for id_kind in scene.ids:
                    assert pools.has(f"label.id.{id_kind}.{language}"), scene
                if scene.labels:
                    name = f"label.applicant.{scene.labels}" if kind == "form" else f"label.{scene.labels}"
                    assert pools.has(f"{name}.{language}"), scene


def test_layouts_are_many_on_both_sides():
    sides = Counter(layout.side for layout in layouts.ALL)
    assert sides[pools.SEEN] >= 12
    assert sides[pools.UNSEEN] >= 6
    assert len({layout.name for layout in layouts.ALL}) == len(layouts.ALL)


def test_a_wrong_pool_name_hears_the_near_one():
    with pytest.raises(DataError, match="no pool") as error:
        pools.pool("label.due.em")
    assert "label.due.en" in error.value.hint


def test_templates_choose_nest_and_agree():
    assert templates.template("plain") == "plain"
    assert templates.slots("<a {x}|<b|{y}>> {z} {g:करता/करती}") == {"x", "y", "z"}
    with pytest.raises(DataError, match="closed"):
        templates.template("a <b|c")
    one = draw.Draw("key", "hi", "form", frozenset(("date",)))
    assert one.fill("{g:करता/करती}") == "करता"
    one.feminine = True
    assert one.fill("{g:करता/करती}") == "करती"
    assert {one.fill("<a|b|>") for _ in range(60)} == {"a", "b", ""}


# The honest exam ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exam(shared_data):
    path = shared_data / "handwritten_documents" / "data.jsonl"
    if not path.exists():
        pytest.skip("the hand-written documents are not here")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


WORDS = regex.compile(r"[\p{L}\p{M}]+")


def runs(text: str, length: int = 4) -> set[tuple[str, ...]]:
    """Runs of words that stand on one line with nothing but blanks between."""
    found: set[tuple[str, ...]] = set()
    for part in regex.split(r"[^\p{L}\p{M} ]+", text.casefold()):
        words = WORDS.findall(part)
        found.update(tuple(words[at : at + length]) for at in range(len(words) - length + 1))
    return found


AMOUNT_WORDS = {
    word for n in (*range(101), 1000, 10**5, 10**7) for lang in ("en", "hi") for word in amounts.words(n, lang).split()
}
COMMON = {"a", "sum", "fee", "of", "rs", "only", "rupees", "रुपये", "मात्र", "and"}


def trivial(run: tuple[str, ...]) -> bool:
    """A sum in words, or `a sum of Rs`: nobody's sentence."""
    return all(word in AMOUNT_WORDS or word in COMMON for word in run)


def test_no_gold_value_of_the_exam_is_in_the_pools(exam):
    entries = {pools.atom_key(entry) for pool in pools.pools().values() for entry in pool.entries}
    gold = {
        pools.atom_key(value)
        for row in exam
        for key, value in row["json"].items()
        if value and key not in ("total_amount", "date") and " " in value and not value.replace(" ", "").isdigit()
    }
    assert len(gold) > 40
    assert gold & entries == set()


def test_no_sentence_of_the_exam_is_in_generated_documents(exam):
    theirs = {run: row["id"] for row in exam for run in runs(row["text"]) if not trivial(run)}
    ours: set[tuple[str, ...]] = set()
    for record in documents.generate("invoices", 2000, seed=99, workers=1, noise={"none": 1}):
        ours |= runs(record.text)
    shared = {" ".join(run): theirs[run] for run in ours & set(theirs)}
    assert len(theirs) > 500
    assert shared == {}


def test_no_sentence_of_the_exam_is_in_the_pools(exam):
    theirs = {run for row in exam for run in runs(row["text"])}
    ours = {
        run for pool in pools.pools().values() for entry in pool.entries for run in runs(re.sub(r"[<>|]", " / ", entry))
    }
    assert ours & theirs == set()
