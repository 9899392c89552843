"""What stands at the head of a research paper, and when two ways of printing it say the same."""

from __future__ import annotations

import re

import regex

from tunewright.text.unicode import nfc

LEAST_IDENTIFIER = 6
"""Characters below which a record's id is a number of some list and no identifier of a paper."""

_REGISTRANT = r"10\.\d{4,9}(?:\.\d+)*/"

DOI = re.compile(r"(?<![\w.])" + _REGISTRANT + r"[^\s\"<>|]+[^\s\"<>|.,;:)\]}'’”]")
"""A digital object identifier where it stands in a text, without the mark that ends a sentence."""

_WHOLE_DOI = re.compile(_REGISTRANT + r"\S+")

ARXIV = re.compile(r"(?<![\w.])(?:\d{4}\.\d{4,5}|[a-z]+(?:-[a-z]+)?(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?(?![\w])")
"""An identifier of arXiv, of either form (2301.12345v2, math/0211159)."""

_RESOLVER = re.compile(
    r"^(?:https?://)?(?:dx\.|www\.)?(?:doi\.org|arxiv\.org)/(?:abs/|pdf/)?|^(?:doi|arxiv)\s*:\s*", re.I
)
_QUALIFIER = re.compile(r"\s+[:(].*$")
_VERSION = re.compile(r"(?<=\d)v\d+$")
_INITIALS = regex.compile(r"(?<=\b\p{Lu})\.?\s*(?=\p{Lu}\b)|(?<=\b\p{Lu})\.")
_NAME_MARKS = regex.compile(r"(?<=[\p{L}.])[\d\s,*†‡§¶#\p{No}]+$")


def journal(name: str) -> str:
    """A journal's name as it is compared: catalogues disagree on case, and on a subtitle or a place behind it."""
    found = " ".join(nfc(name).split()).casefold()
    return _QUALIFIER.sub("", found) or found


def identifier(value: str) -> str:
    """A DOI or another identifier as it is compared: without resolver, label, case, version of arXiv or last stop."""
    found = nfc(value).strip()
    while (shorter := _RESOLVER.sub("", found).strip()) != found:
        found = shorter
    found = found.rstrip(".,;").casefold()
    return _VERSION.sub("", found) if ARXIV.fullmatch(found) else found


def wording(value: str) -> str:
    """A title as it is compared: case, white space and the mark at its end do not count."""
    return " ".join(nfc(value).split()).rstrip(" .*†").casefold()


def person(name: str) -> str:
    """A name as it is compared: "KAUR, Gurpreet", "Gurpreet Kaur1" and "Gurpreet Kaur" are one; "J. K." is "J K"."""
    found = " ".join(_NAME_MARKS.sub("", nfc(name)).split())
    surname, comma, given = found.partition(",")
    if comma and given.strip():
        found = f"{given.strip()} {surname.strip()}"
    return " ".join(_INITIALS.sub(" ", found).split()).casefold()


def listed(names: str) -> list[str]:
    """Names of one string: parted by semicolons, or else by commas, and by "and"."""
    marks = r"\s*;\s*(?:and\s+)?|\s+and\s+" if ";" in names else r"\s*,\s*(?:and\s+)?|\s+and\s+"
    return [name for name in re.split(marks, names.strip()) if name]


def printed(id: str, text: str) -> str | None:
    """A record's id as its paper prints it, an arXiv version included; None where it does not stand there."""
    if len(id) < LEAST_IDENTIFIER or not any(map(str.isdigit, id)):
        return None
    found = re.search(rf"(?<![\w.]){re.escape(id)}(?:v\d+)?(?!\w)", text)
    return found.group() if found else None


def printed_doi(doi: str, text: str) -> str | None:
    """A DOI as its paper prints it, whatever resolver, label or case it was given with; None where it is not there
    or is none."""
    wanted = identifier(doi)
    for found in DOI.finditer(text):
        if identifier(found.group()) == wanted:
            return found.group()
    plain = re.search(rf"(?<![\w.]){re.escape(wanted)}(?!\w)", text, re.IGNORECASE) if wanted else None
    return plain.group() if plain and _WHOLE_DOI.fullmatch(plain.group()) else None
