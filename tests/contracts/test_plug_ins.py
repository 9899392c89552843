"""What every plug-in in the catalogue must have and do, whoever wrote it."""

from __future__ import annotations

import copy
import inspect
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from tunewright.core import catalogue
from tunewright.core.recipe import UNSCORED_TASKS, MethodOptions, TaskOptions
from tunewright.core.records import Example, Prediction, Record
from tunewright.flow import prepared

SCHEMA = {"type": "object", "properties": {"name": {"type": ["string", "null"]}}, "required": ["name"]}
GOLD = Record("1", "नाम: राम कुमार", {"name": "राम कुमार"}, doc_type="x", language="hi")


def test_every_kind_has_somebody_but_the_ones_still_to_come() -> None:
    assert {kind for kind in catalogue.KINDS if not catalogue.names(kind)} <= {"provider"}


@pytest.mark.parametrize("name", catalogue.names("task"))
class TestTask:
    def test_what_it_asks_to_be_learnt_is_read_back(self, name: str) -> None:
        task = prepared.make_task(TaskOptions(name=name), {"x": SCHEMA})
        example = task.example(GOLD)
        assert example.messages[-1]["role"] == "user"
        learnt = GOLD.text if name in UNSCORED_TASKS else GOLD.target  # where the target is a label, the text is learnt
        assert task.parse(example.completion, example) == (learnt, None)
        assert [m["role"] for m in task.example(GOLD, [GOLD]).messages].count("assistant") == 1

    @given(text=st.text(max_size=60))
    @settings(max_examples=50, deadline=None)
    def test_a_bad_reply_is_told_and_never_raised(self, name: str, text: str) -> None:
        task = prepared.make_task(TaskOptions(name=name), {"x": SCHEMA})
        value, reason = task.parse(text, task.example(GOLD))
        assert (value is None) or (reason is None)


@pytest.mark.parametrize("name", catalogue.names("metric"))
def test_a_metrics_statistics_add_up_and_are_finite(name: str) -> None:
    metric = catalogue.load("metric", name)
    replies = [{"name": "राम कुमार"}, {"name": None}, {"name": "x", "other": []}, None]
    kind = getattr(metric, "kind", None)  # of one kind of field: it needs one that is marked so
    schema = {"type": "object", "properties": {"name": {"x-score": kind}}} if kind else SCHEMA
    example = Example(GOLD, (), json.dumps(GOLD.target, ensure_ascii=False), schema)
    rows = [
        metric.statistics(example, Prediction("1", json.dumps(reply, ensure_ascii=False), reply, seconds=0.1))
        for reply in replies
    ]
    assert metric.name == name
    assert all(rows[0].keys() == row.keys() for row in rows)
    one = metric.summarise({key: np.array([sum(row[key] for row in rows)]) for key in rows[0]})
    many = metric.summarise({key: np.array([sum(row[key] for row in rows)] * 3) for key in rows[0]})
    assert one
    for key, value in one.items():
        assert np.isfinite(value).all(), key
        assert np.array_equal(np.broadcast_to(value, 3), many[key]), key


@pytest.mark.parametrize("name", catalogue.names("reader"))
def test_a_reader_says_what_it_is_known_by(name: str) -> None:
    reader = catalogue.load("reader", name)
    assert all(suffix.startswith(".") for suffix in reader.suffixes)
    assert list(inspect.signature(reader.read).parameters)[:1] == ["path"]


@pytest.mark.parametrize("name", catalogue.names("method"))
def test_a_method_makes_something_trainable_the_same_every_time(name: str) -> None:
    method = catalogue.load("method", name)
    options = MethodOptions(name=name, lora_r=2)
    found = []
    for _ in range(2):
        model = method.attach(copy.deepcopy(tiny_models.model("llama3")), options, 5)
        found.append({key: p.detach().clone() for key, p in model.named_parameters() if p.requires_grad})
    assert found[0]
    assert method.SAVED_AS in ("adapter", "model")
    assert all(value.equal(found[1][key]) for key, value in found[0].items())
