from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.recipe import AugmentOptions
from tunewright.core.records import Record
from tunewright.data import augment as augmenting
from tunewright.data.augment import augment, faults, roughened
from tunewright.text import schema as schemas_of

SCHEMA = {
    "type": "object",
    "properties": {
        "intent": {"enum": ["order", "ask"]},
        "slots": {
            "type": "object",
            "properties": {"item": {"type": "string"}, "place": {"type": "string"}, "count": {"type": "integer"}},
            "additionalProperties": False,
        },
    },
    "required": ["intent", "slots"],
    "additionalProperties": False,
}
ITEMS, PLACES = ("Pens", "green tea", "नमक", "iPhone cases"), ("Pune", "the Red Fort", "New York")


def records(count: int = 60) -> list[Record]:
    made = []
    for i in range(count):
        item, place = ITEMS[i % 4], PLACES[i % 3]
        text = f"Carla would like to order {item} for delivery in {place}{'.' if i % 2 else ''}"
        target = {"intent": "order", "slots": {"item": item, "place": place, "count": 1}}
        if i % 3:
            del target["slots"]["count"]  # type: ignore[attr-defined]
        made.append(Record(f"r{i}", text, target, language="en", doc_type="orders", group=f"g{i}"))
    return made


def options(**given) -> AugmentOptions:
    return AugmentOptions(**{"copies": 3.0, **given})


def test_every_way_makes_records_that_are_right():
    found = augment(records(), {"orders": SCHEMA}, options(), 0)
    assert set(found.counts) == {"prompt", "keys", "values", "noise", "together"}
    assert len(found.records) + found.refused.total() == 180
    parents = {record.id: record for record in records()}
    for made in found.records:
        schema = schemas_of.several(SCHEMA, 2) if "parts" in made.provenance else SCHEMA
        schema = schemas_of.narrowed(schema, made.provenance["keys"]) if "keys" in made.provenance else schema
        assert not schemas_of.validate(made.target, schema)
        of = [parents[name] for name in made.provenance["made"]["of"]]
        assert made.group == of[0].group
        for leaf in schemas_of.leaves(made.target).values():
            if isinstance(leaf, str) and any(leaf in parent.text for parent in of):
                assert leaf in made.text
    assert len({made.id for made in found.records}) == len(found.records)
    assert "records made of those of train" in found.note()


def test_it_hangs_on_the_seed_and_the_ids_and_not_on_the_order():
    forth, back = (augment(some, {"orders": SCHEMA}, options(), 7).records for some in (records(), records()[::-1]))
    assert {made.id: made for made in forth} == {made.id: made for made in back}
    assert [made.text for made in augment(records(), {"orders": SCHEMA}, options(), 8).records] != [
        made.text for made in forth
    ]


@pytest.mark.parametrize("copies", [0.0, 0.5, 2.0])
def test_how_many(copies: float):
    found = augment(records(200), {"orders": SCHEMA}, options(copies=copies, ways={"prompt": 1.0}), 0)
    assert abs(len(found.records) - 200 * copies) <= (20 if copies % 1 else 0)


def test_asked_for_some_keys_in_another_order():
    found = augment(records(), {"orders": SCHEMA}, options(ways={"keys": 1.0}, key_sets=5), 0)
    sets = Counter(str(made.provenance["keys"]) for made in found.records)
    assert 1 < len(sets) <= 5
    for made in found.records:
        keys = [tuple(way) for way in made.provenance["keys"]]
        held = [("intent",)] * ("intent" in made.target) + [("slots", key) for key in made.target.get("slots", {})]
        assert set(held) <= set(keys)
        assert made.text in {record.text for record in records()}


def test_two_as_one():
    found = augment(records(), {"orders": SCHEMA}, options(ways={"together": 1.0}), 0)
    parents = {record.id: record for record in records()}
    for made in found.records:
        one, other = (parents[name] for name in made.provenance["made"]["of"])
        assert made.target == {"parts": [one.target, other.target]}
        assert made.text.startswith(one.text)
        assert made.text.endswith(other.text)


def test_other_records_values_in_text_and_answer():
    found = augment(records(), {"orders": SCHEMA}, options(ways={"values": 1.0}), 0)
    parents = {record.id: record for record in records()}
    assert found.counts["values"] > 100
    for made in found.records:
        first, *others = (parents[name] for name in made.provenance["made"]["of"])
        slots, before = made.target["slots"], first.target["slots"]
        assert made.text == first.text.replace(before["item"], slots["item"]).replace(before["place"], slots["place"])
        assert made.text != first.text
        assert slots.get("count") == before.get("count")  # no string, and not said
        assert {*slots.values()} - {*before.values()} <= {
            leaf for one in others for leaf in one.target["slots"].values()
        }


def test_values_stay_where_they_are_chosen_or_stand_across_others():
    def made(*pairs):
        given = [Record(f"r{i}", text, target, doc_type="orders") for i, (text, target) in enumerate(pairs)]
        return augment(given, {"orders": {"type": "object"}}, options(ways={"values": 1.0}), 0).records

    assert not made(("for two", {"size": "pair"}), ("for one", {"size": "single"}))
    across = ("my list of lists", {"a": "list of lists", "b": "lists"}), ("of x and y", {"a": "of x", "b": "x"})
    assert not made(*across)
    assert not made(("tea and tea", {"a": "tea"}), ("teapots", {"a": "tea"}), ("rice rice", {"a": "rice"}))
    both = made(("tea at noon", {"a": "tea", "b": "noon"}), ("rice at ten", {"a": "rice", "b": "ten"}))
    assert both
    assert all(one.text == "{a} at {b}".format(**one.target) for one in both)


def swapped(*pairs: tuple[str, dict]) -> set[tuple[str, str]]:
    """What comes out of many tries: texts and answers that no parent has."""
    given = [Record(f"r{i}", text, target, doc_type="orders") for i, (text, target) in enumerate(pairs)]
    found = augment(given, {"orders": {"type": "object"}}, options(copies=20, ways={"values": 1.0}), 0).records
    return {(one.text, str(one.target)) for one in found}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Ship to Pune", {"city": "Pune", "country": "India"}), ("Ship to Paris", {"city": "Paris", "country": "France"})),
        (("Ship to Pune", {"city": "Pune"}), ("Ship to Paris", {"city": "Paris", "country": "France"})),
        (("due 5 Jan 2023", {"said": "5 Jan 2023", "due": "2023-01-05"}), ("due 6 May 2023", {"said": "6 May 2023", "due": "2023-05-06"})),
        (("buy 2 pens", {"item": "2 pens", "count": 2}), ("buy 5 cups", {"item": "5 cups", "count": 5})),
        (("buy 2 pens for 2 men", {"item": "2 pens", "count": 2}), ("buy 5 cups for 5 men", {"item": "5 cups", "count": 5})),
        (("play jazz", {"what": "jazz", "intent": "music"}), ("play chess", {"what": "chess", "intent": "game"})),
    ],
)  # fmt: skip
def test_what_may_be_known_from_a_value_alone_stays_with_it(one, other):
    assert swapped(one, other) == set()


@pytest.mark.parametrize(
    ("one", "other", "made"),
    [
        (("Ship to Pune", {"city": "Pune", "country": "India"}), ("Get to Agra", {"city": "Agra", "country": "India"}), "Ship to Agra"),
        (("tea for 2", {"item": "tea", "count": 2}), ("5 cups", {"item": "cups", "count": 5}), "cups for 2"),
        (("two teas", {"item": "teas", "count": 2}), ("five cups", {"item": "cups", "count": 5}), "two cups"),
        (("pay Ann by 5 Jan 2023!", {"to": "Ann", "due": "2023-01-05"}), ("Bob, 6 May 2023", {"to": "Bob", "due": "2023-05-06"}), "pay Bob by 5 Jan 2023!"),
        (("Pune, India", {"city": "Pune", "country": "India"}), ("Paris, France", {"city": "Paris", "country": "France"}), "Paris, India"),
    ],
)  # fmt: skip
def test_what_the_text_says_by_itself_does_not_hinder(one, other, made):
    assert made in {text for text, _ in swapped(one, other)}


def test_numbers_are_not_said_twice():
    text = "a base of 10 for 10.5 units, two lakh in all"
    given = [Record("r", text, {"base": 10, "units": 10.5, "all": 200000}, language="en", doc_type="orders")]
    made = augment(given, {"orders": {"type": "object"}}, options(copies=200, ways={"noise": 1.0}), 0).records
    assert made
    for one in [*made, *(roughened(given[0], 1.0, seed) for seed in range(20))]:
        words = one.text.casefold().replace(",", " ").split()
        assert [words.count(word) for word in ("10", "10.5", "two", "lakh")] == [1, 1, 1, 1]


def test_noise_changes_words_and_no_value():
    found = augment(records(), {"orders": SCHEMA}, options(copies=6.0, ways={"noise": 1.0}), 0)
    texts = {record.id: record.text for record in records()}
    assert all(made.text != texts[made.provenance["made"]["of"][0]] for made in found.records)
    assert sum("would would" in made.text or "order order" in made.text for made in found.records)
    assert sum(made.text.startswith(("please ", "hi, ", "okay so ", "hey there, ")) for made in found.records)
    # A count that stands nowhere may be read from any word: each of them is still there.
    for made in found.records:
        if "count" in made.target["slots"]:
            before = texts[made.provenance["made"]["of"][0]].casefold().rstrip(".").split()
            assert set(before) <= set(made.text.casefold().replace(".", " ").replace(",", " ").split())
    slipped = [made for made in found.records if "would" not in made.text or "delivery" not in made.text]
    assert slipped
    assert not [made for made in slipped if "count" in made.target["slots"]]


def test_languages_without_words_of_their_own_get_none():
    some = [record.replace(language="de") for record in records()]
    found = augment(some, {"orders": SCHEMA}, options(ways={"noise": 1.0}), 0)
    assert not [made for made in found.records if "please" in made.text or "thank" in made.text]
    assert found.refused["noise: not with such a record"]


def test_what_goes_wrong_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch):
    """A way that would change values is caught."""
    monkeypatch.setattr(augmenting, "_KEEPING", (lambda text, kept, dice: (text.replace("York", "Yorc"), kept),) * 2)
    found = augment(records(), {"orders": SCHEMA}, options(copies=6.0, ways={"noise": 1.0}), 0)
    assert found.refused["a value is no longer said: 'New York'"]
    assert not [made for made in found.records if "Yorc" in made.text]
    assert "left out" in found.note()


def test_faults_by_hand():
    [one] = records(1)
    right = {"intent": "order", "slots": {"item": "Pens"}}
    assert faults(one.replace(target=right), SCHEMA, [one]) == []
    assert "does not obey" in faults(one.replace(target={"intent": "x", "slots": {}}), SCHEMA, [one])[0]
    assert "not its parents'" in faults(one.replace(target={"intent": "ask", "slots": {}}), SCHEMA, [one])[0]
    assert "no longer said" in faults(one.replace(text="Pen"), SCHEMA, [one])[0]
    changed = {"intent": "order", "slots": {"item": "Pens", "count": 2}}
    assert faults(one.replace(target=changed), SCHEMA, [one]) == ["a value is not its parents': 2"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(min_size=1, max_size=8), st.text(max_size=40), st.integers(0, 10**6))
def test_noise_keeps_any_value(before: str, value: str, behind: str, seed: int):
    schema = {"type": "object", "properties": {"v": {"type": "string"}}, "required": ["v"]}
    record = Record("a", before + value + behind, {"v": value}, language="en")
    made = augmenting._noisy(record, schema, random.Random(seed))
    assert made is None or value in made[0].text


ROUGH = "Carla would like to order Pens for delivery in Pune"
CHOSEN = {"type": "object", "properties": {"intent": {"enum": ["order", "ask"]}, "item": {"type": "string"}}}


def rough(share: float, seed: int, *, text: str = ROUGH, item: str = "Pens", schema=CHOSEN) -> str:
    record = Record("a", text, {"intent": "ask", "item": item})
    return roughened(record, share, seed, schema).text


def changed(made: str) -> int:
    """How many words of ROUGH are not as they were; each change is of one word."""
    words, count, at = ROUGH.split(), 0, 0
    said = made.split()
    for word in words:
        twice = said[at : at + 2] == [word, word]
        count += twice or said[at] != word
        at += 1 + twice
    assert at == len(said)
    return count


def test_a_share_of_the_words_around_the_values_is_changed_and_no_value():
    assert rough(0.0, 0) == ROUGH
    for seed in range(40):
        counts = [changed(rough(share, seed)) for share in (0.1, 0.3, 0.5, 1.0)]
        assert counts == sorted(counts)
        assert counts[1:] in ([2, 4, 9], [2, 5, 9], [3, 4, 9], [3, 5, 9])  # of nine words and "Pens"
        assert "Pens" in rough(1.0, seed).split()
    assert abs(sum(changed(rough(0.1, seed)) for seed in range(200)) / 200 - 0.9) < 0.1
    assert rough(0.5, 7) != rough(0.5, 8)


def test_letters_are_exchanged_only_where_every_value_that_is_no_choice_stands_in_the_text():
    def slips(**given) -> int:
        words = {word.casefold() for word in ROUGH.split()}
        return sum(bool({*rough(1.0, seed, **given).casefold().split()} - words) for seed in range(40))

    assert slips() > 20  # the intent stands nowhere, and is chosen
    assert slips(schema=None) == 0
    assert slips(item="six pens") == 0


def test_words_with_marks_are_said_twice_whole():
    text = "मुझे दिल्ली का किराया बताइए"
    made = {rough(1.0, seed, text=text, item="दिल्ली") for seed in range(5)}
    assert made == {"मुझे मुझे दिल्ली का का किराया किराया बताइए बताइए"}
    doubled = {augmenting._double(text, [], random.Random(seed))[0] for seed in range(40)}
    words = text.split()
    assert doubled == {" ".join([*words[:at], words[at], *words[at:]]) for at in range(len(words))}


def test_the_question_of_a_context_stays_its_question():
    asked = "Which month was it then?"
    record = Record("a", f"The fund was closed in May.\n\n{asked}", "May", provenance={"question": asked})
    made = roughened(record, 1.0, 3)
    assert made.text != record.text
    assert made.question != asked
    assert made.text.endswith(made.question)
    assert "May." in made.context
    assert made.context
    assert made.context not in made.question
