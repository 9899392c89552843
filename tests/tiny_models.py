"""Tiny random models and tokenizers of many families, made on the spot.

`tokenizer(family)` and `model(family)` are cached: treat what they return as read-only. `loaded(family)` puts both
together, `save(family, folder)` writes them as a model folder.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedTokenizerFast,
)

from tunewright.models.chat import Chat
from tunewright.models.load import Loaded

FAMILIES = (
    "wren",
    "llama3",
    "llama2",
    "llama",
    "qwen2",
    "qwen3",
    "gemma2",
    "gemma3",
    "mistral",
    "ministral",
    "ministral3",
    "phi",
    "phi3",
    "opt",
    "opt-350m",
    "gpt2",
)

CORPUS = [
    "Invoice INV-2025-001 for Asha Verma dated 29/09/2025, total ₹12,500.00 due on receipt.",
    "बिल संख्या: INV-2025-001, ग्राहक: राम कुमार, तारीख: 29/09/2025, कुल राशि: ₹5000",
    '{"invoice_number": "INV-2025-001", "customer_name": "राम कुमार", "date": null, "total_amount": "5000"}',
    "Extract these fields as JSON. Use null for what the document does not give.",
    "The quick brown fox jumps over the lazy dog; 0 1 2 3 4 5 6 7 8 9 true false name price items city code.",
] * 4

WREN_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
QWEN3_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if loop.last and m['role'] == 'assistant' %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
CHATML_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3_TEMPLATE = (
    "{{- bos_token }}"
    "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    "{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}"
    "{%- endif %}{%- endif %}"
    "{%- set asked = messages[0]['role'] == 'system' %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\n\n' }}"
    "{{- 'Cutting Knowledge Date: December 2023\nToday Date: ' + date_string + '\n\n' }}"
    "{{- (messages[0]['content'] | trim if asked else '') + '<|eot_id|>' }}"
    "{%- for m in (messages[1:] if asked else messages) %}"
    "{{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
)
"""Writes what the template of Llama 3.1 and 3.2 Instruct writes where no tools are given."""

_TURNS = (
    "{%- set asked = messages[0]['role'] == 'system' -%}{%- for m in (messages[1:] if asked else messages) -%}"
    "{%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{%- endif -%}"
)

LLAMA2_TEMPLATE = (
    f"{_TURNS}"
    "{%- if asked and loop.first -%}"
    "{%- set content = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n\n' + m['content'] -%}"
    "{%- else -%}{%- set content = m['content'] -%}{%- endif -%}"
    "{%- if m['role'] == 'user' -%}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{%- else -%}{{ ' ' + content.strip() + ' ' + eos_token }}{%- endif -%}{%- endfor -%}"
)
GEMMA2_TEMPLATE = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
GEMMA3_TEMPLATE = (
    "{{ bos_token }}"
    f"{_TURNS}"
    "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' }}"
    "{%- if asked and loop.first -%}{{ messages[0]['content'] + '\n\n' }}{%- endif -%}"
    "{{ m['content'] | trim }}{{ '<end_of_turn>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)
MISTRAL_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% elif m['role'] == 'assistant' %} {{ m['content'] }}{{ eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
MINISTRAL_TEMPLATE = (
    "{{- bos_token }}"
    f"{_TURNS}"
    "{%- if m['role'] == 'user' -%}"
    "{{ '[INST]' + (messages[0]['content'] + '\n\n' if asked and loop.last else '') + m['content'] + '[/INST]' }}"
    "{%- else -%}{{ m['content'] + eos_token }}{%- endif -%}{%- endfor -%}"
)
"""The system message stands in the last turn, if that is the user's: the template loses it once an answer follows."""

MINISTRAL3_TEMPLATE = (
    "{{- bos_token }}{%- if messages[0]['role'] == 'system' -%}"
    "{{ '[SYSTEM_PROMPT]' + messages[0]['content'] + '[/SYSTEM_PROMPT]' }}{%- endif -%}"
    f"{_TURNS}"
    "{%- if m['role'] == 'user' -%}{{ '[INST]' + m['content'] + '[/INST]' }}"
    "{%- else -%}{{ m['content'] + eos_token }}{%- endif -%}{%- endfor -%}"
)
PHI3_TEMPLATE = (
    "{% for m in messages %}{% if m['role'] != 'system' or m['content'] %}"
    "{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% endif %}{% endfor %}"
    "{{ '<|assistant|>\n' if add_generation_prompt else eos_token }}"
)

_TOKENIZERS: dict[str, dict[str, Any]] = {
    "wren": {
        "specials": ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"],
        "pad": "<|pad|>",
        "eos": "<|end|>",
        "template": WREN_TEMPLATE,
        "style": "wren",
    },
    "llama3": {
        "specials": ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        "bos": "<|begin_of_text|>",
        "eos": "<|end_of_text|>",
        "template": LLAMA3_TEMPLATE,
        "style": "bytes",
        "starts": True,
    },
    "llama": {
        "specials": ["<unk>", "<s>", "</s>"],
        "bos": "<s>",
        "eos": "</s>",
        "style": "sentencepiece",
        "starts": True,
    },
    "qwen2": {
        "specials": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        "pad": "<|endoftext|>",
        "eos": "<|im_end|>",
        "template": CHATML_TEMPLATE,
        "style": "bytes",
    },
    "qwen3": {
        "specials": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        "added": ["<think>", "</think>"],
        "pad": "<|endoftext|>",
        "eos": "<|im_end|>",
        "template": QWEN3_TEMPLATE,
        "style": "bytes",
    },
    "gemma2": {
        "specials": ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"],
        "pad": "<pad>",
        "bos": "<bos>",
        "eos": "<eos>",
        "template": GEMMA2_TEMPLATE,
        "style": "sentencepiece-bare",
        "starts": True,
    },
    "mistral": {
        "specials": ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"],
        "bos": "<s>",
        "eos": "</s>",
        "template": MISTRAL_TEMPLATE,
        "style": "sentencepiece",
        "starts": True,
    },
    "opt": {
        "specials": ["<s>", "<pad>", "</s>", "<unk>"],
        "bos": "</s>",
        "eos": "</s>",
        "pad": "<pad>",
        "style": "bytes",
        "starts": True,
    },
    "gpt2": {"specials": ["<|endoftext|>"], "bos": "<|endoftext|>", "eos": "<|endoftext|>", "style": "bytes"},
}
_TOKENIZERS["gemma3"] = {**_TOKENIZERS["gemma2"], "template": GEMMA3_TEMPLATE}
_TOKENIZERS["llama2"] = {
    **_TOKENIZERS["llama"],
    "template": LLAMA2_TEMPLATE,
    "corpus": ["{", '{"'] * 40,  # as in the real one, a blank and a brace are one token
}
_TOKENIZERS["ministral"] = {
    "specials": ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "<pad>"],
    "bos": "<s>",
    "eos": "</s>",
    "pad": "<pad>",
    "template": MINISTRAL_TEMPLATE,
    "style": "bytes",
    "starts": True,
}
_TOKENIZERS["ministral3"] = {**_TOKENIZERS["ministral"], "template": MINISTRAL3_TEMPLATE}
_TOKENIZERS["phi"] = _TOKENIZERS["gpt2"]
_TOKENIZERS["phi3"] = {
    "specials": ["<unk>", "<s>", "</s>", "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"],
    "bos": "<s>",
    "eos": "<|endoftext|>",
    "pad": "<|endoftext|>",
    "template": PHI3_TEMPLATE,
    "style": "sentencepiece-bare",
    "swallow": ["<|assistant|>", "<|system|>", "<|end|>", "<|user|>"],
}
_TOKENIZERS["opt-350m"] = _TOKENIZERS["opt"]

_WREN_SPLIT = r"\d|\s|[\p{L}\p{M}]+|[^\s\p{L}\p{M}\d]"


@lru_cache
def tokenizer(family: str) -> PreTrainedTokenizerFast:
    """A byte-level or SentencePiece-like BPE of a few hundred tokens, with the family's own kind of specials."""
    traits = _TOKENIZERS[family]
    specials = list(traits["specials"])
    style = traits["style"]
    if style.startswith("sentencepiece"):
        raw = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
        space = normalizers.Replace(" ", "▁")
        raw.normalizer = space if style.endswith("bare") else normalizers.Sequence([normalizers.Prepend("▁"), space])
        parts: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        raw.decoder = decoders.Sequence(parts if style.endswith("bare") else [*parts, decoders.Strip(" ", 1, 0)])
        specials += [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=640, special_tokens=specials, show_progress=False)
    else:
        raw = Tokenizer(models.BPE())
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=style == "bytes")
        split = pre_tokenizers.Split(Regex(_WREN_SPLIT), "isolated")
        raw.pre_tokenizer = level if style == "bytes" else pre_tokenizers.Sequence([split, level])
        raw.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=480,
            special_tokens=specials,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
    raw.train_from_iterator([*CORPUS, *traits.get("corpus", ())], trainer)
    if style.startswith("sentencepiece"):
        raw = _without_byte_specials(raw)
    swallow = traits.get("swallow", ())  # tokens that take the space after them along
    raw.add_special_tokens(
        [AddedToken(text, special=True, normalized=False, rstrip=text in swallow) for text in traits["specials"]]
    )
    raw.add_tokens([AddedToken(text, special=False, normalized=False) for text in traits.get("added", ())])
    if traits.get("starts"):
        bos = traits["bos"]
        raw.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, raw.token_to_id(bos))]
        )
    named = {f"{role}_token": traits[role] for role in ("bos", "eos", "pad") if role in traits}
    made = PreTrainedTokenizerFast(tokenizer_object=raw, **named)
    made.chat_template = traits.get("template")
    return made


def _without_byte_specials(raw: Tokenizer) -> Tokenizer:
    """Byte pieces belong to the vocabulary but are no control tokens."""
    import json

    stored = json.loads(raw.to_str())
    stored["added_tokens"] = [t for t in stored["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(stored))


_MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "wren": ("llama", {"num_key_value_heads": 4}),
    "llama3": (
        "llama",
        {
            "num_key_value_heads": 2,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10000.0,
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 128,
            },
        },
    ),
    "llama2": ("llama", {"num_key_value_heads": 4}),
    "llama": ("llama", {"num_key_value_heads": 4, "tie_word_embeddings": True}),
    "qwen2": (
        "qwen2",
        {"num_key_value_heads": 2, "use_sliding_window": True, "sliding_window": 24, "max_window_layers": 1},
    ),
    "qwen3": ("qwen3", {"num_key_value_heads": 2, "head_dim": 8}),
    "gemma2": ("gemma2", {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8}),
    "gemma3": (
        "gemma3_text",
        {
            "num_key_value_heads": 1,
            "head_dim": 8,
            "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
    "mistral": ("mistral", {"num_key_value_heads": 2, "sliding_window": 24}),
    "ministral": (
        "ministral",
        {
            "num_key_value_heads": 2,
            "head_dim": 8,
            "sliding_window": 24,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
    "ministral3": (
        "ministral3",
        {
            "num_key_value_heads": 2,
            "head_dim": 8,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 16.0,
                "original_max_position_embeddings": 32,
                "max_position_embeddings": 512,
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "mscale_all_dim": 1.0,
                "mscale": 1.0,
                "llama_4_scaling_beta": 0.1,
            },
        },
    ),
    "phi": ("phi", {}),
    "phi3": ("phi3", {"num_key_value_heads": 2, "sliding_window": 24}),
    "opt": ("opt", {"ffn_dim": 64, "word_embed_proj_dim": 32, "do_layer_norm_before": True}),
    "opt-350m": ("opt", {"ffn_dim": 64, "word_embed_proj_dim": 16, "do_layer_norm_before": False}),
    "gpt2": ("gpt2", {}),
}


@lru_cache
def model(family: str, seed: int = 0) -> Any:
    """Two layers of width 32 in fp32, with weights large enough that next tokens differ clearly."""
    kind, more = _MODELS[family]
    names = tokenizer(family)
    width = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512} if kind == "gpt2" else {}
    shape = width or {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 512,
        **({} if kind == "opt" else {"intermediate_size": 64}),
    }
    config = AutoConfig.for_model(
        kind,
        vocab_size=len(names),
        eos_token_id=names.eos_token_id,
        bos_token_id=names.bos_token_id,
        pad_token_id=names.pad_token_id,
        **shape,
        **more,
    )
    torch.manual_seed(seed)
    made = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.ndim == 2 and "norm" not in name:
                weight.normal_(0.0, 0.25)
    return made.eval()


def without_dropout(network: Any) -> Any:
    """The same network; none of its layers draws any more."""
    for module in network.modules():
        for name in ("dropout", "attention_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return network


def loaded(family: str, seed: int = 0) -> Loaded:
    """A tiny model with its chat, as `models.load.load` would give it."""
    network, names = model(family, seed), tokenizer(family)
    weights = list(network.parameters())
    return Loaded(
        model=network,
        tokenizer=names,
        chat=Chat(names),
        name=f"tiny-{family}",
        parameters=sum(p.numel() for p in weights),
        bytes=sum(p.numel() * p.element_size() for p in weights),
        path=Path("."),
    )


def save(family: str, folder: Path, seed: int = 0) -> Path:
    """The family's tiny model as a folder with config, safetensors and tokenizer."""
    model(family, seed).save_pretrained(folder)
    tokenizer(family).save_pretrained(folder)
    return folder
