"""Recipes as files: YAML with line numbers in, a checked `Recipe` out, all faults at once.

A recipe is data (see `core.yaml_page`): reading one never runs code.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from tunewright.core import catalogue
from tunewright.core.errors import Fault, RecipeError, UsageError, did_you_mean, nearest
from tunewright.core.recipe import PRESETS, Recipe
from tunewright.core.yaml_page import Dumper, Key, Page, dotted, short

MAX_BYTES = 256 * 1024
SUFFIXES = (".yaml", ".yml")
UNHASHED: tuple[tuple[str, ...], ...] = (
    ("description",),
    ("data", "workers"),
    ("evaluate", "workers"),
    *(("hosted", key) for key in ("key_name", "poll_seconds", "timeout_seconds", "max_retries", "concurrency")),
    ("tune",),
)
"""Keys that do not change what comes out of a run, and so do not make another run of it."""

JUDGED = ("downstream",)
"""Pages of a recipe that only look at what a run has made: told otherwise, they look again, in the same run."""

UNTOLD = (("hosted", "key_name"), ("hosted", "base_url"))
"""Keys whose wrong values are not shown: somebody may have put a secret there."""


# ---------------------------------------------------------------- recipes by name


def shipped() -> dict[str, Path]:
    """The recipes that come with the package: name → file, in order of name."""
    folder = Path(__file__).resolve().parent.parent / "recipes"
    return {file.stem: file for file in sorted(folder.iterdir()) if file.suffix in SUFFIXES}


def find(name: str | Path) -> Path:
    """The file of a recipe: a path, a folder with a `recipe.yaml` (a run folder is one), or a shipped name.

    Raises UsageError with the nearest names on a miss.
    """
    text = str(name)
    path = Path(text).expanduser()
    known = shipped()
    if text in known and not path.is_file():
        return known[text]
    if path.is_dir() and (path / "recipe.yaml").is_file():
        return path / "recipe.yaml"
    if path.is_file():
        return path
    if path.suffix in SUFFIXES or os.sep in text:
        raise UsageError("there is no such recipe file", where=text, hint="tunewright recipes lists the shipped ones")
    raise UsageError(
        f"there is no recipe named {short(text)}",
        hint=did_you_mean(text, known) or f"shipped recipes: {', '.join(known) or 'none'}; or name a .yaml file",
    )


# ---------------------------------------------------------------- reading


PLUG_INS = ("task", "method")
"""Parts of a recipe whose `name` is that of a plug-in of this kind."""


def known_names(kind: str) -> list[str]:
    """What such a part may be called: a plug-in's name or, for a method, that of a preset."""
    return sorted({*catalogue.names(kind), *(PRESETS if kind == "method" else ())})


def read(
    name: str | Path, sets: Sequence[str] = (), *, environment: Mapping[str, str] | None = None, written: bool = False
) -> Recipe:
    """The recipe of a file or a shipped name, with `--set` changes (`train.learning_rate=1e-4`) on top.

    A flag goes before the variable TUNEWRIGHT_SET (several assignments with spaces between), which goes before
    the file. Relative paths in a file are looked up beside it, those in a flag from where the command was given;
    a schema given as a file is read into the recipe, so that a run keeps it. written: of a run that is there already,
    which may name a plug-in (`--code`) that is not known to who only looks at it.
    Raises RecipeError with all faults, each with its file:line; UsageError where there is no such recipe.
    """
    path = find(name)
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return parse(content, str(path), sets, folder=path.resolve().parent, environment=environment, written=written)


def parse(
    content: bytes | str,
    origin: str,
    sets: Sequence[str] = (),
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    written: bool = False,
) -> Recipe:
    """The recipe in `content`; `origin` names it in faults, `folder` is where its relative paths begin.

    written: see `read`.

    Raises RecipeError with all faults.
    """
    page = Page()
    data = _data(page, content, origin)
    file_only = set(page.where)
    for flag, text in _assignments(page, sets, os.environ if environment is None else environment):
        _assign(page, data, flag, text)
    if isinstance(data, dict):
        _paths(page, data, folder or Path.cwd(), file_only, origin)
        recipe = _check(page, data, origin)
        if not written:
            _check_plug_ins(page, data, origin)
    if page.faults:
        raise RecipeError(sorted(page.faults, key=lambda fault: _line(fault, origin)))
    return recipe


def _line(fault: Fault, origin: str) -> tuple[bool, int]:
    place, _, number = (fault.where or "").rpartition(":")
    return (place != origin, int(number) if place == origin and number.isdigit() else 0)


def _data(page: Page, content: bytes | str, origin: str) -> Any:
    if len(content) > MAX_BYTES:
        page.fault(f"a recipe is at most {MAX_BYTES // 1024} kB; this is not one", origin)
        return None
    if isinstance(content, bytes):
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            page.fault("is not UTF-8 text", f"{origin}:{line}")
            return None
    else:
        text = content
    node = page.compose(text, origin)
    if node is None:
        if not page.faults:
            page.fault("the recipe is empty", origin, "tunewright init NAME writes one to begin with")
        return None
    data = page.build(node, (), origin)
    if not isinstance(data, dict):
        page.fault(
            "a recipe is a mapping (key: value)", page.where[()], "tunewright init NAME writes one to begin with"
        )
        return None
    return data


def _assignments(page: Page, sets: Sequence[str], environment: Mapping[str, str]) -> list[tuple[str, str]]:
    found = []
    if "TUNEWRIGHT_SET" in environment:
        try:
            found = [("TUNEWRIGHT_SET", text) for text in shlex.split(environment["TUNEWRIGHT_SET"])]
        except ValueError as error:
            page.fault(f"cannot be split into assignments: {error}", "TUNEWRIGHT_SET")
    return found + [("--set", text) for text in sets]


def _assign(page: Page, data: Any, flag: str, text: str) -> None:
    """Put `a.b=c` into the data; the value is read as YAML."""
    name, equals, written = text.partition("=")
    where = f"{flag} {short(text)[1:-1]}"
    parts = name.strip().split(".")
    if not equals or not all(parts):
        page.fault("is not of the form key=value", where, "for example --set train.learning_rate=1e-4")
        return
    inner = Page()
    value: Any = None
    if written.strip():
        node = inner.compose(written, where, lines=False)
        if node is not None:
            value = inner.build(node, tuple(parts), where, lines=False)
        page.faults += inner.faults
        if inner.faults:
            return
    else:
        value = ""
    if not isinstance(data, dict):
        return
    for depth in range(1, len(parts)):
        inside = data.get(parts[depth - 1])
        if inside is None:
            inside = data[parts[depth - 1]] = _default(parts[:depth])
            page.where.setdefault(tuple(parts[:depth]), where)
        if not isinstance(inside, dict):
            page.fault(f"{dotted(parts[:depth])} has no keys of its own", where)
            return
        data = inside
    data[parts[-1]] = value
    for key in [key for key in page.where if key[: len(parts)] == tuple(parts)]:
        del page.where[key]
    page.where |= inner.where
    page.where[tuple(parts)] = where


def _default(parts: list[str]) -> dict[str, Any]:
    """What a mapping of the recipe holds where nothing is said: one of its keys is changed, not all others dropped."""
    model = _model(tuple(parts[:-1]))
    field = model.model_fields.get(parts[-1]) if model is not None else None
    default = field.default if field is not None and isinstance(field.default, dict) else {}
    return dict(to_jsonable_python(default))


def _paths(page: Page, data: dict[str, Any], folder: Path, file_only: set[Key], origin: str) -> None:
    """Make relative paths absolute, and read a schema that is given as a file."""

    def base(key: Key) -> Path:
        from_file = key in file_only and page.where.get(key, "").startswith(f"{origin}:")
        return folder if from_file else Path.cwd()

    for key in (("model",), ("data", "source")):
        holder = data if len(key) == 1 else data.get(key[0])
        value = holder.get(key[-1]) if isinstance(holder, dict) else None
        if isinstance(value, str) and "\0" not in value and 0 < len(value) < 4096:
            path = base(key) / Path(value).expanduser()
            if path.exists() if os.sep in value or "." in value else _is_meant(path, key[-1]):
                holder[key[-1]] = str(Path(os.path.abspath(path)))  # type: ignore[index]
    task = data.get("task")
    schema = task.get("json_schema") if isinstance(task, dict) else None
    if isinstance(task, dict) and isinstance(schema, str):
        key = ("task", "json_schema")
        try:
            path = base(key) / Path(schema).expanduser()
            value = json.loads(path.read_bytes()[: MAX_BYTES + 1])
        except (OSError, ValueError, RecursionError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            page.fault(
                f"task.json_schema: {short(schema)} cannot be read as JSON: {reason}", page.where.get(key, origin)
            )
            task["json_schema"] = None
            return
        if not isinstance(value, dict):
            page.fault(f"task.json_schema: {short(schema)} does not hold a JSON object", page.where.get(key, origin))
            value = None
        task["json_schema"] = value


def _is_meant(folder: Path, key: str) -> bool:
    """Whether a plain name means this folder: it is there, and for a model holds one."""
    return folder.is_dir() and (key != "model" or (folder / "config.json").is_file())


# ---------------------------------------------------------------- checking


def _check(page: Page, data: dict[str, Any], origin: str) -> Recipe:
    try:
        # JSON mode is the strict one that still turns lists into tuples: "5" is not 5, and true is not 1.
        return Recipe.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        seen: dict[Key, list[Any]] = {}
        for detail in error.errors(include_url=False):
            seen.setdefault(_key(data, detail), []).append(detail)
        for key, details in seen.items():
            page.faults.append(_fault(page, data, key, details, origin))
    return Recipe.model_construct(name="")


def _check_plug_ins(page: Page, data: dict[str, Any], origin: str) -> None:
    for kind in PLUG_INS:
        key: Key = (kind, "name")
        part = data.get(kind)
        name = part.get("name") if isinstance(part, dict) else None
        if isinstance(name, str) and name not in (known := known_names(kind)):
            page.faults.append(
                Fault(
                    f"{dotted(key)}: {short(name)} is not allowed; it must be {_one_of(known)}",
                    where=page.where.get(key) or page.where.get(key[:1]) or origin,
                    hint=f"--code FILE adds a {kind} of your own",
                )
            )


def _one_of(names: Sequence[str]) -> str:
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _key(data: Any, detail: Any) -> Key:
    """The part of an error's place that is a place in the data: pydantic adds the branches of a union."""
    key: list[str | int] = []
    if not detail["loc"]:
        return ()  # of the recipe as a whole
    *above, last = detail["loc"]
    for part in (*above, last):
        if part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int):
            key.append(part)
            data = data[part]
    if detail["type"] == "missing" and isinstance(data, dict):
        key.append(last)
    return tuple(key)


def _model(key: Key) -> type[BaseModel] | None:
    """The page of the recipe that a key leads to, or None."""
    model: type[BaseModel] = Recipe
    parts = iter(key)
    for part in parts:
        field = model.model_fields.get(str(part))
        page = None if field is None else field.annotation
        if get_origin(page) is dict and next(parts, None) is not None:
            page = next((one for one in _within(page) if _is_page(one)), None)
        if not _is_page(page):
            return None
        model = page
    return model


def _is_page(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _within(annotation: Any) -> Iterator[Any]:
    """The plain types that a type is made of."""
    inner = get_args(annotation)
    for one in inner:
        yield from _within(one)
    if not inner:
        yield annotation


def keys() -> list[str]:
    """Every key of a recipe, dotted."""

    def below(model: type[BaseModel], before: Key) -> list[str]:
        found = []
        for name in model.model_fields:
            inner = _model((*before, name))
            found += below(inner, (*before, name)) if inner else [dotted((*before, name))]
        return found

    return below(Recipe, ())


def _fault(page: Page, data: Any, key: Key, details: list[Any], origin: str) -> Fault:
    where = page.where.get(key)
    for depth in range(len(key) - 1, -1, -1):
        where = where or page.where.get(key[:depth])
    kinds = [detail["type"] for detail in details]
    if "extra_forbidden" in kinds:
        return Fault(f"unknown key {short(dotted(key))}", where=where or origin, hint=_known(key))
    if kinds == ["missing"]:
        return Fault(f"{dotted(key)} is missing", where=where or origin)
    value = details[0]["input"]
    for part in key:
        data = data[part]
        value = data
    allowed = " or ".join(dict.fromkeys(_allowed(detail) for detail in details))
    if not key:
        return Fault(f"the recipe must be {allowed}", where=where or origin)
    shown = "what stands there" if key in UNTOLD else short(value)
    return Fault(f"{dotted(key)}: {shown} is not allowed; it must be {allowed}", where=where or origin)


def _known(key: Key) -> str:
    name = str(key[-1])
    model = _model(key[:-1])
    known = list(model.model_fields) if model else []
    elsewhere = [path for path in keys() if path.split(".")[-1] == name]
    near = nearest(name, known)
    if elsewhere and (not near or name not in known):
        return f"did you mean '{elsewhere[0]}'?"
    if near:
        return f"did you mean '{dotted((*key[:-1], near[0]))}'?"
    far = nearest(name, [path.split(".")[-1] for path in keys()])
    full = [path for path in keys() if far and path.split(".")[-1] == far[0]]
    return f"did you mean '{full[0]}'?" if full else f"known here: {', '.join(known)}"


_WORDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "none_required": "null",
}


def _allowed(detail: Any) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "literal_error":
            return str(context["expected"]).replace("'", "")
        case "greater_than":
            return f"greater than {context['gt']:g}"
        case "greater_than_equal":
            return f"{context['ge']:g} or more"
        case "less_than":
            return f"less than {context['lt']:g}"
        case "less_than_equal":
            return f"{context['le']:g} or less"
        case "string_pattern_mismatch":
            return f"text of the form {context['pattern']}"
        case "value_error":
            return str(detail["msg"]).removeprefix("Value error, ")
        case kind:
            return _WORDS.get(kind, str(detail["msg"]))


# ---------------------------------------------------------------- writing


def plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON data with every default spelled out, the same for equal recipes (1 and 1.0 are one)."""
    normal = Recipe.model_validate_json(recipe.model_dump_json())
    return dict(normal.model_dump(mode="json"))


def of_plain(data: Mapping[str, Any], where: str) -> Recipe:
    """The recipe that `plain` told, perhaps an earlier version's: a key that it did not know has its default.

    where: the file, for errors. Raises RecipeError where it is damaged.
    """
    return parse(json.dumps(data), where, environment={}, written=True)


def resolved(recipe: Recipe) -> str:
    """YAML of the recipe with every default spelled out. Reading it gives the same recipe."""
    return str(yaml.dump(plain(recipe), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100))


def content_hash(recipe: Recipe) -> str:
    """sha256 of everything in the recipe that decides what comes out of a run."""
    return _hash_of(recipe)


def identity(recipe: Recipe) -> str:
    """sha256 of what makes a run this one and no other: of its content but for the pages that only look at it."""
    return _hash_of(recipe, without=JUDGED)


def _hash_of(recipe: Recipe, without: Sequence[str] = ()) -> str:
    data = {page: value for page, value in plain(recipe).items() if page not in without}
    for key in UNHASHED:
        holder = data
        for part in key[:-1]:
            holder = holder[part]
        holder.pop(key[-1], None)
    return hashlib.sha256(json.dumps(data, ensure_ascii=True).encode()).hexdigest()


def training_hash(recipe: Recipe) -> str:
    """sha256 of what in the recipe decides how weights are trained; new keys with their defaults do not change it."""
    data = recipe.model_dump(mode="json", include={"seed", "method", "train"}, exclude_defaults=True)
    for page, key in (key for key in UNHASHED if len(key) == 2):
        data.get(page, {}).pop(key, None)
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def differences(one: Recipe, other: Recipe) -> list[tuple[str, Any, Any]]:
    """What differs between two recipes: dotted key, the first's value, the second's."""

    def walk(a: Any, b: Any, key: Key) -> list[tuple[str, Any, Any]]:
        if isinstance(a, dict) and isinstance(b, dict) and _model(key):
            return [item for name in a for item in walk(a[name], b.get(name), (*key, name))]
        return [] if a == b else [(dotted(key), a, b)]

    return walk(plain(one), plain(other), ())


def json_schema() -> dict[str, Any]:
    """JSON Schema of a recipe, for editors."""
    schema = Recipe.model_json_schema()
    for kind in PLUG_INS:
        schema["$defs"][f"{kind.title()}Options"]["properties"]["name"]["examples"] = known_names(kind)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
