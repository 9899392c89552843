"""On an accelerator the same calls work: fine-tuning with pointing, answering, pretraining."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import tiny_models
from tunewright.core.recipe import MethodOptions, Recipe, TrainOptions
from tunewright.core.records import Example, Record
from tunewright.decode.system import LocalSystem
from tunewright.models.load import load
from tunewright.tasks.extraction import Extraction
from tunewright.train import memory, pretrain
from tunewright.train.finetune import finetune

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no accelerator")]

SCHEMA = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_model_is_tuned_with_pointing_and_answers(method: str, tmp_path: Path) -> None:
    folder = tiny_models.save("wren", tmp_path / "model")
    task = Extraction(None, {"t": SCHEMA})
    examples = [task.example(Record(str(i), f"code {i} end", {"code": str(i)}, doc_type="t")) for i in range(100, 124)]
    train = TrainOptions(max_steps=4, per_device_train_batch_size=4, pointer_weight=0.5)
    recipe = Recipe(name="t", method=MethodOptions(name=method, lora_r=4), train=train)
    metrics = finetune(str(folder), examples, examples[:4], recipe, tmp_path / "tuned")
    assert metrics["total_steps"] == 4
    tuned = tmp_path / "tuned"
    loaded = load(str(tuned / "model")) if method == "full" else load(str(folder), adapter=tuned / "adapter")
    assert loaded.device.type == "cuda"
    answers = list(LocalSystem("tuned", loaded, task, decoding="grammar").predict(examples[:3]))
    assert [answer.failure for answer in answers] == [None] * 3


def rows(count: int = 24) -> list[Example]:
    task = Extraction(None, {"t": SCHEMA})
    return [
        task.example(Record(str(i), f"code {i} end", {"code": str(i)}, doc_type="t")) for i in range(100, 100 + count)
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"optim": "adamw_8bit"},
        {"optim": "paged_adamw"},
        {"optim": "paged_adamw_8bit"},
        {"fp16": True},
        {"gradient_checkpointing": True},
        {"per_device_train_batch_size": "auto"},
    ],
    ids=str,
)
def test_a_stopped_run_ends_where_the_whole_one_does(more: dict[str, Any], tmp_path: Path) -> None:
    model = str(tiny_models.save("wren", tmp_path / "model"))
    train = TrainOptions(
        **{"max_steps": 6, "per_device_train_batch_size": 4, "save_steps": 2, "save_total_limit": 4, **more}
    )
    recipe = Recipe(name="t", method=MethodOptions(name="full"), train=train)
    metrics = finetune(model, rows(), rows(4), recipe, tmp_path / "whole")
    args = json.loads((tmp_path / "whole" / "training_args.json").read_text())
    assert args["optim_used"] == train.optim
    assert args["precision_used"] == ("fp16" if train.fp16 is True else "bf16")
    assert metrics["memory"]["activations"] > 0
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    for later in ("step-000006", "step-000004"):
        shutil.rmtree(tmp_path / "parts" / "checkpoints" / later)
    shutil.rmtree(tmp_path / "parts" / "model")
    finetune(model, rows(), rows(4), recipe, tmp_path / "parts")
    whole, parts = (load_file(tmp_path / one / "model" / "model.safetensors") for one in ("whole", "parts"))
    assert max(float((whole[name] - parts[name]).abs().max()) for name in whole) < 1e-4


def test_memory_that_runs_out_is_noticed_and_given_back() -> None:
    before = torch.cuda.memory_allocated()
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8, device="cuda")
    assert memory.ran_out(caught.value)
    memory.release()
    assert torch.cuda.memory_allocated() == before


def test_a_paged_optimisers_state_is_paged_again_after_loading() -> None:
    from tunewright.train import checkpoint
    from tunewright.train.optimisers import optimisers

    def made() -> tuple[torch.nn.Parameter, Any]:
        parameter = torch.nn.Parameter(torch.ones(512, 512, device="cuda"))
        ((optimizer, _),) = optimisers(None, {"w": parameter}, TrainOptions(), name="paged_adamw")
        return parameter, optimizer

    parameter, optimizer = made()
    parameter.grad = torch.full_like(parameter, 0.5)
    optimizer.step()
    tensors, scalars = checkpoint.pack_optimizer("o", optimizer)
    kept = {name: tensor.clone() for name, tensor in tensors.items()}
    other, again = made()
    checkpoint.unpack_optimizer("o", again, kept, scalars)
    assert again.state[other]["state1"].is_paged
    for one in (other, parameter):
        with torch.no_grad():
            one.copy_(parameter)
        one.grad = torch.full_like(one, 0.25)
    again.step()
    optimizer.step()
    torch.cuda.synchronize()
    assert torch.equal(parameter, other)


def test_a_pretraining_slice_runs(tmp_path: Path) -> None:
    import gzip
    import json

    for name, language in (("prose_en", "en"), ("prose_hi", "hi")):
        (tmp_path / name).mkdir()
        row = json.dumps({"text": "One day the old man went home again. It was late.", "source": "x", "lang": language})
        with gzip.open(tmp_path / name / "data.jsonl.gz", "wt", encoding="utf-8") as file:
            file.write((row + "\n") * 60)
    options = pretrain.PretrainOptions(
        vocab_size=512, hidden_size=64, intermediate_size=96, num_hidden_layers=2, total_steps=2, decay_from=1,
        warmup_steps=1, samples_per_step=2, compile=False, pointer_layer=1, first_step=2400,
    )  # fmt: skip
    assert pretrain.pretrain(options, tmp_path / "made", tmp_path)["last_step"] == 2
