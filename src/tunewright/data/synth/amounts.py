"""Sums of money: kept in paise, printed in the document's one style, spelled out in words."""

from __future__ import annotations

from tunewright.data.synth.draw import DEVANAGARI_DIGITS, Draw, slot
from tunewright.text.numerals import words

ASCII_DIGITS = str.maketrans("०१२३४५६७८९", "0123456789")


def normal(printed: str) -> str:
    """A printed number as gold holds it: ASCII digits, no grouping, decimals as printed."""
    return printed.translate(ASCII_DIGITS).replace(",", "")


def grouped(rupees: int, western: bool = False) -> str:
    """12,50,000 (Indian) or 1,250,000 (western)."""
    if western:
        return f"{rupees:,}"
    text = str(rupees)
    head, tail = text[:-3], text[-3:]
    while len(head) > 2:
        head, tail = head[:-2], f"{head[-2:]},{tail}"
    return f"{head},{tail}" if head else tail


# (before, after) of a sum; the sum itself is digits, grouping and decimals.
AFFIXES_EN = (
    (("₹", ""), 16), (("Rs. ", ""), 14), (("Rs ", ""), 9), (("Rs.", ""), 9), (("", ""), 22), (("Rs. ", "/-"), 8),
    (("Rs.", "/-"), 6), (("", "/-"), 8), (("₹ ", ""), 8), (("₹", "/-"), 4), (("INR ", ""), 5), (("", " INR"), 1),
    (("Rs ", "/-"), 3), (("", " only"), 1), (("Rs. ", " only"), 1), (("Re. ", ""), 0.2), (("", " Rs"), 1), (("", " rupees"), 1),
)  # fmt: skip
AFFIXES_HI = (
    (("₹", ""), 14), (("रु. ", ""), 12), (("रु ", ""), 6), (("रु.", ""), 7), (("", ""), 22), (("रु. ", "/-"), 6),
    (("", "/-"), 8), (("₹ ", ""), 7), (("₹", "/-"), 4), (("", " रुपये"), 12), (("", " रु."), 8), (("", " रु"), 3),
    (("रुपये ", ""), 6), (("रू. ", ""), 3), (("", " रुपए"), 3), (("रुपये ", "/-"), 2), (("", " मात्र"), 1), (("रु. ", " मात्र"), 1),
)  # fmt: skip


def set_style(draw: Draw) -> None:
    """Choose how this document prints money."""
    hindi = draw.language == "hi" and not (draw.mix and draw.chance(0.4))
    draw.notes["affixes"] = draw.weighted(AFFIXES_HI if hindi else AFFIXES_EN)
    draw.notes["grouping"] = draw.weighted((("indian", 70), ("none", 26), ("western", 4)))
    # always: two decimals everywhere; needed: only where there are paise; never: whole rupees only.
    draw.notes["decimals"] = draw.weighted((("never", 56), ("always", 34), ("needed", 10)))
    if draw.notes["affixes"][1] == "/-" and draw.notes["decimals"] == "always" and draw.chance(0.85):
        draw.notes["decimals"] = "never"
    draw.notes["deva_amounts"] = draw.notes.get("deva_amounts", False)


def whole(draw: Draw) -> bool:
    """Whether this document's sums are whole rupees."""
    return draw.notes["decimals"] == "never"


def number(draw: Draw, paise: int) -> str:
    """`paise` as bare digits in the document's style: 1,250.00."""
    sign = "-" if paise < 0 else ""
    rupees, rest = divmod(abs(paise), 100)
    grouping = draw.notes["grouping"]
    text = str(rupees) if grouping == "none" else grouped(rupees, grouping == "western")
    if draw.notes["decimals"] == "always" or rest:
        text += f".{rest:02}"
    text = sign + text
    return text.translate(DEVANAGARI_DIGITS) if draw.notes["deva_amounts"] else text


def money(draw: Draw, value: str) -> str:
    """A number (marked or not) with the document's currency sign around it."""
    before, after = draw.notes["affixes"]
    return f"{before}{value}{after}"


def worded_money(draw: Draw, value: str) -> str:
    """A number with a currency sign in any case, for running text."""
    before, after = draw.notes["affixes"]
    if not (before or after) and draw.chance(0.8):
        before, after = draw.weighted(AFFIXES_EN if draw.language == "en" else AFFIXES_HI)
    return f"{before}{value}{after}"


def random_sum(draw: Draw, low: int, high: int) -> int:
    """A sum in paise, small ones likelier, mostly round."""
    rupees = low + int((high - low) * draw.random() ** 2)
    step = draw.weighted(((1, 3), (5, 2), (10, 4), (50, 3), (100, 4), (500, 2)))
    rupees = max(low, rupees // step * step) if rupees > step else rupees
    if not whole(draw) and draw.chance(0.3):
        return rupees * 100 + draw.between(0, 99)
    return rupees * 100


@slot("sum")
def other_sum(draw: Draw) -> str:
    """Some other sum of the document's size, as running text prints it."""
    total = draw.notes.get("total", 500000)
    value = max(1000, int(total * (0.1 + 1.4 * draw.random())))
    value = value // 1000 * 1000 if draw.chance(0.6) else value // 100 * 100
    return worded_money(draw, number(draw, value or 10000))


@slot("barenumber")
def bare_number(draw: Draw) -> str:
    return number(draw, random_sum(draw, 10, 3000))


@slot("bigsum")
def big_sum(draw: Draw) -> str:
    return worded_money(draw, number(draw, random_sum(draw, 50, 900) * 1000))


@slot("smallsum")
def small_sum(draw: Draw) -> str:
    return worded_money(draw, number(draw, draw.between(1, 60) * 1000))


@slot("wage")
def wage(draw: Draw) -> str:
    return worded_money(draw, number(draw, draw.between(6, 90) * 50000))


# In words ------------------------------------------------------------------------------------------------------------


@slot("words")
def total_in_words(draw: Draw) -> str:
    """The document's total in words, with paise where there are any."""
    rupees, paise = divmod(draw.notes.get("total", 0), 100)
    text = words(rupees, draw.language)
    if paise:
        tail = words(paise, draw.language)
        text += f" रुपये {tail} पैसे" if draw.language == "hi" else f" and paise {tail}"
    if draw.language == "hi":
        return text
    return draw.pick((text.capitalize(), text, text.title()))
