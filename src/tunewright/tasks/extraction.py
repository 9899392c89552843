"""Extraction: a document and a JSON Schema in, one JSON object out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tunewright.core.errors import DataError, did_you_mean
from tunewright.core.recipe import TaskOptions
from tunewright.core.records import JSON, Example, Message, Record
from tunewright.text import schema as schemas_of
from tunewright.text.serialise import STRICT, NotStrict, dumps

MAX_REPLY = 1_000_000
"""Longest reply that is parsed, in characters."""


class Extraction:
    """The task of turning a document into JSON that obeys a schema.

    options: instruction, schema style and, where set, the one schema of all records (inline, or a file's path).
    schemas: JSON Schema by doc_type; used where the options name none. A single one also serves records without a type.

    Raises DataError for a schema that is missing or not usable.
    """

    name = "extraction"

    def __init__(self, options: TaskOptions | None = None, schemas: Mapping[str, dict[str, JSON]] | None = None):
        self.options = options or TaskOptions.model_validate({})
        self.schemas = {name: schemas_of.check(schema, where=name) for name, schema in (schemas or {}).items()}
        self.schema: dict[str, JSON] | None = None
        given = self.options.json_schema
        if isinstance(given, str):
            self.schema = schemas_of.check(_read(Path(given)), where=given)
        elif given is not None:
            self.schema = schemas_of.check(given, where="task.json_schema")
        self._systems: dict[str, Message] = {}

    def schema_of(self, record: Record) -> dict[str, JSON]:
        """The schema that a record's answer obeys. Raises DataError naming the known types where there is none."""
        if self.schema is not None:
            return self.schema
        if record.doc_type in self.schemas:
            return self.schemas[record.doc_type]
        if record.doc_type is None and len(self.schemas) == 1:
            return next(iter(self.schemas.values()))
        if not self.schemas:
            raise DataError(
                "there is no JSON Schema", hint="name one with task.json_schema, or put schema.json beside the data"
            )
        message = (
            "the record has no doc_type"
            if record.doc_type is None
            else f"no JSON Schema for doc_type '{record.doc_type}'"
        )
        near = did_you_mean(record.doc_type or "", self.schemas)
        raise DataError(message, where=f"record {record.id}", hint=near or f"known types: {', '.join(self.schemas)}")

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

    def completion(self, target: JSON, schema: dict[str, JSON] | None) -> str:
        """A target in the one canonical form: canonical separators, keys in schema order."""
        return dumps(schemas_of.in_schema_order(target, schema))

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
        completion = "" if record.target is None else self.completion(record.target, schema)
        return Example(record=record, messages=tuple(messages), completion=completion, schema=schema)

    def parse(self, text: str, example: Example | None = None) -> tuple[JSON, str | None]:
        """A raw reply as (object, None), or (None, why not). Strict JSON: no NaN, no key twice."""
        if len(text) > MAX_REPLY:
            return None, f"longer than {MAX_REPLY:,} characters"
        if not text.strip():
            return None, "empty"
        try:
            value = STRICT.decode(text)
        except NotStrict as fault:
            return None, str(fault)
        except json.JSONDecodeError as error:
            return None, f"not JSON: {error.msg} at character {error.pos}"
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, a thousand brackets
            return None, f"not JSON: {type(error).__name__}"
        if not isinstance(value, dict):
            return None, f"not an object but {_KINDS.get(type(value), 'null')}"
        return value, None


_KINDS: dict[type, str] = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "true or false"}


def _read(path: Path) -> JSON:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("the JSON Schema's file is missing", where=str(path)) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"the JSON Schema cannot be read: {error}", where=str(path)) from None
