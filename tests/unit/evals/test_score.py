from __future__ import annotations

import json
import random

import numpy as np
import pytest

from tunewright.core import catalogue
from tunewright.core.errors import DataError, UsageError
from tunewright.core.records import Prediction, Record
from tunewright.evals.score import score, slices_of

OPTIONS = {"level": 0.95, "resamples": 200, "seed": 0}


@pytest.fixture
def answers(answer):
    """60 documents, two languages, some replies wrong, some unreadable, some fields empty."""
    rng = random.Random(0)
    found = []
    for i in range(60):
        gold = {"name": "राम कुमार", "date": "1/2/2025" if i % 5 else None, "items": [{"price": str(i)}]}
        marks = {"wordings": rng.choice(["seen", "unseen"]), "entities": rng.choice(["seen", "unseen"])}
        about = {"id": f"d{i}", "language": "hi" if i % 2 else "en", "doc_type": "form", "provenance": {"slice": marks}}
        reply = gold if i % 4 else {**gold, "name": "रमा"}
        found.append(answer(gold, text="sorry", **about) if i % 10 == 0 else answer(gold, reply, **about))
    return found


def _scored(answers, **options):
    return score([e for e, _ in answers], [p for _, p in answers], **{**OPTIONS, **options})


@pytest.mark.parametrize("told", ["1.5 + 0 * sums['n']", "sums['n'] / sums['none']", "-0.1 * sums['n']"])
def test_a_score_of_ones_own_that_is_no_number_from_0_to_1_is_refused(answers, tmp_path, monkeypatch, told):
    monkeypatch.setattr(catalogue, "_own", {})
    text = "name = 'own'\ndef statistics(example, prediction):\n    return {'n': 1.0, 'none': 0.0}\n"
    (tmp_path / "own.py").write_text(f"{text}def summarise(sums):\n    return {{'mine': {told}}}\n", encoding="utf-8")
    assert catalogue.adopt(tmp_path / "own.py") == ("metric", "own")
    with np.errstate(all="ignore"), pytest.raises(DataError, match="the score 'mine' is"):
        _scored(answers, metrics=["own"])


def test_a_plain_ratio_of_ones_own_needs_no_care_for_slices_of_one_document(answers, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "_own", {})
    text = "name = 'plain'\ndef statistics(example, prediction):\n    return {'n': 1.0}\n"
    (tmp_path / "plain.py").write_text(
        f"{text}def summarise(sums):\n    return {{'plain': sums['n'] / sums['n'], 'half': 0.5}}\n"
    )
    catalogue.adopt(tmp_path / "plain.py")
    with np.errstate(all="ignore"):
        found = _scored(answers[:1], metrics=["plain"])["metrics"]
    assert (found["plain"]["value"], found["half"]["value"]) == (1.0, 0.5)


def test_values_by_hand(answers):
    found = _scored(answers)
    # unreadable: i % 10 == 0, 6 of 60; of the other 54, those with i % 4 == 0 and i % 20 != 0 have a wrong name: 12
    assert found["n"] == 60
    metrics = found["metrics"]
    assert metrics["exact_match"]["value"] == 42 / 60
    assert metrics["json_validity"]["value"] == 54 / 60
    assert metrics["field_accuracy"]["value"] == pytest.approx((54 * 3 - 12) / 180)
    assert metrics["substituted"]["value"] == pytest.approx(12 / 180)
    assert sum(metrics[k]["value"] for k in ("correct", "omitted", "hallucinated", "substituted")) == pytest.approx(1)
    for metric in metrics.values():
        assert 0 <= metric["low"] <= metric["value"] <= metric["high"] <= 1
        assert metric["n"] == 60
        assert metric["method"] in ("wilson", "bca")


def test_slices(answers):
    slices = _scored(answers)["slices"]
    assert set(slices) == {"language", "doc_type", "wordings", "entities", "cell", "field"}
    assert {k: v["n"] for k, v in slices["language"].items()} == {"en": 30, "hi": 30}
    assert slices["language"]["hi"]["metrics"]["exact_match"]["value"] == 1  # odd documents are all right
    assert slices["language"]["hi"]["metrics"]["exact_match"]["low"] < 0.9
    assert sum(v["n"] for v in slices["cell"].values()) == 60
    assert "unseen wordings × unseen entities" in slices["cell"]
    field = slices["field"]
    assert list(field) == ["name", "date", "items[].price"]
    assert field["name"]["n"] == 60
    assert field["name"]["metrics"]["accuracy"]["value"] == 42 / 60
    assert field["name"]["metrics"]["substituted"]["value"] == 12 / 60
    assert field["items[].price"]["metrics"]["recall"]["value"] == 54 / 60
    assert field["items[].price"]["metrics"]["precision"]["value"] == 1


def test_a_slice_is_what_scoring_it_alone_gives(answers):
    whole = _scored(answers)["slices"]["language"]["en"]["metrics"]
    alone = _scored([pair for pair in answers if pair[0].record.language == "en"])["metrics"]
    assert {k: v["value"] for k, v in whole.items()} == {k: v["value"] for k, v in alone.items()}


def test_the_same_seed_gives_the_same_file(answers):
    one = json.dumps(_scored(answers), allow_nan=False)
    assert one == json.dumps(score([e for e, _ in answers], [p for _, p in answers[::-1]], **OPTIONS))
    assert one != json.dumps(_scored(answers, seed=1))


@pytest.mark.parametrize("right", [True, False])
def test_a_rare_field_is_known_no_better_than_its_few_documents_let(answer, right):
    gold = [{"a": "x", "due": "1/2" if i < 3 else None} for i in range(60)]
    reply = [one if right else {**one, "due": None} for one in gold]
    metrics = _scored([answer(g, r, id=str(i)) for i, (g, r) in enumerate(zip(gold, reply, strict=True))])
    due = metrics["slices"]["field"]["due"]["metrics"]
    for name in ("recall", "f1"):
        assert due[name]["value"] == float(right)
        assert due[name]["high"] - due[name]["low"] > 0.5, name  # Wilson of 3
    assert due["accuracy"]["high"] - due["accuracy"]["low"] < 0.2


def test_a_field_that_nobody_fills_is_not_known(answer):
    pairs = [answer({"a": "x", "due": None}, {"a": "x", "due": None}, id=str(i)) for i in range(40)]
    f1 = _scored(pairs)["slices"]["field"]["due"]["metrics"]["f1"]
    assert (f1["low"], f1["high"]) == (0.0, 1.0)


def test_groups_make_intervals_wider(answer):
    def width(grouped: bool) -> float:
        pairs = [
            answer({"a": "x"}, {"a": "x" if (i // 10) % 2 else "y"}, id=str(i), group=str(i // 10) if grouped else None)
            for i in range(100)
        ]
        found = _scored(pairs)["metrics"]["exact_match"]
        return found["high"] - found["low"]

    assert width(grouped=True) > 2 * width(grouped=False)


def test_text_answers(answer):
    pairs = [
        answer("राम घर गया और सो गया", text="राम घर गया और सो गया", id="1"),
        answer("वह नहीं आया", text="वह आया", id="2"),
    ]
    found = _scored(pairs)
    assert set(found["metrics"]) == {"exact_match", "rouge_l", "bleu", "chrf", "token_f1", "normalised_match"}
    assert found["metrics"]["exact_match"]["value"] == 0.5
    assert "field" not in found["slices"]


def test_cost(answer):
    example, _ = answer({"a": "x"}, {"a": "x"})
    found = score([example], [Prediction("a", "{}", {}, seconds=2.0, tokens=7, passes=3)], **OPTIONS)
    assert found["cost"]["seconds_per_document"] == 2.0
    assert found["cost"]["passes_per_document"] == 3


def test_metrics_by_name(answers):
    assert set(_scored(answers, metrics=["chrf"])["metrics"]) == {"chrf"}
    with pytest.raises(UsageError):
        _scored(answers, metrics=["chr"])


def test_nothing_to_score():
    with pytest.raises(DataError, match="nothing to score"):
        score([], [], **OPTIONS)


def test_slices_of_a_record():
    bare = Record("1", "", {})
    assert slices_of(bare) == {}
    marks = {"slice": {"wordings": "seen", "entities": "unseen", "noise": "heavy", "layout": None}}
    assert slices_of(bare.replace(language="hi", provenance=marks)) == {
        "language": "hi",
        "wordings": "seen",
        "entities": "unseen",
        "noise": "heavy",
        "cell": "seen wordings × unseen entities",
    }
