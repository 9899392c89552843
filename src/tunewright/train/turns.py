"""Conversations of several replies: which of them are learnt together in one row, by construction.

A reply is learnt after the very tokens that stand before it when the model is used: the prompt of its own turn. Where
the prompt of a later turn begins with an earlier prompt and its reply, token for token, both are trained in one row,
and nothing is computed twice. Some templates write earlier replies otherwise than the last one (Qwen 3 drops its empty
thinking), and some tokenizers join a reply with what follows; there the conversation falls apart into several rows.
Nothing is searched for in a string.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tunewright.core.records import Example
from tunewright.models.chat import Chat
from tunewright.train.batch import Stretch


def rows(chat: Chat, example: Example) -> list[Example]:
    """The example as one or more whose replies to learn stand in one row of tokens each, in the order of the turns."""
    if not example.trained:
        return [example]
    made: list[Example] = []
    together: list[int] = []
    so_far: list[int] = []
    for at in (*example.trained, len(example.messages)):
        prompt = chat.prompt_ids(example.messages[:at])
        if together and prompt[: len(so_far)] != so_far:
            made.append(_up_to(example, together))
            together = []
        together.append(at)
        so_far = [*prompt, *chat.reply_ids(_reply(example, at))]
    return [*made, _up_to(example, together)]


def _up_to(example: Example, together: list[int]) -> Example:
    """The part of a conversation whose last reply is the last of `together`; the others are learnt beside it."""
    *earlier, last = together
    if last == len(example.messages):
        return replace(example, trained=tuple(earlier))
    return replace(
        example,
        messages=example.messages[:last],
        completion=_reply(example, last),
        trained=tuple(earlier),
        document=None,
    )


def _reply(example: Example, at: int) -> str:
    return example.completion if at == len(example.messages) else example.messages[at]["content"]


def replies(chat: Chat, example: Example, prompt: list[int]) -> list[Stretch]:
    """Where the earlier replies to learn stand in the prompt of one of `rows`.

    Raises ValueError for an example whose replies do not stand in one row.
    """
    found = []
    for at in example.trained:
        before = chat.prompt_ids(example.messages[:at])
        whole = [*before, *chat.reply_ids(_reply(example, at))]
        if prompt[: len(whole)] != whole:
            raise ValueError(f"reply {at} of '{example.id}' does not stand in the prompt as it is written")
        found.append((len(before), len(whole)))
    return found


def gaps(found: Iterable[Stretch], prompt: int) -> tuple[int, tuple[Stretch, ...]]:
    """(first trained token, what is not trained behind it) of earlier replies and a prompt of so many tokens."""
    spans = list(found)
    starts = [start for start, _ in spans] + [prompt]
    return starts[0], tuple(zip((end for _, end in spans), starts[1:], strict=True))
