"""What one document says, before any layout: parties, numbers, and which gold values are missing."""

from __future__ import annotations

from tunewright.data.synth import amounts, dates, entities, facts, heads, numbers, sums
from tunewright.data.synth.draw import Draw
from tunewright.data.synth.parts import ROLES, Case
from tunewright.data.synth.scenes import SCENES

MISSING = {
    "invoice": {"number": 0.08, "party": 0.085, "date": 0.13, "total": 0.05},
    "receipt": {"number": 0.175, "vendor": 0.055, "date": 0.09, "total": 0.03},
    "form": {"name": 0.045, "date": 0.1, "id": 0.13, "phone": 0.24},
}
"""doc_type → role → how often the document does not give it."""


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
    facts.fill(case, missing, terse)
    heads.fill(case, terse)
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
    sums.fill(case, missing)


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
