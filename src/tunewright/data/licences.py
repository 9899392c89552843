"""What a licence in words is called, and whether it lets changed copies be passed on."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORDS = (
    (r"creative commons", "CC"),
    (r"attribution", "BY"),
    (r"share[- ]?alike", "SA"),
    (r"non[- ]?commercial", "NC"),
    (r"no[- ]?deriv(?:ative)?s(?: works)?", "ND"),
)
_CC = re.compile(r"\bcc[ -]by(?P<parts>(?:[ -](?:nc|nd|sa))*)(?:[ -]v?(?P<version>\d(?:\.\d)?))?\b", re.IGNORECASE)
_PLAIN = {
    r"\bcc0\b|\bcc[ -]zero\b": "cc0-1.0",
    r"\bmit\b": "mit",
    r"\bapache[- ](?:licen[cs]e,? )?(?:v(?:ersion )?)?2(?:\.0)?\b": "apache-2.0",
    r"\bbsd[- ]3[- ]clause\b": "bsd-3-clause",
    r"\bbsd[- ]2[- ]clause\b": "bsd-2-clause",
    r"\bodc[- ]by\b": "odc-by",
    r"\bodbl\b": "odbl",
    r"\bpddl\b": "pddl",
    r"\bcdla[- ]permissive[- ](?P<version>[12])\.0\b": "cdla-permissive-{version}.0",
    r"\bcdla[- ]sharing[- ]1\.0\b": "cdla-sharing-1.0",
    r"\bpublic domain\b": "other",
}


@dataclass(frozen=True, slots=True)
class Licence:
    """id: as the Hugging Face hub writes it, `other` where it has none. sharable: changed copies may be passed on."""

    id: str
    sharable: bool = True


def identify(text: str | None) -> Licence | None:
    """The licence that a text names first, or None where it names none that is known.

    What follows the first is explanation: other copies' licences, what was left out.
    """
    short = text or ""
    for words, sign in _WORDS:
        short = re.sub(words, sign, short, flags=re.IGNORECASE)
    found: list[tuple[int, Licence]] = []
    if match := _CC.search(short):
        parts = re.findall(r"nc|nd|sa", match["parts"].lower())
        version = match["version"]
        name = "-".join(["cc-by", *parts, version if "." in version else f"{version}.0"]) if version else "cc"
        found.append((match.start(), Licence(name, "nd" not in parts)))
    for form, name in _PLAIN.items():
        if match := re.search(form, short, re.IGNORECASE):
            found.append((match.start(), Licence(name.format(**match.groupdict()))))
    return min(found, key=lambda each: each[0])[1] if found else None
