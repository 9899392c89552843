"""Texts that a model wrote are kept or set aside by what train has, and by nothing of validation or test."""

from __future__ import annotations

import sys

import pytest

from tunewright.core.errors import DataError, MissingExtra
from tunewright.core.recipe import FILTERS, FilterOptions
from tunewright.core.records import Record
from tunewright.data import filters
from tunewright.data.filters import Filters, LabelClassifier, Written

CALM = "the boat {} lies in the harbour and the water is still today"
WILD = "the the boat um {} it it goes uh goes over the the the waves"
NAMES = ("anna", "boris", "clara", "david", "erik", "fatma", "gunnar", "hana", "ivo", "jonas")


def train() -> list[Record]:
    made = []
    for number, name in enumerate(NAMES):
        made.append(Record(f"c{number}", CALM.format(name), "calm", group=f"p{number}", split="train"))
        made.append(Record(f"w{number}", WILD.format(name), "wild", group=f"p{number}", split="train"))
    return made


def made(**options) -> Filters:
    return Filters(train(), FilterOptions(**options))


def names(found) -> list[str | None]:
    return [verdict.filter for verdict in found]


GOOD = "in the harbour today the still water lies and anna boat is still"


def test_every_filter_sets_aside_what_it_is_for():
    asked = {
        None: Written(GOOD, "calm"),
        "broken": Written(GOOD + " x", "calm", ended=False),
        "length": Written("the boat is still", "calm"),
        "language": Written("das Boot ist im hafen und liegt still water the today boat in", "calm"),
        "label": Written("um the boat uh it it goes um over the the waves goes", "calm"),
        "copies": Written(CALM.format("anna"), "calm"),
    }
    found = made(label_probability=0.6, length=0).look(list(asked.values()))
    assert names(found) == list(asked)
    said = found[0].said
    assert set(said) == set(FILTERS)
    assert said["broken"] is None
    assert said["length"] == len(GOOD.split()) == 13
    assert found[5].said["copies"] == 1.0


def test_a_text_like_one_kept_before_is_a_duplicate_and_like_one_set_aside_is_none():
    use = ("broken", "duplicates")
    first, other = "a b c d e f", "q r s t u v"
    found = made(use=use).look(
        [Written(first, "calm"), Written("a b c d e x", "wild"), Written(other, "calm", ended=False)]
    )
    assert names(found) == [None, "duplicates", "broken"]
    chosen = made(use=use)
    chosen.look([Written(other, "calm", ended=False)])
    assert names(chosen.look([Written(other, "calm")])) == [None]
    assert names(chosen.look([Written(other.upper(), "calm")])) == ["duplicates"]  # of an earlier batch


@pytest.mark.parametrize("off", FILTERS)
def test_every_filter_can_be_switched_off(off):
    use = tuple(name for name in FILTERS if name != off)
    bad = [
        Written(GOOD, "calm", ended=False),
        Written("the boat is still", "calm"),
        Written("das Boot ist im hafen und liegt still water the today boat in", "calm"),
        Written("um the boat uh it it goes um over the the waves goes", "calm"),
        Written(CALM.format("anna"), "calm"),
        Written(CALM.format("anna"), "calm"),
    ]
    found = made(use=use, length=0).look(bad)
    assert off not in names(found)
    assert all(off not in verdict.said for verdict in found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no word"),
        (" ... !", "no word"),
        ("well <|end|> then", "no text"),
        ("well \x07 then", "no text"),
        ("well � then", "no text"),
        ("so " * 6, "circle"),
        ("we go on " * 6, "circle"),
    ],
)
def test_broken_texts(text, says):
    assert says in str(filters.broken(Written(text, "calm")))


def test_what_people_say_is_not_broken():
    assert filters.broken(Written("no no no no no", "calm")) is None  # five times is said
    assert filters.broken(Written("well,\nI\tsaid – “oh”, we’re all ... मैं 😀", "calm")) is None


def test_letters_that_train_does_not_have_are_foreign():
    found = made(use=("language",), known_words=0).look(
        [Written("the boat лодка", "calm"), Written("new words", "calm")]
    )
    assert names(found) == ["language", None]


def test_lengths_are_those_of_the_label():
    short = [Record(f"s{n}", "w " * n, "short", split="train") for n in range(1, 11)]
    long = [Record(f"l{n}", "w " * 10 * n, "long", split="train") for n in range(1, 11)]
    looked = Filters([*short, *long], FilterOptions(use=("length",), length=0.1))
    asked = [("w " * n, label) for n, label in ((2, "short"), (9, "short"), (10, "short"), (1, "short"), (90, "long"))]
    assert names(looked.look([Written(*one) for one in asked])) == [None, None, "length", "length", None]


def test_the_classifier_tells_labels_apart_and_knows_only_train():
    found = LabelClassifier(train())
    assert found.labels == ["calm", "wild"]
    (sure, first), (unsure, second) = found.heard([("the water is still", "calm"), ("the water is still", "wild")])
    assert sure > 0.6
    assert (first, second) == (True, False)
    assert sure + unsure == pytest.approx(1)
    assert found.heard([("the water", "third")]) == [(0.0, False)]
    assert found.heard([]) == []
    said = {word for record in train() for word in record.text.casefold().split()}
    assert {word for pair in found.vocabulary for word in pair.split()} <= said


@pytest.mark.parametrize("build", [lambda rows, held: Filters(rows, FilterOptions(), held), LabelClassifier])
@pytest.mark.parametrize(
    ("change", "held", "says"),
    [
        ({"split": "test"}, (), r"1 records .* not of train \(1 of test\), first 'c0'"),
        ({"split": "validation"}, (), "1 of validation"),
        ({"split": None}, (), "no side"),
        ({"provenance": {"synthetic": True}}, (), "1 records .* synthetic, first 'c0'"),
        ({}, ("p0",), "1 participants of train are in validation or test, too: p0"),
    ],
)
def test_a_filter_that_would_learn_from_another_side_is_refused(build, change, held, says):
    first, *rest = train()
    with pytest.raises(DataError, match=says) as caught:
        build([first.replace(**change), *rest], held)
    assert caught.value.hint


def test_a_filter_that_has_nothing_to_learn_from_is_refused():
    with pytest.raises(DataError, match="no record of train"):
        Filters([], FilterOptions())


def test_without_scikit_learn_the_install_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra) as caught:
        made()
    assert "tunewright[augment]" in caught.value.hint
    assert names(made(use=("broken", "copies")).look([Written(GOOD, "calm")])) == [None]  # the others need none


def test_the_filter_of_labels_leaves_half_of_the_participants_to_others():
    learnt, others = filters.parted(train())
    people = [{record.group for record in side} for side in (learnt, others)]
    assert not people[0] & people[1]
    assert [len(side) for side in people] == [5, 5]
    assert len(learnt) + len(others) == len(train())
    assert filters.parted(train()[::-1])[0][::-1] == learnt  # whatever the order
    # A half without a label: both have everything.
    lonely = [*(one for one in train() if one.target == "calm"), train()[1]]
    assert filters.parted(lonely) == (lonely, lonely)


def test_the_filter_of_labels_does_not_know_the_others(monkeypatch):
    learnt, others = filters.parted(train())
    seen: list[str | None] = []
    own = LabelClassifier.__init__
    monkeypatch.setattr(
        LabelClassifier,
        "__init__",
        lambda self, rows, held=(): (seen.extend(r.group for r in rows), own(self, rows))[1],
    )
    made()
    assert set(seen) == {record.group for record in learnt}
    assert not set(seen) & {record.group for record in others}


def test_the_likeliest_of_many_labels_is_kept_however_unlikely():
    many = [
        Record(f"{label}{number}", f"{label} and some words that all of them say {number}", label,
               group=f"p{number}", split="train")
        for label in ("red", "blue", "green", "white", "black") for number in range(6)
    ]  # fmt: skip
    looked = Filters(many, FilterOptions(use=("label",)))
    found = looked.look([Written("red and some words", "red"), Written("red and some words", "blue")])
    assert names(found) == [None, "label"]
    assert found[0].said["label"] < 0.5
    strict = Filters(many, FilterOptions(use=("label",), label_probability=0.9))
    assert names(strict.look([Written("red and some words", "red")])) == ["label"]
