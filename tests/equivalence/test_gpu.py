"""On an accelerator the same calls work: fine-tuning with pointing, answering, pretraining."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import tiny_models
from tunewright.core.recipe import MethodOptions, Recipe, TrainOptions
from tunewright.core.records import Record
from tunewright.decode.system import LocalSystem
from tunewright.models.load import load
from tunewright.tasks.extraction import Extraction
from tunewright.train import pretrain
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
