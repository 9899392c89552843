from __future__ import annotations

from collections import Counter

import pytest

import planted
from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.data.split import is_synthetic, refuse_synthetic
from tunewright.evals import alternatives

TRAIN = planted.people(6, 20, seed=1)
COUNTS = {"fluent": 30, "disfluent": 12}


@pytest.mark.parametrize("name", alternatives.NAMES)
def test_as_many_of_each_label_as_asked_all_synthetic_and_the_same_again(name):
    made = alternatives.Alternative(name, TRAIN).make(COUNTS, seed=3)
    assert Counter(record.target for record in made) == COUNTS
    assert all(is_synthetic(record) and record.text.strip() for record in made)
    assert len({record.id for record in made}) == len(made)
    assert made == alternatives.Alternative(name, TRAIN).make(COUNTS, seed=3)
    assert [r.text for r in made] != [r.text for r in alternatives.Alternative(name, TRAIN).make(COUNTS, seed=4)]
    with pytest.raises(DataError, match="synthetic"):
        refuse_synthetic(made, "test")


@pytest.mark.parametrize("name", alternatives.NAMES)
def test_no_word_comes_from_elsewhere_and_labels_keep_their_own(name):
    made = alternatives.Alternative(name, TRAIN).make(COUNTS, seed=3)
    known = {word for record in TRAIN for word in record.text.split()}
    assert {word for record in made for word in record.text.split()} <= known
    if name == "edits":  # a frame may exchange a label's word for another's: that is what edits risk
        return
    for record in made:
        other = "fluent" if record.target == "disfluent" else "disfluent"
        assert not any(word.startswith(other) for word in record.text.split())


def test_edits_change_a_text_but_little_and_say_which():
    by_id = {record.id: record for record in TRAIN}
    made = alternatives.Alternative("edits", TRAIN).make({"fluent": 200}, seed=1)
    assert all(by_id[record.provenance["of"]].target == "fluent" for record in made)
    changed = [record.text != by_id[record.provenance["of"]].text for record in made]
    assert sum(changed) > 180
    kept = [
        len(set(record.text.split()) & set(by_id[record.provenance["of"]].text.split())) / len(set(record.text.split()))
        for record in made
    ]
    assert sum(kept) / len(kept) > 0.7


def test_ngrams_are_no_longer_than_what_they_were_made_of_and_mostly_new():
    said = {record.text for record in TRAIN}
    made = alternatives.Alternative("ngrams", TRAIN).make({"fluent": 200}, seed=1)
    assert max(len(r.text.split()) for r in made) <= max(len(r.text.split()) for r in TRAIN)
    assert sum(record.text in said for record in made) < 40


def test_a_label_without_texts_or_words_is_refused():
    with pytest.raises(DataError, match="no text of 'other'"):
        alternatives.Alternative("edits", TRAIN).make({"other": 1}, seed=0)
    with pytest.raises(DataError, match="has a word"):
        alternatives.Alternative("ngrams", [Record("1", " ", "fluent")])
    assert len(alternatives.Alternative("edits", [Record("1", "yes", "fluent")]).make({"fluent": 3}, seed=0)) == 3
