from __future__ import annotations

from typing import Any

import pytest

import tiny_models
from tunewright.flow import pace
from tunewright.models import shapes


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
@pytest.mark.parametrize(("precision", "whole"), [("fp32", True), ("bf16", False), ("bf16", True)])
def test_one_layer_of_every_family_is_timed(family: str, precision: str, whole: bool) -> None:
    config = tiny_models.model(family).config
    layers = config.num_hidden_layers
    found = pace.of(config, rows=2, length=24, precision=precision, whole=whole, device="cpu")
    assert found.read > 0
    assert found.train > 0
    assert config.num_hidden_layers == layers, "the config is left as it is"


def test_a_large_layer_is_tried_on_few_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(pace, "_seconds", lambda attempt, device: float(seen.append(attempt()) or len(seen)))
    monkeypatch.setattr(pace, "WORK", 6e9)
    pace.of(
        shapes.config(shapes.KNOWN["openai-community/gpt2"]),
        rows=64,
        length=100,
        precision="fp32",
        whole=False,
        device="cpu",
    )
    assert seen[0].shape == (1, 100, 768)
