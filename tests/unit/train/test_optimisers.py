from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

import tiny_models
from tunewright.core.errors import CheckpointError
from tunewright.core.recipe import TrainOptions
from tunewright.train import checkpoint
from tunewright.train.batch import Tokens, collate
from tunewright.train.loop import Fit
from tunewright.train.optimisers import BITSANDBYTES, optimisers, usable
from tunewright.train.schedule import Schedule

NAMES = ("adamw", *BITSANDBYTES)


class Two(torch.nn.Module):
    """A matrix large enough for 8-bit state, and a small one that bitsandbytes keeps in 32 bits."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.large = torch.nn.Parameter(torch.randn(128, 64, generator=generator))
        self.small = torch.nn.Parameter(torch.randn(7, generator=generator))

    def step(self, optimizer: torch.optim.Optimizer, number: int) -> None:
        generator = torch.Generator().manual_seed(number)
        for parameter in self.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()


def made(name: str) -> tuple[Two, torch.optim.Optimizer]:
    network = Two()
    options = TrainOptions(learning_rate=1e-2, weight_decay=0.01)
    ((optimizer, _),) = optimisers(
        network, dict(network.named_parameters()), options, lambda name: 2.0 if name == "small" else 1.0, name=name
    )
    return network, optimizer


@pytest.mark.filterwarnings("ignore:Paged optimizers are not supported on CPU")
@pytest.mark.parametrize("name", NAMES)
def test_state_goes_through_a_checkpoint_without_loss(name: str, tmp_path: Path) -> None:
    whole, optimizer = made(name)
    for number in range(6):
        whole.step(optimizer, number)
    first, optimizer = made(name)
    for number in range(3):
        first.step(optimizer, number)
    tensors, scalars = checkpoint.pack_optimizer("o", optimizer)
    assert all(isinstance(value, torch.Tensor) for value in tensors.values())
    if name.endswith("8bit"):
        assert tensors["o.0.state1"].dtype == torch.uint8
        assert tensors["o.1.state1"].dtype == torch.float32
    read = checkpoint.read(checkpoint.save(tmp_path, 3, tensors, {"scalars": scalars}, keep=1))

    forgotten, fresh = made(name)
    second, optimizer = made(name)
    checkpoint.unpack_optimizer("o", optimizer, read.tensors, read.state["scalars"])
    for network, one in ((second, optimizer), (forgotten, fresh)):
        network.load_state_dict(first.state_dict())
        for number in range(3, 6):
            network.step(one, number)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), second.parameters(), strict=True))
    assert not torch.equal(whole.large, forgotten.large), "without its state the optimiser goes another way"


def test_eight_bits_keep_close_to_thirty_two() -> None:
    exact, optimizer = made("adamw")
    coarse, other = made("adamw_8bit")
    start = exact.large.detach().clone()
    for number in range(20):
        exact.step(optimizer, number)
        coarse.step(other, number)
    moved = float((exact.large - start).detach().norm())
    assert 0 < float((exact.large - coarse.large).detach().norm()) < 0.2 * moved


@pytest.mark.parametrize("name", BITSANDBYTES)
def test_plain_adamw_stands_in_where_there_is_no_gpu_or_no_bitsandbytes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert usable(name, "cuda") == (name, None)
    used, sentence = usable(name, "cpu")
    assert (used, sentence) == ("adamw", f"{name} needs a GPU: plain AdamW stands in")
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    used, sentence = usable(name, "cuda")
    assert used == "adamw"
    assert sentence is not None
    assert "pip install 'tunewright[qlora]'" in sentence
    assert [usable(plain, "cpu") for plain in ("adamw", "muon")] == [("adamw", None), ("muon", None)]


def test_another_optimisers_checkpoint_is_refused(tmp_path: Path) -> None:
    def fit(name: str, steps: int) -> None:
        model = copy.deepcopy(tiny_models.model("wren"))
        parameters = dict(model.named_parameters())
        Fit(
            model=model,
            parameters=parameters,
            optimizers=optimisers(model, parameters, TrainOptions(), name=name),
            schedule=Schedule("constant", 0, steps),
            micro_batches=lambda step: [collate([Tokens((5, 6, 7, 8), 2)], 0, share_prefix=False)],
            total_steps=steps,
            folder=tmp_path,
            accelerator=Accelerator(cpu=True),
        ).run()

    fit("adamw", 1)
    with pytest.raises(CheckpointError, match="written by AdamW, here is AdamW8bit"):
        fit("adamw_8bit", 2)
    fit("adamw", 2)


def test_a_run_says_and_notes_what_it_used(tmp_path: Path) -> None:
    from tunewright.core.recipe import MethodOptions, Recipe, TaskOptions
    from tunewright.core.records import Record
    from tunewright.tasks.extraction import Extraction
    from tunewright.train.finetune import finetune

    schema = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}
    task = Extraction(TaskOptions(), {"": schema})
    rows = [task.example(Record(str(i), f"code {i} end", {"code": str(i)})) for i in range(8)]
    model = str(tiny_models.save("wren", tmp_path / "model"))
    said: list[str] = []

    class Ears:
        def say(self, text: str, *, painted: str | None = None) -> None:
            said.append(text)

        def log(self, text: str) -> None: ...

        def add(self, *a: object, **k: object) -> None: ...

    train = TrainOptions(
        max_steps=2, per_device_train_batch_size=4, optim="paged_adamw_8bit", fp16=True, bf16=False, logging_steps=1
    )
    recipe = Recipe(name="t", method=MethodOptions(lora_r=2), train=train)
    metrics = finetune(model, rows, rows[:2], recipe, tmp_path / "run", Ears())  # type: ignore[arg-type]
    args = json.loads((tmp_path / "run" / "training_args.json").read_text())
    used = (args["optim"], args["optim_used"], args["precision_used"])
    if torch.cuda.is_available():
        assert used == ("paged_adamw_8bit", "paged_adamw_8bit", "fp16")
        return
    assert used == ("paged_adamw_8bit", "adamw", "fp32")
    assert "paged_adamw_8bit needs a GPU: plain AdamW stands in" in said
    assert "fp16 needs a GPU: fp32 stands in" in said
    stored = json.loads((tmp_path / "run" / "training_metrics.json").read_text())
    assert set(stored["memory"]["peak"]) == set(stored["phases"]) == {"load", "train", "validate", "save"}
    assert all(entry["seconds"] > 0 and entry["peak_bytes"] > 0 for entry in stored["phases"].values())
    assert stored["tokens_per_second"] == pytest.approx(metrics["seen_tokens"] / stored["phases"]["train"]["seconds"])
    assert stored["seen_examples"] == 8
