"""Pools of atoms, split into seen and unseen before anything is sampled.

The pools are text files beside this module: `wordings` (labels, titles, sentences), `entities` (names, firms, places,
items) and `closed` (small lists that are no atoms: months, units). A file holds sections:

    [label.date.en ;]        entries parted by ";" or line ends
    [say.sms.invoice.hi]     one entry a line

The last part of a section's name is its language: en, hi, or mix (code-mixed on purpose).
An entry that begins with "~" is no longer drawn; it stays in the deal, so that the others keep their sides.
An atom stands on one side only, in whatever pools it occurs: sides are dealt pool by pool in file order, by hash, with
about 28 % unseen in each pool.
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import cache
from pathlib import Path

import regex

from tunewright.core.errors import DataError, nearest

UNSEEN_SHARE = 0.28
SEEN, UNSEEN = 0, 1
RETIRED = "~"
FOLDER = Path(__file__).parent / "pools"
KINDS = ("wordings", "entities", "closed")

_HEADER = regex.compile(r"\[([a-z_]+(?:\.[a-z_]+)+)( ;)?\]")
_NOT_A_WORD = regex.compile(r"[^\p{L}\p{M}\p{N}]+")


class Pool:
    """One list of atoms. sides: (seen, unseen), never empty; a closed pool has all its entries on both."""

    __slots__ = ("entries", "kind", "name", "sides")

    def __init__(self, name: str, kind: str, entries: tuple[str, ...], sides: tuple[tuple[str, ...], tuple[str, ...]]):
        self.name, self.kind, self.entries, self.sides = name, kind, entries, sides


def atom_key(text: str) -> str:
    """What makes two entries the same atom: letters, marks and digits, in lower case."""
    return _NOT_A_WORD.sub(" ", text).strip().casefold() or text


def _rank(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=8).digest()


def sections(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    """The sections of one pool file, in order, each with its entries (NFC, without repeats)."""
    found: list[tuple[str, list[str]]] = []
    parted = False
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = unicodedata.normalize("NFC", raw.strip())
        if not line or line.startswith("# "):
            continue
        if header := _HEADER.fullmatch(line):
            parted = bool(header[2])
            found.append((header[1], []))
        elif not found:
            raise DataError("an entry stands before the first section", where=f"{path.name}:{number}")
        elif parted:
            found[-1][1].extend(part.strip() for part in line.split(";") if part.strip())
        else:
            found[-1][1].append(line)
    return [(name, tuple(dict.fromkeys(entries))) for name, entries in found]


@cache
def pools() -> dict[str, Pool]:
    """Every pool by name. The same on every machine and in every process."""
    made: dict[str, Pool] = {}
    dealt: dict[tuple[str, str], int] = {}
    for kind in KINDS:
        for path in sorted((FOLDER / kind).glob("*.txt")):
            for name, entries in sections(path):
                if name in made:
                    raise DataError(f"the pool {name} is given twice", where=path.name)
                if not entries:
                    raise DataError(f"the pool {name} is empty", where=path.name)
                sides = (entries, entries) if kind == "closed" else _deal(kind, entries, dealt)
                drawn = tuple(entry for entry in entries if entry[0] != RETIRED)
                made[name] = Pool(name, kind, drawn, sides)
    return made


def _deal(
    kind: str, entries: tuple[str, ...], dealt: dict[tuple[str, str], int]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give every new atom its side so that about UNSEEN_SHARE of this pool is unseen."""
    keys = list(dict.fromkeys(atom_key(entry) for entry in entries))
    wanted = max(1, round(UNSEEN_SHARE * len(keys)))
    already = sum(dealt.get((kind, key)) == UNSEEN for key in keys)
    fresh = sorted((key for key in keys if (kind, key) not in dealt), key=_rank)
    for place, key in enumerate(fresh):
        dealt[kind, key] = UNSEEN if place < wanted - already else SEEN
    sides: tuple[list[str], list[str]] = ([], [])
    for entry in entries:
        if entry[0] != RETIRED:
            sides[dealt[kind, atom_key(entry)]].append(entry)
    seen, unseen = tuple(sides[SEEN]), tuple(sides[UNSEEN])
    return seen or unseen, unseen or seen


@cache
def pool(name: str) -> Pool:
    """A pool by name. Raises DataError with the near name where there is none."""
    try:
        return pools()[name]
    except KeyError:
        near = nearest(name, pools())
        raise DataError(f"no pool is named {name}", hint=f"did you mean '{near[0]}'?" if near else None) from None


def has(name: str) -> bool:
    return name in pools()


# Scripts -------------------------------------------------------------------------------------------------------------

_LATIN = regex.compile(r"\p{Script=Latin}")
_DEVANAGARI = regex.compile(r"\p{Script=Devanagari}")
_SLOTS = regex.compile(r"\{[^{}]*\}")
_SHARED = "।॥"


def foreign(text: str, language: str) -> list[str]:
    """Letters of `text` that do not belong to `language` ("hi": any Latin letter, "en": any Devanagari one).

    Slots in braces are names of parts, not text, and are left out; "mix" has no foreign letters.
    """
    bare = _SLOTS.sub("", text)
    if language == "hi":
        return _LATIN.findall(bare)
    if language == "en":
        return [char for char in _DEVANAGARI.findall(bare) if char not in _SHARED]
    return []


def intruders() -> list[tuple[str, str]]:
    """The guard: every (pool, entry) whose script is not that of the pool's language."""
    return [
        (found.name, entry)
        for found in pools().values()
        for entry in found.entries
        if foreign(entry, found.name.rpartition(".")[2])
    ]
