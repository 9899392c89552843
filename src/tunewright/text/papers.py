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

_ARXIV = r"(?:\d{4}\.\d{4,5}|[a-z]+(?:-[a-z]+)?(?:\.[A-Z]{2})?/\d{7})"

ARXIV = re.compile(rf"(?<![\w.]){_ARXIV}(?:v\d+)?(?![\w])")
"""An identifier of arXiv, of either form (2301.12345v2, math/0211159)."""

_WHOLE_ARXIV = re.compile(rf"({_ARXIV})(?:v\d+)?(?:\.pdf)?", re.I)

_RESOLVER = re.compile(
    r"^(?:https?://)?(?:dx\.|www\.|export\.)?(?:doi\.org|arxiv\.org)/(?:(?:abs|pdf|html)/)?|^(?:doi|arxiv)\s*:\s*", re.I
)
_QUALIFIER = re.compile(r"\s+[:(].*$")
_INITIALS = regex.compile(r"(?<=\b\p{Lu})\.?\s*(?=\p{Lu}\b)|(?<=\b\p{Lu})\.")
_NAME_MARKS = regex.compile(r"(?<=[\p{L}.])[\d\s,*†‡§¶#\p{No}]+$")
_LINEAGE = r"(?:(?i:Jr|Sr)\.?|I{2,3}|IV)(?![^\s,])"
_COMMA = re.compile(rf"\s*,(?!\s*{_LINEAGE}\s*(?:,|$))\s*")
_INVERTED = re.compile(rf"([^,]+?(?:,\s*{_LINEAGE})?){_COMMA.pattern}(.+?)(,?\s+{_LINEAGE})?")
_BETWEEN = re.compile(r"[\s,;]*(?:;|&|\sand\s)\s*")
_OTHERS = re.compile(r"[\s,;]+(?:and\s+others|et\s+al\b\.?)$")
_GIVEN = regex.compile(r"(?:\p{Lu}\.[\s\-]?)+")


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
    arxiv = _WHOLE_ARXIV.fullmatch(found)
    return arxiv[1] if arxiv else found


def wording(value: str) -> str:
    """A title as it is compared: case, white space and the mark at its end do not count."""
    return " ".join(nfc(value).split()).rstrip(" .*†").casefold()


def person(name: str) -> str:
    """A name as it is compared: "KAUR, Gurpreet", "Gurpreet Kaur1" and "Gurpreet Kaur" are one; "J. K." is "J K"."""
    found = _forward(" ".join(_NAME_MARKS.sub("", nfc(name)).split())).replace(",", " ")
    return " ".join(_INITIALS.sub(" ", found).split()).casefold()


def _forward(name: str) -> str:
    """A name with the given name first, as papers print it: "Byron, Jr., Ada" is "Ada Byron, Jr."."""
    turned = _INVERTED.fullmatch(name)
    return f"{turned[2]} {turned[1]}{turned[3] or ''}" if turned else name


def listed(names: str) -> list[str]:
    """Names of one string, given names first: parted by semicolons, or else by commas, and by "and" or "&".

    A comma parts no two names but surname and given name before initials, where there is one on both sides of an "and"
    (as in BibTeX: "Byron, Ada and Weiss, Karl"), and beside a single word, unless other names are single words, too.
    """
    plain = " ".join(_OTHERS.sub("", names.strip(" ;")).split())
    parts = [part.strip(" ,") for part in _BETWEEN.split(plain) if part.strip(" ,")]
    if ";" in plain:
        return [_forward(part) for part in parts]
    parted = [_COMMA.split(part) for part in parts]
    both = sum(len(pieces) == 2 for pieces in parted) > 1
    words = any(len(pieces) == 1 and " " not in pieces[0] for pieces in parted)
    found: list[str] = []
    for pieces in parted:
        pairs = [", ".join(pieces[at : at + 2]) for at in range(0, len(pieces), 2)]
        one = len(pairs) == 1 and (both or (not words and any(" " not in piece for piece in pieces)))
        initials = len(pieces) % 2 == 0 and all(map(_GIVEN.fullmatch, pieces[1::2]))
        found += map(_forward, pairs) if one or initials else pieces
    return found


def printed(id: str, text: str) -> str | None:
    """A record's id as its paper prints it, whatever resolver, label or version of arXiv it was given with; None where
    it does not stand there."""
    wanted = identifier(id)
    if len(wanted) < LEAST_IDENTIFIER or not any(map(str.isdigit, wanted)):
        return None
    found = (match.group() for match in re.finditer(rf"(?<![\w.]){re.escape(wanted)}(?:v\d+)?(?!\w)", text, re.I))
    return next((one for one in found if identifier(one) == wanted), None)


def printed_doi(doi: str, text: str) -> str | None:
    """A DOI as its paper prints it, whatever resolver, label or case it was given with; None where it is not there
    or is none."""
    wanted = identifier(doi)
    for found in DOI.finditer(text):
        if identifier(found.group()) == wanted:
            return found.group()
    plain = re.search(rf"(?<![\w.]){re.escape(wanted)}(?!\w)", text, re.IGNORECASE) if wanted else None
    return plain.group() if plain and _WHOLE_DOI.fullmatch(plain.group()) else None
