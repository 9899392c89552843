"""Dates and times of day as they are written, English and Hindi, read only where they can be read.

A whole text is read, not searched: `5 Jan 2023` is a date, `on the 5th, I think` is none, and neither are words that
depend on the day they are said (today, कल) or on a guess (a month alone). Where day and month could stand either way
round, as in `05/01/2023`, both readings are told and none is chosen. Two digits of a year are read as what they are:
the end of a year.

Written here and not taken from `dateparser`: that one fills in what is missing from today's date and picks a reading
of what is ambiguous, which is right for a search and wrong for a judge.
"""

from __future__ import annotations

import calendar
import re
from typing import NamedTuple

from tunewright.text.numbers import ascii_digits
from tunewright.text.unicode import nfc

_ENGLISH = (
    "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
    "september sept sep", "october oct", "november nov", "december dec",
)  # fmt: skip
_HINDI = (
    "जनवरी जन", "फरवरी फ़रवरी फर फ़र", "मार्च", "अप्रैल अप्रै", "मई", "जून", "जुलाई जुला", "अगस्त अग",
    "सितंबर सितम्बर सित", "अक्टूबर अक्तूबर अक्टू", "नवंबर नवम्बर नव", "दिसंबर दिसम्बर दिस",
)  # fmt: skip
_MONTHS = {
    nfc(name): number for names in (_ENGLISH, _HINDI) for number, each in enumerate(names, 1) for name in each.split()
}
_WEEKDAYS = nfc(
    "monday mon tuesday tues tue wednesday wed thursday thurs thur thu friday fri saturday sat sunday sun "
    "सोमवार मंगलवार बुधवार गुरुवार बृहस्पतिवार शुक्रवार शनिवार रविवार"
).split()

_MONTH = "|".join(sorted(map(re.escape, _MONTHS), key=len, reverse=True))
_WEEKDAY = "|".join(sorted(_WEEKDAYS, key=len, reverse=True))
_DAY, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?:सन् ?|')?(?P<year>\d{4}|\d{2})"
_BETWEEN = r"(?:[ ]|,[ ]?|\.[ ]?|-|/| of )"
_SHAPES = tuple(
    re.compile(rf"(?:(?:{_WEEKDAY})\.?,? )?(?:the )?{shape}")
    for shape in (
        r"(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})(?:t00:00(?::00(?:\.0+)?)?z?)?",
        r"(?P<first>\d{1,2})([-/.])(?P<second>\d{1,2})\2(?P<year>\d{4}|\d{2})",
        rf"{_DAY}{_BETWEEN}?(?P<month>{_MONTH})(?:{_BETWEEN}?{_YEAR})?",
        rf"(?P<month>{_MONTH})\.? {_DAY}(?:,? {_YEAR})?",
        rf"(?P<month>{_MONTH})(?:\.|,)?[ -](?P<year>\d{{4}})",
        r"(?P<year>\d{4})-(?P<month>\d{2})",
    )
)
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?(?::(?P<second>\d{2}))? ?(?P<half>[ap]\.?m\.?|o'?clock|बजे)?"
)
_IN_WORDS = {"noon": (12, 0), "midday": (12, 0), "midnight": (0, 0)}
_PAST = re.compile(r"(?P<part>half|quarter) (?P<side>past|to) (?P<hour>\d{1,2})(?: ?(?P<half>[ap]\.?m\.?))?")


class Day(NamedTuple):
    """A day; year or day are None where they are not written, a year below 100 is the end of one."""

    year: int | None
    month: int
    day: int | None


def readings(text: str) -> tuple[Day, ...]:
    """What days a text can mean: none, one, or two where day and month could stand either way round, day first."""
    plain = _plain(text)
    for shape in _SHAPES:
        if match := shape.fullmatch(plain):
            return _days(match)
    return ()


def same_day(one: str, other: str) -> bool | None:
    """Whether two texts say the same day; None where one of them could mean it, and could mean another.

    Two that are ambiguous in the same way, `05/01/2023` and `5-1-23`, say the same. So do 2023 and '23, and nothing
    else that is not there: `5 January` is not `5 January 2023`.
    """
    first, second = readings(one), readings(other)
    if not first or not second:
        return False
    if len(first) == len(second) and all(map(_alike, first, second)):
        return True
    return None if any(_alike(a, b) for a in first for b in second) else False


def minutes(text: str) -> tuple[int, bool] | None:
    """A time of day as (minutes since midnight, whether the half of the day is told), or None.

    `6:30 pm`, `18:30` and `6.30PM` are 1110; `6 o'clock` is 360 without its half; a bare number is no time.
    """
    plain = _plain(text)
    if plain in _IN_WORDS:
        hour, minute = _IN_WORDS[plain]
        return 60 * hour + minute, True
    match = _PAST.fullmatch(plain)
    if match:
        shift = {"half past": 30, "quarter past": 15, "quarter to": -15}.get(f"{match['part']} {match['side']}")
        return None if shift is None else _of_day(int(match["hour"]), shift, match["half"])
    match = _CLOCK.fullmatch(plain)
    if not match or not (match["minute"] or match["half"]) or int(match["minute"] or 0) > 59:
        return None
    if match["second"] not in (None, "00"):
        return None
    return _of_day(int(match["hour"]), int(match["minute"] or 0), match["half"])


def same_time(one: str, other: str) -> bool | None:
    """Whether two texts say the same time of day; None where they do but for the half of it."""
    first, second = minutes(one), minutes(other)
    if first is None or second is None:
        return False
    if first[0] == second[0] and first[1] == second[1]:
        return True
    return None if (first[0] - second[0]) % 720 == 0 and not (first[1] and second[1]) else False


def _of_day(hour: int, minute: int, half: str | None) -> tuple[int, bool] | None:
    letter = half[0] if half else ""
    if letter in ("a", "p"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (letter == "p")
    if not 0 <= hour <= 23:
        return None
    # 18:30 and 00:15 tell their half by themselves, 6:30 does not.
    return (60 * hour + minute) % 1440, letter in ("a", "p") or hour > 12 or hour == 0


def _plain(text: str) -> str:
    plain = ascii_digits(nfc(text)).casefold().replace("’", "'")
    return re.sub(r"\s+", " ", plain).strip(" .,")


def _days(match: re.Match[str]) -> tuple[Day, ...]:
    found = match.groupdict()
    year = None if found.get("year") is None else int(found["year"])
    if "first" in found:
        first, second = int(found["first"]), int(found["second"])
        both = dict.fromkeys((Day(year, second, first), Day(year, first, second)))
        return tuple(day for day in both if _is_day(day))
    month = int(found["month"]) if found["month"].isdecimal() else _MONTHS[found["month"]]
    day = Day(year, month, None if found.get("day") is None else int(found["day"]))
    return (day,) if _is_day(day) else ()


def _is_day(day: Day) -> bool:
    if not 1 <= day.month <= 12:
        return False
    # The end of a year, or none, may be that of a leap year.
    year = 2000 if day.year is None or day.year < 100 else day.year
    return day.day is None or 1 <= day.day <= calendar.monthrange(year, day.month)[1]


def _alike(one: Day, other: Day) -> bool:
    if (one.month, one.day) != (other.month, other.day) or (one.year is None) != (other.year is None):
        return False
    if one.year is None or other.year is None:
        return True
    if one.year < 100 or other.year < 100:
        return one.year % 100 == other.year % 100
    return one.year == other.year
