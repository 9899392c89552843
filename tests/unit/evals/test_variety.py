from __future__ import annotations

import pytest

import planted
from tunewright.evals import variety
from tunewright.evals.classifiers import Texts, tokens

REAL = planted.people(10, 40, seed=1)


def test_as_varied_as_people_where_texts_are_theirs_alike_at_any_number_of_them():
    for count in (100, 1000):
        found = variety.distinct(REAL, planted.helpful(count, seed=2), 2, seed=0)
        assert found["ratio"] == pytest.approx(1, abs=0.05)
        assert found["low"] <= found["ratio"] <= found["high"]


def test_texts_said_again_and_again_are_less_varied():
    few = planted.helpful(20, seed=2) * 20
    assert variety.distinct(REAL, few, 2, seed=0)["ratio"] < 0.6
    assert variety.self_bleu(REAL, few, seed=0)["synthetic"] > variety.self_bleu(REAL, few, seed=0)["real"] + 0.3


def test_self_bleu_of_texts_alike_is_alike_and_none_without_pairs():
    found = variety.self_bleu(REAL, planted.helpful(400, seed=2), seed=0)
    assert found["synthetic"] == pytest.approx(found["real"], abs=0.05)
    assert variety.self_bleu(REAL[:1], planted.helpful(2, seed=1), seed=0) is None


def test_bleu_of_each_is_that_of_sacrebleu():
    from sacrebleu.metrics.bleu import BLEU

    bleu = BLEU(effective_order=True, tokenize="none")
    texts = [tokens(record.text) for record in REAL[:25]] + [["um"], ["um"], ["never", "said"], tokens(REAL[0].text)]
    joined = [" ".join(words) for words in texts]
    theirs = [bleu.sentence_score(one, joined[:at] + joined[at + 1 :]).score / 100 for at, one in enumerate(joined)]
    assert variety.bleu_of_each(texts) == pytest.approx(theirs, abs=1e-9)


def test_coverage_knows_whose_words_are_missing():
    held = planted.people(6, 30, seed=3, side="test")
    alike = variety.coverage(held, REAL, planted.helpful(400, seed=2), 1, seed=0)
    without = variety.coverage(held, REAL, planted.useless(400, seed=2), 1, seed=0)
    assert alike["synthetic"] == pytest.approx(alike["train"], abs=0.08)
    assert without["synthetic"] < alike["synthetic"] - 0.05


def test_profile_says_more_and_less_and_what_is_not_shown():
    made = planted.helpful(400, seed=2)
    more = [record.replace(text="um " + record.text) if record.target == "fluent" else record for record in made]
    rows = {
        (row["label"], row["rate"]): row
        for row in variety.profile(Texts(), REAL, more, level=0.95, resamples=300, seed=0)
    }
    assert rows["fluent", "filler_rate"]["verdict"] == "more"
    assert rows["fluent", "filler_rate"]["difference"]["low"] > 0
    assert rows["disfluent", "filler_rate"]["verdict"] == "no difference shown"
    assert rows["disfluent", "repetition_rate"]["people"] == 10
    less = [record.replace(text=record.text.replace("um ", "")) for record in made]
    rows = {
        (row["label"], row["rate"]): row
        for row in variety.profile(Texts(), REAL, less, level=0.95, resamples=300, seed=0)
    }
    assert rows["disfluent", "filler_rate"]["verdict"] == "less"


def test_mauve_is_refused_with_the_number_it_needs():
    assert "5,000" in variety.mauve(3863, 2000)
    assert "refused" in variety.mauve(10_000, 4_999)
    assert "refused" not in variety.mauve(5_000, 5_000)
