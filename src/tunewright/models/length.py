"""A prompt that is too long: its document is cut, and nothing else. The one rule of training and use.

The instruction, the schema, earlier turns, what the template writes and the reply stay whole. What is cut stands in
the last turn: all of it, or the part that the example names. The cut falls between two tokens of that text, at a
word's end where one is near, so that no number is left that the document does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tunewright.core.records import Message
from tunewright.models.chat import Chat

Truncation = Literal["truncate_head", "truncate_tail", "truncate_middle"]
"""Which part of a document goes: its beginning, its end, or what stands between the two."""

TRUNCATIONS: frozenset[str] = frozenset(get_args(Truncation))

MARK = "\n…\n"
"""What stands where a middle was: the words on both sides must not become one."""

LEAST = 16
"""Tokens of a document below which what is left of it is no document."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that fits. ids: its tokens. messages: what they say. cut: how many tokens it was shortened by."""

    ids: list[int]
    messages: tuple[Message, ...]
    cut: int = 0


def fit(
    chat: Chat,
    messages: Sequence[Message],
    room: int,
    how: Truncation,
    document: tuple[int, int] | None = None,
) -> Prompt | None:
    """The prompt in at most `room` tokens; None where cutting the document to LEAST tokens is not enough.

    document: (start, end) in characters of what may be cut in the last message; None: all of it.
    """
    ids = chat.prompt_ids(messages)
    whole = len(ids)
    if whole <= room:
        return Prompt(ids, tuple(messages))
    *before, last = messages
    start, end = document or (0, len(last["content"]))
    content, text = last["content"], last["content"][start:end]
    places = chat.places(text)
    kept = len(places) - (whole - room)
    while kept >= LEAST:
        shown = content[:start] + shortened(text, places, kept, how) + content[end:]
        cut = (*before, {**last, "content": shown})
        ids = chat.prompt_ids(cut)
        if len(ids) <= room:
            return Prompt(ids, cut, whole - len(ids))
        kept -= len(ids) - room
    return None


def shortened(text: str, places: Sequence[tuple[int, int]], kept: int, how: Truncation) -> str:
    """At most `kept` tokens of a text, fewer where a word would be cut in two.

    places: (start, end) in characters of the text's tokens.
    """
    if kept >= len(places):
        return text
    if how == "truncate_tail":
        return text[: _word_end(text, places[kept - 1][1])]
    if how == "truncate_head":
        return text[_word_start(text, places[-kept][0]) :]
    head = _word_end(text, places[(kept + 1) // 2 - 1][1])
    tail = _word_start(text, max(head, places[len(places) - kept // 2][0]))
    return text[:head] + MARK + text[tail:]


def _word_end(text: str, end: int) -> int:
    """The last word's end in the last quarter before `end`; `end` itself where there is none, or where a word ends."""
    if end >= len(text) or text[end].isspace() or text[end - 1].isspace():
        return end
    for at in range(end - 1, end - end // 4 - 1, -1):
        if text[at].isspace():
            return at
    return end


def _word_start(text: str, start: int) -> int:
    """The first word's start in the first quarter after `start`; `start` itself where there is none."""
    if start <= 0 or text[start - 1].isspace() or text[start].isspace():
        return start
    for at in range(start, start + (len(text) - start) // 4):
        if text[at].isspace():
            return at
    return start
