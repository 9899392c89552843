"""ROUGE-L, BLEU and chrF++: sacrebleu as the oracle, Devanagari as the trap."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from tunewright.evals.metrics import bleu, chrf, rouge_l
from tunewright.evals.overlap import longest_in_common, ngrams_in_common

SAME = "मरीज को दिन में दो बार 5 mg दवा दें"
OTHER = "बच्चे के लिए 5 mg बहुत अधिक मात्रा होगी"
METRICS = {"rouge_l": rouge_l, "bleu": bleu, "chrf": chrf}
COUNTS = {bleu: bleu.counts, chrf: ngrams_in_common}


def corpus(metric, pairs):
    rows = [COUNTS[metric](gold, reply) for gold, reply in pairs]
    return metric.summarise({key: np.float64(sum(row[key] for row in rows)) for key in rows[0]})


def score(answer, metric, gold, reply):
    (value,) = metric.summarise(metric.statistics(*answer(gold, text=reply))).values()
    return float(value)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_hindi(answer, metric):
    assert score(answer, metric, SAME, SAME) == pytest.approx(1, abs=1e-12)
    assert score(answer, metric, SAME, OTHER) < 0.5
    assert score(answer, metric, SAME, "") == 0
    nearly = SAME.replace("दो बार", "तीन बार")
    assert score(answer, metric, SAME, OTHER) < score(answer, metric, SAME, nearly) < 1


def test_rouge_by_hand():
    # words: the cat sat down | the dog sat; common in order: the, sat; F1 = 2·2 / (4 + 3)
    assert longest_in_common("The cat sat down.", "the dog sat") == pytest.approx(4 / 7)
    assert longest_in_common("राम घर गया", "घर राम गया") == pytest.approx(4 / 6)
    assert longest_in_common("", "") == 1
    assert longest_in_common("x", "") == 0


def _pairs(seed: int, count: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    pool = ["राम", "कुल", "राशि", "₹5,000", "है।", '"INV-12",', "{name:", "x}", "(paid)", "५,०००", "क्या?"]
    pool += ["a", "b", "end.", "—", "12/09/2025", "M/s"]
    pairs = []
    for _ in range(count):
        gold = [rng.choice(pool) for _ in range(rng.randint(0, 12))]
        reply = [word if rng.random() < 0.7 else rng.choice(pool) for word in gold if rng.random() < 0.9]
        pairs.append((" ".join(gold), " ".join(reply)))
    return pairs


@pytest.mark.parametrize("seed", range(12))
def test_corpus_scores_equal_sacrebleu(seed: int):
    pairs = _pairs(seed, [1, 2, 5, 40][seed % 4])
    golds, replies = [[gold for gold, _ in pairs]], [reply for _, reply in pairs]
    expected = BLEU(tokenize="intl").corpus_score(replies, golds).score / 100
    assert float(corpus(bleu, pairs)["bleu"]) == pytest.approx(expected, abs=1e-9)
    expected = CHRF(word_order=2).corpus_score(replies, golds).score / 100
    assert float(corpus(chrf, pairs)["chrf"]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "pairs",
    [
        [("a b c d", "x y z w")],  # no match at all
        [("a b", "a b")],  # shorter than four words
        [("a b c d e", "a x c y e")],  # matches of one word only: smoothing
        [("a b c d e f", "a b c d")],  # brevity
        [("a", "")],
        [("", "a")],
    ],
)
def test_edges_equal_sacrebleu(pairs):
    golds, replies = [[gold for gold, _ in pairs]], [reply for _, reply in pairs]
    expected = BLEU(tokenize="intl").corpus_score(replies, golds).score / 100
    assert float(corpus(bleu, pairs)["bleu"]) == pytest.approx(expected, abs=1e-9)
    expected = CHRF(word_order=2).corpus_score(replies, golds).score / 100
    assert float(corpus(chrf, pairs)["chrf"]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("metric", [bleu, chrf])
def test_resamples_are_scored_at_once_as_one_by_one(metric):
    rows = [COUNTS[metric](gold, reply) for gold, reply in _pairs(3, 30)]
    weights = np.random.default_rng(0).integers(0, 3, (5, 30))
    sums = {key: weights @ np.array([row[key] for row in rows]) for key in rows[0]}
    (together,) = metric.summarise(sums).values()
    for i, row in enumerate(weights):
        repeated = [pair for pair, times in zip(_pairs(3, 30), row, strict=True) for _ in range(times)]
        (alone,) = corpus(metric, repeated).values()
        assert together[i] == pytest.approx(float(alone), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_spacing_and_key_order_of_json_cost_nothing(answer, metric):
    gold = {"name": "राम कुमार शर्मा", "total": "5000"}
    pair = answer(gold, {"total": "5000", "name": "राम कुमार शर्मा"}, text='{"total":"5000",\n"name":"राम कुमार शर्मा"}')
    (value,) = metric.summarise(metric.statistics(*pair)).values()
    assert float(value) == pytest.approx(1)
