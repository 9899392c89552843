"""Every published set-up is read, and runs on a tiny model of its architecture with its own method and schedule."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny_models
from tunewright import api
from tunewright.core import files
from tunewright.models import shapes

STAND_INS = {
    "opt-350m-full": "opt-350m",
    "opt-350m-lora": "opt-350m",
    "gpt2-lora": "gpt2",
    "llama-2-7b-lora": "llama",
    "llama-3.2-1b-qlora": "llama3",
    "llama-3.2-3b-qlora": "llama3",
    "llama-3.1-8b-instruct-qlora": "llama3",
    "llama-3.1-8b-qlora": "llama3",
    "medalpaca-7b-qlora": "llama",
    "ministral-8b-qlora": "mistral",
    "llama-3.3-70b-qlora": "llama3",
}

SMALL = [
    "data.documents=24",
    "data.test_documents=4",
    "data.validation_documents=3",
    "train.max_steps=2",
    "train.gradient_accumulation_steps=2",
    "train.per_device_train_batch_size=2",
    "train.max_length=4096",
    "decode.max_new_tokens=4",
    "evaluate.systems=[tuned]",
    "evaluate.sample=2",
    "evaluate.workers=1",
    "evaluate.bootstrap_resamples=20",
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Family → its tiny model, which reads more than the others' 512 tokens: its small vocabulary makes many."""
    made = {}
    for family in sorted(set(STAND_INS.values())):
        folder = made[family] = tiny_models.save(family, tmp_path_factory.mktemp(family))
        _lengthen(folder)
    return made


def _lengthen(folder: Path) -> None:
    """Let the model read 4,096 tokens, with random positions where those are learnt."""
    import torch
    from safetensors.torch import load_file, save_file

    config = files.read_json(folder / "config.json")
    config.update({key: 4096 for key in ("max_position_embeddings", "n_positions") if key in config})
    files.write_json(folder / "config.json", config)
    weights = load_file(folder / "model.safetensors")
    for name, weight in weights.items():
        if "embed_positions" in name or name.endswith("wpe.weight"):
            weights[name] = torch.randn(4096 + len(weight) - 512, weight.shape[1]) * 0.25
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_every_published_recipe_has_a_stand_in_and_a_known_shape() -> None:
    shipped = {name for name in api.recipes() if api.read_recipe(name).model != "wren"}
    shipped = {name for name in shipped if api.read_recipe(name).hosted.provider is None}
    assert shipped == set(STAND_INS)
    for name in shipped:
        known = shapes.KNOWN[api.read_recipe(name).model]
        family = tiny_models.model(STAND_INS[name]).config.model_type
        assert known.model_type == family


@pytest.mark.parametrize("name", STAND_INS)
def test_it_runs_on_a_tiny_model_of_its_architecture(name: str, folders: dict[str, Path], tmp_path: Path) -> None:
    published = api.read_recipe(name)
    sets = [*SMALL, f"model={folders[STAND_INS[name]]}"]
    until = "report" if name in ("opt-350m-full", "llama-3.3-70b-qlora") else "evaluate"
    outcome = api.run(name, sets=sets, runs=tmp_path, until=until)
    assert outcome.stages[-1] == until
    tuned = outcome.path / "systems" / "tuned"
    metrics, used = files.read_json(tuned / "training_metrics.json"), files.read_json(tuned / "training_args.json")
    assert metrics["total_steps"] == 2
    assert all(line["loss"] > 0 for line in metrics["steps"])
    # the method, the optimiser and the schedule are those of the recipe
    assert used["method"] == published.method.model_dump(mode="json")
    for key in ("optim", "learning_rate", "lr_scheduler_type", "warmup_ratio", "bf16", "num_train_epochs"):
        assert used[key] == getattr(published.train, key)
    assert (tuned / ("model" if published.method.name == "full" else "adapter")).is_dir()
    log = (outcome.path / "training.log").read_text(encoding="utf-8")
    assert ("plain AdamW stands in" in log) == (published.train.optim not in ("adamw", "muon") and not _gpu())


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.mark.parametrize(
    ("name", "trained"),
    [("opt-350m-lora", 1_572_864), ("llama-3.2-1b-qlora", 11_272_192)],
)
def test_it_is_planned_without_a_network(
    name: str, trained: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the plan asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    made = api.plan(name, sets=["data.documents=60", "data.test_documents=8"], runs=tmp_path)
    assert made.trainable_parameters == trained
    assert made.tokens_estimated
    assert made.download_bytes == 2 * made.parameters
    assert made.cards[0].fits  # both are for a card of 15 GB
    assert "estimated: the tokenizer is not here" in made.text()
    assert "T4 (16.1 GB): fits" in made.text()
    assert made.to_row()["cards"][0]["fits"] is True


@pytest.mark.slow
@pytest.mark.parametrize("name", STAND_INS)
def test_every_plan_says_where_it_fits(name: str, tmp_path: Path) -> None:
    made = api.plan(name, runs=tmp_path)
    smallest = next(card.name for card in made.cards if card.fits)
    large = {"llama-2-7b-lora": "L4, RTX 4090", "llama-3.3-70b-qlora": "A100 80 GB, H100"}
    assert smallest == large.get(name, "T4")
