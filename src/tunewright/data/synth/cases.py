"""What one document says, before any layout: parties, numbers, facts, goods, sums, and which gold values are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tunewright.data.synth import amounts, dates, entities, labels, numbers, pools, templates
from tunewright.data.synth.draw import DEVANAGARI_DIGITS, Draw
from tunewright.data.synth.scenes import SCENES, Scene

ROLES = {
    "invoice": {"number": "invoice_number", "party": "customer_name", "date": "date", "total": "total_amount"},
    "receipt": {"number": "receipt_number", "vendor": "vendor_name", "date": "date", "total": "total_amount"},
    "form": {"name": "applicant_name", "date": "date", "id": "id_number", "phone": "phone"},
}
MISSING = {
    "invoice": {"number": 0.08, "party": 0.085, "date": 0.13, "total": 0.05},
    "receipt": {"number": 0.175, "vendor": 0.055, "date": 0.09, "total": 0.03},
    "form": {"name": 0.045, "date": 0.1, "id": 0.13, "phone": 0.24},
}
SUMS = {
    "fuel": (100, 4500), "parking": (10, 300), "puc": (60, 250), "rent": (1500, 42000), "finance": (300, 60000),
    "temple": (21, 51000), "utility": (120, 9000), "courier": (30, 1500), "grocery": (40, 6000), "food": (40, 9000),
    "laundry": (30, 2500), "school": (300, 45000), "civic": (50, 22000), "society": (100, 12000), "ticket": (60, 9000),
    "construct": (3000, 900000), "works": (2000, 400000), "service": (500, 250000), "event": (2000, 300000),
    "hospital": (50, 90000), "coach": (300, 40000), "mandi": (4000, 260000), "water": (150, 4000),
}  # fmt: skip


class Pair(NamedTuple):
    """A label with its value. role: the gold value it holds, or None. The value of a missing one may be blank."""

    role: str | None
    label: str
    value: str


@dataclass(slots=True)
class Row:
    """One line of goods. name, qty, rate, amount are printed (and marked) strings; paise is the line's sum."""

    name: str
    qty: str
    unit: str
    rate: str
    amount: str
    paise: int


@dataclass(slots=True)
class Case:
    """All parts of one document.

    given: role → marked value, for gold roles that the document gives. blank: gold roles shown with nothing after them.
    pairs: facts and gold pairs but for the total, in a natural order. ladder: sums from subtotal to total.
    """

    draw: Draw
    scene: Scene
    given: dict[str, str] = field(default_factory=dict)
    blank: list[str] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    title: str = ""
    pairs: list[Pair] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    ladder: list[Pair] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)

    @property
    def gold(self) -> set[str]:
        """Gold roles that have a value."""
        return {role for role in ROLES[self.draw.doc_type] if role in self.given}


def build(draw: Draw, *, terse: bool = False, worded: float = 0.35, yearless: float = 0.0) -> Case:
    """Draw a whole case. terse: few facts; worded, yearless: how dates like to look in the layout it is for."""
    scene = draw.weighted([(scene, scene.weight) for scene in SCENES[draw.doc_type]])
    _style(draw, worded, yearless)
    case = Case(draw, scene)
    draw.notes["scene_labels"] = scene.labels
    draw.notes["long"] = not terse and draw.chance(0.14)
    draw.notes["landlord"] = scene.issuer == "person"
    missing = _missing(draw)
    if draw.doc_type == "form":
        _form(case, missing)
    else:
        _business(case, missing)
    draw.values["purpose"] = draw.fill(draw.atom(f"purpose.{scene.purpose}.{draw.language}"))
    _facts(case, missing, terse)
    _tail(case, terse)
    return case


def _style(draw: Draw, worded: float, yearless: float) -> None:
    notes = draw.notes
    if draw.language == "hi":
        draw.mix = draw.weighted(((0, 64), (1, 24), (2, 12)))
        if draw.mix < 2 and draw.chance(0.24):
            notes["deva_dates"] = draw.chance(0.88)
            notes["deva_amounts"] = draw.chance(0.85)
            notes["deva_ids"] = draw.chance(0.6)
    else:
        notes["label_case"] = draw.weighted(((None, 74), ("upper", 16), ("lower", 6), ("title", 4)))
    dates.set_style(draw, worded, yearless)
    amounts.set_style(draw)
    notes["phone_style"] = numbers.phone_style(draw)


def _missing(draw: Draw) -> set[str]:
    """Gold roles this document does not give; never all of them."""
    odds = MISSING[draw.doc_type]
    missing = {role for role, p in odds.items() if draw.chance(p)}
    return missing if len(missing) < 3 else set()


# Parties, numbers, sums ----------------------------------------------------------------------------------------------

def value_language(draw: Draw) -> str:
    """Names are Latin only in code-mixed Hindi papers, and not in all of those."""
    if draw.mix and draw.chance(0.4 if draw.mix == 1 else 0.65):
        return "en"
    return draw.language


def _business(case: Case, missing: set[str]) -> None:
    draw, scene = case.draw, case.scene
    gold = ROLES[draw.doc_type]
    language = value_language(draw)
    personal = scene.issuer == "person"
    draw.feminine = draw.chance(0.3)
    if personal:
        vendor = entities.person(draw, draw.feminine, language)
    else:
        vendor = entities.firm(draw, scene.issuer, language)
    if language == "en" and draw.chance(0.28):
        vendor = vendor.upper()
    draw.notes["initials"] = "".join(word[0] for word in vendor.split()[:4] if "A" <= word[0] <= "Z")[:4]
    if "vendor" not in missing:
        marked = draw.mark("vendor_name", vendor)
        draw.values["vendor"] = marked
        if "vendor" in gold:
            case.given["vendor"] = marked

    kind = scene.party
    if kind == "any":
        kind = "firm" if draw.chance(0.34 if draw.doc_type == "invoice" else 0.12) else "person"
    draw.feminine = draw.chance(0.36)
    language = value_language(draw)
    if kind == "person":
        party = entities.person(draw, draw.feminine, language)
        wrap = entities.with_honorific
    else:
        trade = draw.weighted((("goods", 5), ("service", 3), ("food", 2), ("clothes", 2), ("hardware", 2), ("inst.school", 2),
                               ("inst.hospital", 2), ("inst.civic", 2), ("construct", 2), ("farm", 1), ("inst.temple", 1),
                               ("grocery", 2), ("motor", 1), ("print", 1), ("inst.coop", 1)))  # fmt: skip
        party = entities.firm(draw, trade, language)
        wrap = None
    if language == "en" and draw.chance(0.13):
        party = party.upper()
    if "party" not in missing and kind != "none" and (draw.doc_type == "invoice" or draw.chance(0.6)):
        marked = draw.mark("customer_name", party)
        # What follows a name in sentences is never "ji sir".
        draw.values["party"] = (
            wrap(draw, marked, draw.feminine, 0.5) if wrap else entities.firm_with_honorific(draw, marked, 0.3)
        )
        draw.notes["party"] = marked
        if "party" in gold:
            case.given["party"] = marked
    _common(case, missing)
    if "number" not in missing:
        case.given["number"] = draw.values["number"] = draw.mark(gold["number"], numbers.paper(draw))
    _sums(case, missing)


def _common(case: Case, missing: set[str]) -> None:
    draw = case.draw
    if "date" not in missing:
        case.given["date"] = draw.values["date"] = draw.mark("date", dates.own(draw))
    for role in sorted(missing):
        if draw.chance(0.28):
            case.blank.append(role)


def _form(case: Case, missing: set[str]) -> None:
    draw, scene = case.draw, case.scene
    draw.feminine = draw.chance(0.42)
    language = value_language(draw)
    name = entities.person(draw, draw.feminine, language)
    if language == "en" and draw.chance(0.14):
        name = name.upper()
    if "name" not in missing:
        marked = draw.mark("applicant_name", name)
        case.given["name"] = draw.values["name"] = marked
        draw.values["named"] = entities.with_honorific(draw, marked, draw.feminine, 0.45)
    _common(case, missing)
    kind = draw.pick(scene.ids)
    draw.notes["id"] = kind
    if "id" not in missing:
        case.given["id"] = draw.values["id"] = draw.mark("id_number", numbers.deva(draw, numbers.IDS[kind](draw)))
    if "phone" not in missing:
        text = numbers.mobile(draw) if draw.chance(0.97) else numbers.landline(draw)
        case.given["phone"] = draw.values["phone"] = draw.mark("phone", text)
    issuer = entities.firm(draw, scene.issuer, value_language(draw))
    draw.values["vendor"] = issuer.upper() if draw.chance(0.2) else issuer


_MEASURED = frozenset("kg ltr mtr qtl L acre ton sqft cft ft किलो लीटर मीटर क्विंटल कि.ग्रा. फुट वर्गफुट घनफुट".split())


def _quantity(draw: Draw, rate: int, unit: str) -> tuple[int, int]:
    """A quantity as (hundredths, decimals shown), fitting a rate in rupees."""
    if rate > 3000:
        return draw.between(1, 3) * 100, 0
    if rate < 25:
        return draw.weighted(((draw.between(1, 20), 3), (draw.between(2, 40) * 5, 3), (draw.between(1, 20) * 50, 1))) * 100, 0
    if unit in _MEASURED and draw.chance(0.5):
        return draw.weighted(((draw.between(1, 40) * 50, 2), (draw.between(50, 2500), 1))), 2
    return draw.weighted(((draw.between(1, 5), 6), (draw.between(2, 15), 3), (draw.between(10, 60), 1))) * 100, 0


def _rows(case: Case) -> int:
    """Fill in lines of goods; their sum in paise."""
    draw, scene = case.draw, case.scene
    # An unsplit pool is small; a document's lines differ.
    language = "en" if draw.mix and draw.chance(0.5) else draw.language
    pool = f"item.{scene.items}.{language}"
    entries = draw.some(draw.options(pool), max(1, min(scene.upto, 1 + int(draw.random() * draw.random() * scene.upto * 1.4))))
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
                draw.mark(f"items[{at}].name", name), draw.mark(f"items[{at}].quantity", qty), unit, rate_text,
                draw.mark(f"items[{at}].price", amounts.number(draw, amount)), amount,
            )  # fmt: skip
        )
    return total


def _sums(case: Case, missing: set[str]) -> None:
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
        cut = draw.weighted(((rounded(total * draw.pick((0.02, 0.05, 0.1, 0.1, 0.15))), 2), (draw.between(1, max(1, total // 60000)) * 5000, 3), (total % 10000, 1)))
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


# Facts ---------------------------------------------------------------------------------------------------------------

_LIKE = {
    "date": {"past", "soon", "anyday", "later", "longpast", "birth"}, "number": {"no", "n4", "n5"}, "id": {"n4", "n5", "account"},
    "phone": {"mobile", "landline", "tollfree"}, "party": {"mister", "anyone", "first"}, "name": {"mister", "anyone", "man"},
    "vendor": {"firm", "first"}, "total": {"sum", "barenumber", "smallsum"},
}  # fmt: skip
_TAKEN = {"due_date": ("due", "pay by", "last date", "अंतिम", "देय ति", "कब तक"), "address": ("add", "resid", "पता", "निवास", "परिसर", "premises")}


def fact(draw: Draw, entry: str) -> Pair:
    """One entry of a fact pool as a pair: a label chosen, the value filled."""
    left, _, value = entry.lstrip("@!").partition(" :: ")
    label = draw.fill(draw.pick(left.split("|")) if "<" not in left else left)
    return Pair(None, labels.cased(draw, label), draw.fill(value))


def _facts(case: Case, missing: set[str], terse: bool) -> None:
    draw, scene, kind = case.draw, case.scene, case.draw.doc_type
    language = "en" if draw.mix == 2 and draw.chance(0.35) else draw.language
    general, own = f"facts.{kind}.{language}", f"facts.{scene.facts}.{language}"
    count = draw.weighted(((0, 10), (1, 12), (2, 16), (3, 18), (4, 14), (5, 10), (6, 7), (8, 5), (11, 4)))
    if terse:
        count = min(count, draw.between(0, 3))
    if kind == "form" and not terse:
        count += draw.between(1, 3)
    if draw.notes["long"]:
        count += draw.between(4, 11)
    chosen: list[tuple[str, str]] = []
    mine = draw.shuffled(draw.options(own)) if scene.facts else []
    common = draw.shuffled(draw.options(general))
    # A missing value likes company of its own kind, or the reader learns nothing.
    wanted = set().union(*(_LIKE[role] for role in missing)) if missing and draw.chance(0.8) else set()
    if wanted:
        for name, pool in ((own, mine), (general, common)):
            for entry in pool:
                if templates.slots(entry) & wanted and _fits(case, entry):
                    chosen.append((name, entry))
                    break
    for name, pool, share in ((own, mine, 0.68), (general, common, 1.0)):
        for entry in pool:
            if len(chosen) >= (count * share if share < 1 else count):
                break
            if (name, entry) not in chosen and _fits(case, entry):
                chosen.append((name, entry))
    pairs: list[Pair] = []
    seen: set[str] = set()
    for name, entry in chosen:
        draw.note(name, entry)
        pair = fact(draw, entry)
        if pair.label.casefold() not in seen:
            seen.add(pair.label.casefold())
            pairs.append(pair)
    pairs += _special(case)
    if "balance" in draw.notes:
        pairs.append(Pair(None, labels.local(draw, "label.balance"), amounts.number(draw, draw.notes["balance"])))
    if not terse or draw.chance(0.5):
        pairs = draw.shuffled(pairs)
    case.pairs = _ordered(case, pairs)


def _fits(case: Case, entry: str) -> bool:
    draw = case.draw
    if entry[0] == "@":
        return "party" not in draw.values
    if entry[0] == "!" and "id" not in case.given:
        return False
    if len(draw.keys) > 4:
        label = entry.casefold()
        if "address" in templates.slots(entry) or any(label.startswith(start) for start in _TAKEN["address"]):
            return False
        if draw.doc_type == "invoice" and any(start in label for start in _TAKEN["due_date"]):
            return False
        if "birth" in entry or label.lstrip("@").startswith(("mode", "payment", "भुगतान", "tender")):
            return False
    return True


def _special(case: Case) -> list[Pair]:
    """Facts that the detailed generator has as gold."""
    draw, kind = case.draw, case.draw.doc_type
    detailed = len(draw.keys) > 4
    found: list[Pair] = []
    if kind == "invoice" and draw.chance(0.7 if detailed else 0.16):
        found.append(Pair(None, labels.local(draw, "label.due"), draw.mark("due_date", dates.soon(draw))))
    if kind != "receipt" and draw.chance(0.7 if detailed else 0.14):
        found.append(Pair(None, labels.local(draw, "label.address"), draw.mark("address", entities.address(draw))))
    if kind == "form" and detailed and draw.chance(0.7):
        birth = draw.mark("date_of_birth", dates.birth(draw))
        found.append(Pair(None, "जन्म तिथि" if draw.language == "hi" else draw.pick(("Date of Birth", "DOB", "D.O.B.")), birth))
    if kind != "form" and draw.chance(0.7 if detailed else 0.2):
        value = draw.fill(draw.atom(f"value.payment.{'en' if draw.mix and draw.chance(0.5) else draw.language}"))
        found.append(Pair(None, labels.local(draw, "label.payment"), draw.mark("payment_method", value)))
    return found


def _ordered(case: Case, facts: list[Pair]) -> list[Pair]:
    """Gold pairs among the facts: mostly number, date, party first; at times anywhere."""
    draw = case.draw
    roles = {"invoice": ("number", "date", "party"), "receipt": ("number", "date", "party"), "form": ("name", "id", "phone", "date")}
    gold: list[Pair] = []
    for role in roles[draw.doc_type]:
        if role == "party":
            if "party" in draw.values:
                gold.append(Pair("party", labels.gold(draw, "party"), polite_party(draw)))
            elif "party" in case.blank:
                gold.append(Pair("party", labels.gold(draw, "party"), blank(draw, "party")))
        elif role in case.given:
            value = case.given[role]
            if role == "name":
                value = entities.with_honorific(draw, value, draw.feminine, 0.16)
            if role == "date" and draw.chance(0.06):
                value += draw.pick((f" {dates.time(draw)}", f" ({dates.weekday(draw)})", f"  {dates.time(draw)}"))
            gold.append(Pair(role, labels.gold(draw, role), value))
        elif role in case.blank:
            gold.append(Pair(role, labels.gold(draw, role), blank(draw, role)))
    if draw.chance(0.25):
        return draw.shuffled(gold + facts)
    if draw.doc_type == "form":
        # The name leads, the date often closes, the rest is dealt in.
        rest = [pair for pair in gold if pair.role != "name"]
        lead = [pair for pair in gold if pair.role == "name"]
        date = [pair for pair in rest if pair.role == "date"]
        last = date if draw.chance(0.5) else []
        rest = [pair for pair in rest if pair not in last]
        middle = facts[:]
        for pair in rest:
            middle.insert(draw.between(0, len(middle)), pair)
        if lead and middle and draw.chance(0.2):
            middle.insert(draw.between(0, min(3, len(middle))), lead.pop())
        return lead + middle + last
    if draw.chance(0.35):
        gold = draw.shuffled(gold)
    if draw.chance(0.4):
        out = gold[:]
        for pair in facts:
            out.insert(draw.between(min(1, len(out)), len(out)), pair)
        return out
    return gold + facts


def polite_party(draw: Draw) -> str:
    """The party as a label's value: with an honorific at times, with a place or remark behind at times."""
    text = draw.values["party"] if draw.chance(0.55) else draw.notes["party"]
    if draw.chance(0.1):
        place = draw.atom(f"{draw.pick(('city', 'quarter', 'village'))}.{draw.language}")
        remarks = ("दुकान", "ऑफिस", "ऊपर वाले", f"ग्राम {place}", "पुराने ग्राहक") if draw.language == "hi" else ("office", f"flat {draw.between(1, 99)}", "regular", "old customer", place)
        text += draw.pick((", {}", " ({})", ", {}")).format(place) if draw.chance(0.7) else f" ({draw.pick(remarks)})"
    return text


def blank(draw: Draw, role: str) -> str:
    """What stands where a value was not filled in."""
    if role == "phone" and draw.chance(0.4):
        if draw.language == "hi":
            return draw.pick(("नहीं है", "बंद है", "नहीं", "(बाद में देंगे)", "उपलब्ध नहीं"))
        return draw.pick(("none", "no mobile", "not given", "N.A.", "will inform later"))
    common = ("", "", "______", "-", "--", "...........", "____________", "—")
    if draw.language == "hi":
        return draw.pick((*common, "नहीं", "अस्पष्ट", "खाली", "बाद में"))
    return draw.pick((*common, "N/A", "NA", "nil", "not filled"))


# Head and tail -------------------------------------------------------------------------------------------------------

def _tail(case: Case, terse: bool) -> None:
    draw = case.draw
    language = _title_language(draw)
    own = f"title.{draw.doc_type}.{case.scene.name}.{language}"
    case.title = draw.text(own if pools.has(own) and draw.chance(0.55) else f"title.{draw.doc_type}.{language}")
    count = draw.weighted(((0, 42), (1, 28), (2, 18), (3, 8), (4, 4)))
    if draw.notes["long"]:
        count += draw.between(1, 4)
    pool = f"tail.{draw.doc_type}.{draw.language}"
    for entry in draw.some(draw.options(pool), min(count, 1 if terse else 8)):
        if "vendor" in templates.slots(entry) and "vendor" not in draw.values:
            continue
        draw.note(pool, entry)
        case.tail.append(draw.fill(entry))
    if "total" in case.given and draw.chance(0.16 if draw.doc_type == "invoice" else 0.12):
        words = amounts.total_in_words(draw)
        label = labels.local(draw, "label.words")
        if draw.language == "hi":
            case.tail.insert(0, f"{label} : {words}" + draw.pick((" मात्र", " रुपये मात्र", " मात्र।", "")))
        else:
            case.tail.insert(0, f"{label}{draw.pick((': ', ' : ', ' '))}{words} {draw.pick(('only', 'only.', 'Only', ''))}".rstrip())
    case.head = _head(case, terse)


def _title_language(draw: Draw) -> str:
    if draw.mix and draw.chance(0.5):
        return "mix" if draw.doc_type != "form" and draw.chance(0.5) else "en"
    return draw.language


def _head(case: Case, terse: bool) -> list[str]:
    """Letterhead lines: the issuer and what stands about it."""
    draw = case.draw
    lines: list[str] = []
    vendor = draw.values.get("vendor")
    language = draw.language
    if vendor is None:
        if draw.chance(0.6):
            lines.append(draw.text(f"torn.{language}"))
        elif draw.chance(0.3):
            lines.append(entities.address(draw))
        return lines
    if case.scene.issuer == "person":
        return lines
    if language == "hi" and draw.chance(0.05) and draw.doc_type == "invoice":
        lines.append(draw.pick(("॥ श्री ॥", "॥ ॐ ॥", "श्री गणेशाय नमः", "॥ जय श्री राम ॥")))
    place = draw.atom(f"{draw.pick(('city', 'city', 'quarter', 'village'))}.{language}")
    lines.append(
        draw.weighted((
            (vendor, 52), (f"{vendor}, {place}", 20), (f"{vendor} , {place}", 2), (f"{vendor} ({place})", 4), (f"** {vendor} **", 4),
            (f"*** {vendor} ***", 2), (f"{vendor} - {place}", 4), (f"{vendor} – {place}", 3), (f"M/s {vendor}" if language == "en" else f"मेसर्स {vendor}", 4),
            (f"{vendor}.", 1), (f"== {vendor} ==", 1), (f"{vendor} | {place}", 1.5),
        ))  # fmt: skip
    )
    if draw.chance(0.12):
        lines.append(draw.text(f"tagline.{language}"))
    detailed = len(draw.keys) > 4
    if draw.chance(0.15 if terse else 0.38) or draw.notes["long"] or (detailed and draw.doc_type == "receipt" and draw.chance(0.5)):
        address = entities.address(draw)
        if draw.doc_type == "receipt":
            address = draw.mark("address", address)
        lines.append(address)
    if draw.chance(0.1 if terse else 0.7 if draw.notes["long"] else 0.26):
        phone = numbers.shop_phone(draw)
        lead = draw.pick(("मो.", "फोन", "दूरभाष", "फोन :", "मो. :", "संपर्क")) if language == "hi" else draw.pick(("Ph:", "Ph.", "Mob:", "M:", "Tel", "Phone:", "Contact:", "Cell"))
        line = f"{lead} {phone}" if draw.chance(0.75) else f"{lead} {phone}, {numbers.shop_phone(draw)}"
        if len(lines) > 1 and draw.chance(0.4):
            lines[-1] += draw.pick((", ", " | ", "  ")) + line
        else:
            lines.append(line)
    if draw.doc_type != "form" and draw.chance(0.06 if terse else 0.18):
        lead = "जीएसटी" if language == "hi" and not draw.mix else "GSTIN"
        line = f"{lead}{draw.pick((': ', ' ', ' : ', '-'))}{numbers.gstin(draw)}"
        if len(lines) > 1 and draw.chance(0.4):
            lines[-1] += draw.pick((" | ", "  ", ", ")) + line
        else:
            lines.append(line)
    return lines
