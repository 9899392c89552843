"""Conversation: what was said so far in, the next reply out, as free text.

A record of the layouts `messages` and `sharegpt` is one conversation: its last reply is the target, the turn before
it the text, and what stands before in `provenance["before"]`. Every earlier reply of the assistant to a user's turn is
marked to be learnt as well (`train.mask_history` leaves them out); those of shots, of other records, are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.core.recipe import TaskOptions
from tunewright.core.records import JSON, Example, Message, Record
from tunewright.tasks._shared import read_free, turn, written


class Conversation:
    """The task of going on with a conversation.

    options: `instruction` is the system message of conversations that bring none; "" for none. schemas: not used.
    """

    name = "conversation"
    reads_turns = True
    """Earlier turns are part of what is asked: two records are alike only where those are."""

    def __init__(self, options: TaskOptions | None = None, schemas: Mapping[str, dict[str, JSON]] | None = None):
        self.options = options or TaskOptions.model_validate({"name": self.name})

    def example(self, record: Record, shots: Sequence[Record] = ()) -> Example:
        """The conversation up to its last reply; the shots, whole conversations, stand before its own turns."""
        system, turns = self._parts(record)
        messages = [{"role": "system", "content": system}] if system else []
        for shot in shots:
            messages += [*self._parts(shot)[1], turn("user", shot.text), turn("assistant", written(shot.target))]
        first = len(messages)
        messages += [*turns, turn("user", record.text)]
        replies = (at for at in range(first + 1, len(messages)) if _answers(messages[at - 1], messages[at]))
        return Example(record, tuple(messages), written(record.target), trained=tuple(replies))

    def _parts(self, record: Record) -> tuple[str, list[Message]]:
        """(system message, earlier turns) of a record."""
        before: list[Message] = list(record.provenance.get("before", ()))
        if before and before[0]["role"] == "system":
            return before[0]["content"], before[1:]
        return self.options.instruction, before

    def parse(self, text: str, example: Example | None = None) -> tuple[JSON, str | None]:
        """The reply as it is; where the target is no text but JSON, the JSON that it writes."""
        return read_free(text, example)


def _answers(before: Message, turn: Message) -> bool:
    """Whether a turn is a reply to learn: the assistant's, to a user's turn, and not blank as calls of tools are."""
    return (before["role"], turn["role"]) == ("user", "assistant") and bool(turn["content"].strip())
