"""Known models by their Hugging Face id, without their files: enough of each config to count and to plan with.

The shapes are those of the models' own config.json; `tests/unit/models/test_shapes.py` counts their weights against the
published totals. A model that is not here is planned from its files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Vocabulary = Literal["bytes-50k", "sentencepiece-32k", "bytes-128k", "tekken"]

BYTES_PER_TOKEN: dict[Vocabulary, tuple[float, float, float, float]] = {
    "bytes-50k": (3.54, 0.92, 1.61, 3.0),
    "sentencepiece-32k": (3.55, 0.58, 2.51, 3.0),
    "bytes-128k": (4.15, 0.92, 5.03, 3.0),
    "tekken": (4.11, 0.58, 6.48, 3.0),
}
"""UTF-8 bytes a token stands for: of ASCII but digits, of digits, of Devanagari, of anything else.

Fitted to prompts and replies of the synthesis, medical questions, spoken commands, Hindi news and scanned receipts,
under the tokenizers of GPT-2 (OPT has the same), Mistral 7B (close to Llama 2's), Llama 3 and Ministral. On other texts
of these kinds the sums were 11 % too few to 27 % too many, on prompts of the synthesis within 3 %.
"""


@dataclass(frozen=True)
class Known:
    """One shape. config: what transformers' config of that model_type needs. stored_bytes: of a weight in its files."""

    model_type: str
    vocabulary: Vocabulary
    config: dict[str, Any]
    stored_bytes: int = 2


def _opt(width: int, layers: int, heads: int, **more: Any) -> Known:
    shape = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads, "ffn_dim": 4 * width}
    config = {**shape, "vocab_size": 50272, "max_position_embeddings": 2048, "word_embed_proj_dim": width, **more}
    return Known("opt", "bytes-50k", config)


def _decoder(
    model_type: str,
    vocabulary: Vocabulary,
    vocab_size: int,
    width: int,
    layers: int,
    heads: tuple[int, int],
    inner: int,
    context: int,
    **more: Any,
) -> Known:
    """heads: of queries, and of keys and values."""
    config = {
        "vocab_size": vocab_size,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        "intermediate_size": inner,
        "max_position_embeddings": context,
        **more,
    }
    return Known(model_type, vocabulary, config)


def _llama3(width: int, layers: int, heads: tuple[int, int], inner: int, **more: Any) -> Known:
    return _decoder("llama", "bytes-128k", 128256, width, layers, heads, inner, 131072, **more)


def _qwen3(width: int, layers: int, heads: tuple[int, int], inner: int, **more: Any) -> Known:
    # Its vocabulary is of Llama 3's kind; how many tokens it makes was not measured.
    return _decoder("qwen3", "bytes-128k", 151936, width, layers, heads, inner, 40960, head_dim=128, **more)


def _smollm(width: int, layers: int, heads: tuple[int, int], inner: int) -> Known:
    # Its vocabulary is of GPT-2's size; how many tokens it makes was not measured.
    return _decoder("llama", "bytes-50k", 49152, width, layers, heads, inner, 8192, tie_word_embeddings=True)


_LLAMA_2_7B = _decoder("llama", "sentencepiece-32k", 32000, 4096, 32, (32, 32), 11008, 4096)
_LLAMA_1_7B = _decoder("llama", "sentencepiece-32k", 32000, 4096, 32, (32, 32), 11008, 2048)
_LLAMA_3_8B = _llama3(4096, 32, (32, 8), 14336)
_LLAMA_3_1B = _llama3(2048, 16, (32, 8), 8192, head_dim=64, tie_word_embeddings=True)
_LLAMA_3_3B = _llama3(3072, 28, (24, 8), 8192, head_dim=128, tie_word_embeddings=True)

KNOWN: dict[str, Known] = {
    "facebook/opt-125m": _opt(768, 12, 12),
    "facebook/opt-350m": _opt(1024, 24, 16, word_embed_proj_dim=512, do_layer_norm_before=False),
    "facebook/opt-1.3b": _opt(2048, 24, 32),
    "openai-community/gpt2": Known("gpt2", "bytes-50k", {"vocab_size": 50257}, stored_bytes=4),
    "openai-community/gpt2-medium": Known(
        "gpt2", "bytes-50k", {"vocab_size": 50257, "n_embd": 1024, "n_layer": 24, "n_head": 16}, stored_bytes=4
    ),
    "meta-llama/Llama-2-7b-hf": _LLAMA_2_7B,
    "meta-llama/Llama-2-7b-chat-hf": _LLAMA_2_7B,
    # LLaMA 7B; a padding token more or less in its vocabulary is nothing that a plan shows. Its files are in fp32.
    "medalpaca/medalpaca-7b": Known("llama", "sentencepiece-32k", _LLAMA_1_7B.config, stored_bytes=4),
    "meta-llama/Llama-3.1-8B": _LLAMA_3_8B,
    "meta-llama/Llama-3.1-8B-Instruct": _LLAMA_3_8B,
    "meta-llama/Llama-3.2-1B": _LLAMA_3_1B,
    "meta-llama/Llama-3.2-1B-Instruct": _LLAMA_3_1B,
    "meta-llama/Llama-3.2-3B": _LLAMA_3_3B,
    "meta-llama/Llama-3.2-3B-Instruct": _LLAMA_3_3B,
    "meta-llama/Llama-3.3-70B-Instruct": _llama3(8192, 80, (64, 8), 28672),
    "mistralai/Mistral-7B-v0.3": _decoder("mistral", "sentencepiece-32k", 32768, 4096, 32, (32, 8), 14336, 32768),
    "mistralai/Ministral-8B-Instruct-2410": _decoder(
        "mistral", "tekken", 131072, 4096, 36, (32, 8), 12288, 32768, head_dim=128, sliding_window=32768
    ),
    "Qwen/Qwen3-0.6B": _qwen3(1024, 28, (16, 8), 3072, tie_word_embeddings=True),
    "Qwen/Qwen3-1.7B": _qwen3(2048, 28, (16, 8), 6144, tie_word_embeddings=True),
    "Qwen/Qwen3-4B": _qwen3(2560, 36, (32, 8), 9728, tie_word_embeddings=True),
    "Qwen/Qwen3-8B": _qwen3(4096, 36, (32, 8), 12288, tie_word_embeddings=False),
    "google/gemma-3-1b-it": _decoder(
        "gemma3_text", "bytes-128k", 262144, 1152, 26, (4, 1), 6912, 32768, head_dim=256, sliding_window=512
    ),
    "HuggingFaceTB/SmolLM2-135M": _smollm(576, 30, (9, 3), 1536),
    "HuggingFaceTB/SmolLM2-360M": _smollm(960, 32, (15, 5), 2560),
    "HuggingFaceTB/SmolLM2-1.7B": _smollm(2048, 24, (32, 32), 8192),
    "microsoft/Phi-3-mini-4k-instruct": _decoder(
        "phi3", "sentencepiece-32k", 32064, 3072, 32, (32, 32), 8192, 4096, sliding_window=2047
    ),
}


def config(known: Known) -> Any:
    """transformers' config of a known model."""
    from transformers import AutoConfig

    return AutoConfig.for_model(known.model_type, **known.config)


def skeleton(config: Any, dtype: Any = None) -> Any:
    """The model of a config on torch's meta device: every shape, no weight."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=dtype or torch.float32)


def tokens(texts: Iterable[str], vocabulary: Vocabulary) -> int:
    """About how many tokens these texts have under a vocabulary whose tokenizer is not here."""
    rates = BYTES_PER_TOKEN[vocabulary]
    return round(sum(1 / rates[_script(character)] * len(_utf8(character)) for text in texts for character in text))


def _script(character: str) -> int:
    if character.isascii():
        return 1 if character.isdigit() else 0
    return 2 if "\u0900" <= character <= "\u097f" else 3


def _utf8(character: str) -> bytes:
    return character.encode("utf-8", "replace")
