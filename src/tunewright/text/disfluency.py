"""What is not fluent in a transcript, counted from what stands on the page.

Two spellings are known: plain words ("um", "we're all we're all going", "p- plan", "...") and CHAT's codes (`&-um`,
`<we are> [/]`, `[//]`, `&+pl`, `(.)`, `xxx`; MacWhinney 2000, The CHILDES Project, part 1). A repetition is a run of
words said again at once, a retracing one that is begun again and ends otherwise (Shriberg 1994, chapter 2). Counts add
up over texts, so rates of many texts are ratios of sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import regex

FILLERS = frozenset("um umm uhm uh uhh er err erm eh ehm hm hmm mm mmm ah अं अँ उम उम्म हम्म".split())
"""Sounds that fill a pause. Words that also mean something ("like", "well", "मतलब") are not counted."""

EMPHATIC = frozenset("very no yeah yes okay ok bye really well right so much far many that had ha हाँ नहीं बहुत".split())
"""Words that are said twice without a slip."""

SUBORDINATORS = frozenset(
    "because that which who whom whose if when while where whether although though since unless until after before "
    "as how why what कि जो जब तो क्योंकि अगर".split()
)
"""Words that open a clause inside another one: a stand-in for depth where nothing is parsed."""

LONGEST = 4
"""Words of the longest run that is looked for a second time."""

BETWEEN = 3
"""Most words between a run and its second beginning."""

COUNTS = (
    "words", "types", "utterances", "fillers", "repetitions", "retracings", "pauses", "fragments", "unintelligible",
    "broken_off", "subordinators",
)  # fmt: skip

RATES: Mapping[str, tuple[str, str]] = {
    "filler_rate": ("fillers", "words"),
    "repetition_rate": ("repetitions", "words"),
    "retracing_rate": ("retracings", "words"),
    "pause_rate": ("pauses", "words"),
    "fragment_rate": ("fragments", "words"),
    "unintelligible_rate": ("unintelligible", "words"),
    "broken_off_rate": ("broken_off", "utterances"),
    "utterance_length": ("words", "utterances"),
    "type_token_ratio": ("types", "words"),
    "subordination": ("subordinators", "utterances"),
}
"""What is told of texts: one count over another."""

_PAUSE = regex.compile(r"\((?:\.{1,3}|\d+(?:[.:]\d+)*)\)|\.{3,}|…")
_UNINTELLIGIBLE = regex.compile(r"\b(?:xxx|yyy|www)\b|\[(?:unintelligible|inaudible)\]|\{gap\}", regex.IGNORECASE)
_REPEATED, _RETRACED = regex.compile(r"\[(?:/|x \d+)\]"), regex.compile(r"\[//+\]")
_FILLED, _BEGUN = regex.compile(r"&-(?=\p{L})"), regex.compile(r"&\+(?=\p{L})")
_CODE = regex.compile(r"\[[^\]]*\]|\{[^}]*\}|&[=~*][^\s]*|[<>]|\x15[^\x15]*\x15|\+(?:[.,!?/\"^<]+)")
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}\u200c\u200d'’_-]*[\p{L}\p{M}\p{N}])?-?")
_END = regex.compile(r"[.?!।]+(?=\s|$)|\n+")
_BROKEN = regex.compile(r"\+(?:\.\.\.|/[./?]*|//)")
_STOPPED = regex.compile(r"[.?!।][\"')\]]*$")


def tokens(text: str) -> list[str]:
    """Words in small letters, with their apostrophes and a fragment's dash; CHAT's codes aside."""
    plain = _UNINTELLIGIBLE.sub(" ", _PAUSE.sub(" ", _FILLED.sub("", _BEGUN.sub("", text))))
    return [match.group().replace("’", "'").casefold() for match in _WORD.finditer(_CODE.sub(" ", plain))]


def utterances(text: str) -> list[str]:
    """The text at its stops and line ends, without blank parts."""
    plain = _PAUSE.sub(" ", _BROKEN.sub("\n", text))
    return [part for part in _END.split(plain) if _WORD.search(_CODE.sub(" ", part))]


def counts(text: str) -> dict[str, int]:
    """`COUNTS` of one text. Every one is 0 where there is no word, but for pauses and what nobody understood."""
    said, parts = tokens(text), utterances(text)
    whole = [word for word in said if not _is_fragment(word)]
    again, begun = map(sum, zip((0, 0), *map(_said_again, parts), strict=True))
    coded = len(_REPEATED.findall(text)), len(_RETRACED.findall(text))
    return {
        "words": len(said),
        "types": len(set(said)),
        "utterances": len(parts),
        "fillers": sum(word in FILLERS for word in said),
        # A text with codes says itself what was repeated; words alone are searched where it has none.
        "repetitions": coded[0] if any(coded) else again,
        "retracings": coded[1] if any(coded) else begun,
        "pauses": len(_PAUSE.findall(text)),
        "fragments": len(said) - len(whole) + len(_BEGUN.findall(text)),
        "unintelligible": len(_UNINTELLIGIBLE.findall(text)),
        "broken_off": len(_BROKEN.findall(text)) or int(bool(parts) and not _STOPPED.search(text.rstrip())),
        "subordinators": sum(word in SUBORDINATORS for word in said),
    }


def rates(sums: Mapping[str, Any]) -> dict[str, Any]:
    """`RATES` from sums of counts, numbers or arrays; 0 over nothing."""
    return {name: sums[one] / (sums[other] + (sums[other] == 0)) for name, (one, other) in RATES.items()}


def _is_fragment(word: str) -> bool:
    """A word that was not finished: "pl-", or a letter that is no word by itself."""
    return word.endswith("-") or (len(word) == 1 and word.isascii() and word.isalpha() and word not in "aio")


def _said_again(utterance: str) -> tuple[int, int]:
    """(repetitions, retracings) among the words that are no fillers or fragments; of runs the longest count, once."""
    said = [word for word in tokens(utterance) if word not in FILLERS and not _is_fragment(word)]
    again = begun = at = 0
    while at < len(said):
        size = next((n for n in range(LONGEST, 0, -1) if said[at : at + n] == said[at + n : at + 2 * n] != []), 0)
        if size and not (size == 1 and said[at] in EMPHATIC):
            again += 1
            at += size
            continue
        pair = said[at : at + 2]
        ahead = range(at + 3, min(at + 3 + BETWEEN, len(said) - 1))
        if len(pair) == 2 and any(said[place : place + 2] == pair for place in ahead):
            begun += 1
            at += 1
        at += 1
    return again, begun
