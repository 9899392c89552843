from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import tiny_models
from tunewright.core.errors import DataError
from tunewright.core.recipe import MethodOptions, Recipe, TaskOptions, TrainOptions
from tunewright.core.records import Example, Record
from tunewright.models.load import load
from tunewright.tasks.extraction import Extraction
from tunewright.train import checkpoint
from tunewright.train.finetune import finetune
from tunewright.train.material import Epochs, tokenise

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": ["string", "null"]}, "code": {"type": ["string", "null"]}},
    "required": ["name", "code"],
    "additionalProperties": False,
}


def examples(count: int = 24) -> list[Example]:
    task = Extraction(TaskOptions(), {"": SCHEMA})
    return [
        task.example(Record(str(i), f"name: {'abcdef'[i % 6]} code {i}", {"name": "abcdef"[i % 6], "code": str(i)}))
        for i in range(count)
    ]


def recipe(**train: object) -> Recipe:
    options = {
        "max_steps": 6,
        "per_device_train_batch_size": 4,
        "learning_rate": 5e-3,
        "logging_steps": 1,
        "bf16": False,
    }
    return Recipe(name="t", method=MethodOptions(lora_r=4), train=TrainOptions(**{**options, **train}))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.save("wren", tmp_path_factory.mktemp("model")))


def weights(folder: Path) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def test_loss_falls_and_the_adapter_reloads_to_the_same_logits(model: str, tmp_path: Path) -> None:
    metrics = finetune(model, examples(), examples(6), recipe(max_steps=30), tmp_path)
    losses = [line["loss"] for line in metrics["steps"]]
    assert losses[-1] < 0.7 * losses[0]
    assert metrics["validations"][-1]["step"] == 30
    assert metrics["trained_tokens"] > 0
    tensors = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert all(torch.isfinite(t).all() for t in tensors.values())
    assert any(float(t.abs().max()) > 0 for name, t in tensors.items() if "lora_B" in name)
    ids = torch.arange(5, 25)[None]
    with torch.no_grad():
        once = load(model, adapter=tmp_path / "adapter", dtype="fp32").model(ids).logits
        again = load(model, adapter=tmp_path / "adapter", dtype="fp32").model(ids).logits
        base = load(model, dtype="fp32").model(ids).logits
    assert torch.equal(once, again)
    assert not torch.allclose(once, base)


def test_stopping_anywhere_and_resuming_gives_the_same_bytes(model: str, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    options = recipe(max_steps=8, save_steps=2, eval_steps=2, save_total_limit=4)
    finetune(model, examples(), examples(6), options, whole)
    finetune(model, examples(), examples(6), options, parts)
    shutil.rmtree(parts / "adapter")
    for later in ("step-000008", "step-000006"):
        shutil.rmtree(parts / "checkpoints" / later)
    damaged = parts / "checkpoints" / "step-000004" / "state.json"
    damaged.write_text(damaged.read_text()[:-3])
    said: list[str] = []

    class Ears:
        def say(self, text: str, *, painted: str | None = None) -> None:
            said.append(text)

        def log(self, text: str) -> None: ...

        def add(self, *a: object, **k: object) -> None: ...

    finetune(model, examples(), examples(6), options, parts, Ears())  # type: ignore[arg-type]
    assert any("step-000004 is damaged" in line for line in said)
    assert any("resumed at step 2" in line for line in said)
    assert weights(parts) == weights(whole)


def test_another_seed_gives_other_weights(model: str, tmp_path: Path) -> None:
    finetune(model, examples(), [], recipe(max_steps=2), tmp_path / "a")
    finetune(model, examples(), [], recipe(max_steps=2), tmp_path / "b")
    finetune(model, examples(), [], recipe(max_steps=2).model_copy(update={"seed": 5}), tmp_path / "c")
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


def test_a_target_outside_its_schema_is_refused_before_training(model: str, tmp_path: Path) -> None:
    good = examples(4)
    bad = Example(good[0].record, good[0].messages, '{"name": 5, "code": null}', SCHEMA)
    with pytest.raises(DataError, match="does not obey its schema"):
        finetune(model, [*good, bad], [], recipe(), tmp_path)
    assert not (tmp_path / "checkpoints").exists()


def test_over_length_is_refused_or_dropped_and_counted(model: str, tmp_path: Path) -> None:
    long = Record("long", "x " * 300, {"name": "x", "code": None})
    rows = [*examples(7), Extraction(TaskOptions(), {"": SCHEMA}).example(long)]
    with pytest.raises(DataError, match="1 of 8 examples are longer"):
        finetune(model, rows, [], recipe(max_length=200), tmp_path / "a")
    metrics = finetune(model, rows, [], recipe(max_length=200, over_length="drop", max_steps=1), tmp_path / "b")
    assert metrics["dropped"] == 1
    assert metrics["examples"] == 7


def test_the_stop_token_is_trained(model: str) -> None:
    loaded = load(model, dtype="fp32")
    tokens = tokenise(loaded, examples(3))
    options = TrainOptions(per_device_train_batch_size=3)
    epochs = Epochs(tokens, loaded.tokenizer.pad_token_id, options, 0, share_prefix=True, context=loaded.context)
    (batch,) = epochs(0)
    stops = [int(label) for label in batch.labels if int(label) in loaded.chat.stop_ids]
    assert len(stops) == 3
    assert batch.prefix is not None


def test_early_stopping_keeps_the_best(model: str, tmp_path: Path) -> None:
    """Validation asks for what training unlearns, so its loss rises and training ends early."""
    task = Extraction(TaskOptions(), {"": SCHEMA})
    other = [task.example(Record(str(i), "?", {"name": None, "code": "ZZZ QQQ"})) for i in range(4)]
    options = recipe(max_steps=60, eval_steps=2, early_stopping_patience=2, learning_rate=0.05)
    metrics = finetune(model, examples(), other, options, tmp_path)
    assert metrics["last_step"] < 60
    assert metrics["stopped"] == "no gain in 2 validations"
    best = min(metrics["validations"], key=lambda v: v["loss"])
    assert (metrics["best_step"], metrics["best_loss"]) == (best["step"], best["loss"])
    saved = checkpoint.newest(tmp_path / "checkpoints")[0]
    assert saved is not None
    kept = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert any(
        torch.equal(kept[name], saved.tensors["best." + name.replace(".weight", ".default.weight")]) for name in kept
    )


def test_a_resumed_run_stops_early_at_the_same_step(model: str, tmp_path: Path) -> None:
    """What has been waited for so far stands in the checkpoint; one at every step, stopped in the midst of waiting."""
    task = Extraction(TaskOptions(), {"": SCHEMA})
    other = [task.example(Record(str(i), "?", {"name": None, "code": "ZZZ QQQ"})) for i in range(4)]
    options = recipe(
        max_steps=60, eval_steps=2, save_steps=1, early_stopping_patience=3, learning_rate=0.05, save_total_limit=99
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    metrics = finetune(model, examples(), other, options, whole)
    last = metrics["last_step"]
    assert last < 60
    shutil.copytree(whole, parts)
    (parts / "adapter" / "adapter_model.safetensors").unlink()
    for step in range(last - 3, last + 1):
        shutil.rmtree(parts / "checkpoints" / f"step-{step:06d}")
    again = finetune(model, examples(), other, options, parts)
    assert (again["last_step"], again["stopped"]) == (last, metrics["stopped"])
    assert again["validations"] == metrics["validations"]
    assert weights(parts) == weights(whole)
    stopped = finetune(model, examples(), other, options, whole)  # what has stopped does not go on
    assert stopped["last_step"] == last


def test_a_small_gain_is_the_best_and_still_no_reason_to_go_on(model: str, tmp_path: Path) -> None:
    options = recipe(max_steps=20, eval_steps=2, early_stopping_patience=2, early_stopping_threshold=100.0)
    metrics = finetune(model, examples(), examples(4), options, tmp_path)
    losses = [one["loss"] for one in metrics["validations"]]
    assert losses[0] > losses[1] > losses[2]
    assert metrics["last_step"] == 6
    assert (metrics["best_step"], metrics["best_loss"]) == (6, losses[2])


def test_noise_resumes_to_the_same_bytes_and_stays_out_of_validation(model: str, tmp_path: Path) -> None:
    said: list[str] = []

    class Ears:
        def say(self, text: str, *, painted: str | None = None) -> None:
            said.append(text)

        def log(self, text: str) -> None: ...

        def add(self, *a: object, **k: object) -> None: ...

    whole, parts, without = tmp_path / "whole", tmp_path / "parts", tmp_path / "without"
    options = recipe(max_steps=6, save_steps=2, eval_steps=2, save_total_limit=4, neftune_noise_alpha=10.0)
    finetune(model, examples(), examples(6), options, whole, Ears())  # type: ignore[arg-type]
    assert any("not shared: with NEFTune" in line for line in said)
    shutil.copytree(whole, parts)
    (parts / "adapter" / "adapter_model.safetensors").unlink()
    for later in ("step-000006", "step-000004"):
        shutil.rmtree(parts / "checkpoints" / later)
    finetune(model, examples(), examples(6), options, parts)
    assert weights(parts) == weights(whole)
    finetune(model, examples(), examples(6), recipe(max_steps=6, save_steps=2, eval_steps=2), without)
    assert weights(without) != weights(whole)
    # At a rate of next to nothing validation sees the same weights with noise and without: the same loss.
    still = {"max_steps": 1, "eval_steps": 1, "learning_rate": 1e-12, "share_prefix": False}
    losses = [
        finetune(model, examples(), examples(6), recipe(**still, **more), tmp_path / name)
        for name, more in {
            "plain": {},
            "noisy": {"neftune_noise_alpha": 50.0},
            "smooth": {"label_smoothing_factor": 0.3},
        }.items()
    ]
    assert len({round(one["validations"][0]["loss"], 6) for one in losses}) == 1
    assert len({round(one["steps"][0]["loss"], 6) for one in losses}) == 3


@pytest.mark.parametrize("method", [MethodOptions(lora_r=4), MethodOptions(name="full")])
def test_pointing_teaches_heads_and_survives_a_stop(model: str, tmp_path: Path, method: MethodOptions) -> None:
    options = recipe(max_steps=24, pointer_weight=1.0, link_weight=1.0, save_steps=8, eval_steps=8)
    options = options.model_copy(update={"method": method})
    metrics = finetune(model, examples(), [], options, tmp_path / "whole")
    for lesson in ("looked_away", "linked_away"):
        away = [line[lesson] for line in metrics["steps"]]
        assert sum(away[-4:]) < 0.9 * sum(away[:4]), lesson
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    shutil.rmtree(tmp_path / "parts" / "checkpoints" / "step-000024")
    saved = "adapter/adapter_model.safetensors" if method.name == "lora" else "model/model.safetensors"
    (tmp_path / "parts" / saved).unlink()
    finetune(model, examples(), [], options, tmp_path / "parts")
    assert (tmp_path / "parts" / saved).read_bytes() == (tmp_path / "whole" / saved).read_bytes()


def test_tokens_say_where_values_are_copied_from(model: str) -> None:
    loaded = load(model)
    for example, one in zip(examples(6), tokenise(loaded, examples(6), point=True), strict=True):
        assert one.sources
        for token, from_ in one.sources:
            assert token >= one.start > max(from_)
        text = {one.ids[token] for token, _ in one.sources}
        assert set(loaded.tokenizer(example.record.target["code"], add_special_tokens=False).input_ids) <= text
    assert not any(one.sources or one.links for one in tokenise(loaded, examples(6)))


def test_tokens_say_which_key_a_value_belongs_to(model: str) -> None:
    loaded = load(model)
    for example, one in zip(examples(6), tokenise(loaded, examples(6), link=True), strict=True):
        assert not one.sources
        of_keys = [(token, to) for token, to, weight in one.links if weight == 1.0]
        assert of_keys
        for token, to in of_keys:
            assert max(to) < token < one.start
            begins = loaded.tokenizer.decode([one.ids[token]]).strip()
            before = loaded.tokenizer.decode(one.ids[: max(to) + 1]).rstrip('",: ')
            key = max((key for key in example.record.target if before.endswith(key)), key=len)
            assert example.record.target[key].startswith(begins), (key, begins)


@pytest.mark.parametrize("family", ["wren", "gpt2", "opt"])
def test_muon_takes_the_matrices_of_hidden_layers_only(family: str) -> None:
    from tunewright.train.optimisers import optimisers

    network = tiny_models.model(family)
    named = dict(network.named_parameters())
    options = TrainOptions(optim="muon")
    (muon, _), (adamw, _) = optimisers(network, named, options)
    names = {id(p): name for name, p in named.items()}
    by_muon = {names[id(p)] for group in muon.param_groups for p in group["params"]}
    by_adamw = {names[id(p)] for group in adamw.param_groups for p in group["params"]}
    assert by_muon | by_adamw == named.keys()
    assert not {name for name in by_muon if any(word in name for word in ("wte", "wpe", "embed", "lm_head"))}
    assert by_muon


def test_validation_examples_that_are_too_long_are_refused_or_dropped_and_counted(model: str, tmp_path: Path) -> None:
    task = Extraction(TaskOptions(), {"": SCHEMA})
    long = task.example(Record("long", "word " * 200, {"name": "a", "code": "1"}))
    held = [*examples(4), long]
    with pytest.raises(DataError, match="1 of 5 examples are longer"):
        finetune(model, examples(), held, recipe(max_length=120), tmp_path / "refused")
    metrics = finetune(model, examples(), held, recipe(max_length=120, over_length="drop"), tmp_path / "dropped")
    assert metrics["validations"]


def test_pointing_is_left_out_where_attention_is_not_torchs() -> None:
    import copy

    from tunewright.train.pointers import watchable

    network = copy.deepcopy(tiny_models.model("wren"))
    assert watchable(network)
    network.set_attn_implementation("eager")
    assert not watchable(network)


@pytest.mark.parametrize("method", ["hybrid", "last-layers", "lora", "full"])
@pytest.mark.parametrize("train", [{"pointer_weight": 0.5}, {"packing": True}])
def test_in_bf16_layers_of_two_precisions_are_looked_into(
    model: str, tmp_path: Path, method: str, train: dict[str, object]
) -> None:
    """Which head looks where, and whether packed rows are kept apart, is asked of weights in bf16 beside some in fp32.

    trainable_layers: one of the two, so what enters it comes in bf16.
    """
    options = recipe(bf16=True, max_steps=2, **train)
    options = options.model_copy(update={"method": MethodOptions(name=method, lora_r=4, trainable_layers=1)})
    metrics = finetune(model, examples(), examples(4), options, tmp_path)
    assert metrics["last_step"] == 2
    packed = json.loads((tmp_path / "training_args.json").read_text())["packed"]
    assert packed == ("packing" in train)
    assert ("looked_away" in metrics["steps"][0]) == ("pointer_weight" in train)
