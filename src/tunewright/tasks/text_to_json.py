"""Text to JSON: a sentence or two in, the JSON that says the same out, however one asks for it.

A prompt may show the whole schema, name its keys, or say nothing of what the JSON looks like. Which one a record is
asked with is drawn by its id, for training from `prompts`, for testing from `test_prompts`, and stands in its
provenance with the keys that are asked for where those are not all of the schema's, or in another order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tunewright.core.recipe import TaskOptions
from tunewright.core.records import JSON, Example, Record, number_of
from tunewright.tasks._shared import Structured, turn
from tunewright.text import schema as schemas_of
from tunewright.text.serialise import dumps

MOST = 2000
"""Characters of a schema that are shown in a prompt where others could be drawn."""

_FORMS = {
    "keys": ("keys", schemas_of.keys_form),
    "schema": ("schema", schemas_of.json_schema_form),
    "example": ("schema", schemas_of.example_form),
}
"""What a prompt may show of the schema → what results are sliced by, and how it is written."""

_PLACE = re.compile("{(" + "|".join(("text", *_FORMS)) + ")}")


class TextToJson(Structured):
    """The task of writing a text's content as JSON.

    options: prompts, test_prompts; `instruction` is a system message, "" for none.
    """

    name = "text_to_json"

    def __init__(self, options: TaskOptions | None = None, schemas: Mapping[str, dict[str, JSON]] | None = None):
        super().__init__(options or TaskOptions.model_validate({"name": self.name}), schemas)
        self._forms: dict[tuple[str, str | None, str], str] = {}

    @property
    def asks(self) -> tuple[str, ...]:
        """Ways of `data.augment` that need prompts for them."""
        several = ("prompt",) if len(self.options.prompts) > 1 else ()  # the only one says nothing new a second time
        return (*several, "keys") if any(map(_shows, self.options.prompts)) else several

    def asked(self, record: Record) -> Record:
        """The record with the prompt that it is asked with, and what its results are sliced by.

        One that has its prompt keeps it. Prompts that would show more than MOST characters of a schema are not drawn,
        where there are others; a record that brings its own schema gets one that shows all of it, where there is one.
        provenance["prompt"]: the prompt; provenance["keys"], where it is there: the keys that
        are asked for, in order.
        """
        if "prompt" in record.provenance:
            return record
        prompts = self._fitting(record) or self._prompts(record)
        prompt = prompts[number_of(record.id) % len(prompts)]
        marks = {"prompt": form(prompt)}
        if self.options.test_prompts:
            marks["wording"] = "unseen" if prompt in self.options.test_prompts else "seen"
        slices = {**(record.provenance.get("slice") or {}), **marks}
        return record.replace(provenance={**record.provenance, "prompt": prompt, "slice": slices})

    def askable(self, record: Record) -> bool:
        """Whether a prompt fits a record that was made of others: names its keys, and is not too long for it."""
        return bool(self._fitting(record))

    def _prompts(self, record: Record) -> tuple[str, ...]:
        kept = record.split == "test" and self.options.test_prompts
        return self.options.test_prompts if kept else self.options.prompts

    def _fitting(self, record: Record) -> tuple[str, ...]:
        if self._own(record):  # nobody could know what its answer looks like without all of its schema
            return tuple(prompt for prompt in self._prompts(record) if "{schema}" in prompt)
        named = "keys" in record.provenance  # nobody could know which are asked for where the prompt does not say
        return tuple(
            prompt
            for prompt in self._prompts(record)
            if (_shows(prompt) or not named) and all(self._short(place, record) for place in _PLACE.findall(prompt))
        )

    def _own(self, record: Record) -> bool:
        return self.schema is None and "schema" in record.provenance

    def _short(self, place: str, record: Record) -> bool:
        return place == "text" or len(self._form(place, record)) <= MOST

    def example(self, record: Record, shots: Sequence[Record] = ()) -> Example:
        """The record as a model meets it: a system message if there is one, shots as earlier turns, then the prompt."""
        messages = [turn("system", self.options.instruction)] if self.options.instruction else []
        for shot in shots:
            said, _ = self._said(shot)
            completion = self.completion(shot.target, self.schema_of(shot))
            messages += [turn("user", said), turn("assistant", completion)]
        said, document = self._said(record)
        messages.append(turn("user", said))
        schema = self.schema_of(record)
        return Example(record, tuple(messages), self.completion(record.target, schema), schema, document)

    def _said(self, record: Record) -> tuple[str, tuple[int, int]]:
        """The user's turn, and where the record's text stands in it."""
        prompt = record.provenance.get("prompt", self.options.prompts[0])
        said, start = "", 0
        for i, part in enumerate(_PLACE.split(prompt)):
            if part == "text" and i % 2:
                start = len(said)
                said += record.text
            else:
                said += self._form(part, record) if i % 2 else part
        return said, (start, start + len(record.text))

    def _form(self, place: str, record: Record) -> str:
        """A record's schema as a prompt shows it in this place; made once for all that are asked alike."""
        if self._own(record):
            return _FORMS[place][1](self.schema_of(record))
        asked = record.provenance.get("keys"), record.provenance.get("parts")
        key = place, record.doc_type, dumps(list(asked))
        if key not in self._forms:
            self._forms[key] = _FORMS[place][1](self.schema_of(record))
        return self._forms[key]


def form(prompt: str) -> str:
    """How much of the schema a prompt shows: schema, keys or free."""
    return next((_FORMS[place][0] for place in _PLACE.findall(prompt) if place in _FORMS), "free")


def _shows(prompt: str) -> bool:
    return form(prompt) != "free"
