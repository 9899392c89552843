from __future__ import annotations

import numpy as np
import pytest

import planted
from tunewright.core.records import Record
from tunewright.evals import variety
from tunewright.evals.classifiers import Texts, tokens
from tunewright.text import disfluency

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


class Counted(Texts):
    """Texts whose slips are drawn and not read: people differ, the synthetic texts are of somebody new each."""

    def __init__(self, people: int, seed: int, fillers: float = 1.0):
        super().__init__()
        self._draw, self._drawn = np.random.default_rng(seed), {}
        self.real = self._people(people, 6)
        self.synthetic = self._people(40, 2, fillers)

    def _people(self, count: int, texts: int, fillers: float = 1.0) -> list[Record]:
        size, records = len(disfluency.COUNTS), []
        for person in range(count):
            habits = 0.05 * self._draw.gamma(3, 1 / 3, size)
            for number in range(texts):
                words = [f"word{word}" for word in self._draw.integers(0, 60, self._draw.integers(10, 20))]
                counts = dict(zip(disfluency.COUNTS, self._draw.poisson(len(words) * habits), strict=True))
                counts |= {"words": len(words), "utterances": 2, "fillers": round(fillers * counts["fillers"])}
                text, label = " ".join(words), planted.LABELS[number % 2]
                self._drawn[text] = list(counts.values())
                records.append(Record(f"{count}-{person}-{number}", text, label, group=f"{count}-{person}"))
        return records

    def slips(self, rows):
        return np.array([self._drawn[self._texts[row]] for row in rows], dtype=float)

    def profile(self) -> list[dict]:
        return variety.profile(self, self.real, self.synthetic, level=0.95, resamples=200, seed=0)

    def shown(self) -> list[tuple[str, str]]:
        return [(row["rate"], row["verdict"]) for row in self.profile() if row["verdict"] != "no difference shown"]


def test_texts_like_those_of_ten_people_get_a_verdict_in_one_profile_of_twenty_at_most():
    false = sum(bool(Counted(10, seed).shown()) for seed in range(200))
    assert false <= 200 / 20 + 2 * (200 * 0.05 * 0.95) ** 0.5  # about 160 by the plain quantiles of each rate


def test_a_rate_that_is_planted_is_found_among_all_the_others():
    assert sum(set(Counted(20, seed, fillers=4).shown()) == {("filler_rate", "more")} for seed in range(10)) >= 8


def test_few_people_have_wide_intervals_and_two_show_nothing():
    rows = Counted(2, seed=0, fillers=5).profile()
    assert {row["verdict"] for row in rows} == {"no difference shown"}
    assert {row["people"] for row in rows} == {2}
    few = Counted(8, seed=0)
    row = few.profile()[0]
    own = [record for record in few.real if record.target == row["label"]]
    sums = np.array([[few._drawn[record.text][at] for at in (3, 0)] for record in own]).reshape(8, 3, 2).sum(axis=1)
    draws = np.random.default_rng(0).integers(0, 8, (4000, 8))
    low, high = np.quantile(sums[draws].sum(axis=1) @ [1, 0] / (sums[draws].sum(axis=1) @ [0, 1]), [0.025, 0.975])
    assert row["real"]["high"] - row["real"]["low"] > 1.1 * (high - low)


def test_texts_that_are_only_shorter_get_no_verdict():
    draw = np.random.default_rng(0)

    def said(utterances: int) -> str:
        words = [f"word{int(200 * draw.random() ** 3)}" for _ in range(6 * utterances)]
        return " ".join(" ".join(words[at : at + 6]) + "." for at in range(0, len(words), 6))

    long = [Record(f"r-{n}", said(12), planted.LABELS[n % 2], group=f"p-{n % 12}") for n in range(240)]
    short = [Record(f"s-{n}", said(3), planted.LABELS[n % 2]) for n in range(240)]
    texts = Texts()
    plain = [
        disfluency.rates(
            dict(zip(disfluency.COUNTS, texts.slips(texts.rows(r.text for r in side)).sum(0), strict=True))
        )
        for side in (long, short)
    ]
    assert plain[1]["type_token_ratio"] > plain[0]["type_token_ratio"] + 0.15  # which says nothing but their length
    rows = variety.profile(texts, long, short, level=0.95, resamples=300, seed=0)
    assert {row["verdict"] for row in rows} == {"no difference shown"}
    told = [row for row in rows if row["rate"] == "moving_average_type_token_ratio"]
    assert len(told) == 2
    assert all(abs(row["difference"]["value"]) < 0.02 for row in told)


def test_the_moving_average_sees_words_said_again_and_is_of_texts_as_long_as_its_window():
    again = [record.replace(text=" ".join(record.text.split()[:5] * 3)) for record in planted.helpful(400, seed=2)]
    rows = variety.profile(Texts(), REAL, again, level=0.95, resamples=300, seed=0)
    verdicts = {row["verdict"] for row in rows if row["rate"] == "moving_average_type_token_ratio"}
    assert verdicts == {"less"}
    short = [record.replace(text=" ".join(record.text.split()[:9])) for record in again]
    rows = variety.profile(Texts(), REAL, short, level=0.95, resamples=300, seed=0)
    assert {row["rate"] for row in rows} == set(variety.RATES) - {"moving_average_type_token_ratio"}


def test_mauve_is_refused_with_the_number_it_needs():
    assert "5,000" in variety.mauve(3863, 2000)
    assert "refused" in variety.mauve(10_000, 4_999)
    assert "refused" not in variety.mauve(5_000, 5_000)
