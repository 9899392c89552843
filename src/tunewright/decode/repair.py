"""Reading JSON out of a free reply that isn't quite JSON. Every liberty taken is named.

A repaired reply never counts as valid: strict parsing is the task's, and what comes from here is reported beside it.
Nothing is guessed about content: no number is reformatted, no digit changed, no second object silently preferred.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tunewright.core.records import JSON

LONGEST = 200_000
"""Longest reply that is looked at, in characters."""

DEEPEST = 64

EFFORT = 400_000
"""Characters that are read at most, from one bracket after another."""

ATTEMPT = 50
"""Characters that a bracket counts for besides those read from it."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """value: what was read, or None. steps: the liberties taken, each once, in order; empty for strict JSON."""

    value: JSON
    steps: tuple[str, ...]


class _Lost(Exception):
    pass


_FENCE = re.compile(r"```[\w-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "„": "“"}
_WORDS: dict[str, JSON] = {"null": None, "true": True, "false": False}
_OTHER_WORDS: dict[str, JSON] = {"None": None, "True": True, "False": False, "undefined": None, "nil": None}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_BARE = re.compile(r"[^\s:,{}\[\]\"']+")
_CLOSES = re.compile(r"\s*(?:[,:}\]]|\Z)")
_BEGUN = re.compile(r'.\s*"\w', re.DOTALL)


def repair(text: str, wanted: type = dict) -> Repaired:
    """The first JSON object in `text` (wanted: list for an array), with the liberties it took.

    Brackets that are no JSON and hold no quotes are prose where another object follows (`Use {key: value}: {"a": 1}`).
    Never raises; the value is None where there is none.
    """
    if len(text) > LONGEST:
        return Repaired(None, (f"longer than {LONGEST:,} characters",))
    opening, name = ("[", "array") if wanted is list else ("{", "object")
    tries: list[tuple[str, list[str]]] = [(text, [])]
    if fence := _FENCE.search(text):
        fenced = (fence.group(1), ["code fence"])
        # A reply that begins with a bracket is in no fence: one that follows may stand in a string of it.
        tries = [*tries, fenced] if text.lstrip().startswith(opening) else [fenced, *tries]
    found = [_read(body, opening, name, steps) for body, steps in tries]
    return next((one for one in found if one.value is not None), found[0])


def _read(body: str, opening: str, name: str, steps: list[str]) -> Repaired:
    """The first object or array of a text that is no prose, else the first that can be read."""
    start = body.find(opening)
    if start < 0:
        return Repaired(None, (*steps, f"no {name}"))
    readings = _readings(body, opening)
    first = best = next(readings, None)
    if first and first.prose:
        best = next((one for one in readings if not one.prose), first)
    if body[: best.start if best else start].strip():
        steps.append("text before" if best is first else f"another {name} before")
    if best is None:
        return Repaired(None, (*steps, "beyond repair"))
    steps += best.steps
    rest = body[best.end :].strip()
    if rest:
        steps.append(f"another {name} after" if opening in rest else "text after")
    return Repaired(best.value, tuple(dict.fromkeys(steps)))


class _Reading(NamedTuple):
    """value: what `text[start:end]` says. prose: it is no strict JSON and holds no quotes."""

    start: int
    end: int
    value: JSON
    steps: list[str]
    prose: bool


def _readings(body: str, opening: str) -> Iterator[_Reading]:
    """What can be read from one opening bracket after another, none within another.

    Where something is mended, but nothing is in it, only the first bracket counts.
    """
    closings = _closings(body, opening)
    first = start = body.find(opening)
    left = EFFORT
    while start >= 0 and left > 0:
        reader = _Reader(body, start)
        try:
            value = reader.value(0)
        except (_Lost, RecursionError, ValueError):
            # A part of a broken object is never taken for the whole.
            if start not in closings and _BEGUN.match(body, start):
                return
            behind = closings.get(start, start + 1)
        else:
            if value or not reader.steps or start == first:
                yield _Reading(start, reader.at, value, reader.steps, bool(reader.steps) and not reader.quoted)
            behind = reader.at
        left -= reader.at - start + ATTEMPT
        start = body.find(opening, behind)


def _closings(body: str, opening: str) -> dict[int, int]:
    """Where each opening bracket stands → the place behind the one that closes it."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for bracket in re.finditer(r"[{}]" if opening == "{" else r"[\[\]]", body):
        if bracket.group() == opening:
            opened.append(bracket.start())
        elif opened:
            found[opened.pop()] = bracket.end()
    return found


class _Reader:
    """A JSON parser that forgives, and notes what."""

    def __init__(self, text: str, at: int):
        self.text, self.at = text, at
        self.steps: list[str] = []
        self.quoted = False

    def note(self, step: str) -> None:
        self.steps.append(step)

    def blank(self) -> str:
        """Skip white space and comments; the next character, "" at the end."""
        while self.at < len(self.text):
            if self.text[self.at].isspace():
                self.at += 1
            elif self.text.startswith("//", self.at):
                self.note("comment")
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return self.text[self.at]
        return ""

    def value(self, depth: int) -> JSON:
        if depth > DEEPEST:
            raise _Lost
        first = self.blank()
        if first == "{":
            return self.object(depth)
        if first == "[":
            return self.array(depth)
        if first in _QUOTES:
            return self.string(first)
        if number := _NUMBER.match(self.text, self.at):
            after = self.text[number.end() : number.end() + 1]
            if not after or after in ",}] \t\r\n":
                self.at = number.end()
                return json.loads(number.group())
        if word := _BARE.match(self.text, self.at):
            return self.word(word)
        raise _Lost

    def word(self, match: re.Match[str]) -> JSON:
        text = match.group()
        if text in _WORDS or text in _OTHER_WORDS:
            self.at = match.end()
            if text in _OTHER_WORDS:
                self.note("word of another language")
            return _WORDS.get(text, _OTHER_WORDS.get(text))
        # A value without quotes runs to the next comma or bracket on its line.
        end = re.compile(r"[,}\]\n]").search(self.text, self.at)
        stop = end.start() if end else len(self.text)
        self.note("value without quotes")
        value, self.at = self.text[self.at : stop].strip(), stop
        return value

    def string(self, quote: str) -> str:
        close = _QUOTES[quote]
        self.quoted = True
        if quote != '"':
            self.note("other quotes")
        out: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            c = self.text[self.at]
            if c == "\\":
                out.append(self.escape())
                continue
            if c == close and (quote == '"' or self.ends_here()):
                self.at += 1
                return "".join(out)
            if c < " ":
                self.note("raw control character")
            out.append(c)
            self.at += 1
        self.note("cut off")
        return "".join(out)

    def ends_here(self) -> bool:
        """Whether a single quote closes a string rather than being an apostrophe."""
        return _CLOSES.match(self.text, self.at + 1) is not None

    def escape(self) -> str:
        match = re.compile(
            r'\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])'
        ).match(self.text, self.at)
        if match is None:
            self.note("unknown escape")
            taken = self.text[self.at + 1 : self.at + 2]
            self.at += 2
            return taken
        self.at = match.end()
        return json.loads(f'"{match.group()}"')

    def array(self, depth: int) -> list[JSON]:
        self.at += 1
        items: list[JSON] = []
        while True:
            following = self.blank()
            if following == "]":
                self.at += 1
                return items
            if following in ("", "}"):
                self.note("missing bracket")
                return items
            items.append(self.value(depth + 1))
            self.comma("]")

    def object(self, depth: int) -> dict[str, JSON]:
        self.at += 1
        found: dict[str, JSON] = {}
        while True:
            following = self.blank()
            if following == "}":
                self.at += 1
                return found
            if following in ("", "]"):
                self.note("missing bracket")
                return found
            key = self.key(following)
            if self.blank() not in (":", "="):
                if self.at >= len(self.text):
                    self.note("cut off")
                    return found
                raise _Lost
            if self.text[self.at] == "=":
                self.note("equals sign")
            self.at += 1
            if not self.blank():
                self.note("cut off")
                return found
            value = self.value(depth + 1)
            if key in found:
                self.note("duplicate key, first kept")
            else:
                found[key] = value
            self.comma("}")

    def key(self, first: str) -> str:
        if first in _QUOTES:
            return self.string(first)
        if word := _BARE.match(self.text, self.at):
            self.at = word.end()
            self.note("key without quotes")
            return word.group()
        raise _Lost

    def comma(self, close: str) -> None:
        following = self.blank()
        if following == ",":
            self.at += 1
            if self.blank() == close:
                self.note("trailing comma")
        elif following not in ("", "}", "]"):
            self.note("missing comma")
