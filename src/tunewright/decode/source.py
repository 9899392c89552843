"""Verbatim values: strings that may only be what the document says, enforced while they are written.

A schema marks them. `"x-verbatim": true` holds a string to a run of the document that cuts no word or number, as
printed or with one space for each white space in it (an address of three lines); `"x-verbatim": "amount"` to one of
its numbers in plain form (ASCII digits, no grouping); `"x-verbatim": "name"` to a run that may also end before a mark
of a note, and a list of such to runs one behind the other. Where the string has a pattern, too, only runs that obey it
count (a pattern from `^` to `$`, without alternatives, that few runs obey). Such a value cannot be made up: what is
left to get wrong is which part of the document it is. Prior art: pointer networks (Vinyals et al. 2015), and the
`verbatim-string` type of NuExtract, which asks a model for this and does not enforce it.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import regex

from tunewright.core.records import JSON, Record, number_of
from tunewright.decode.grammar import AMOUNT, NAME, VERBATIM, Vocabulary
from tunewright.text.align import is_wordlike
from tunewright.text.numbers import amounts, ascii_digits
from tunewright.text.schema import key_of, leaves, path_of, resolve
from tunewright.text.serialise import dumps

# A comma may group digits, or stand between the cells of a row.
_NUMBERS = (regex.compile(r"\p{Nd}(?:[\p{Nd},]*\p{Nd})?(?:\.\p{Nd}+)?"), regex.compile(r"\p{Nd}+(?:\.\p{Nd}+)?"))

_QUOTE, _BACKSLASH, _OBJECT, _COMMA = b'"\\{,'


Place = tuple[bytes, frozenset[int], int]
"""Where a value may stand so far: bytes to copy from, where it may end, how far it is."""


MOST_RUNS = 200_000
"""Runs of a document that are held against a pattern: one that more could obey, such as `^.+$`, leaves every run."""


@cache
def _form(pattern: str) -> regex.Pattern[str] | None:
    """What a whole value obeys, by a schema's pattern; None for one that may hold of a part of it."""
    if not (pattern.startswith("^") and pattern.endswith("$")) or "|" in pattern or pattern.endswith("\\$"):
        return None
    try:
        return regex.compile(pattern[1:-1])
    except regex.error:
        return None


class Said:
    """A text in the bytes that a JSON string writes it with, and where its words begin and end there."""

    __slots__ = ("_fitting", "_places", "_text", "closes", "data", "noted", "opens")

    def __init__(self, text: str):
        text = text.rstrip()
        data = bytearray()
        opens: list[int] = []
        closes: set[int] = set()
        noted: set[int] = set()
        places: list[int] = []  # every character's byte offset
        before, before_blank, letter = (
            False,
            True,
            False,
        )  # the character before: part of a word? white space? a letter?
        for character in text:
            places.append(len(data))
            wordlike, blank = is_wordlike(character), character.isspace()
            if letter and character.isdigit():
                noted.add(len(data))
            if not (before and wordlike):
                if not before_blank:
                    closes.add(len(data))
                if not blank:
                    opens.append(len(data))
            written = character if character >= " " and character not in '"\\' else dumps(character)[1:-1]
            data += written.encode("utf-8", "surrogatepass")
            before, before_blank, letter = wordlike, blank, character.isalpha()
        closes.add(len(data))
        self.data = bytes(data)
        self.opens = tuple(opens)
        """Byte offsets at which a value may begin, in order, never inside a word or number: as many in both forms."""
        self.closes = frozenset(closes)
        """Byte offsets at which a value may end."""
        self.noted = self.closes | noted
        """Byte offsets at which a name may end: also between a letter and a digit."""
        self._text, self._places = text, [*places, len(data)]
        self._fitting: dict[tuple[bool, str], list[Place]] = {}

    def ends(self, mark: JSON) -> frozenset[int]:
        """Byte offsets at which a value with this mark may end."""
        return self.noted if mark == NAME else self.closes

    def runs(self, mark: JSON, pattern: JSON) -> Sequence[Place]:
        """Where a value with this mark and pattern may stand, in order."""
        form = _form(pattern) if isinstance(pattern, str) else None
        if form is None:
            ends = self.ends(mark)
            return [(self.data, ends, at) for at in self.opens]
        key = (mark == NAME, form.pattern)
        if key not in self._fitting:
            closes = [(end, bisect_left(self._places, end)) for end in sorted(self.ends(mark))]
            begun = [(at, first) for at in self.opens if form.match(self._text, first := bisect_left(self._places, at))]
            found: list[Place] = []
            if len(begun) * len(closes) > MOST_RUNS:
                begun, found = [], [(self.data, self.ends(mark), at) for at in self.opens]
            for at, first in begun:
                fitting = frozenset(end for end, last in closes if form.fullmatch(self._text, first, last))
                if fitting:
                    found.append((self.data[: max(fitting)], fitting, at))
            self._fitting[key] = found
        return self._fitting[key]


class Source:
    """What the verbatim values of one document may be."""

    __slots__ = ("amounts", "said")

    def __init__(self, text: str):
        spaced = " ".join(text.split())
        self.said = (Said(text),) if spaced == text.rstrip() else (Said(text), Said(spaced))
        """The text as printed, and, where that is another one, with one space for each of its white spaces."""
        plain = [found.value for found in amounts(text)]
        plain += [ascii_digits(found.replace(",", "")) for form in _NUMBERS for found in form.findall(text)]
        self.amounts = tuple(value.encode() for value in dict.fromkeys(plain))

    def says(self, value: str, mark: JSON) -> bool:
        """Whether `value` may be a value of a string with this mark."""
        written = dumps(value)[1:-1].encode("utf-8", "surrogatepass")
        if mark == AMOUNT:
            return written in self.amounts
        return bool(written) and any(
            said.data.startswith(written, at) and at + len(written) in said.ends(mark)
            for said in self.said
            for at in said.opens
        )


class Verbatim:
    """Follows a reply byte by byte, and knows what its verbatim values leave open.

    schema: the reply's JSON Schema, with its marks. source: the document.
    """

    __slots__ = (
        "_behind",
        "_empty",
        "_escaped",
        "_expects_key",
        "_inside",
        "_key",
        "_kinds",
        "_nodes",
        "_root",
        "_source",
        "places",
    )

    def __init__(self, schema: dict[str, JSON], source: Source):
        self._root, self._source = schema, source
        self._nodes: tuple[JSON, ...] = (schema,)  # the schema of what comes next, after those it stands in
        self._kinds: tuple[int, ...] = ()  # the open brackets
        self._expects_key = self._inside = self._escaped = False
        self._empty = True
        self._key: bytes | None = None
        self._behind = 0  # of the places where a value may begin: those before the end of a list's last name
        self.places: list[Place] | None = None
        """Inside a verbatim value: where it may stand. None elsewhere."""

    def copy(self) -> Verbatim:
        twin = object.__new__(Verbatim)
        for name in Verbatim.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    def release(self) -> None:
        """Let the value that is being written be any string."""
        self.places = None

    def feed(self, text: bytes) -> bool:
        """Go on by `text`. False where a verbatim value is left for good: what is written of it is then any string."""
        good = True
        for byte in text:
            if not (self._string(byte) if self._inside else self._between(byte)):
                good = False
        return good

    def mask(self, words: Vocabulary, allowed: np.ndarray) -> np.ndarray:
        """Which of the `allowed` tokens keep the reply verbatim: bool, as long as `allowed`."""
        doubtful = allowed & words.quoted
        if self.places is None:
            kept = allowed & ~words.quoted
        else:
            kept = np.zeros_like(allowed)
            runs = {data[at : at + size] for data, _, at in self.places for size in range(1, words.longest + 1)}
            kept[[id for run in runs if run for id in words.ids.get(run, ())]] = True
            kept &= allowed & ~words.quoted
        for id in np.flatnonzero(doubtful):
            kept[id] = self.copy().feed(words.bytes[id])
        return kept

    def _string(self, byte: int) -> bool:
        ends = byte == _QUOTE and not self._escaped
        self._escaped = byte == _BACKSLASH and not self._escaped
        if self._key is not None:
            if ends:
                self._inside = False
                self._enter(json.loads(b'"' + self._key + b'"'))
            else:
                self._key += bytes((byte,))
            return True
        places, self.places = self.places, None
        if ends:
            self._inside = False
            if places is None:
                return True
            stands = [(data, at) for data, closes, at in places if at in closes]
            behind = [
                bisect_left(said.opens, at)
                for data, at in stands
                for said in self._source.said
                if said.data.startswith(data)
            ]
            self._behind = min(behind, default=0)
            return bool(stands) and not self._empty
        self._empty = False
        if places is None:
            return True
        left = [(data, closes, at + 1) for data, closes, at in places if data[at : at + 1] == bytes((byte,))]
        self.places = left or None
        return bool(left)

    def _between(self, byte: int) -> bool:
        if byte == _QUOTE:
            self._inside, self._empty = True, True
            if self._expects_key:
                self._key = b""
                return True
            places = self._begin()
            self.places = places or None
            return places is None or bool(places)
        if byte in b"{[":
            self._kinds = (*self._kinds, byte)
            self._expects_key = byte == _OBJECT
            items = {} if byte == _OBJECT else resolve(self._nodes[-1], self._root).get("items", {})
            self._nodes = (*self._nodes, items)
            self._behind = 0
        elif byte in b"}]" and self._kinds:
            self._kinds, self._nodes = self._kinds[:-1], self._nodes[:-1]
            self._expects_key = False
        elif byte == _COMMA and self._kinds:
            self._expects_key = self._kinds[-1] == _OBJECT
        return True

    def _enter(self, key: str) -> None:
        self._key, self._expects_key = None, False
        node = resolve(self._nodes[-2], self._root)
        properties = node.get("properties")
        self._nodes = (*self._nodes[:-1], properties.get(key, {}) if isinstance(properties, dict) else {})

    def _begin(self) -> list[Place] | None:
        """Where a value that opens here may stand; None where it need not be verbatim."""
        node = resolve(self._nodes[-1], self._root)
        mark, source = node.get(VERBATIM), self._source
        if mark == AMOUNT:
            return [(value, frozenset((len(value),)), 0) for value in source.amounts]
        if mark not in (True, NAME):
            return None
        # Names of a list are printed one behind the other. Without this, a model that copies goes on behind the wrong
        # one of two with a surname in common, and round in circles.
        first = self._behind if mark == NAME and self._kinds and self._kinds[-1] != _OBJECT else 0
        found: list[Place] = []
        for said in source.said:
            begins = said.opens[first] if first < len(said.opens) else len(said.data)
            found += (place for place in said.runs(mark, node.get("pattern")) if place[2] >= begins)
        return found


# -- which strings are verbatim


ENOUGH = 30
"""Answers from which a string's share of verbatim ones says something."""

SHARE = 0.98
"""Share of verbatim answers from which a string is held to the document: the rest is mostly annotators' slips."""

LOOKED_AT = 300
"""Answers of a string after which no record is looked at for its sake."""

_OWN_BOUNDS = ("enum", "const", "pattern", "format", "contentEncoding")


def mark(
    schemas: Mapping[str, dict[str, JSON]], records: Sequence[Record]
) -> tuple[dict[str, dict[str, JSON]], dict[str, float]]:
    """Schemas with the strings marked whose answers in `records` stand in their documents, and each one's share.

    schemas: by doc_type. A schema that bears marks already is left as it is, and so are strings with bounds of their
    own. The shares are by `doc_type.path`, or by path where there is one schema.
    """
    made, shares = {}, {}
    for name, schema in schemas.items():
        own = [record for record in records if record.doc_type == name or len(schemas) == 1]
        if VERBATIM in dumps(schema) or "$ref" in dumps(schema) or not own:
            made[name] = schema
            continue
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        for record in sorted(own, key=lambda one: number_of(one.id)):
            strings = [(key_of(path), value) for path, value in leaves(record.target).items() if isinstance(value, str)]
            if all(seen[path]["all"] >= LOOKED_AT for path, _ in strings):
                continue
            source = Source(record.text)
            for path, value in strings:
                count = seen[path]
                count["all"] += 1
                count["verbatim"] += source.says(value, True)
                count[AMOUNT] += source.says(value, AMOUNT)
        found: dict[str, JSON] = {}
        for path, count in seen.items():
            kind = "verbatim" if count["verbatim"] >= count[AMOUNT] else AMOUNT
            if count["all"] >= ENOUGH and count[kind] >= SHARE * count["all"]:
                found[path] = AMOUNT if kind == AMOUNT else True
        made[name], marked = _marked(schema, (), found)
        for path in found:
            if path not in marked:
                continue
            count = seen[path]
            share = count[AMOUNT if found[path] == AMOUNT else "verbatim"] / count["all"]
            shares[path if len(schemas) == 1 else f"{name}.{path}"] = share
    return made, shares


def unsaid(schemas: Mapping[str, dict[str, JSON]], records: Sequence[Record]) -> dict[str, tuple[int, int]]:
    """Path → (values that do not stand in their documents, or names not behind those before them, values), of strings
    that schemas mark as verbatim.

    schemas: by doc_type. Under the grammar no reply can give such a value.
    """
    found: dict[str, tuple[int, int]] = {}
    marks = {name: _marks(schema, ()) for name, schema in schemas.items()}
    for record in records:
        own = marks.get(str(record.doc_type)) or (next(iter(marks.values())) if len(marks) == 1 else {})
        if not own:
            continue
        text = " ".join(record.text.split())
        behind: dict[str, int] = {}
        for path, value in leaves(record.target).items():
            place = key_of(path)
            if own.get(place) in (True, NAME) and isinstance(value, str) and value:
                lost, count = found.get(place, (0, 0))
                names, value = path.rpartition("[")[0], " ".join(value.split())
                listed = own[place] == NAME and path.endswith("]")
                stands = text.find(value, behind.get(names, 0) if listed else 0)
                found[place] = lost + (stands < 0), count + 1
                if listed and stands >= 0:
                    behind[names] = stands + len(value)
    return {place: numbers for place, numbers in found.items() if numbers[0]}


def _marks(node: JSON, steps: tuple[str | int, ...]) -> dict[str, JSON]:
    """The marks of a schema by path."""
    if not isinstance(node, dict):
        return {}
    properties = node.get("properties")
    found = {key_of(path_of(steps)): node[VERBATIM]} if VERBATIM in node else {}
    for key, child in properties.items() if isinstance(properties, dict) else ():
        found |= _marks(child, (*steps, key))
    return found | _marks(node.get("items"), (*steps, 0))


def _marked(
    node: JSON, steps: tuple[str | int, ...], found: Mapping[str, JSON], above: JSON = None
) -> tuple[Any, set[str]]:
    """(the schema with what was `found` marked in it, the paths that were marked).

    above: the mark of what is either a string or an array of such; its items have it where they have none of their own.
    """
    if not isinstance(node, dict):
        return node, set()
    if isinstance(node.get("properties"), dict):
        inner = {key: _marked(child, (*steps, key), found) for key, child in node["properties"].items()}
        properties = {key: child for key, (child, _) in inner.items()}
        return {**node, "properties": properties}, set().union(*(paths for _, paths in inner.values()))
    path = key_of(path_of(steps))
    plain = "string" in str(node.get("type", "")) and not any(word in node for word in _OWN_BOUNDS)
    own = found.get(path, above) if plain else None
    marks, marked = ({VERBATIM: own}, {path}) if own is not None else ({}, set())
    if isinstance(node.get("items"), dict):
        items, within = _marked(node["items"], (*steps, 0), found, own)
        return {**node, "items": items, **marks}, marked | within
    return {**node, **marks}, marked
