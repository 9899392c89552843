"""A prompt that is too long loses part of its document, and nothing else."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from tunewright.models.chat import Chat
from tunewright.models.length import LEAST, MARK, Prompt, Truncation, fit

FAMILIES = ["wren", "llama3", "qwen3", "gemma2", "mistral", "gpt2"]
SYSTEM = {"role": "system", "content": "Extract these fields as JSON.\nname, price"}
EARLIER = [{"role": "user", "content": "Bill of Asha"}, {"role": "assistant", "content": '{"name": "Asha"}'}]
WORDS = [
    "Invoice",
    "INV-2025-001",
    "राम कुमार",
    "₹5,000.00",
    "<|end|>",
    "</s>",
    "[INST]",
    "\n",
    "total",
    "名前",
    "😀",
    "12",
]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def control(chat: Chat, ids: list[int]) -> list[int]:
    return [id for id in ids if id in chat.tokenizer.added_tokens_decoder]


def right(how: str, document: str, kept: str) -> bool:
    """Whether what is kept is a beginning, an end, or both ends of the document."""
    if how == "truncate_tail":
        return document.startswith(kept)
    if how == "truncate_head":
        return document.endswith(kept)
    parts = [(kept[:at], kept[at + len(MARK) :]) for at in range(len(kept)) if kept.startswith(MARK, at)]
    return any(document.startswith(a) and document.endswith(b) and len(a) + len(b) <= len(document) for a, b in parts)


@settings(max_examples=120, deadline=None)
@given(
    family=st.sampled_from(FAMILIES),
    how=st.sampled_from(get_args(Truncation)),
    words=st.lists(st.sampled_from(WORDS) | st.text(max_size=4), min_size=5, max_size=120),
    question=st.sampled_from(["", "\n\nWho pays the bill?"]),
    shots=st.booleans(),
    share=st.floats(0.0, 1.1),
)
def test_what_fits_is_a_part_of_the_document_and_all_of_the_rest(
    family: str, how: Truncation, words: list[str], question: str, shots: bool, share: float
) -> None:
    chat = Chat(tiny_models.tokenizer(family))
    document = " ".join(words).strip() or "x"
    messages = [SYSTEM, *(EARLIER if shots else []), user("Bill: " + document + question)]
    whole, empty = (len(chat.prompt_ids([*messages[:-1], user(text)])) for text in (messages[-1]["content"], question))
    room = round(empty + share * (whole - empty))
    found = fit(chat, messages, room, how, (6, 6 + len(document)))
    if found is None:
        assert room < whole
        return
    assert len(found.ids) <= room
    assert found.ids == chat.prompt_ids(found.messages)
    assert found.cut == max(0, whole - len(found.ids))
    assert list(found.messages[:-1]) == messages[:-1]
    last = found.messages[-1]["content"]
    assert last.startswith("Bill: ")
    assert last.endswith(question)
    kept = last[6 : len(last) - len(question)]
    assert kept == document if whole <= room else right(how, document, kept)
    assert control(chat, found.ids) == control(chat, chat.prompt_ids([*messages[:-1], user("x")]))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("how", get_args(Truncation))
def test_most_of_the_room_is_used_and_words_stay_whole(family: str, how: Truncation) -> None:
    chat = Chat(tiny_models.tokenizer(family))
    document = " ".join(f"{number}00" for number in range(400))
    messages = [SYSTEM, user(document)]
    whole = len(chat.prompt_ids(messages))
    for room in range(whole - 700, whole, 97):
        found = fit(chat, messages, room, how)
        assert found is not None
        assert room - 12 <= len(found.ids) <= room
        kept = found.messages[-1]["content"]
        assert right(how, document, kept)
        assert set(kept.replace("…", " ").split()) <= set(document.split())


def test_a_prompt_that_fits_is_left_alone_and_one_that_cannot_is_told() -> None:
    chat = Chat(tiny_models.tokenizer("wren"))
    messages = (SYSTEM, user("word " * 60))
    ids = chat.prompt_ids(messages)
    assert fit(chat, messages, len(ids), "truncate_head") == Prompt(ids, messages, 0)
    around = len(chat.prompt_ids([SYSTEM, user("")]))
    assert fit(chat, messages, around + LEAST + 4, "truncate_tail") is not None
    assert fit(chat, messages, around + LEAST - 4, "truncate_tail") is None
    assert fit(chat, messages, 3, "truncate_middle") is None


def test_the_check_of_what_is_kept_can_fail() -> None:
    assert right("truncate_tail", "a b c", "a b")
    assert not right("truncate_tail", "a b c", "b c")
    assert not right("truncate_head", "a b c", "a b")
    assert not right("truncate_middle", "a b c", "a b c")
    assert not right("truncate_middle", "a b c", f"a b{MARK}b c")
