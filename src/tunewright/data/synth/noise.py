"""OCR noise: what a scanner or a hurried typist does to a page, on graphemes, values left alone.

A page is a list of pieces (value or not). Noise edits the pieces between values and never touches the grapheme next to a
value, so every value stays a whole word. Rarely, a slip is made inside a value: the gold then changes with the text, as it
does in hand-made gold, which is verbatim as printed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import regex

from tunewright.core.errors import DataError, did_you_mean
from tunewright.data.synth.draw import Draw

GRADES = {"none": 0.0, "light": 0.006, "medium": 0.018, "heavy": 0.045}
"""Grade → edits per grapheme."""
DEFAULT = {"none": 0.6, "light": 0.25, "medium": 0.1, "heavy": 0.05}
SLIPS = {"none": 0.0, "light": 0.02, "medium": 0.06, "heavy": 0.12}
"""Grade → how many of the values (but the total) carry a slip of their own."""

_GRAPHEME = regex.compile(r"\X")

LATIN = {
    "O": ("0", "Q", "o"), "o": ("0", "e", "c"), "0": ("O", "o"), "l": ("1", "I", "i"), "1": ("l", "I"), "I": ("l", "1"), "i": ("l", "1"),
    "S": ("5", "s"), "5": ("S",), "B": ("8",), "8": ("B",), "Z": ("2",), "2": ("Z",), "G": ("6",), "6": ("G", "b"), "g": ("q", "9"),
    "e": ("c", "o"), "c": ("e",), "a": ("o", "u"), "n": ("ri", "h"), "h": ("b", "n"), "m": ("rn", "nn"), "u": ("ii", "v"), "v": ("u",),
    "t": ("f", "l"), "f": ("t",), "r": ("n",), "D": ("O",), "E": ("F",), "C": ("G",), "M": ("N",), "d": ("cl",), "w": ("vv",), "y": ("v",),
    "T": ("I",), "P": ("F",), "R": ("P",), "7": ("1",), "9": ("g",), "4": ("A",), "3": ("8",), ",": (".", ""), ".": (",", ""),
    ":": (";", ".", ""), "-": ("_", "~", "—"), "|": ("I", "l", "!"), "/": ("l", "1"), "(": ("C", "{"), ")": ("}",), "&": ("8",),
}  # fmt: skip
_LETTERS = {
    "ब": "व", "व": "ब", "म": "भ", "भ": "म", "घ": "ध", "ध": "घ", "ख": "रव", "ण": "ग", "प": "ष", "ष": "प", "य": "थ", "थ": "य", "ट": "ठ",
    "ठ": "ट", "ड": "ङ", "ङ": "ड", "न": "त", "त": "न", "स": "म", "श": "श", "क": "फ", "फ": "क", "र": "ऱ", "ळ": "ल", "ल": "त", "ज": "च", "च": "ज",
    "द": "ढ", "ढ": "द", "ह": "ड", "इ": "ड", "उ": "ऊ", "ए": "प", "०": "o", "१": "९", "९": "१", "५": "४", "४": "५", "३": "ई", "।": "|",
}  # fmt: skip
_MARKS = {"ि": ("", "ी"), "ी": ("ि", ""), "ु": ("ू", ""), "ू": ("ु",), "े": ("", "ै"), "ै": ("े",), "ो": ("ा", "ौ"), "ौ": ("ो",),
          "ं": ("", ), "ँ": ("ं", ""), "़": ("",), "ः": ("", ":"), "्": ("",), "ा": ("", )}  # fmt: skip


def check(shares: Mapping[str, float]) -> dict[str, float]:
    """Shares of grades, checked. Raises DataError on an unknown grade or no positive share."""
    for grade, share in shares.items():
        if grade not in GRADES:
            raise DataError(
                f"no noise grade is named {grade}", hint=did_you_mean(grade, GRADES) or "none, light, medium, heavy"
            )
        if share < 0:
            raise DataError(f"the share of noise grade {grade} is below 0")
    if not sum(shares.values()) > 0:
        raise DataError("the shares of noise grades add up to nothing", hint="for clean text: {'none': 1}")
    return dict(shares)


def slipped(draw: Draw, grapheme: str) -> str:
    """`grapheme` as misread; itself where nothing plausible is near."""
    options = LATIN.get(grapheme[:1])
    if options and len(grapheme) == 1:
        return draw.pick(options)
    first = grapheme[0]
    if "\u0900" <= first <= "\u097f":
        rest = grapheme[1:]
        signs = [at for at, char in enumerate(rest) if char in _MARKS]
        if signs and draw.chance(0.65):
            at = draw.pick(signs)
            return first + rest[:at] + draw.pick(_MARKS[rest[at]]) + rest[at + 1 :]
        return _LETTERS.get(first, first) + rest
    return grapheme


def _edit(draw: Draw, graphemes: list[str], at: int) -> None:
    """One plausible fault at a place."""
    here = graphemes[at]
    if not here:
        return
    if here == " ":
        graphemes[at] = draw.weighted((("", 4), ("  ", 4), ("   ", 1), (" .", 0.4)))
    elif here == "\n":
        graphemes[at] = draw.weighted(((" ", 5), ("\n\n", 3), ("  ", 1)))
    elif here in ",.:;।":
        graphemes[at] = draw.weighted(((f" {here}", 4), ("", 3), (f"{here} ", 2), (slipped(draw, here), 2)))
    else:
        graphemes[at] = draw.weighted(((slipped(draw, here), 12), ("", 1.2), (f"{here} ", 2), (here + here, 0.4)))


def between_values(draw: Draw, text: str, rate: float, *, after_value: bool, before_value: bool) -> str:
    """Noise in a piece of text that holds no value."""
    graphemes = _GRAPHEME.findall(text)
    low = 1 if after_value else 0
    high = len(graphemes) - (1 if before_value else 0)
    span = high - low
    if span <= 0:
        return text
    count = int(span * rate + draw.random())
    for _ in range(count):
        _edit(draw, graphemes, low + int(draw.random() * span))
    return "".join(graphemes)


def in_value(draw: Draw, text: str) -> str:
    """One misread letter or digit inside a value; the same length of words, still one line."""
    graphemes = _GRAPHEME.findall(text)
    places = [at for at, grapheme in enumerate(graphemes) if grapheme in LATIN and grapheme.isalnum()]
    if not places and not text.isascii():
        places = [at for at, grapheme in enumerate(graphemes) if grapheme[0] in _LETTERS]
    if not places:
        return text
    at = draw.pick(places)
    new = slipped(draw, graphemes[at])
    if new.isalnum() or not text.isascii():
        graphemes[at] = new or graphemes[at]
    return unicodedata.normalize("NFC", "".join(graphemes))


def spoil(
    draw: Draw, pieces: list[tuple[int | None, str]], grade: str, paths: list[str]
) -> list[tuple[int | None, str]]:
    """A page of (path number or None, text) with noise of that grade. Sums never get a slip."""
    rate = GRADES[grade]
    if not rate:
        return pieces
    slips = SLIPS[grade]
    changed: dict[int, str] = {}
    out: list[tuple[int | None, str]] = []
    for at, (number, text) in enumerate(pieces):
        if number is None:
            text = between_values(
                draw, text, rate,
                after_value=at > 0 and pieces[at - 1][0] is not None,
                before_value=at + 1 < len(pieces) and pieces[at + 1][0] is not None,
            )  # fmt: skip
            out.append((None, unicodedata.normalize("NFC", text)))
            continue
        if number not in changed:
            slip = draw.chance(slips) and paths[number].rpartition(".")[2] not in ("total_amount", "tax", "price")
            changed[number] = in_value(draw, text) if slip else text
        out.append((number, changed[number]))
    return out
