from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest

import planted
from tunewright.core.errors import DataError, MissingExtra
from tunewright.core.records import Record
from tunewright.evals import classifiers
from tunewright.evals.classifiers import Texts, Tfidf, by_class, macro_f1


def test_weights_are_those_of_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer

    said = ["um the the plan", "the plan is p- plan", "so we're all going ...", "nothing here"]
    texts = Texts()
    rows = texts.rows([*said, "a later text, the plan"])
    known = texts.grams(rows[:3])
    ours = Tfidf(known)(texts.grams(rows)).toarray()
    theirs = TfidfVectorizer(analyzer=lambda text: _grams(classifiers.tokens(text))).fit(said[:3])
    expected = theirs.transform([*said, "a later text, the plan"]).toarray()
    np.testing.assert_allclose(np.sort(ours, axis=1), np.sort(expected, axis=1), atol=1e-12)


def _grams(words):
    return [*words, *(f"{a} {b}" for a, b in pairwise(words))]


def test_texts_that_come_later_change_nothing_that_was_learnt():
    records = planted.people(6, 20, seed=1)
    labels = classifiers.labels_of(records)
    alone, shared = Texts(), Texts()
    shared.rows(record.text for record in planted.people(3, 10, seed=9))
    for name in ("words", "disfluency"):
        found = []
        for texts in (alone, shared):
            rows = texts.rows(record.text for record in records)
            model = classifiers.learn(name, texts, rows[:80], labels[:80])
            texts.rows(["some words that nobody had said"])
            found.append(model.predict(rows[80:]).tolist())
        assert found[0] == found[1]


@pytest.mark.parametrize("name", ["words", "disfluency"])
def test_what_labels_carry_is_learnt_by_the_classifier_that_can_see_it(name):
    train, test = planted.people(12, 40, seed=1), planted.people(6, 40, seed=2, side="test")
    texts = Texts()
    model = classifiers.learn(name, texts, texts.rows(r.text for r in train), classifiers.labels_of(train))
    called = model.predict(texts.rows(r.text for r in test))
    assert np.mean(called == classifiers.labels_of(test)) > (0.75 if name == "words" else 0.52)


def test_a_few_texts_are_split_by_what_they_differ_in():
    said = [f"we go home number {n}." if n % 2 else f"um we um go uh home number {n}." for n in range(24)]
    texts = Texts()
    rows = texts.rows(said)
    labels = ["fluent" if n % 2 else "disfluent" for n in range(24)]
    assert classifiers.learn("disfluency", texts, rows[:16], labels[:16]).predict(rows[16:]).tolist() == labels[16:]


def test_f1_is_that_of_scikit_learn():
    from sklearn.metrics import f1_score

    draw = np.random.default_rng(0)
    actual, called = (np.array(["a", "b", "c"])[draw.integers(0, 3, 60)] for _ in range(2))
    sums = by_class(called, actual, ["a", "b", "c"]).sum(axis=0)
    assert macro_f1(sums) == pytest.approx(f1_score(actual, called, average="macro"))
    assert macro_f1(np.zeros(6)) == 0


def test_one_label_is_refused_and_so_is_none():
    texts = Texts()
    rows = texts.rows(["one", "two"])
    with pytest.raises(DataError, match="two labels"):
        classifiers.learn("words", texts, rows, ["a", "a"])
    with pytest.raises(DataError, match="two labels"):
        classifiers.learn("words", texts, rows[:0], [])
    with pytest.raises(DataError, match="no label"):
        classifiers.labels_of([Record("1", "text")])


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra) as raised:
        classifiers.check()
    assert "augment" in raised.value.hint
