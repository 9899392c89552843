"""Facts beside the gold ones, and the order in which a document gives both."""

from __future__ import annotations

from tunewright.data.synth import amounts, dates, entities, labels, marks, pools, templates
from tunewright.data.synth.draw import Draw
from tunewright.data.synth.parts import Case, Pair
from tunewright.data.synth.sentences import BIRTHS

_LIKE = {
    "date": {"past", "soon", "anyday", "later", "longpast", "birth"}, "number": {"no", "n4", "n5"}, "id": {"n4", "n5", "account"},
    "phone": {"mobile", "landline", "tollfree"}, "party": {"mister", "anyone", "first"}, "name": {"mister", "anyone", "man"},
    "vendor": {"firm", "first"}, "total": {"sum", "barenumber", "smallsum"},
}  # fmt: skip
_TAKEN = {
    "due_date": ("due", "pay by", "last date", "अंतिम", "देय ति", "कब तक"),
    "address": ("add", "resid", "पता", "निवास", "परिसर", "premises"),
    "payment_method": ("mode", "payment", "भुगतान", "tender"),
}
_BESIDE = {"!": ("id", "number"), "%": ("phone",), "&": ("party",)}


def fact(draw: Draw, entry: str) -> Pair | None:
    """One entry of a fact pool as a pair: a label chosen, the value filled.

    None where every label is one that a gold value of this document may have: a reader could not tell them apart.
    """
    left, _, value = entry.lstrip("@!%&").partition(" :: ")
    taken = labels.of_gold(draw)
    options = [one for one in (left.split("|") if "<" not in left else [left]) if pools.atom_key(one) not in taken]
    if not options:
        return None
    label = draw.fill(draw.pick(options))
    filled = draw.fill(value)
    if "facts" in draw.keys and filled == marks.bare(filled):
        filled = draw.mark(f"facts.{label}", filled)
    return Pair(None, labels.cased(draw, label), filled)


def fill(case: Case, missing: set[str], terse: bool) -> None:
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
        if pair is not None and pair.label.casefold() not in seen:
            seen.add(pair.label.casefold())
            pairs.append(pair)
    pairs += _special(case)
    if "balance" in draw.notes:
        pairs.append(
            Pair(
                None,
                labels.local(draw, "label.balance"),
                draw.mark("balance", amounts.number(draw, draw.notes["balance"])),
            )
        )
    if not terse or draw.chance(0.5):
        pairs = draw.shuffled(pairs)
    case.pairs = _ordered(case, pairs)


def _fits(case: Case, entry: str) -> bool:
    """Whether an entry can stand in this document. Its first character may bind it.

    "@": only without a party; "!", "%", "&": only beside the number, the phone or the party that it could be taken for.
    """
    draw = case.draw
    if entry[0] == "@":
        return "party" not in draw.values
    beside = _BESIDE.get(entry[0], ())
    if beside and not any(role in case.given or role in draw.values for role in beside):
        return False
    if draw.detailed:
        label = entry.lstrip("@!%&").casefold()
        starts = tuple(one.strip() for one in label.partition(" :: ")[0].split("|"))
        if "address" in templates.slots(entry) or any(one.startswith(_TAKEN["address"]) for one in starts):
            return False
        if draw.doc_type == "invoice" and any(word in label for word in _TAKEN["due_date"]):
            return False
        if templates.slots(entry) & BIRTHS or any(one.startswith(_TAKEN["payment_method"]) for one in starts):
            return False
    return True


def _special(case: Case) -> list[Pair]:
    """Facts that the detailed generator has as gold."""
    draw, kind = case.draw, case.draw.doc_type
    detailed = draw.detailed
    found: list[Pair] = []
    if kind == "invoice" and draw.chance(0.7 if detailed else 0.16):
        found.append(Pair(None, labels.local(draw, "label.due"), draw.mark("due_date", dates.soon(draw))))
    if kind != "receipt" and draw.chance(0.7 if detailed else 0.14):
        found.append(Pair(None, labels.local(draw, "label.address"), draw.mark("address", entities.address(draw))))
    if kind == "form" and detailed and draw.chance(0.7):
        birth = draw.mark("date_of_birth", dates.birth(draw))
        found.append(
            Pair(None, "जन्म तिथि" if draw.language == "hi" else draw.pick(("Date of Birth", "DOB", "D.O.B.")), birth)
        )
    if kind != "form" and draw.chance(0.7 if detailed else 0.2):
        value = draw.fill(draw.atom(f"value.payment.{'en' if draw.mix and draw.chance(0.5) else draw.language}"))
        found.append(Pair(None, labels.local(draw, "label.payment"), draw.mark("payment_method", value)))
    return found


def _ordered(case: Case, facts: list[Pair]) -> list[Pair]:
    """Gold pairs among the facts: mostly number, date, party first; at times anywhere."""
    draw = case.draw
    roles = {
        "invoice": ("number", "date", "party"),
        "receipt": ("number", "date", "party"),
        "form": ("name", "id", "phone", "date"),
    }
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
        remarks = (
            ("दुकान", "ऑफिस", "ऊपर वाले", f"ग्राम {place}", "पुराने ग्राहक")
            if draw.language == "hi"
            else ("office", f"flat {draw.between(1, 99)}", "regular", "old customer", place)
        )
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
