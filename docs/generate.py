"""Write the parts of the docs that follow from the code: `make docs`.

A generated part stands between two comments in a page that is otherwise written by hand:

    <!-- begin: recipe keys -->  ...  <!-- end -->

tests/docs/test_generated.py fails when a page is behind the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PART = re.compile(r"(<!-- begin: (?P<name>[a-z ]+) -->\n)(?P<text>.*?)(<!-- end -->)", re.DOTALL)
WIDTH = 96


# ---- recipe keys -----------------------------------------------------------------------------------------------------


def recipe_keys() -> str:
    """One table of keys for every page of the recipe, in the order a recipe has them."""
    from tunewright.core.recipe import Recipe

    schema = Recipe.model_json_schema()
    parts: list[str] = []
    for title, page, about in _pages(schema):
        parts.append(f"### {title}\n")
        if about:
            parts.append(f"{about}\n")
        parts.append("| key | default | allowed | meaning |\n|---|---|---|---|")
        for key, field in page["properties"].items():
            if _page_of(schema, field) is None:
                default = _code(field["default"]) if "default" in field else "*required*"
                meaning = re.sub(r"\bNone\b", "`null`", _cell(field.get("description", "")))
                parts.append(f"| `{key}` | {default} | {_allowed(schema, field)} | {meaning} |")
        parts.append("")
    return "\n".join(parts)


def _pages(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(title, JSON Schema, what it is) of the recipe's top and of every page in it, and in these."""

    def within(page: dict[str, Any], above: str) -> Iterator[tuple[str, dict[str, Any], str]]:
        for name, field in page["properties"].items():
            inner = _page_of(schema, field)
            if inner is not None:
                yield f"`{above}{name}:`", inner, inner.get("description", "")
                yield from within(inner, f"{above}{name}.")

    yield "Top of the page", schema, ""
    yield from within(schema, "")


def _page_of(schema: dict[str, Any], field: dict[str, Any]) -> dict[str, Any] | None:
    """The object schema that a field refers to, or None for a plain value."""
    name = field.get("$ref", "").removeprefix("#/$defs/")
    page = schema.get("$defs", {}).get(name)
    return page if page is not None and "properties" in page else None


def _allowed(schema: dict[str, Any], field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_allowed(schema, option) for option in field["anyOf"]))
    if "enum" in field:
        return ", ".join(_code(value) for value in field["enum"])
    if "const" in field:
        return _code(field["const"])
    kind = field.get("type", "any value")
    if kind in ("integer", "number"):
        return {"integer": "whole number", "number": "number"}[kind] + _bounds(field)
    if kind == "array":
        return f"list of {_allowed(schema, field.get('items', {}))}"
    if kind == "object":
        values = field.get("additionalProperties")
        return f"mapping to {_allowed(schema, values)}" if isinstance(values, dict) and values else "mapping"
    words = {"string": "text", "boolean": "true, false", "null": "null"}
    return words.get(kind, kind)


BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _bounds(field: dict[str, Any]) -> str:
    found = [f"{sign} {field[name]:g}" for name, sign in BOUNDS.items() if name in field]
    return " " + ", ".join(found) if found else ""


def _code(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def layouts() -> str:
    """The layouts that rows are recognised by, the most telling first."""
    from tunewright.data.read import LAYOUTS

    rows = [f"| `{layout.name}` | `{layout.keys}` |" for layout in LAYOUTS.values()]
    return "\n".join(["| layout | a row |", "|---|---|", *rows, ""])


def shipped_recipes() -> str:
    """The recipes that come with the package and what they say of themselves."""
    from tunewright.core import recipe_file

    rows = [
        f"| `{name}` | {_cell(recipe_file.read(path, environment={}).description)} |"
        for name, path in recipe_file.shipped().items()
    ]
    return "\n".join(["| recipe | job |", "|---|---|", *rows, ""])


# ---- the command line ------------------------------------------------------------------------------------------------


def command_help() -> str:
    """What `--help` prints for the program and for every verb."""
    from tunewright import cli

    program = cli.tunewright
    context = _context(program, "tunewright")
    parts = [_help(context)]
    for verb in program.list_commands(context):
        command = program.get_command(context, verb)
        if command is not None and not command.hidden:
            parts.append(_help(_context(command, verb, context)))
    return "\n".join(parts)


def _context(command: Any, name: str, parent: Any = None) -> Any:
    import click

    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return click.Context(command, info_name=name, parent=parent, **settings)


def _help(context: Any) -> str:
    text = "\n".join(line.rstrip() for line in context.get_help().splitlines())
    return f"## {context.command_path}\n\n```text\n{text}\n```\n"


# ---- Python ----------------------------------------------------------------------------------------------------------


def python_face() -> str:
    """Every public name of tunewright.api with its signature and docstring, methods of its classes included."""
    import inspect

    from tunewright import api

    parts: list[str] = []
    for name in api.__all__:
        value = getattr(api, name)
        parts.append(_documented(f"api.{name}", value))
        if inspect.isclass(value) and value.__module__.startswith("tunewright"):
            for method, member in vars(value).items():
                shown = member.__func__ if isinstance(member, classmethod | staticmethod) else member
                if not method.startswith("_") and inspect.isfunction(shown):
                    parts.append(_documented(f"api.{name}.{method}", shown, level=4))
    return "\n".join(parts)


def _documented(name: str, value: Any, *, level: int = 3) -> str:
    import inspect

    signature = f"{name}{_signature(value)}"
    about = inspect.getdoc(value) or ""
    return f"{'#' * level} {name}\n\n```text\n{signature}\n\n{about}\n```\n"


def _signature(value: Any) -> str:
    """The parameters as they are written, one a line where they are many."""
    import inspect

    if inspect.isclass(value):
        return ""
    found = inspect.signature(value)
    kept = [parameter for parameter in found.parameters.values() if parameter.name not in ("self", "cls")]
    found = found.replace(parameters=kept)
    text = _unquoted(str(found))
    if len(text) <= WIDTH:
        return text
    lines: list[str] = []
    for parameter in kept:
        if parameter.kind is parameter.KEYWORD_ONLY and "    *," not in lines:
            lines.append("    *,")
        lines.append(f"    {_unquoted(str(parameter))},")
    returned = "" if found.return_annotation is found.empty else f" -> {found.return_annotation}"
    return "(\n" + "\n".join(lines) + f"\n){returned}"


def _unquoted(text: str) -> str:
    """Annotations without the quotes that `from __future__ import annotations` gives them; functions as `...`."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", re.sub(r"<function .*? at 0x[0-9a-f]+>", "...", text))


def plain_template() -> str:
    """The template of models without one: as Jinja, a step a line, and what it writes."""
    import jinja2

    from tunewright.models.chat import PLAIN_TEMPLATE

    messages = [
        {"role": "system", "content": "Extract these fields as JSON.\ntotal"},
        {"role": "user", "content": "Bill of Ram, 5000"},
        {"role": "assistant", "content": '{"total": "5000"}'},
    ]
    told = {"messages": messages, "starts_with_bos": True, "bos_token": "<s>", "eos_token": "</s>"}
    written = jinja2.Environment().from_string(PLAIN_TEMPLATE).render(told)
    shown = PLAIN_TEMPLATE.replace("\n", "\\n").replace("{%", "\n{%").strip()
    between = "(its lines are broken here for reading only), and so a conversation reads:"
    return f"```text\n{shown}\n```\n\n{between}\n\n```text\n{written}```\n"


# ---- pages -----------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[], str]] = {
    "plain template": plain_template,
    "recipe keys": recipe_keys,
    "shipped recipes": shipped_recipes,
    "layouts": layouts,
    "command help": command_help,
    "python face": python_face,
}


def renewed(page: str) -> str:
    """A page with its generated parts as they are now. Raises KeyError for a part nobody generates."""
    return PART.sub(lambda found: f"{found[1]}{PARTS[found['name']]()}{found[4]}", page)


def pages() -> list[Path]:
    """The pages with generated parts."""
    return [path for path in sorted(DOCS.glob("*.md")) if PART.search(path.read_text(encoding="utf-8"))]


def main() -> None:
    for path in pages():
        before = path.read_text(encoding="utf-8")
        after = renewed(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
        print(f"{path.relative_to(DOCS.parent)}: {'written' if after != before else 'as it was'}")


if __name__ == "__main__":
    main()
