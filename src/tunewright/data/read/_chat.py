"""What is said on a speaker's line of a CHAT transcript, and how its codes are written.

The codes are those of MacWhinney, Tools for Analyzing Talk, part 1: The CHAT Transcription Format (TalkBank, chapters
7 to 10): `<…>` groups words, `[…]` says something of the word or group before it, `&`, `+`, `0`, `@` and brackets mark
single words. Older forms (`&uh`, `xx`) are known, too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

DEEPEST = 32
"""Groups within groups; deeper ones are set aside."""

_ENDINGS = {
    "+...": "...",
    "+..?": "...?",
    "+/.": "—",
    "+//.": "—",
    "+/?": "—?",
    "+//?": "—?",
    "+!?": "!?",
    '+"/.': ".",
    '+".': ".",
    "+.": ".",
}
_LINKERS = ('+"', "+^", "+<", "+,", "++", "+≈", "+≋")
_LISTED = "|".join(re.escape(mark) for mark in sorted((*_ENDINGS, *_LINKERS), key=len, reverse=True))
_TOKEN = re.compile(
    rf"\s+|\x15[^\x15]*\x15|(?:{_LISTED})(?=[\s\x15\[]|$)|\[[^\[\]\x15]*\]|[<>]|(?P<word>[^\s<>\[\]\x15]+)|(?P<stray>.)"
)
_PAUSE = re.compile(r"\((?:\.{1,3}|(?:\d+:)?\d+(?:\.\d*)?)\)")
_UNINTELLIGIBLE = re.compile(r"(?:xxx?|yyy?|www)(?:@\S+)?")
_OLD_FILLERS = ("ah", "ahm", "eh", "er", "erm", "hm", "mhm", "mm", "uh", "uhm", "um")
_STUTTER = re.compile(r"↫([^↫]*)↫")
_SHORT = re.compile(r"\(([^()]*)\)")
_TIMES = re.compile(r"x\s*(\d{1,2})")
_FORM = re.compile(r"(?<=.)@[a-z]\S*$")
_LENGTH = re.compile(r"(?<=[^\W\d_]):+|(?<=\w)\^(?=\w)|^\^")
_JOINED = re.compile(r"(?<=\w)[+_](?=\w)")
_SIGNS = str.maketrans("", "", "ˈˌ↑↓⌈⌉⌊⌋≈≋∆∇⁎°☺♋⁇∬∲§▔▁⤴⤵↗→↘∞≡∙≠")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x14\x16-\x1f]")
_GLUE = "\x08"  # stands before what has no space before it; no line has it, for control characters go first


class Broken(Exception):
    """A line that does not obey CHAT; the message is the reason."""


@dataclass(slots=True)
class _Item:
    """A word or a group with what is said of it. inside: of a group."""

    word: str = ""
    inside: list[_Item] | None = None
    codes: list[str] = field(default_factory=list)


def said(line: str, styles: Mapping[str, str]) -> tuple[str, Counter[str]]:
    """(the text of a speaker's line, kind of code → how many it has, whatever is done with them).

    line: behind the speaker, continuations joined. styles: kind → keep, words or drop (`recipe.CodeOptions`). Time
    marks go always. Raises Broken where brackets do not pair or a code follows nothing.
    """
    writer = _Writer(styles)
    text = writer.all(_items(_CONTROLS.sub("", line)))
    return text.replace(f" {_GLUE}", "").replace(_GLUE, "").strip(), writer.counts


def _items(line: str) -> list[_Item]:
    open_: list[list[_Item]] = [[]]
    for match in _TOKEN.finditer(line):
        token = match.group()
        if token.isspace() or token[0] == "\x15":
            if match["stray"]:
                raise Broken("a time mark that does not close")
        elif match["word"]:
            open_[-1].append(_Item(token))
        elif token == "<":
            if len(open_) > DEEPEST:
                raise Broken(f"groups in groups, more than {DEEPEST} deep")
            open_.append([])
        elif token == ">":
            if len(open_) == 1:
                raise Broken("a '>' that closes nothing")
            inside = open_.pop()
            open_[-1].append(_Item(inside=inside))
        elif match["stray"]:
            raise Broken(f"a '{token}' that does not {'close' if token == '[' else 'open'}")
        elif token[0] == "[" and open_[-1]:
            open_[-1][-1].codes.append(token)
        elif token[0] == "[" and _kind(token) != "marks":
            raise Broken(f"'{token}' follows nothing")
        else:
            open_[-1].append(_Item(token))
    if len(open_) > 1:
        raise Broken("a '<' that does not close")
    return open_[0]


def _kind(code: str) -> str:
    inner = code[1:-1].strip()
    if inner == "/" or _TIMES.fullmatch(inner):
        return "repetitions"
    if inner in ("//", "/-", "/?"):
        return "retracings"
    if inner == "///":
        return "reformulations"
    beginnings = {":": "replacements", "*": "errors", "=!": "events"}
    return next((kind for begins, kind in beginnings.items() if inner.startswith(begins)), "marks")


class _Writer:
    """Writes items by the styles and counts their codes."""

    def __init__(self, styles: Mapping[str, str]):
        self.styles = styles
        self.counts: Counter[str] = Counter()

    def all(self, items: list[_Item]) -> str:
        return " ".join(text for item in items if (text := self._item(item)))

    def _met(self, kind: str) -> str:
        """Count one code; how it is written."""
        self.counts[kind] += 1
        return self.styles[kind]

    def _item(self, item: _Item) -> str:
        body = self._word(item.word) if item.inside is None else self.all(item.inside)
        kept: list[str] = []
        gone = False
        for code in item.codes:
            kind, inner = _kind(code), code[1:-1].strip()
            style = self._met(kind)
            times = _TIMES.fullmatch(inner)
            if style == "keep":
                kept.append(code)
            elif times:
                body = " ".join([body] * (int(times[1]) if style == "words" else 1))
            elif kind in ("repetitions", "retracings", "reformulations"):
                gone = gone or style == "drop"
            elif kind == "replacements" and style == "drop":
                body = _bare(inner.lstrip(":").strip())
            elif kind == "events" and style == "words":
                body = f"{body} [{inner[2:].strip()}]"
        if gone or not body:
            return ""
        if kept:
            # A group that loses its code loses its brackets; one word that has become several is a group.
            body = f"<{body}>" if item.inside is not None or " " in body else body
        return " ".join([body, *kept])

    def _word(self, word: str) -> str:
        if _PAUSE.fullmatch(word):
            return self._as("pauses", word, "...")
        if word in _ENDINGS:
            plain = "?" if "?" in word else "."
            return self._as("endings", word, _GLUE + _ENDINGS[word], _GLUE + plain)
        if word[0] == "&" and len(word) > 1:
            return self._marked(word)
        if _UNINTELLIGIBLE.fullmatch(word):
            return self._as("unintelligible", word, "[unintelligible]")
        if word in _LINKERS or word[0] == "[" or re.fullmatch(r"0[^\W\d]*|0\*", word):
            return self._as("marks", word, "")
        if word in ("„", "‡"):
            return self._as("marks", word, f"{_GLUE},", f"{_GLUE},")
        if word in (".", "?", "!", ",", ";", ":"):
            return word if self.styles["endings"] == "keep" else _GLUE + word
        return self._plain(word)

    def _marked(self, word: str) -> str:
        """A word behind `&`: a filler, a fragment, something done, or said by another."""
        sign, rest = (word[1], word[2:]) if word[1] in "-+~=*{}" else ("", word[1:])
        if sign == "-" or (not sign and rest.lower() in _OLD_FILLERS):
            return self._as("fillers", word, _bare(rest))
        if sign in ("=", "{"):
            rest = rest.removeprefix("l=").removeprefix("n=") if sign == "{" else rest
            return self._as("events", word, f"[{re.sub('[:_]', ' ', rest)}]")
        if sign in ("}", "*"):
            return self._as("marks", word, "")
        return self._as("fragments", word, _bare(rest))

    def _as(self, kind: str, kept: str, words: str, dropped: str = "") -> str:
        return {"keep": kept, "words": words, "drop": dropped}[self._met(kind)]

    def _plain(self, word: str) -> str:
        if _STUTTER.search(word):
            style = self._met("repetitions")
            if style != "keep":
                word = _STUTTER.sub(r"\1-" if style == "words" else "", word)
        if _SHORT.search(word):
            style = self._met("shortenings")
            if style != "keep":
                word = _SHORT.sub("" if style == "words" else r"\1", word)
        bare = _bare(word)
        return bare if bare != word and self._met("marks") != "keep" else word


def _bare(word: str) -> str:
    """Without the signs that say how a word was spoken or what kind it is."""
    return _JOINED.sub(" ", _LENGTH.sub("", _FORM.sub("", word).translate(_SIGNS)))
