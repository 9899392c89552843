"""Question answering: a question in, its answer out as free text; from a context where the record has one.

A record's text is its question, or a context (paragraphs, a table written as text) with the question at its end. Where
a prompt is too long the context is cut, never the question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.core.recipe import TaskOptions
from tunewright.core.records import JSON, Example, Record
from tunewright.tasks._shared import read_free, turn, written


class QuestionAnswering:
    """The task of answering questions. options: `instruction` is the system message, "" for none. schemas: not used."""

    name = "question_answering"
    asks_of_contexts = True
    """Two records are alike only where their questions are, however long the context that they share."""

    def __init__(self, options: TaskOptions | None = None, schemas: Mapping[str, dict[str, JSON]] | None = None):
        self.options = options or TaskOptions.model_validate({"name": self.name})

    def example(self, record: Record, shots: Sequence[Record] = ()) -> Example:
        """The question as a model meets it; shots stand before it as earlier turns, each with its own context."""
        messages = [turn("system", self.options.instruction)] if self.options.instruction else []
        for shot in shots:
            messages += [turn("user", shot.text), turn("assistant", written(shot.target))]
        messages.append(turn("user", record.text))
        return Example(record, tuple(messages), written(record.target), document=(0, len(record.context)))

    def parse(self, text: str, example: Example | None = None) -> tuple[JSON, str | None]:
        """The reply as it is; where the target is no text but JSON, the JSON that it writes."""
        return read_free(text, example)
