from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tunewright.core.errors import DataError, UsageError
from tunewright.core.records import Prediction
from tunewright.evals.metrics import exact_match, fields
from tunewright.evals.table import Table, metrics_for, paired_by_id


def test_rows_columns_and_clusters(answer):
    pairs = [
        answer({"a": "x"}, {"a": "x"}, id="1", group="g"),
        answer({"a": "x"}, {"a": "y"}, id="2"),
        answer({"a": "x"}, {"a": "x"}, id="3", group="g"),
    ]
    table = Table.of(pairs, [exact_match, fields])
    assert table.matrix.shape == (3, 2 + 6)
    assert table.columns[0] == ("exact_match", "correct")
    assert list(table.clusters) == [0, 1, 0]
    scores = table.summarise(table.matrix.sum(axis=0))
    assert float(scores["exact_match"]) == pytest.approx(2 / 3)
    stacked = table.summarise(np.stack([table.matrix.sum(axis=0), table.matrix[1]]))
    assert stacked["field_accuracy"] == pytest.approx([2 / 3, 0])
    assert table.take([1]).summarise(table.matrix[1])["exact_match"] == 0


def test_a_group_named_like_an_id_is_not_that_document(answer):
    pairs = [answer({"a": "x"}, {"a": "x"}, id="1", group="2"), answer({"a": "x"}, {"a": "y"}, id="2")]
    assert list(Table.of(pairs, [exact_match]).clusters) == [0, 1]


def test_metrics_that_fit(answer):
    text = {module.name for module in metrics_for([answer("राम", text="राम")[0]])}
    assert {"exact_match", "rouge_l", "bleu", "chrf", "cost"} <= text
    assert not text & {"fields", "json_validity", "schema_adherence"}
    assert "fields" in {module.name for module in metrics_for([answer({"a": "x"})[0]])}
    with pytest.raises(UsageError, match="no metric named 'rouge'"):
        metrics_for([], ["rouge"])


def test_answers_and_examples_must_belong_together(answer):
    example, prediction = answer({"a": "x"}, {"a": "x"}, id="1")
    other = answer({"a": "x"}, {"a": "x"}, id="2")[0]
    assert paired_by_id([example], [prediction]) == [(example, prediction)]
    assert paired_by_id([example, other], [prediction], partial=True) == [(example, prediction)]
    for examples, predictions, message in [
        ([example, other], [prediction], "1 of 2 examples have no prediction, the first is '2'"),
        ([example], [prediction, Prediction("9", "")], "'9' belongs to no example"),
        ([example], [prediction, prediction], "two predictions for '1'"),
        ([example, example], [prediction], "the same id"),
    ]:
        with pytest.raises(DataError, match=message):
            paired_by_id(examples, predictions)


def test_a_metric_that_changes_its_statistics_is_refused(answer):
    ragged = SimpleNamespace(name="ragged", statistics=lambda example, _: {example.id: 1.0})
    with pytest.raises(DataError, match="'ragged' gives other statistics"):
        Table.of([answer({"a": "x"}, id="1"), answer({"a": "x"}, id="2")], [ragged])


def test_a_score_that_another_metric_gives_is_refused(answer):
    mine = SimpleNamespace(
        name="mine", statistics=lambda *_: {"n": 1.0}, summarise=lambda sums: {"exact_match": 0 * sums["n"]}
    )
    table = Table.of([answer({"a": "x"}, {"a": "x"})], [exact_match, mine])
    with pytest.raises(DataError, match="'mine' gives 'exact_match', which another gives already"):
        table.summarise(table.matrix.sum(axis=0))
