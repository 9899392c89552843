"""Models are found by name, read without running anything, and refused with a way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import tiny_models
from tunewright.core.errors import ModelError
from tunewright.models import embedded
from tunewright.models import load as module
from tunewright.models.load import load, locate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save("wren", tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("wren-1", "wren-2", "wren-10"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "wren-3").mkdir()  # without a config: unfinished
    monkeypatch.setattr(embedded, "EMBEDDED", tmp_path)
    return tmp_path


def test_a_folder_gives_model_tokenizer_and_chat(folder: Path) -> None:
    got = load(str(folder), dtype="fp32")
    assert got.dtype == torch.float32
    assert not got.model.training
    assert got.parameters == sum(p.numel() for p in tiny_models.model("wren").parameters())
    assert got.bytes == 4 * got.parameters
    assert got.context == 512
    assert got.chat.prompt_ids([{"role": "user", "content": "x"}])[0] == 3
    ids = torch.tensor([[3, 50, 60]])
    with torch.inference_mode():
        assert torch.equal(got.model(ids).logits, tiny_models.model("wren")(ids).logits)


def test_precision_follows_the_hardware_or_the_wish(folder: Path) -> None:
    assert load(str(folder), dtype="bf16").dtype == torch.bfloat16
    assert load(str(folder)).dtype == module.best_dtype(load(str(folder)).device)
    with pytest.raises(ModelError, match="fp7"):
        load(str(folder), dtype="fp7")


def test_the_newest_version_is_the_familys(shelf: Path) -> None:
    assert embedded.embedded() == ["wren-1", "wren-2", "wren-10"]
    assert embedded.pinned("wren") == "wren-10"
    assert embedded.pinned("wren-2") == "wren-2"
    assert embedded.pinned("gpt2") == "gpt2"
    assert locate("wren") == shelf / "wren-10"
    assert locate("wren-2") == shelf / "wren-2"


@pytest.mark.parametrize(("name", "near"), [("wrem", "wren"), ("wren-7", "wren-2"), ("Wren", "wren")])
def test_a_missing_name_answers_with_near_ones(shelf: Path, name: str, near: str) -> None:
    with pytest.raises(ModelError) as caught:
        locate(name)
    assert near in caught.value.hint


def test_a_hub_id_without_network_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="not in the cache") as caught:
        load("somebody/some-model-nobody-has")
    assert "HF_HUB_OFFLINE" in caught.value.message
    assert "wren" in caught.value.hint
    with pytest.raises(ModelError, match="not in the cache"):
        load("lawrence/model")


@pytest.mark.parametrize("name", ["../etc", "/nowhere/at/all", "a/b/c", "wren/../x", "", "~nobody/x"])
def test_names_are_never_joined_as_paths(name: str) -> None:
    with pytest.raises(ModelError):
        load(name)


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(ModelError, match="safetensors"):
        load(str(tmp_path))


def test_a_config_cannot_name_code(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Config: pass\nclass Model: pass\n")
    stored = json.loads((tmp_path / "config.json").read_text())
    stored["auto_map"] = {
        "AutoConfig": "evil.Config",
        "AutoModelForCausalLM": "evil.Model",
        "AutoTokenizer": "evil.Model",
    }
    stored["_attn_implementation"] = "somebody/kernel"
    (tmp_path / "config.json").write_text(json.dumps(stored))
    got = load(str(tmp_path))
    assert type(got.model).__name__ == "LlamaForCausalLM"
    assert not hasattr(got.model.config, "auto_map")
    assert not (tmp_path / "ran").exists()
    stored["model_type"] = "something-new"
    (tmp_path / "config.json").write_text(json.dumps(stored))
    with pytest.raises(ModelError, match="something-new") as caught:
        load(str(tmp_path))
    assert "trust_remote_code" in caught.value.hint
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_folder_is_an_error_with_its_place(folder: Path, tmp_path: Path, damage: str) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = (tmp_path / damage).read_bytes()
    (tmp_path / damage).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError) as caught:
        load(str(tmp_path))
    assert str(tmp_path) in (caught.value.where or "")


def test_an_adapter_is_laid_on_with_its_own_chat(folder: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    base = load(str(folder), dtype="fp32")
    torch.manual_seed(1)
    tuned = get_peft_model(base.model, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    tuned.save_pretrained(tmp_path)
    base.chat.template += "{# trained #}"
    base.chat.save(tmp_path)
    got = load(str(folder), adapter=tmp_path, dtype="fp32")
    assert got.adapter == tmp_path
    assert got.chat.template.endswith("{# trained #}")
    ids = torch.tensor([[3, 50, 60]])
    with torch.inference_mode():
        plain = tiny_models.model("wren")(ids).logits
        assert torch.allclose(got.model(ids).logits, tuned.eval()(ids).logits)
        assert not torch.allclose(got.model(ids).logits, plain, atol=1e-3)
    with pytest.raises(ModelError, match="no adapter"):
        load(str(folder), adapter=tmp_path / "nothing")
    with pytest.raises(ModelError, match="adapter, not a model"):
        load(str(tmp_path))
    other = tiny_models.save("gpt2", tmp_path / "other")
    with pytest.raises(ModelError):
        load(str(other), adapter=tmp_path)
