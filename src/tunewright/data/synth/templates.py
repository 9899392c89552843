"""Small templates: `{slot}`, `<one|another|>` (nestable) and `{g:masculine/feminine}`.

A template is parsed once into a tuple of parts and then filled thousands of times a second.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from tunewright.core.errors import DataError


class Slot(NamedTuple):
    name: str


class Gendered(NamedTuple):
    masculine: str
    feminine: str


class Choice(NamedTuple):
    options: tuple[Any, ...]


Template = str | tuple[Any, ...]


@cache
def template(text: str) -> Template:
    """`text` parsed: a plain string where nothing varies, else a tuple of str, Slot, Gendered and Choice."""
    if "{" not in text and "<" not in text:
        return text
    parts, end = _sequence(text, 0, "")
    if end != len(text):
        raise DataError(f"unbalanced '{text[end]}' in the wording: {text}")
    return parts


def _sequence(text: str, at: int, until: str) -> tuple[tuple[Any, ...], int]:
    parts: list[Any] = []
    plain: list[str] = []

    def close() -> None:
        if plain:
            parts.append("".join(plain))
            plain.clear()

    while at < len(text) and text[at] not in until:
        char = text[at]
        if char == "{":
            end = text.index("}", at)
            close()
            name = text[at + 1 : end]
            parts.append(Gendered(*name[2:].split("/")) if name.startswith("g:") else Slot(name))
            at = end + 1
        elif char == "<":
            close()
            options = []
            at += 1
            while True:
                inner, at = _sequence(text, at, "|>")
                options.append(inner)
                if at >= len(text):
                    raise DataError(f"a '<' is never closed in the wording: {text}")
                at += 1
                if text[at - 1] == ">":
                    break
            parts.append(Choice(tuple(options)))
        else:
            plain.append(char)
            at += 1
    close()
    return tuple(parts), at


@cache
def slots(text: str) -> frozenset[str]:
    """The names of all slots anywhere in a template."""
    found: set[str] = set()

    def walk(parts: Template) -> None:
        if isinstance(parts, str):
            return
        for part in parts:
            if isinstance(part, Slot):
                found.add(part.name)
            elif isinstance(part, Choice):
                for option in part.options:
                    walk(option)

    walk(template(text))
    return frozenset(found)
