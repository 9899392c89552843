"""Texts compared by an embedding model: a tiny random one."""

from __future__ import annotations

import pytest

import tiny_models
from tunewright.core.errors import ModelError
from tunewright.core.recipe import EvaluateOptions
from tunewright.evals.metrics import semantic
from tunewright.models.embed import Embedder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tiny_models.save("qwen2", tmp_path_factory.mktemp("embedder")))


def test_a_text_has_a_vector_that_does_not_hang_on_its_neighbours(folder):
    embedder, alone = Embedder(folder), Embedder(folder)
    together = embedder.vectors(["Asha", "a much longer text than that, total 5000", "Asha"])
    assert together.norm(dim=-1).tolist() == pytest.approx([1, 1, 1])
    assert together[0].tolist() == together[2].tolist()
    assert alone.vectors(["Asha"])[0].tolist() == pytest.approx(together[0].tolist(), abs=1e-5)
    assert embedder.likeness("Asha", "Asha") == 1
    assert 0 <= embedder.likeness("Asha", "date") < 1


def test_the_metric_has_the_cosine_where_the_recipe_names_a_model(folder, answer):
    metric = semantic.configured(EvaluateOptions(embedding_model=folder))
    gold = {"a": "Asha", "b": "total", "c": 5, "d": None}
    found = metric.summarise(metric.statistics(*answer(gold, {"a": "Asha", "b": "date", "c": 6, "e": "x"})))
    cosine = Embedder(folder).likeness("total", "date")
    assert float(found["semantic_embedding"]) == pytest.approx(
        (1 + cosine) / 3
    )  # the text made up counts, the number not
    assert "semantic_embedding" not in semantic.configured(EvaluateOptions.model_validate({})).summarise(
        semantic.statistics(*answer(gold, gold))
    )


def test_a_model_that_is_not_here_is_not_fetched(tmp_path):
    with pytest.raises(ModelError, match="none is downloaded unasked"):
        semantic.configured(EvaluateOptions(embedding_model="somebody/an-embedder"))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="not on this machine"):
        Embedder(str(tmp_path))
