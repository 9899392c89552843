"""A run's adapter and base as one model: which base is kept, what is written, that it answers the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_models
from tunewright.core import files, recipe_file
from tunewright.core.errors import RunError
from tunewright.core.run import Run
from tunewright.flow import answer, job, merge, prepared
from tunewright.models.load import load


def trained(folder: Path, name: str, model: Path) -> Run:
    sets = [
        f"model={model}", f"method.name={name}", "data.documents=30", "data.test_documents=6", "train.max_steps=3",
        "method.lora_r=2", "train.bf16=false",
    ]  # fmt: skip
    done = job.run(recipe_file.read("smoke", sets, environment={}), runs=folder, name=name, until="train")
    return Run.open(done.path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_models.save("wren", tmp_path_factory.mktemp("model"))
    config = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", config | {"max_position_embeddings": 4096})
    return folder


@pytest.fixture(scope="module")
def runs(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: trained(folder, name, model) for name in ("lora", "qlora", "full")}


def logits(loaded: Any) -> torch.Tensor:
    with torch.no_grad():
        return loaded.model(torch.arange(10, 30)[None]).logits.float()


def test_a_merged_model_answers_as_the_adapter_does(runs: dict[str, Run]) -> None:
    folder = merge.merge(runs["lora"], dtype="fp32")
    row = files.read_json(folder / "merge.json")
    assert set(row["validation_loss"]) == {"adapter", "original"}
    assert row["validation_loss"]["original"] == pytest.approx(row["validation_loss"]["adapter"], rel=2e-2)
    whole = load(str(folder), dtype="fp32")
    adapted = load(runs["lora"].recipe.model, adapter=runs["lora"].path / "systems/tuned/adapter", dtype="fp32")
    assert float((logits(whole) - logits(adapted)).abs().max()) < 1e-4
    assert float((logits(whole) - logits(load(runs["lora"].recipe.model, dtype="fp32"))).abs().max()) > 1e-3
    assert (folder / prepared.TASK).is_file()
    assert whole.chat.template == adapted.chat.template


@pytest.mark.parametrize("better", ["original", "dequantised"])
def test_over_4_bits_both_bases_are_tried_and_the_better_is_kept(
    runs: dict[str, Run], tmp_path: Path, better: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = merge.loss
    made: list[str] = []

    def candidate(run: Run, adapter: Path, base: Any, dtype: str) -> Any:
        made.append(base)
        return merge_candidate(run, adapter, base, dtype)

    def loss(loaded: Any, examples: Any) -> float:
        worse = 0.0 if not made or made[-1] == better else 1.0
        return usual(loaded, examples) + worse

    merge_candidate = merge.candidate
    monkeypatch.setattr(merge, "candidate", candidate)
    monkeypatch.setattr(merge, "loss", loss)
    folder = merge.merge(runs["qlora"], into=tmp_path / "merged", dtype="fp32")
    row = files.read_json(folder / "merge.json")
    assert made == ["original", "dequantised"]
    assert row["base"] == better
    losses = row["validation_loss"]
    assert losses[better] == min(losses["original"], losses["dequantised"])
    weights = load(str(folder), dtype="fp32")
    other = merge_candidate(
        runs["qlora"],
        runs["qlora"].path / "systems/tuned/adapter",
        ({"original", "dequantised"} - {better}).pop(),
        "fp32",
    )
    assert float((logits(weights) - logits(other)).abs().max()) > 1e-4, "the other base gives another model"


def test_the_dequantised_base_is_what_training_saw(runs: dict[str, Run]) -> None:
    run = runs["qlora"]
    whole = merge.candidate(run, run.path / "systems/tuned/adapter", "dequantised", "fp32")
    adapted = load(
        run.recipe.model,
        adapter=run.path / "systems/tuned/adapter",
        dtype="fp32",
        quantisation=run.recipe.method.quantisation,
    )
    assert float((logits(whole) - logits(adapted)).abs().max()) < 1e-4


def test_what_answers_has_the_weights_that_were_trained_over(runs: dict[str, Run]) -> None:
    """Whatever it computes in: the 4-bit numbers are those of the stored weights, not of weights rounded before."""
    run = runs["qlora"]
    name, quantisation = run.recipe.model, run.recipe.method.quantisation
    path = "model.layers.0.mlp.up_proj"
    trained = load(name, dtype="fp32", quantisation=quantisation).model.get_submodule(path).weight
    for dtype in ("bf16", "fp32"):
        again = load(name, dtype=dtype, quantisation=quantisation).model.get_submodule(path).weight
        assert torch.equal(again.data, trained.data)
        assert str(again.quant_state.dtype).endswith({"bf16": "bfloat16", "fp32": "float32"}[dtype])
        full = load(name, dtype=dtype, quantisation=quantisation, keep_4bit=False).model.get_submodule(path).weight
        exact = load(name, dtype="fp32", quantisation=quantisation, keep_4bit=False).model.get_submodule(path).weight
        assert torch.equal(full, exact.to(full.dtype))
    answering = answer.load_tuned(run).model.get_submodule(f"base_model.model.{path}").base_layer.weight
    assert torch.equal(answering, exact.to(answering.dtype))
    base = answer.load_base(run.recipe).model.get_submodule(path).weight
    assert torch.equal(base, answering), "base and tuned differ by what was learnt and by nothing else"
    assert not torch.equal(exact, load(name, dtype="fp32").model.get_submodule(path).weight)


def test_it_is_done_once(runs: dict[str, Run]) -> None:
    folder = merge.merge(runs["lora"], dtype="fp32")
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert merge.merge(runs["lora"], dtype="fp32") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_a_folder_that_holds_something_else_is_left_alone(runs: dict[str, Run], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="holds something else"):
        merge.merge(runs["lora"], into=tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    other = merge.merge(runs["lora"], dtype="fp32")
    with pytest.raises(RunError, match="holds something else"):
        merge.merge(runs["qlora"], into=other)


def test_a_whole_model_has_nothing_to_merge(runs: dict[str, Run]) -> None:
    with pytest.raises(RunError, match="whole already"):
        merge.merge(runs["full"])


def test_without_validation_records_nobody_could_tell(runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "records", lambda run, split: [])
    with pytest.raises(RunError, match="no validation records"):
        merge.merge(runs["qlora"])
