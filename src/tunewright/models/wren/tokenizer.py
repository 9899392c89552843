"""Wren's tokenizer: byte-level BPE whose cuts make copying plain.

Digits, single spaces and punctuation stand alone and a word never swallows the space before it, so a value has the
same tokens in a document and between JSON quotes. The joints of the canonical JSON form (`": "`, `", "` …) are one
token each, which leaves about two tokens of punctuation per field. Letters and marks stay together (Devanagari).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SPECIALS = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
JOINTS = r'": "|": \[\{"|": \[\]|": \["|": \{"|"\}, \{"|", "|"\}\], "|"\], "|"\}, "|"\]\}|"\}\]\}|": |, "|\{"|"\}'
CUTS = JOINTS + r"|\d| {2,}|\s|[\p{L}\p{M}\x{200c}\x{200d}]+|[^\s\p{L}\p{M}\d]"


def train_tokenizer(texts: Iterable[str], vocab_size: int, folder: Path) -> None:
    """Learn the merges from `texts` and write tokenizer.json, tokenizer_config.json and the template to `folder`."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CUTS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIALS[0],
        eos_token=SPECIALS[1],
        additional_special_tokens=list(SPECIALS[2:]),
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(str(folder))
