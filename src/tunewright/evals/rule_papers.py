"""Rules for research papers: the first long line, what stands below it, what stands under "Abstract", a DOI's form.

Part of the rule baseline (`evals.rules`), for schemas whose fields are marked as those of a paper are (`x-score`).
"""

from __future__ import annotations

import regex

from tunewright.core.records import JSON
from tunewright.text import papers
from tunewright.text.schema import SCORE, resolve

FRONT = 6000
"""Characters of a paper in which its title page ends."""

WIDTH = 90
"""Characters of a line that is full, and goes on in the next."""

_HEAD = regex.compile(
    r"^[ \t*]*(?:A[ ]?B[ ]?S[ ]?T[ ]?R[ ]?A[ ]?C[ ]?T|abstract|summary)\b[ \t]*[*:.\-–—]*[ \t]*\n?", regex.I | regex.M
)
_AFTER = regex.compile(
    r"\n[ \t]*\n|\n(?=[ \t]*(?:key ?words|index terms|highlights|(?:\d+\.?[ \t]*)?(?:introduction|background)[ \t]*\n"
    r"|doi\b|https?://|received|arxiv:|©|copyright))",
    regex.I,
)
_NO_TITLE = regex.compile(
    r"\||\bvol(?:ume|\.)|\bISSN\b|\bdoi\b|10\.\d{4,}/|arxiv:|©|copyright|@|^\W*(?:received|accepted|revised|published|"
    r"edited|academic|key ?words|index terms|correspond|e-?mail|highlights|contents|available|abstract|summary)"
    r"|\(\d{4}\)|, \d{4}\b|[•·]",
    regex.I,
)
_NO_NAMES = regex.compile(
    r"universit|department|institut|school|college|hospital|laborator|cent(?:er|re)\b|@|\d{4,}", regex.I
)
_MARKS = regex.compile(r"(?:[\d*†‡§¶#\p{No}]|\([\d, ]*\)|(?<=\s)[a-i](?=$|[ ,*]))+")
_WORD = r"\p{Lu}[\p{L}\p{M}'’.\-]*"
_NAME = regex.compile(rf"{_WORD}(?:[ ,]+(?:(?:de|da|del|della|der|den|van|von|di|la|le|el|al|bin|dos)\b|{_WORD}))*")
_STAMP = regex.compile(r"arXiv:\s*(" + papers.ARXIV.pattern + r")\s*\[")


def fits(schema: dict[str, JSON]) -> bool:
    """Whether a schema asks for what these rules know: a wording, a passage and names."""
    return {"wording", "passage", "names"} <= set(_kinds(schema).values())


def _kinds(schema: dict[str, JSON]) -> dict[str, str]:
    properties = resolve(schema, schema).get("properties") or {}
    return {key: resolve(child, schema).get(SCORE, "") for key, child in properties.items()}


def extract(text: str, schema: dict[str, JSON]) -> dict[str, JSON]:
    """Title, names, abstract and identifiers under the schema's own keys; null, or no names, for what is not found."""
    front = text[:FRONT]
    title, names = _title_and_names(front)
    doi = papers.DOI.search(text)
    stamp = _STAMP.search(text)
    found: dict[str, JSON] = {}
    for key, kind in _kinds(schema).items():
        if kind == "identifier":
            said = doi.group() if doi and "doi" in key.lower() else None
            found[key] = stamp.group(1) if stamp and "doi" not in key.lower() else said
        else:
            found[key] = {"wording": title, "names": names, "passage": _abstract(front)}.get(kind)
    return found


def _title_and_names(front: str) -> tuple[str | None, list[str]]:
    """The first line that reads like a title, with those it goes on in; the names below it, else the first ones."""
    lines = [line.strip() for line in front.split("\n") if line.strip()]
    place = next((place for place, line in enumerate(lines) if _is_title(line)), None)
    if place is None:
        return None, _names(lines, least=2)
    title, after = lines[place], place + 1
    while after < len(lines) and len(title) < 300 and len(lines[after - 1]) < WIDTH and _goes_on(lines[after]):
        title, after = f"{title} {lines[after]}", after + 1
    names = _names(lines[after : after + 3], least=1) or _names(lines, least=2)
    return title.removeprefix("Title: ").rstrip("*"), names


def _names(lines: list[str], least: int) -> list[str]:
    """The names of the first line that lists so many, with those of the lines that it goes on in."""
    for place, line in enumerate(lines):
        found = _people(line, least)
        if found:
            for further in lines[place + 1 :]:
                more = _people(further)
                if not more or not line.rstrip(" *").endswith((",", ";", "and")):
                    break
                found, line = found + more, further
            return found
    return []


def _is_title(line: str) -> bool:
    place = _NO_NAMES.search(line) and (line.count(",") > 1 or line[:1] in "(0123456789")
    prose = len(line) > 300 or (line.endswith(".") and len(line.split()) > 25)
    return len(line.split()) >= 4 and not (place or prose or _NO_TITLE.search(line) or _people(line, least=2))


def _goes_on(line: str) -> bool:
    return not (_NO_TITLE.search(line) or _people(line) or _NO_NAMES.search(line) or line.isupper() or len(line) < 8)


def _people(line: str, least: int = 1) -> list[str]:
    """The names of a line that is a list of names; [] for any other line."""
    if _NO_NAMES.search(line) or len(line) > 1500:
        return []
    plain = _MARKS.sub(" ", line)
    marks = r"[;|·]" if regex.search(r"[;|·]", plain) else ","
    parts = [" ".join(part.split()).strip(" ,") for part in regex.split(marks + r"|\band\b|&", plain)]
    parts = [part for part in parts if part]
    kinds = ("article", "access", "paper", "review", "research")
    good = all(
        _NAME.fullmatch(part) and 1 < len(part.split()) <= 6 and not part.casefold().endswith(kinds) for part in parts
    )
    return parts if good and len(parts) >= least else []


def _abstract(front: str) -> str | None:
    head = _HEAD.search(front)
    if head is None:
        return max((part.strip() for part in front.split("\n")), key=len, default=None)
    body = front[head.end() :].lstrip()
    end = _AFTER.search(body)
    return " ".join(body[: end.start() if end else None].split()) or None
