"""Dates in the many forms that Indian papers print them."""

from __future__ import annotations

import datetime

from tunewright.data.synth.draw import DEVANAGARI_DIGITS, Draw, slot

LONG_EN = "January February March April May June July August September October November December".split()
SHORT_EN = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
LONG_HI = (
    ("जनवरी",), ("फरवरी", "फ़रवरी"), ("मार्च",), ("अप्रैल",), ("मई",), ("जून",), ("जुलाई",), ("अगस्त",),
    ("सितंबर", "सितम्बर"), ("अक्टूबर", "अक्तूबर"), ("नवंबर", "नवम्बर"), ("दिसंबर", "दिसम्बर"),
)  # fmt: skip
SHORT_HI = "जन. फर. मार्च अप्रै. मई जून जुला. अग. सित. अक्टू. नव. दिस.".split()
WEEKDAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "hi": "सोमवार मंगलवार बुधवार गुरुवार शुक्रवार शनिवार रविवार".split(),
}

NUMERIC = (
    ("{d:02}/{m:02}/{y}", 22), ("{d:02}-{m:02}-{y}", 16), ("{d:02}.{m:02}.{y}", 12), ("{d}/{m}/{yy:02}", 9),
    ("{d:02}/{m:02}/{yy:02}", 10), ("{d:02}-{m:02}-{yy:02}", 8), ("{d:02}.{m:02}.{yy:02}", 7), ("{d}.{m}.{yy:02}", 5),
    ("{d}-{m}-{y}", 4), ("{d}/{m}/{y}", 5), ("{y}-{m:02}-{d:02}", 6), ("{d}.{m}.{y}", 3), ("{y}/{m:02}/{d:02}", 1),
)  # fmt: skip
WORDED_EN = (
    ("{d} {M} {y}", 22), ("{d:02} {M} {y}", 5), ("{M} {d}, {y}", 8), ("{d}{th} {M} {y}", 7), ("{d}{th} {M}, {y}", 3),
    ("{M} {d}{th}, {y}", 2), ("{d} {b} {y}", 12), ("{d:02} {b} {y}", 8), ("{b} {d}, {y}", 6), ("{d:02}-{b}-{y}", 14),
    ("{d:02}-{b}-{yy:02}", 9), ("{d}-{b}-{yy:02}", 5), ("{d:02}-{B}-{y}", 4), ("{d:02}-{B}-{yy:02}", 3),
    ("{d} {b} {yy:02}", 2), ("{d}{th} {b} {y}", 2), ("{d} {b}, {y}", 3), ("{d:02}/{b}/{y}", 3), ("{d} {b}'{yy:02}", 2),
    ("{d} {M}, {y}", 4), ("{d:02}{B}{yy:02}", 1),
)  # fmt: skip
WORDED_HI = (
    ("{d} {H} {y}", 34), ("{d:02} {H} {y}", 12), ("{d} {H}, {y}", 12), ("{d:02} {H}, {y}", 2), ("{d}-{H}-{y}", 2),
    ("{H} {d}, {y}", 3), ("{d} {h} {y}", 3), ("{d} {H} {yy:02}", 2), ("{d:02}-{h}-{yy:02}", 1), ("{d} {H} सन् {y}", 1),
)  # fmt: skip
YEARLESS_EN = (("{d} {M}", 4), ("{M} {d}", 2), ("{d} {b}", 4), ("{d}{th} {M}", 2), ("{b} {d}", 1), ("{d}/{m}", 1))
YEARLESS_HI = (("{d} {H}", 6), ("{d}/{m}", 1))

BASE = datetime.date(2025, 6, 1).toordinal()


def ordinal_suffix(day: int) -> str:
    return "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def render(draw: Draw, day: datetime.date, form: str) -> str:
    """`day` printed by `form` in this document's spelling and digits."""
    months = draw.notes.get("months")
    if months is None:
        months = draw.notes["months"] = (draw.chance(0.5), draw.chance(0.12), draw.chance(0.12))
    m = day.month
    short = "Sept" if m == 9 and months[1] else SHORT_EN[m - 1]
    text = form.format(
        d=day.day, m=m, y=day.year, yy=day.year % 100, M=LONG_EN[m - 1], b=short, B=short.upper(),
        H=LONG_HI[m - 1][-1 if months[0] else 0], h=SHORT_HI[m - 1], th=ordinal_suffix(day.day),
    )  # fmt: skip
    return text.translate(DEVANAGARI_DIGITS) if draw.notes.get("deva_dates") else text


def choose_form(draw: Draw, worded: float, yearless: float = 0.0) -> str:
    """A date form: worded with that probability (months by name), without a year with that one."""
    hindi = draw.language == "hi" and not draw.chance((0.0, 0.3, 0.65)[draw.mix])
    if draw.chance(yearless):
        return draw.weighted(YEARLESS_HI if hindi else YEARLESS_EN)
    if draw.chance(worded):
        return draw.weighted(WORDED_HI if hindi else WORDED_EN)
    return draw.weighted(NUMERIC)


def set_style(draw: Draw, worded: float = 0.4, yearless: float = 0.0) -> None:
    """Choose the document's day and its usual form of dates."""
    spread = draw.weighted(((400, 8), (1500, 3), (5000, 1)))
    draw.notes["day"] = datetime.date.fromordinal(BASE + draw.between(-spread, min(spread, 900)))
    draw.notes["date_form"] = choose_form(draw, worded, yearless)
    draw.notes["worded"] = worded


def near(draw: Draw, low: int, high: int) -> datetime.date:
    """A day between `low` and `high` days after the document's."""
    return draw.notes["day"] + datetime.timedelta(days=draw.between(low, high))


def printed(draw: Draw, day: datetime.date) -> str:
    """`day` in the document's usual form; now and then in another."""
    form = draw.notes["date_form"]
    if draw.chance(0.15) or ("y" not in form and draw.chance(0.5)):
        form = choose_form(draw, draw.notes["worded"], 0.08)
    return render(draw, day, form)


def own(draw: Draw) -> str:
    """The document's own date."""
    return render(draw, draw.notes["day"], draw.notes["date_form"])


@slot("past")
def past(draw: Draw) -> str:
    return printed(draw, near(draw, -60, -1))


@slot("longpast")
def longpast(draw: Draw) -> str:
    return printed(draw, near(draw, -2200, -90))


@slot("soon")
def soon(draw: Draw) -> str:
    return printed(draw, near(draw, 1, 45))


@slot("later")
def later(draw: Draw) -> str:
    return printed(draw, near(draw, 60, 900))


@slot("anyday")
def anyday(draw: Draw) -> str:
    return printed(draw, near(draw, -120, 60))


@slot("span")
def span(draw: Draw) -> str:
    """From one day to a later one."""
    first = draw.between(-90, -8)
    days = [near(draw, first, first), near(draw, first + 1, 10)]
    one, two = (printed(draw, day) for day in days)
    if draw.language == "hi":
        return draw.pick((f"{one} से {two}", f"{one} – {two}", f"{one} से {two} तक"))
    return draw.pick((f"{one} to {two}", f"{one} - {two}", f"from {one} to {two}"))


@slot("ahead")
def ahead(draw: Draw) -> str:
    """A span of days to come."""
    first = draw.between(1, 30)
    one, two = printed(draw, near(draw, first, first)), printed(draw, near(draw, first + 1, first + 14))
    if draw.language == "hi":
        return draw.pick((f"{one} से {two}", f"{one} से {two} तक"))
    return draw.pick((f"{one} to {two}", f"from {one} to {two}"))


@slot("birth")
def birth(draw: Draw) -> str:
    return printed(draw, near(draw, -28000, -6500))


@slot("youth")
def youth(draw: Draw) -> str:
    return printed(draw, near(draw, -9500, -5300))


@slot("childbirth")
def childbirth(draw: Draw) -> str:
    return printed(draw, near(draw, -6000, -1200))


@slot("month")
def month(draw: Draw) -> str:
    day = near(draw, -70, 40)
    names = LONG_EN if draw.language == "en" else [spellings[0] for spellings in LONG_HI]
    name = names[day.month - 1]
    return f"{name} {day.year}" if draw.chance(0.4) else name


@slot("year")
def year(draw: Draw) -> str:
    return str(near(draw, -4000, 0).year)


@slot("fy")
def fy(draw: Draw) -> str:
    """A financial or school year, 2025-26."""
    first = draw.notes["day"].year
    return draw.pick(
        (f"{first}-{(first + 1) % 100:02}", f"{first}-{first + 1}", f"{first % 100:02}-{(first + 1) % 100:02}")
    )


@slot("time")
def time(draw: Draw) -> str:
    hour, minute = draw.between(7, 21), draw.between(0, 59)
    if draw.chance(0.5):
        return f"{hour:02}:{minute:02}" + (f":{draw.between(0, 59):02}" if draw.chance(0.4) else "")
    if draw.language == "hi" and not draw.mix:
        part = "सुबह" if hour < 12 else "दोपहर" if hour < 16 else "शाम"
        return (
            f"{part} {(hour - 1) % 12 + 1}:{minute:02} बजे"
            if draw.chance(0.6)
            else f"{(hour - 1) % 12 + 1}.{minute:02} बजे"
        )
    return f"{(hour - 1) % 12 + 1}:{minute:02} {draw.pick(('AM', 'PM', 'am', 'pm'))}"


@slot("weekday")
def weekday(draw: Draw) -> str:
    return WEEKDAYS[draw.language][draw.notes["day"].weekday()]
