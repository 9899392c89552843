"""Bits per byte before and after: what is measured, and when a fall is shown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import stdtrit

import tiny_models
from tunewright.core.records import Record
from tunewright.decode.likelihood import likelihoods
from tunewright.evals import likelihood
from tunewright.tasks.question_answering import QuestionAnswering

TASK = QuestionAnswering()
DRAW = {"level": 0.95, "resamples": 400, "seed": 0}


def test_rows_are_the_models_own_likelihoods():
    loaded = tiny_models.loaded("llama3")
    example = TASK.example(Record("1", "Who?", "कोई नहीं"))
    [row] = likelihood.measure(loaded, [example], over_length="refuse", max_length=None)
    prompt, reply = loaded.chat.prompt_ids(example.messages), loaded.chat.reply_ids("कोई नहीं")
    answer, whole = likelihoods(loaded, [(prompt, reply), (prompt[:1], [*prompt[1:], *reply])])
    assert row["answers"] | {"right": 0} == {
        "nats": pytest.approx(answer.nats), "tokens": len(reply), "bytes": len("कोई नहीं".encode()), "right": 0
    }  # fmt: skip
    assert row["everything"]["nats"] == pytest.approx(whole.nats)
    assert row["everything"]["bytes"] > row["answers"]["bytes"]
    assert likelihood.measure(loaded, [example], over_length="refuse", max_length=8) == []


def rows(examples, nats):
    return [
        {"id": e.id, **{part: {"nats": n, "tokens": 4, "bytes": 10} for part in likelihood.PARTS}}
        for e, n in zip(examples, nats, strict=True)
    ]


def examples(slices=False):
    marks = [{"slice": {"answers": ("seen", "unseen")[i % 2]}} if slices else {} for i in range(60)]
    return [TASK.example(Record(str(i), "q", "a", group=f"g{i // 2}", provenance=marks[i])) for i in range(60)]


def test_a_fall_is_shown_with_its_interval():
    asked = examples(slices=True)
    before, after = [10.0 + i % 3 for i in range(60)], [6.0 + i % 2 for i in range(60)]
    found = likelihood.compare(
        asked, {"base": rows(asked, before), "tuned": rows(asked[:58], after[:58])}, pair=("base", "tuned"), **DRAW
    )
    assert (found["n"], found["groups"], found["left_out"]) == (58, 29, 2)
    change = found["change"]["answers"]
    assert change["before"] == pytest.approx(sum(before[:58]) / 58 / math.log(2) / 10)
    assert change["verdict"] == "better"
    assert change["fall_low"] < change["fall"] < change["fall_high"] < 1
    assert found["systems"]["base"]["answers"]["perplexity"] == pytest.approx(math.exp(sum(before[:58]) / 58 / 4))
    seen = found["slices"]["answers"]["seen"]
    assert seen["n"] == 29
    assert change["p_holm"] == change["p"]
    assert seen["p_holm"] >= 2 * seen["p"]  # one of three that were not what the work was done for


def test_intervals_of_few_groups_are_wider_than_percentiles():
    """Of twelve texts of one size: as wide as Student's of their mean, both for a score and for what became of it."""
    asked = [TASK.example(Record(str(i), "q", "a")) for i in range(12)]
    draw = np.random.default_rng(5)
    after = 10 + draw.normal(size=12)
    found = likelihood.compare(
        asked, {"base": rows(asked, [20.0] * 12), "tuned": rows(asked, after)}, pair=("base", "tuned"), level=0.95,
        resamples=20_000, seed=0,
    )  # fmt: skip
    half = stdtrit(11, 0.975) * after.std(ddof=1) / math.sqrt(12) / 10 / math.log(2)
    tuned, change = found["systems"]["tuned"]["answers"], found["change"]["answers"]
    assert (tuned["high"] - tuned["low"]) / 2 == pytest.approx(half, rel=0.05)
    assert (change["fall_high"] - change["fall_low"]) / 2 == pytest.approx(half / change["before"], rel=0.05)


def test_what_stands_beside_is_corrected_with_the_others():
    asked = examples(slices=True)
    both = {"base": rows(asked, [9.0, 11.0] * 30), "tuned": rows(asked, [9.0, 11.0] * 30)}
    general = {"difference": 0.2, "low": 0.01, "high": 0.39, "p": 0.04}
    likelihood.compare(asked, both, pair=("base", "tuned"), beside=[general], **DRAW)
    assert general["p_holm"] == pytest.approx(4 * 0.04)  # of everything, two slices, and itself
    assert general["verdict"] == "no difference shown"
    sure = {"difference": 0.2, "low": 0.01, "high": 0.39, "p": 0.001}
    likelihood.compare(asked, both, pair=("base", "tuned"), beside=[sure], **DRAW)
    assert sure["verdict"] == "worse"


def test_no_fall_is_shown_where_there_is_none_and_a_rise_is_worse():
    asked = examples()
    flat = likelihood.compare(
        asked, {"base": rows(asked, [9.0, 11.0] * 30), "tuned": rows(asked, [9.0, 11.0] * 30)},
        pair=("base", "tuned"), **DRAW,
    )  # fmt: skip
    assert flat["change"]["answers"]["verdict"] == "no difference shown"
    risen = likelihood.compare(
        asked, {"base": rows(asked, [9.0, 11.0] * 30), "tuned": rows(asked, [12.0, 13.0] * 30)},
        pair=("base", "tuned"), **DRAW,
    )  # fmt: skip
    assert risen["change"]["answers"]["verdict"] == "worse"
    alone = likelihood.compare(asked, {"base": rows(asked, [9.0, 11.0] * 30)}, pair=("base", "tuned"), **DRAW)
    assert "change" not in alone
