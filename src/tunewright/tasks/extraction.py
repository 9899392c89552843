"""Extraction: a document and a JSON Schema in, one JSON object out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.core.recipe import TaskOptions
from tunewright.core.records import JSON, Example, Message, Record
from tunewright.tasks._shared import Structured
from tunewright.text import schema as schemas_of
from tunewright.text.serialise import dumps


class Extraction(Structured):
    """The task of turning a document into JSON that obeys a schema. options: instruction and schema style, too."""

    name = "extraction"
    asks = ("keys", "head", "mixed_head")
    """Ways of `data.augment` that ask for less than the whole schema."""

    def __init__(self, options: TaskOptions | None = None, schemas: Mapping[str, dict[str, JSON]] | None = None):
        super().__init__(options or TaskOptions.model_validate({}), schemas)
        self._systems: dict[str, Message] = {}

    def _system(self, schema: dict[str, JSON]) -> Message:
        key = dumps(schema)
        if key not in self._systems:
            forms = {
                "keys": schemas_of.keys_form,
                "example": schemas_of.example_form,
                "json_schema": schemas_of.json_schema_form,
            }
            shown = forms[self.options.schema_style](schema)
            self._systems[key] = {"role": "system", "content": f"{self.options.instruction}\n{shown}"}
        return self._systems[key]

    def example(self, record: Record, shots: Sequence[Record] = ()) -> Example:
        """The record as a model meets it: instruction and schema, the shots as earlier turns, then the document.

        A record without a target (None) has the completion "". Raises DataError where no schema is known.
        """
        schema = self.schema_of(record)
        messages = [self._system(schema)]
        for shot in shots:
            messages.append({"role": "user", "content": shot.text})
            messages.append({"role": "assistant", "content": self.completion(shot.target, self.schema_of(shot))})
        messages.append({"role": "user", "content": record.text})
        completion = self.completion(record.target, schema)
        return Example(record=record, messages=tuple(messages), completion=completion, schema=schema)
