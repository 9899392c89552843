"""Lines of goods and the ladder of sums from subtotal to total."""

from __future__ import annotations

from tunewright.data.synth import amounts, labels
from tunewright.data.synth.draw import DEVANAGARI_DIGITS, Draw
from tunewright.data.synth.parts import Case, Pair, Row

SUMS = {
    "fuel": (100, 4500), "parking": (10, 300), "puc": (60, 250), "rent": (1500, 42000), "finance": (300, 60000),
    "temple": (21, 51000), "utility": (120, 9000), "courier": (30, 1500), "grocery": (40, 6000), "food": (40, 9000),
    "laundry": (30, 2500), "school": (300, 45000), "civic": (50, 22000), "society": (100, 12000), "ticket": (60, 9000),
    "construct": (3000, 900000), "works": (2000, 400000), "service": (500, 250000), "event": (2000, 300000),
    "hospital": (50, 90000), "coach": (300, 40000), "mandi": (4000, 260000), "water": (150, 4000),
}  # fmt: skip
"""Scene → lowest and highest total in rupees where no goods are listed."""

_MEASURED = frozenset("kg ltr mtr qtl L acre ton sqft cft ft किलो लीटर मीटर क्विंटल कि.ग्रा. फुट वर्गफुट घनफुट".split())


def _quantity(draw: Draw, rate: int, unit: str) -> tuple[int, int]:
    """A quantity as (hundredths, decimals shown), fitting a rate in rupees."""
    if rate > 3000:
        return draw.between(1, 3) * 100, 0
    if rate < 25:
        return draw.weighted(
            ((draw.between(1, 20), 3), (draw.between(2, 40) * 5, 3), (draw.between(1, 20) * 50, 1))
        ) * 100, 0
    if unit in _MEASURED and draw.chance(0.5):
        return draw.weighted(((draw.between(1, 40) * 50, 2), (draw.between(50, 2500), 1))), 2
    return draw.weighted(((draw.between(1, 5), 6), (draw.between(2, 15), 3), (draw.between(10, 60), 1))) * 100, 0


def _rows(case: Case) -> int:
    """Fill in lines of goods; their sum in paise."""
    draw, scene = case.draw, case.scene
    # An unsplit pool is small; a document's lines differ.
    language = "en" if draw.mix and draw.chance(0.5) else draw.language
    pool = f"item.{scene.items}.{language}"
    entries = draw.some(
        draw.options(pool), max(1, min(scene.upto, 1 + int(draw.random() * draw.random() * scene.upto * 1.4)))
    )
    whole = amounts.whole(draw)
    total = 0
    for at, entry in enumerate(entries):
        draw.note(pool, entry)
        name, unit, span = entry.split("=")
        low, high = (int(part) for part in span.split("-"))
        rate = draw.between(low, high)
        if rate > 200 and draw.chance(0.7):
            rate = rate // 10 * 10
        paise = rate * 100
        if not whole and rate < 500 and draw.chance(0.35):
            paise += draw.pick((25, 50, 50, 75, draw.between(1, 99)))
        hundredths, decimals = _quantity(draw, rate, unit)
        amount = paise * hundredths // 100
        if whole or draw.chance(0.2):
            amount = (amount + 50) // 100 * 100
        total += amount
        qty = f"{hundredths / 100:.2f}" if decimals else str(hundredths // 100)
        if draw.notes["deva_amounts"]:
            qty = qty.translate(DEVANAGARI_DIGITS)
        rate_text = amounts.number(draw, paise)
        case.rows.append(
            Row(
                draw.mark(f"items[{at}].name", name),
                draw.mark(f"items[{at}].quantity", qty),
                unit,
                rate_text,
                draw.mark(f"items[{at}].price", amounts.number(draw, amount)),
                amount,
            )
        )
    return total


def fill(case: Case, missing: set[str]) -> None:
    """Lines of goods and the ladder of sums that ends in the total."""
    draw, scene = case.draw, case.scene
    low, high = SUMS.get(scene.name, (100, 60000))
    if "total" in missing:
        draw.notes["total"] = amounts.random_sum(draw, low, high)
        return
    steps: list[tuple[str, int]] = []
    if scene.items and scene.rows and draw.chance(scene.rows):
        total = _rows(case)
    else:
        total = amounts.random_sum(draw, low, high)
    base = total
    whole = amounts.whole(draw)

    def rounded(paise: float) -> int:
        return round(paise / 100) * 100 if whole else round(paise)

    rich = bool(case.rows)
    if draw.chance(0.22 if rich else 0.08) and total > 5000:
        cut = draw.weighted(
            (
                (rounded(total * draw.pick((0.02, 0.05, 0.1, 0.1, 0.15))), 2),
                (draw.between(1, max(1, total // 60000)) * 5000, 3),
                (total % 10000, 1),
            )
        )
        if 0 < cut < total * 0.4:
            steps.append(("discount", -cut))
            total -= cut
    if draw.chance(0.16 if rich else 0.05):
        extra = draw.between(2, 40) * 1000 if total > 20000 else draw.between(1, 5) * 500
        steps.append(("freight", extra))
        total += extra
    if draw.chance((0.36 if draw.doc_type == "invoice" else 0.2) if rich else 0.16):
        percent = draw.pick((5, 5, 12, 18, 18, 18, 28))
        if "tax" not in draw.keys and draw.chance(0.45):
            half = rounded(total * percent / 200)
            steps += [("cgst", half), ("sgst", half)]
            total += 2 * half
        else:
            tax = rounded(total * percent / 100)
            steps.append(("gst", tax))
            total += tax
        draw.notes["percent"] = percent
    if draw.chance(0.07):
        old = draw.between(1, 60) * 5000
        steps.append(("previous", old))
        total += old
    if draw.chance(0.06) and total > 30000:
        paid = draw.between(1, 7) * total // 10 // 10000 * 10000
        if 0 < paid < total:
            steps.append(("advance", -paid))
            total -= paid
    if total % 100 and draw.chance(0.5):
        off = (total + 50) // 100 * 100 - total
        if total + off > 0:
            steps.append(("roundoff", off))
            total += off
    ladder: list[Pair] = []
    if steps and (draw.chance(0.75) or not rich):
        ladder.append(Pair(None, labels.local(draw, "label.subtotal"), amounts.number(draw, base)))
    sign = draw.chance(0.5)
    for name, paise in steps:
        text = amounts.number(draw, abs(paise))
        if name == "gst":
            text = draw.mark("tax", text)
        label = labels.local(draw, f"label.{name}")
        if name in ("gst", "cgst", "sgst") and (label.endswith("@") or draw.chance(0.5)):
            percent = draw.notes["percent"] / (1 if name == "gst" else 2)
            label += f" {percent:g}%" if draw.chance(0.8) or label.endswith("@") else f" ({percent:g}%)"
        if paise < 0 and sign and "-" not in label:
            text = draw.pick(("-{}", "- {}", "(-) {}", "({})")).format(text)
        ladder.append(Pair(None, label, text))
    draw.notes["total"] = total
    if draw.doc_type == "receipt" and not rich and not steps and total > 40000 and draw.chance(0.13):
        # Part of a larger sum is paid: what was received is the receipt's total.
        rest = draw.between(1, 30) * total // 20 // 10000 * 10000
        if rest:
            ladder.append(Pair(None, labels.local(draw, "label.billed"), amounts.number(draw, total + rest)))
            draw.notes["total_pool"] = "label.paid"
            draw.notes["balance"] = rest
    marked = draw.mark("total_amount", amounts.number(draw, total))
    case.given["total"] = marked
    draw.values["total"] = amounts.worded_money(draw, marked)
    ladder.append(Pair("total", labels.gold(draw, "total"), amounts.money(draw, marked)))
    case.ladder = ladder
