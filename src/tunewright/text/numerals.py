"""Whole numbers in words, English and Hindi, lakh and crore: written, and read."""

from __future__ import annotations

import re

from tunewright.text.unicode import nfc

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_HINDI = (
    "शून्य एक दो तीन चार पाँच छह सात आठ नौ दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस बीस इक्कीस बाईस तेईस "
    "चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस छत्तीस सैंतीस अड़तीस उनतालीस चालीस "
    "इकतालीस बयालीस तैंतालीस चवालीस पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास पचास इक्यावन बावन तिरपन चौवन पचपन छप्पन "
    "सत्तावन अट्ठावन उनसठ साठ इकसठ बासठ तिरसठ चौंसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर "
    "पचहत्तर छिहत्तर सतहत्तर अठहत्तर उन्यासी अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी अट्ठासी नवासी नब्बे "
    "इक्यानवे बानवे तिरानवे चौरानवे पंचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे"
).split()
_UNITS = ((10_000_000, "crore", "करोड़"), (100_000, "lakh", "लाख"), (1000, "thousand", "हजार"), (100, "hundred", "सौ"))


def _below_hundred(n: int, language: str) -> str:
    if language == "hi":
        return _HINDI[n]
    if n < 20:
        return _ONES[n]
    return _TENS[n // 10] + (f" {_ONES[n % 10]}" if n % 10 else "")


def words(number: int, language: str) -> str:
    """A whole number in English or Hindi words, lakh and crore."""
    if number < 100:
        return _below_hundred(number, language)
    parts: list[str] = []
    for size, english, hindi in _UNITS:
        count, number = divmod(number, size)
        if count:
            parts.append(f"{words(count, language)} {hindi if language == 'hi' else english}")
    if number:
        parts.append(_below_hundred(number, language))
    return " ".join(parts)


def _folded(word: str) -> str:
    """A word without what its spelling varies in: case, nukta, and which sign the nasal is written with."""
    return nfc(nfc(word).casefold().replace("\u093c", "").replace("\u0901", "\u0902"))


_SMALL = {_folded(word): number for number, word in enumerate(_ONES)}
_SMALL |= {_folded(word): 10 * number for number, word in enumerate(_TENS) if number > 1}
_SMALL |= {_folded(word): number for number, word in enumerate(_HINDI)}
_SMALL |= {_folded(word): 6 for word in ("छः", "छ", "छे")} | {_folded("पन्द्रह"): 15, _folded("चौबिस"): 24}
_LARGE = {_folded(word): size for size, *names in _UNITS for word in names}
_LARGE |= {"lac": 100_000, "million": 10**6, "billion": 10**9, "trillion": 10**12, _folded("अरब"): 10**9}
_LARGE |= {f"{word}s": size for word, size in _LARGE.items() if word.isascii()}


def size_of(word: str) -> int | None:
    """How much a word multiplies by: `lakh` → 100,000, `हज़ार` → 1,000; None where it is no such word."""
    return _LARGE.get(_folded(word))


def number_in(text: str) -> int | None:
    """The whole number that a text says in words and nothing else: `twenty-five` → 25, `पाँच सौ` → 500; else None."""
    total, chunk, tens, last = 0, None, False, 10**18
    for word in re.split(r"[\s-]+", _folded(text.strip())):
        small, large = _SMALL.get(word), _LARGE.get(word)
        if word == "and" and (chunk is not None or total):
            continue
        if word in ("a", "an") and chunk is None and not total:
            small = 1
        if small is not None:
            if chunk is None:
                chunk = small
            elif (tens and 0 < small < 10) or (chunk >= 100 and chunk % 100 == 0 and 0 < small < 100):
                chunk += small
            else:
                return None
            tens = word.isascii() and small >= 20
        elif large == 100 and chunk is not None and 0 < chunk < 100:
            chunk, tens = chunk * 100, False
        elif large is not None and large > 100 and chunk and large < last:
            total, chunk, tens, last = total + chunk * large, None, False, large
        else:
            return None
    alone = re.fullmatch(r"an?", text.strip().casefold())
    return None if alone or (chunk is None and not total) else total + (chunk or 0)
