"""Every family is tuned, goes on after a stop, is merged, and answers: through the real path, from a folder on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import tiny_models
from stand_ins import Ears
from tunewright.core.recipe import DecodeOptions, MethodOptions, Recipe, TaskOptions, TrainOptions
from tunewright.core.records import Example, Prediction, Record
from tunewright.decode.engine import generate
from tunewright.decode.system import LocalSystem
from tunewright.models.load import Loaded, load
from tunewright.models.merge import merged
from tunewright.tasks.extraction import Extraction
from tunewright.train.batch import collate
from tunewright.train.finetune import finetune
from tunewright.train.loss import plain_loss_sum
from tunewright.train.material import tokenise

STEPS, HALF = 12, 6
WHOLE = ("llama3", "gemma3", "opt-350m")
"""Families that are also trained whole."""
WAYS = [(family, "lora") for family in tiny_models.FAMILIES] + [(family, "full") for family in WHOLE]

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "code": {"type": ["string", "null"]}},
    "required": ["name", "code"],
    "additionalProperties": False,
}
TASK = Extraction(TaskOptions(), {"": SCHEMA})
EXAMPLES = [
    TASK.example(Record(str(i), f"bill of {name}, code {i}{i}", {"name": name, "code": f"{i}{i}"}))
    for i, name in enumerate(["Asha", "राम", "Verma", "Kumar"] * 2)
]


def recipe(method: str) -> Recipe:
    rate = 2e-2 if method == "lora" else 5e-3
    train = {"max_steps": STEPS, "per_device_train_batch_size": 4, "learning_rate": rate, "logging_steps": 1}
    train |= {"save_steps": HALF, "eval_steps": HALF, "bf16": False}
    return Recipe(name="t", method=MethodOptions(name=method, lora_r=4), train=TrainOptions(**train))


class Tuned:
    """A family after fine-tuning: its folder, the run's folder, and what the run said."""

    def __init__(self, family: str, method: str, folder: Path):
        self.family, self.method, self.run = family, method, folder / "run"
        self.base = str(tiny_models.save(family, folder / "model"))
        self.metrics = finetune(self.base, EXAMPLES, EXAMPLES[:4], recipe(method), self.run)
        self.saved = self.run / ("adapter" if method == "lora" else "model")
        self.weights = next(self.saved.glob("*.safetensors"))

    def loaded(self) -> Loaded:
        if self.method == "lora":
            return load(self.base, adapter=self.saved, dtype="fp32")
        return load(str(self.saved), dtype="fp32")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Tuned]:
    made: dict[tuple[str, str], Tuned] = {}

    def get(family: str, method: str) -> Tuned:
        if (family, method) not in made:
            made[family, method] = Tuned(family, method, tmp_path_factory.mktemp(family))
        return made[family, method]

    return get


def loss(loaded: Loaded) -> float:
    """Mean loss on the validation examples, in nats per token, by the plain path."""
    batch = collate(tokenise(loaded, EXAMPLES[:4]), loaded.chat.pad_id, share_prefix=False)
    with torch.no_grad():
        return float(plain_loss_sum(loaded.model, batch)) / len(batch.labels)


def logits(loaded: Loaded) -> torch.Tensor:
    with torch.no_grad():
        return loaded.model(torch.arange(20, 60)[None]).logits


def answers(loaded: Loaded, decoding: Any) -> list[Prediction]:
    system = LocalSystem("tuned", loaded, TASK, decoding, DecodeOptions(max_new_tokens=40))
    return list(system.predict(EXAMPLES[:4]))


def texts(loaded: Loaded, decoding: Any) -> list[str]:
    return [answer.text for answer in answers(loaded, decoding)]


@pytest.mark.parametrize(("family", "method"), WAYS)
class TestFamily:
    def test_its_loss_falls_and_what_is_saved_has_that_loss(self, family: str, method: str, tuned: Any) -> None:
        one = tuned(family, method)
        losses = [line["loss"] for line in one.metrics["steps"]]
        assert len(losses) == STEPS
        assert losses[-1] < 0.8 * losses[0]
        assert loss(one.loaded()) == pytest.approx(one.metrics["best_loss"], rel=1e-4)
        assert loss(load(one.base, dtype="fp32")) > 1.2 * one.metrics["best_loss"]

    def test_a_stop_in_the_middle_changes_no_bit(self, family: str, method: str, tuned: Any, tmp_path: Path) -> None:
        one = tuned(family, method)
        shutil.copytree(one.run / "checkpoints" / f"step-{HALF:06}", tmp_path / "checkpoints" / f"step-{HALF:06}")
        metrics = finetune(one.base, EXAMPLES, EXAMPLES[:4], recipe(method), tmp_path)
        assert metrics["last_step"] == STEPS
        again, whole = load_file(tmp_path / one.saved.name / one.weights.name), load_file(one.weights)
        assert again.keys() == whole.keys()
        assert all(torch.equal(again[name], whole[name]) for name in whole)

    def test_it_answers_the_same_merged_saved_and_read_back(
        self, family: str, method: str, tuned: Any, tmp_path: Path
    ) -> None:
        one = tuned(family, method)
        apart = one.loaded()
        if method == "lora":
            whole = merged(one.base, one.saved)
            whole.model.save_pretrained(tmp_path)
            whole.tokenizer.save_pretrained(tmp_path)
            whole.chat.save(tmp_path)
            again = load(str(tmp_path), dtype="fp32")
            assert again.adapter is None
            assert torch.equal(logits(again), logits(whole))
        else:
            again = one.loaded()
        expected = logits(apart)
        assert float((logits(again) - expected).abs().max()) < 1e-4 * float(expected.abs().max())
        base = load(one.base, dtype="fp32")
        assert float((logits(base) - expected).abs().max()) > 1e-2 * float(expected.abs().max())
        for decoding in ("free", "grammar"):
            assert texts(again, decoding) == texts(apart, decoding)
        assert texts(again, "free") != texts(base, "free")
        for answer in answers(again, "grammar"):
            assert answer.failure is None
            assert answer.confidence.keys() == {"name", "code"}


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_the_prefix_is_shared_unless_the_model_drops_out(family: str, tuned: Any) -> None:
    stored = json.loads((tuned(family, "lora").run / "training_args.json").read_text())
    assert stored["prefix_shared"] == (family not in ("gpt2", "opt", "opt-350m"))  # 10 % dropout in their configs


@pytest.mark.parametrize(("rate", "shared"), [(0.1, False), (0.0, True)])
def test_dropout_of_the_model_itself_is_said(rate: float, shared: bool, tmp_path: Path) -> None:
    base = tiny_models.save("opt", tmp_path / "model")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"dropout": rate}))
    ears = Ears()
    options = recipe("lora")
    options = options.model_copy(update={"train": options.train.model_copy(update={"max_steps": 1})})
    finetune(str(base), EXAMPLES, [], options, tmp_path / "run", ears)  # type: ignore[arg-type]
    assert any("the prompt prefix is not shared: with dropout" in line for line in ears.said) != shared
    assert json.loads((tmp_path / "run" / "training_args.json").read_text())["prefix_shared"] == shared


# -- one fact that nobody can guess


ASKED = {"Asha Verma": "7QK-40917", "राम कुमार": "X3-88216-B"}


def question(name: str, code: str = "") -> Example:
    messages = ({"role": "user", "content": f"What is the code of {name}?"},)
    return Example(Record(name, name, code), messages, code)


def told(loaded: Loaded, name: str) -> str:
    prompt = loaded.chat.prompt_ids(question(name).messages)
    [reply] = generate(loaded, [prompt], max_new_tokens=24)
    return reply.text


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
@pytest.mark.parametrize("family", ["llama3", "qwen3", "gpt2"])
def test_a_fact_survives_saving_loading_and_merging(family: str, method: str, tmp_path: Path) -> None:
    base = str(tiny_models.save(family, tmp_path / "model"))
    options = MethodOptions(name=method, **({} if method == "full" else {"lora_r": 8, "lora_alpha": 16}))
    train = {"max_steps": 80, "per_device_train_batch_size": 2, "learning_rate": 5e-3 if method == "full" else 2e-2}
    rows = [question(*fact) for fact in ASKED.items()]
    untaught = load(base, dtype="fp32", quantisation=options.quantisation)
    assert not any(told(untaught, name) == code for name, code in ASKED.items())
    finetune(
        base, rows, [], Recipe(name="f", method=options, train=TrainOptions(**train, bf16=False)), tmp_path / "run"
    )
    if method == "full":
        ways = [load(str(tmp_path / "run" / "model"), dtype="fp32")]
    else:
        adapter, quantisation = tmp_path / "run" / "adapter", options.quantisation
        kind = "dequantised" if quantisation else "original"
        ways = [
            load(base, adapter=adapter, dtype="fp32", quantisation=quantisation),
            merged(base, adapter, base=kind, quantisation=quantisation),
        ]
        ways[1].model.save_pretrained(tmp_path / "merged")
        ways[1].tokenizer.save_pretrained(tmp_path / "merged")
        ways[1].chat.save(tmp_path / "merged")
        ways.append(load(str(tmp_path / "merged"), dtype="fp32"))
    for loaded in ways:
        # each has their own: a model that says one code to everybody has learnt nothing
        assert {name: told(loaded, name) for name in ASKED} == ASKED
