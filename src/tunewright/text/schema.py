"""JSON Schemas: checking them, checking values against them, showing them in a prompt, walking values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jsonschema_rs

from tunewright.core.errors import DataError
from tunewright.core.records import JSON
from tunewright.text.serialise import dumps

MAX_BYTES = 256_000
"""Longest JSON Schema accepted, in bytes of its canonical form."""

MAX_DEPTH = 48
"""Deepest nesting of a JSON Schema, and of a value that is checked against one."""

SCORE = "x-score"
"""The keyword that says how a field is scored besides being right or wrong (see `evals.metrics`)."""

MAX_FAULTS = 50
"""Most faults that `validate` lists for one value."""


def type_of(value: JSON) -> str:
    """JSON Schema's name of a value's type; a whole number is an "integer"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def depth(value: JSON) -> int:
    """Levels of nesting: 0 for a scalar, 1 for a flat object. Stops counting beyond 1,000."""
    level, row = 0, [value]
    while level <= 1000:
        row = [
            child
            for node in row
            if isinstance(node, (dict, list))
            for child in ([*node.values(), None] if isinstance(node, dict) else [*node, None])
        ]
        if not row:
            break
        level += 1
    return level


def check(schema: JSON, *, where: str | None = None) -> dict[str, JSON]:
    """`schema`, when it is a usable JSON Schema.

    Raises DataError where it is not an object, is too big or deep, is no valid JSON Schema, or refers to another
    document.
    """
    if not isinstance(schema, dict):
        raise DataError("a JSON Schema must be an object", where=where)
    if depth(schema) > MAX_DEPTH:
        raise DataError(f"the JSON Schema is nested more than {MAX_DEPTH} levels deep", where=where, hint="flatten it")
    try:
        text = dumps(schema)
    except (TypeError, ValueError) as error:
        raise DataError(f"the JSON Schema is not JSON: {error}", where=where) from None
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise DataError(f"the JSON Schema has {size:,} bytes; at most {MAX_BYTES:,} are taken", where=where)
    try:
        _validator(text)
    except ValueError as error:
        raise DataError(f"the JSON Schema is not valid: {_first_line(error)}", where=where) from None
    return schema


def _refuse_remote(uri: str) -> JSON:
    raise ValueError(f"{uri} is another document, and none is fetched")


@lru_cache(maxsize=64)
def _validator(text: str) -> Any:
    # `text` is canonical JSON: equal schemas share one compiled validator.
    return jsonschema_rs.validator_for(json.loads(text), validate_formats=True, retriever=_refuse_remote)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def validate(value: JSON, schema: dict[str, JSON]) -> list[str]:
    """What is wrong with `value`, one sentence a fault with its path, at most 50; empty when it obeys `schema`.

    Formats (date, email …) are checked. Raises DataError where the schema itself is not usable.
    """
    try:
        validator = _validator(dumps(schema))
    except ValueError:
        check(schema)  # says it better
        raise
    if depth(value) > MAX_DEPTH:
        return [f"the value is nested more than {MAX_DEPTH} levels deep"]
    try:
        if validator.is_valid(value):
            return []
        faults = []
        for error in validator.iter_errors(value):
            path = path_of(error.instance_path)
            faults.append(f"{path}: {error.message}" if path else error.message)
            if len(faults) == MAX_FAULTS:
                break
        return faults
    except (ValueError, OverflowError) as error:  # a value JSON cannot hold: a half character, an infinite number
        return [f"the value is not JSON: {_first_line(error)}"]


def path_of(steps: Any) -> str:
    """`items[0].price` from its steps; a key that is not a plain word stands in quotes, `["due.date"]`."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step and not any(c in step for c in '.[]"'):
            path += f".{step}" if path else step
        else:
            path += f"[{json.dumps(step, ensure_ascii=False)}]"
    return path


def key_of(path: str) -> str:
    """The key that a path stands for, whichever items it leads through.

    >>> key_of("items[0].price")
    'items[].price'
    """
    return re.sub(r"\[\d+\]", "[]", path)


def leaves(value: JSON) -> dict[str, JSON]:
    """Every scalar by its path: {"date": "2025-01-01", "items[0].price": 5}. Empty objects and arrays have none."""
    found: dict[str, JSON] = {}

    def walk(node: JSON, steps: tuple[str | int, ...]) -> None:
        if isinstance(node, dict):
            for key, child in node.items():
                walk(child, (*steps, key))
        elif isinstance(node, list):
            for index, child in enumerate(node):
                walk(child, (*steps, index))
        else:
            found[path_of(steps)] = node

    walk(value, ())
    return found


def with_leaves(value: JSON, changed: Mapping[str, JSON]) -> JSON:
    """The value with other scalars at some paths (those of `leaves`); paths that it has not count for nothing."""

    def walk(node: JSON, steps: tuple[str | int, ...]) -> JSON:
        if isinstance(node, dict):
            return {key: walk(child, (*steps, key)) for key, child in node.items()}
        if isinstance(node, list):
            return [walk(child, (*steps, index)) for index, child in enumerate(node)]
        return changed.get(path_of(steps), node)

    return walk(value, ())


Keys = Sequence[Sequence[str]]
"""Ways to keys of objects within objects: [["intent"], ["slots", "city"]]."""


def ways(schema: dict[str, JSON], deepest: int = 3) -> list[list[str]]:
    """The ways to all keys of a schema whose values are no objects with keys of their own, in order."""

    def walk(node: JSON, way: list[str]) -> Iterator[list[str]]:
        properties = resolve(node, schema).get("properties") if len(way) < deepest else None
        if not properties:
            yield way
            return
        for key, child in properties.items():
            yield from walk(child, [*way, key])

    return [way for way in walk(schema, []) if way]


def narrowed(schema: dict[str, JSON], keys: Keys) -> dict[str, JSON]:
    """The schema of an object with these keys alone, in their order; of the required ones those that are left.

    Raises DataError for a key that the schema does not have.
    """
    return {**_root(schema), **_narrowed(schema, keys, schema)}


def _root(schema: dict[str, JSON]) -> dict[str, JSON]:
    """What stands at the top of a schema for all that is inside of it."""
    return {word: schema[word] for word in ("$schema", "$defs", "definitions") if word in schema}


def _narrowed(schema: JSON, keys: Keys, root: JSON) -> dict[str, JSON]:
    known = resolve(schema, root)
    properties = known.get("properties") or {}
    kept: dict[str, JSON] = {}
    for key, further in _by_first(keys).items():
        if key not in properties:
            raise DataError(f"the schema has no key '{key}'", hint=f"it has: {', '.join(properties)}")
        kept[key] = _narrowed(properties[key], further, root) if further else properties[key]
    required = [key for key in kept if key in (known.get("required") or ())]
    return {**known, "properties": kept, "required": required}


def taken(value: JSON, keys: Keys) -> JSON:
    """What is left of an object with these keys alone, in their order; keys that it has not are left out."""
    if not isinstance(value, dict):
        return value
    asked = _by_first(keys).items()
    return {key: taken(value[key], further) if further else value[key] for key, further in asked if key in value}


def _by_first(keys: Keys) -> dict[str, list[Sequence[str]]]:
    """First key → the further ways behind it; none where the key itself is meant."""
    found: dict[str, list[Sequence[str]]] = {}
    for way in keys:
        further = found.setdefault(way[0], [])
        if len(way) > 1:
            further.append(way[1:])
    return found


PARTS = "parts"
"""The one key of several answers in one."""


def several(schema: dict[str, JSON], count: int) -> dict[str, JSON]:
    """The schema of so many answers in one, `{"parts": [...]}`."""
    root = _root(schema)
    item = {word: part for word, part in schema.items() if word not in root}
    parts = {"type": "array", "items": item, "minItems": count, "maxItems": count}
    closed = {"required": [PARTS], "additionalProperties": False}
    return {**root, "type": "object", "properties": {PARTS: parts}, **closed}


def at_path(schema: dict[str, JSON], steps: Sequence[str | int]) -> dict[str, JSON]:
    """The schema of the value that these steps lead to, references followed; {} where it cannot be told."""
    known = resolve(schema, schema)
    for step in steps:
        if isinstance(step, str):
            inner = (known.get("properties") or {}).get(step, known.get("additionalProperties"))
        else:
            inner = known.get("items")
        known = resolve(inner, schema)
    return known


def chosen(value: JSON, schema: dict[str, JSON]) -> set[str]:
    """The paths of `leaves` whose schema gives a choice (`enum`, `const`): what stands there is read from no one place.

    >>> kinds = {"properties": {"kind": {"enum": ["bill", "memo"]}, "to": {"type": "string"}}}
    >>> chosen({"kind": "bill", "to": "Ann"}, kinds)
    {'kind'}
    """
    found = set()

    def walk(node: JSON, steps: tuple[str | int, ...]) -> None:
        if isinstance(node, dict | list):
            for step, child in node.items() if isinstance(node, dict) else enumerate(node):
                walk(child, (*steps, step))
        elif not {"enum", "const"}.isdisjoint(at_path(schema, steps)):
            found.add(path_of(steps))

    walk(value, ())
    return found


# -- in a prompt


def resolve(schema: JSON, root: JSON, hops: int = 8) -> dict[str, JSON]:
    """The schema behind local references and a nullable choice; {} where it cannot be told."""
    for _ in range(hops):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith("#"):
            target = root
            for step in reference.lstrip("#").strip("/").split("/"):
                step = step.replace("~1", "/").replace("~0", "~")
                target = target.get(step, {}) if isinstance(target, dict) and step else target
            schema = target
            continue
        for word in ("anyOf", "oneOf"):
            options = [o for o in schema.get(word) or () if isinstance(o, dict) and o.get("type") != "null"]
            if len(options) == 1:
                schema = options[0]
                break
        else:
            return schema
    return {}


def in_schema_order(value: JSON, schema: JSON, root: JSON = None) -> JSON:
    """`value` with the keys of every object in the order its schema names them; others follow as they came.

    root: the schema that references are looked up in; by default `schema`.
    """
    root = schema if root is None else root
    known = resolve(schema, root)
    if isinstance(value, dict):
        properties = known.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        named = [key for key in properties if key in value]
        rest = [key for key in value if key not in properties]
        ordered = {key: in_schema_order(value[key], properties[key], root) for key in named}
        return ordered | {key: value[key] for key in rest}
    if isinstance(value, list):
        return [in_schema_order(item, known.get("items"), root) for item in value]
    return value


def keys_form(schema: dict[str, JSON]) -> str:
    """The bare keys in schema order: `invoice_number, customer_name, items: [name, price], address: {city, pin}`."""
    return _keys(schema, schema, 0)


def _keys(schema: JSON, root: JSON, level: int) -> str:
    if level > MAX_DEPTH:  # a schema that refers to itself
        return "…"
    parts = []
    for key, child in (resolve(schema, root).get("properties") or {}).items():
        inner = resolve(child, root)
        if inner.get("properties"):
            parts.append(f"{key}: {{{_keys(inner, root, _deeper(child, level))}}}")
        elif isinstance(inner.get("items"), dict):
            parts.append(f"{key}: [{_keys(inner['items'], root, _deeper(inner['items'], level))}]")
        else:
            parts.append(key)
    return ", ".join(parts)


def _deeper(child: JSON, level: int) -> int:
    # References may go round in circles: each costs far more than a plain level.
    return level + (16 if isinstance(child, dict) and "$ref" in child else 1)


def json_schema_form(schema: dict[str, JSON]) -> str:
    """The JSON Schema itself in canonical form, without our own `x-` marks and the name of its dialect."""

    def plain(node: JSON) -> JSON:
        if isinstance(node, list):
            return [plain(item) for item in node]
        if isinstance(node, dict):
            return {key: plain(value) for key, value in node.items() if not key.startswith(("x-", "$schema"))}
        return node

    return dumps(plain(schema))


def example_form(schema: dict[str, JSON]) -> str:
    """The shape as an example in canonical form: `{"name": "text", "price": "number", "items": [{"sku": "text"}]}`."""
    return dumps(_example(schema, schema, 0))


_NAMES = {"string": "text", "number": "number", "integer": "integer", "boolean": "true or false", "null": "null"}


def _example(schema: JSON, root: JSON, level: int) -> JSON:
    if level > MAX_DEPTH:
        return "…"
    inner = resolve(schema, root)
    if inner.get("properties"):
        return {key: _example(child, root, _deeper(child, level)) for key, child in inner["properties"].items()}
    if isinstance(inner.get("items"), dict):
        return [_example(inner["items"], root, _deeper(inner["items"], level))]
    if isinstance(inner.get("enum"), list):
        options = [value for value in inner["enum"] if value is not None]
        return " | ".join(value if isinstance(value, str) else dumps(value) for value in options)
    if "const" in inner:
        return inner["const"]
    kind = inner.get("type")
    kinds = [k for k in (kind if isinstance(kind, list) else [kind]) if k not in (None, "null")]
    if kinds == ["object"]:
        return {}
    if kinds == ["array"]:
        return []
    return " or ".join(_NAMES.get(k, str(k)) for k in kinds) or "text"
