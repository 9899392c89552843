"""What tasks that answer with JSON share: the schema of a record, a target's one form, a reply read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tunewright.core import files
from tunewright.core.errors import DataError, did_you_mean
from tunewright.core.recipe import TaskOptions
from tunewright.core.records import JSON, Example, Message, Record
from tunewright.text import schema as schemas_of
from tunewright.text.serialise import STRICT, NotStrict, dumps

MAX_REPLY = 1_000_000
"""Longest reply that is parsed, in characters."""


class Structured:
    """A task whose answer is JSON that obeys a schema.

    options: where it has a json_schema (inline, or a file's path), that is the one of all records.
    schemas: JSON Schema by doc_type; used where the options name none and a record brings none of its own
      (provenance["schema"]). A single one also serves records without a type.

    Raises DataError for a schema that is missing or not usable.
    """

    def __init__(self, options: TaskOptions, schemas: Mapping[str, dict[str, JSON]] | None = None):
        self.options = options
        self.schemas = {name: schemas_of.check(schema, where=name) for name, schema in (schemas or {}).items()}
        self.schema: dict[str, JSON] | None = None
        given = self.options.json_schema
        if isinstance(given, str):
            self.schema = schemas_of.check(files.read_json(given), where=given)
        elif given is not None:
            self.schema = schemas_of.check(given, where="task.json_schema")

    def schema_of(self, record: Record) -> dict[str, JSON]:
        """The schema that a record's answer obeys. Raises DataError naming the known types where there is none.

        provenance["parts"]: how many records were made this one, so many answers it has. provenance["keys"]: those that
        are asked for, in their order, where these are not all.
        """
        schema = self.known_schema(record)
        parts, keys = record.provenance.get("parts"), record.provenance.get("keys")
        if parts is not None:
            schema = schemas_of.several(schema, parts)
        return schema if keys is None else schemas_of.narrowed(schema, keys)

    def known_schema(self, record: Record) -> dict[str, JSON]:
        """The schema that a record brings, or that of its type."""
        if self.schema is not None:
            return self.schema
        if "schema" in record.provenance:
            return schemas_of.check(record.provenance["schema"], where=f"record {record.id}")
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

    def completion(self, target: JSON, schema: dict[str, JSON] | None) -> str:
        """A target in the one canonical form: canonical separators, keys in schema order; "" for None."""
        return "" if target is None else dumps(schemas_of.in_schema_order(target, schema))

    def parse(self, text: str, example: Example | None = None) -> tuple[JSON, str | None]:
        """A raw reply as (value, None), or (None, why not). Strict JSON: no NaN, no key twice; an object, or an array
        where the schema asks for one.
        """
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
        schema = example.schema if example is not None else None
        wanted = list if (schema or {}).get("type") == "array" else dict
        if not isinstance(value, wanted):
            return None, f"not {_KINDS[wanted]} but {_KINDS.get(type(value), 'null')}"
        return value, None


_KINDS: dict[type, str] = {
    dict: "an object", list: "an array", str: "a string", int: "a number", float: "a number", bool: "true or false"
}  # fmt: skip


def written(target: JSON) -> str:
    """An answer in text: as it is; JSON in its canonical form; "" for None."""
    return "" if target is None else target if isinstance(target, str) else dumps(target)


def read_free(text: str, example: Example | None) -> tuple[JSON, str | None]:
    """A reply in text as (value, None), or (None, why not): as it is; where the target is no text but JSON, the JSON
    that it writes.
    """
    if not text.strip():
        return None, "empty"
    if example is None or example.record.target is None or isinstance(example.record.target, str):
        return text, None
    try:
        return STRICT.decode(text), None
    except (ValueError, RecursionError) as error:
        return None, f"not JSON: {str(error)[:80]}"


def turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}
