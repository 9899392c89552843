"""Known shapes have the weights that their makers publish, and token counts are near what tokenizers give."""

from __future__ import annotations

import pytest

from tunewright.models import shapes

PUBLISHED = {
    "facebook/opt-125m": 125_239_296,
    "facebook/opt-350m": 331_196_416,
    "facebook/opt-1.3b": 1_315_758_080,
    "openai-community/gpt2": 124_439_808,
    "openai-community/gpt2-medium": 354_823_168,
    "meta-llama/Llama-2-7b-hf": 6_738_415_616,
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
    "meta-llama/Llama-3.2-1B-Instruct": 1_235_814_400,
    "meta-llama/Llama-3.2-3B-Instruct": 3_212_749_824,
    "meta-llama/Llama-3.3-70B-Instruct": 70_553_706_496,
    "mistralai/Mistral-7B-v0.3": 7_248_023_552,
    "mistralai/Ministral-8B-Instruct-2410": 8_019_808_256,
    "Qwen/Qwen3-0.6B": 596_049_920,
    "Qwen/Qwen3-1.7B": 1_720_574_976,
    "Qwen/Qwen3-4B": 4_022_468_096,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "google/gemma-3-1b-it": 999_885_952,
    "HuggingFaceTB/SmolLM2-135M": 134_515_008,
    "HuggingFaceTB/SmolLM2-360M": 361_821_120,
    "HuggingFaceTB/SmolLM2-1.7B": 1_711_376_384,
    "microsoft/Phi-3-mini-4k-instruct": 3_821_079_552,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_shape_has_the_published_number_of_weights(name: str) -> None:
    model = shapes.skeleton(shapes.config(shapes.KNOWN[name]))
    assert sum(weight.numel() for weight in model.parameters()) == PUBLISHED[name]


def test_every_known_model_is_counted_or_has_the_shape_of_one_that_is() -> None:
    counted = [shapes.KNOWN[name].config for name in PUBLISHED]
    others = {name for name in shapes.KNOWN if shapes.KNOWN[name].config not in counted}
    assert others == {"medalpaca/medalpaca-7b"}  # LLaMA 7B: Llama 2's weights, half its context


def test_another_shape_has_another_number() -> None:
    known = shapes.KNOWN["facebook/opt-350m"]
    wrong = {**known.config, "word_embed_proj_dim": 1024, "do_layer_norm_before": True}
    model = shapes.skeleton(shapes.config(shapes.Known("opt", "bytes-50k", wrong)))
    assert sum(weight.numel() for weight in model.parameters()) != PUBLISHED["facebook/opt-350m"]


def test_tokens_are_told_by_script() -> None:
    english, hindi = "Invoice number and customer name " * 20, "ग्राहक का नाम और कुल राशि " * 20
    small, large = (shapes.tokens([hindi], size) for size in ("bytes-128k", "bytes-50k"))
    assert large > 2.5 * small  # GPT-2 cuts Devanagari into bytes
    assert 120 < shapes.tokens([english], "bytes-128k") < 200
    assert shapes.tokens(["0123456789"], "bytes-128k") == 11
    assert shapes.tokens([], "tekken") == 0
