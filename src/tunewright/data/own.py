"""Records that bring the schema of their answer with them, each its own.

- `schema`: a JSON Schema, in the row.
- `functions`: functions that may be called, as in the Berkeley Function-Calling Leaderboard (Patil et al. 2024) and
  OpenAI's tools; the answer is a list of calls, [{name, arguments}]. Types called as in Python (dict, float, tuple,
  any) are JSON Schema's here, words that it does not have are left out.
- `services`: names of services whose intents and slots stand in schemas.jsonl beside the data, as in the
  Schema-Guided Dialogue data set (Rastogi et al. 2020); the answer is {tasks: [{service, intent, slots}]}.

The schema goes into `provenance["schema"]`. What accepts several answers says so in `accept` (`text.accepted`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.records import JSON, Record
from tunewright.data.read import Rejected, excerpt
from tunewright.text import schema as schemas_of

COLUMNS = ("schema", "functions", "services", "accept")
"""Columns of a row that are kept whole for this."""

SERVICES = "schemas.jsonl"

_TYPES = {"dict": "object", "float": "number", "tuple": "array", "list": "array", "int": "integer", "bool": "boolean",
          "str": "string"}  # fmt: skip
_WORDS = ("description", "enum", "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "pattern")
"""Words of a schema that are taken over as they are."""


def settle(records: Iterable[Record], services: Path | None) -> tuple[list[Record], list[Rejected], list[str]]:
    """(records with the schemas that they bring, those whose schema cannot be used, notes).

    services: the file of services, where there is one. Raises DataError where it cannot be read.
    """
    known = _services(services) if services is not None else {}
    kept: list[Record] = []
    unfit: list[Rejected] = []
    schemas: set[str] = set()
    for record in records:
        brought = {name: record.provenance[name] for name in COLUMNS[:3] if name in record.provenance}
        if not brought or ("services" in brought and not known and len(brought) == 1):
            kept.append(record)
            continue
        try:
            schema = schemas_of.check(_schema(brought, known), where=f"record {record.id}")
        except (DataError, KeyError, TypeError, ValueError) as error:
            said = error.message if isinstance(error, DataError) else f"{type(error).__name__} {error}"
            unfit.append(Rejected.of(record, f"its own schema cannot be used: {said}", excerpt(record.text)))
            continue
        schemas.add(json.dumps(schema, sort_keys=True))
        about = {key: value for key, value in record.provenance.items() if key not in brought}
        kept.append(record.replace(provenance={**about, "schema": schema}))
    notes = []
    if schemas:
        many = sum("schema" in record.provenance for record in kept)
        notes.append(f"{many} records bring schemas of their own, {len(schemas)} different ones")
    return kept, unfit, notes


def _schema(brought: Mapping[str, Any], known: Mapping[str, Any]) -> JSON:
    if "schema" in brought:
        return brought["schema"]
    if "functions" in brought:
        return of_functions(brought["functions"])
    missing = [name for name in brought["services"] if name not in known]
    if missing:
        raise DataError(f"there is no service '{missing[0]}' in {SERVICES}")
    return of_services([known[name] for name in dict.fromkeys(brought["services"])])


def of_functions(functions: Iterable[Mapping[str, Any]]) -> dict[str, JSON]:
    """The schema of a list of calls of these functions. Raises DataError for a type that JSON does not have."""
    calls = []
    for function in functions:
        given = function.get("function", function)  # OpenAI's tools have it one level deeper
        arguments = plain(given.get("parameters") or {"type": "object", "properties": {}}, given["name"])
        call: dict[str, JSON] = {"type": "object"}
        if given.get("description"):
            call["description"] = given["description"]
        call["properties"] = {"name": {"const": given["name"]}, "arguments": arguments}
        calls.append({**call, "required": ["name", "arguments"], "additionalProperties": False})
    if not calls:
        raise DataError("there is no function to call")
    return {"type": "array", "items": calls[0] if len(calls) == 1 else {"anyOf": calls}, "minItems": 1}


def plain(given: Any, where: str) -> dict[str, JSON]:
    """A description of a parameter as a JSON Schema: types under JSON's names, objects closed, unknown words left out.

    Raises DataError for a type that JSON does not have.
    """
    if not isinstance(given, dict):
        raise DataError(f"{where} is described by no object")
    kind = given.get("type")
    kind = _TYPES.get(kind, kind) if isinstance(kind, str) else kind
    made = {word: given[word] for word in _WORDS if word in given}
    if kind in (None, "any"):
        return made
    if kind not in ("object", "array", "string", "number", "integer", "boolean", "null"):
        raise DataError(f"{where} has the type {json.dumps(kind)}, which JSON does not have")
    made = {"type": kind, **made}
    if kind == "object" and isinstance(given.get("properties"), dict):
        properties = {name: plain(inner, f"{where}.{name}") for name, inner in given["properties"].items()}
        required = [name for name in given.get("required") or () if name in properties]
        made |= {"properties": properties, "required": required, "additionalProperties": False}
    if kind == "array" and isinstance(given.get("items"), dict):
        made["items"] = plain(given["items"], f"{where}[]")
    return made


def of_services(services: Iterable[Mapping[str, Any]]) -> dict[str, JSON]:
    """The schema of tasks at these services: which intent, and the slots that are known of it.

    Descriptions are left out: names tell as much, and prompts are a third as long.
    """
    tasks = []
    for service in services:
        slots = {name: {"type": "string"} for name in service["slots"]}
        properties = {
            "service": {"const": service["id"]},
            "intent": {"enum": list(service["intents"])},
            "slots": {"type": "object", "properties": slots, "additionalProperties": False},
        }
        tasks.append(
            {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
        )
    items = tasks[0] if len(tasks) == 1 else {"anyOf": tasks}
    return {
        "type": "object",
        "properties": {"tasks": {"type": "array", "items": items}},
        "required": ["tasks"],
        "additionalProperties": False,
    }


def _services(path: Path) -> dict[str, Any]:
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        return {row["id"]: row for row in rows if isinstance(row.get("slots"), dict) and row.get("intents")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"cannot be read as a list of services: {error}", where=str(path)) from None
