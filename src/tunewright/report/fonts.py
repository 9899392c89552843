"""Whether a drawn picture can show Devanagari, with what font, and what to write where it can't."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

DEVANAGARI = re.compile(r"[\u0900-\u097f]")

PREFERRED = ("Noto Sans Devanagari", "Nirmala UI", "Kohinoor Devanagari", "Mukta", "Lohit Devanagari", "Mangal")

_VOWELS = dict(zip("अआइईउऊऋएऐओऔऑऍ", ["a", "ā", "i", "ī", "u", "ū", "r̥", "e", "ai", "o", "au", "ŏ", "ĕ"], strict=True))
_SIGNS = dict(zip("ािीुूृेैोौॉॅ", ["ā", "i", "ī", "u", "ū", "r̥", "e", "ai", "o", "au", "ŏ", "ĕ"], strict=True))
_CONSONANTS = dict(
    zip(
        "कखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसहळ",
        [
            "k",
            "kh",
            "g",
            "gh",
            "ṅ",
            "c",
            "ch",
            "j",
            "jh",
            "ñ",
            "ṭ",
            "ṭh",
            "ḍ",
            "ḍh",
            "ṇ",
            "t",
            "th",
            "d",
            "dh",
            "n",
            "p",
            "ph",
            "b",
            "bh",
            "m",
            "y",
            "r",
            "l",
            "v",
            "ś",
            "ṣ",
            "s",
            "h",
            "ḷ",
        ],
        strict=True,
    )
)
_DOTTED = {"क": "q", "ख": "ḵẖ", "ग": "ġ", "ज": "z", "ड": "ṛ", "ढ": "ṛh", "फ": "f"}
_OTHER = {"ं": "ṁ", "ँ": "m̐", "ः": "ḥ", "ऽ": "’", "।": ".", "॥": ".", "़": ""}
_VIRAMA, _NUKTA = "्", "़"


@cache
def devanagari() -> Path | None:
    """A font file with Devanagari that matplotlib can shape rightly; None where there is no such font or no shaper.

    matplotlib shapes text since 3.11 (libraqm); older ones draw Devanagari sign by sign, which is wrong.
    """
    from matplotlib import font_manager, ft2font

    if not hasattr(ft2font, "__libraqm_version__"):
        return None
    named = {
        entry.name: Path(entry.fname)
        for entry in font_manager.fontManager.ttflist
        if entry.weight in (400, "normal", "regular")
    }
    others = sorted(name for name in named if "devanagari" in name.lower())
    for name in (*PREFERRED, *others):
        path = named.get(name)
        if path is not None and _covers(path):
            return path
    for file in sorted(font_manager.findSystemFonts()):
        if "devanagari" in Path(file).name.lower() and _covers(Path(file)):
            return Path(file)
    return None


def _covers(path: Path) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        characters = FT2Font(str(path)).get_charmap()
    except (OSError, RuntimeError):
        return False
    return all(ord(character) in characters for character in "कीराम्०")


def family() -> list[str]:
    """Font families for matplotlib: Latin first, Devanagari behind it where there is a font."""
    from matplotlib import font_manager

    path = devanagari()
    families = ["DejaVu Sans"]
    if path is not None:
        font_manager.fontManager.addfont(path)
        families.append(font_manager.FontProperties(fname=path).get_name())
    return families


def label(text: str) -> str:
    """`text` as a picture can show it: itself, or in Latin letters where Devanagari has no font; never as a formula."""
    shown = text if not DEVANAGARI.search(text) or devanagari() else latin(text)
    return shown.replace("$", r"\$")


def latin(text: str) -> str:
    """Devanagari in Latin letters (ISO 15919, without the silent final a): "तारीख" → "tārīkh"."""
    result: list[str] = []
    index = 0
    while index < len(text):
        character = text[index]
        if character in _CONSONANTS:
            index += 1
            dotted = index < len(text) and text[index] == _NUKTA
            index += dotted
            sound = _DOTTED.get(character, _CONSONANTS[character]) if dotted else _CONSONANTS[character]
            after = text[index] if index < len(text) else ""
            if after in _SIGNS and after:
                result.append(sound + _SIGNS[after])
                index += 1
            elif after == _VIRAMA:
                result.append(sound)
                index += 1
            else:
                # A word's last inherent vowel is silent in Hindi, unless it is the word's only one.
                final = not after or not DEVANAGARI.match(after) or after in "।॥"
                alone = not result or not result[-1][-1:].isalpha()
                result.append(sound if final and not alone else sound + "a")
            continue
        if "०" <= character <= "९":
            result.append(str(ord(character) - ord("०")))
        else:
            result.append(_VOWELS.get(character) or _OTHER.get(character, character))
        index += 1
    return "".join(result)


def advice() -> str:
    """What to do where `devanagari()` is None."""
    return (
        "benchmark_results.png writes Hindi in Latin letters, because no usable Devanagari font was found here. "
        "To get one: apt install fonts-noto-core, or install Noto Sans Devanagari, and run `tunewright report` again."
    )
