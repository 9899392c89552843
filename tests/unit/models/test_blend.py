"""Blends of adapters: `cat` adds exactly the mean of what they add; what cannot be blended is refused."""

from __future__ import annotations

import pytest
import torch

import tiny_models
from tunewright.core.errors import ModelError
from tunewright.models.blend import blend
from tunewright.models.load import load


@pytest.fixture
def base(tmp_path):
    return tiny_models.save("llama3", tmp_path / "base")


def adapter(base, folder, seed, rank=4):
    from peft import LoraConfig, get_peft_model

    loaded = load(str(base), dtype="fp32")
    torch.manual_seed(seed)
    model = get_peft_model(loaded.model, LoraConfig(r=rank, lora_alpha=8, target_modules=["q_proj", "v_proj"]))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_()
    model.save_pretrained(str(folder))
    loaded.chat.save(folder)
    return folder


def added(base, folder):
    """What an adapter adds to each weight."""
    model = load(str(base), adapter=folder, dtype="fp32").model
    return {name: module.get_delta_weight("default") for name, module in model.named_modules()
            if hasattr(module, "get_delta_weight")}  # fmt: skip


def test_cat_is_the_mean_of_what_adapters_add_and_the_others_are_not(base, tmp_path):
    two = [adapter(base, tmp_path / f"a{seed}", seed) for seed in (1, 2)]
    first, second = (added(base, one) for one in two)
    assert first
    found = {
        how: added(base, blend(str(base), two, tmp_path / "blends" / how, how)) for how in ("cat", "linear", "ties")
    }
    for name in first:
        mean = (first[name] + second[name]) / 2
        torch.testing.assert_close(found["cat"][name], mean, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(found["linear"][name], mean, atol=1e-3)
        assert not torch.allclose(found["ties"][name], mean, atol=1e-3)
    assert sorted(path.name for path in (tmp_path / "blends").iterdir()) == ["cat", "linear", "ties"]


def test_adapters_of_other_ranks_are_refused_where_factors_are_added(base, tmp_path):
    two = [adapter(base, tmp_path / "a", 1), adapter(base, tmp_path / "b", 2, rank=2)]
    with pytest.raises(ModelError, match="cannot be blended"):
        blend(str(base), two, tmp_path / "linear", "linear")
    assert not (tmp_path / "linear").exists()
