"""Sentences: which of a pool's are said so that every wanted value is said once, and what is woven between."""

from __future__ import annotations

from functools import lru_cache

from tunewright.data.synth import labels, pools, templates
from tunewright.data.synth.draw import Draw
from tunewright.data.synth.parts import Case

# Slots that stand for values of the document itself; "named" is the name with an honorific.
OWN = frozenset(("number", "party", "vendor", "date", "total", "name", "named", "id", "phone"))
LABELS = {"numlabel": "number", "datelabel": "date", "totallabel": "total", "idlabel": "id", "phonelabel": "phone"}


@lru_cache(maxsize=4096)
def _candidates(
    name: str, side: int, available: frozenset[str], wanted: frozenset[str], barred: frozenset[str]
) -> tuple[tuple[str, frozenset[str], float], ...]:
    """Sentences of a pool that can be said now: every own slot has a value, gold ones are still wanted."""
    found = []
    for entry in pools.pool(name).sides[side]:
        own = frozenset("name" if slot == "named" else slot for slot in templates.slots(entry) & OWN)
        gold = own & wanted
        if gold and own <= available and not (own - wanted) & _GOLD_SAID and not templates.slots(entry) & barred:
            found.append((entry, gold, 1.0 + 0.35 * (len(gold) - 1)))
    return tuple(found)


BIRTHS = frozenset(("birth", "childbirth", "youth"))
TOLD = BIRTHS | {"soon", "address"}
"""Slots whose values detailed documents have as gold elsewhere; here they are unmarked."""


# Own values that should be said once only; the issuer's and payer's names may come again.
_GOLD_SAID = frozenset(("number", "date", "total", "name", "id", "phone"))


def said(case: Case, name: str, wanted: set[str], *, last: bool = True) -> tuple[list[str], list[str]]:
    """Sentences from the pool `name` that together say every wanted value once: (in order, a closing line or none)."""
    draw = case.draw
    side = draw.wordings
    available = frozenset(role for role in OWN if role in draw.values)
    left = frozenset(wanted)
    opening: list[str] = []
    middle: list[str] = []
    closing: list[str] = []
    mixed = f"{name.rpartition('.')[0]}.mix" if draw.mix else ""
    mixed = mixed if mixed and pools.has(mixed) else ""
    plain = name
    barred = TOLD if draw.detailed else frozenset[str]()
    while left:
        # A code-mixed writer goes from one way of speaking to the other.
        name = mixed if mixed and draw.chance(0.3 if draw.mix == 1 else 0.6) else plain
        options = _candidates(name, side, available, left, barred)
        if not options:
            name, options = plain, _candidates(plain, side, available, left, barred)
        allowed = [
            (option, weight)
            for option, weight in ((option, option[2]) for option in options)
            if (option[0][0] != "^" or not opening) and (option[0][0] != "$" or (last and not closing))
        ]
        if not opening and draw.chance(0.8):
            starts = [(option, weight) for option, weight in allowed if option[0][0] == "^"]
            allowed = starts or allowed
        if not allowed:
            role = draw.pick(sorted(left))
            if role in ("vendor", "party", "name"):
                middle.append(f"{labels.gold(draw, role)}: {draw.values[role]}")
            else:
                middle.append(f"{labels.gold(draw, role)} {draw.values[role]}")
            left -= {role}
            continue
        entry, gold, _ = draw.weighted(allowed)
        draw.note(name, entry)
        text = draw.fill(entry.lstrip("^$"))
        (opening if entry[0] == "^" else closing if entry[0] == "$" else middle).append(text)
        left -= gold
    return opening + draw.shuffled(middle), closing


def more(case: Case, count: int) -> list[str]:
    """`count` sentences that hold no gold value, in the voice of the document."""
    draw = case.draw
    kind, language = draw.doc_type, draw.language
    voice = draw.notes.get("voice", "self")
    names = [f"more.{kind}.{language}"]
    if case.scene.story and voice == "self":
        names = [f"story.{case.scene.story}.{language}"] * 2 + names
    elif kind == "form":
        names = [f"more.{voice}.{language}"]
    names += [f"more.{kind}.mix"] * draw.mix
    out: list[str] = []
    used: set[str] = set()
    if draw.notes["long"]:
        count = 2 * count + draw.between(1, 4)
    for _ in range(count):
        name = draw.pick(names)
        entry = draw.atom(name)
        if entry not in used and not (draw.detailed and templates.slots(entry) & TOLD):
            used.add(entry)
            out.append(draw.fill(entry))
    return out


def facts_as_text(case: Case, count: int) -> list[str]:
    """Facts of the case as half sentences."""
    facts = [pair for pair in case.pairs if pair.role is None and pair.value]
    return [f"{pair.label} {pair.value}" for pair in facts[:count]]


def weave(draw: Draw, main: list[str], extra: list[str]) -> list[str]:
    """`extra` put somewhere into `main`, neither before its first nor after its last sentence, mostly."""
    out = main[:]
    for sentence in extra:
        low = 1 if len(out) > 1 and draw.chance(0.85) else 0
        high = len(out) - 1 if len(out) > 2 and draw.chance(0.6) else len(out)
        out.insert(draw.between(min(low, high), high), sentence)
    return out


def items_in_prose(case: Case) -> list[str]:
    """Lines of goods and sums as a sentence."""
    draw = case.draw
    if not case.rows or not draw.chance(0.6):
        return []
    rows = case.rows[:4]
    hindi = draw.language == "hi"
    parts = [
        f"{row.name} {row.amount}" if draw.chance(0.6) else f"{row.name} {'के' if hindi else 'at'} {row.amount}"
        for row in rows
    ]
    steps = [f"{pair.label} {pair.value}" for pair in case.ladder[:-1][:2]] if len(rows) == len(case.rows) else []
    glue = draw.pick((", ", " + ", "; ", ", "))
    lead = (
        draw.pick(("हिसाब: ", "इसमें ", "", "सामान: "))
        if hindi
        else draw.pick(("Details: ", "This includes ", "", "Break-up: "))
    )
    return [lead + glue.join(parts + steps) + ("।" if hindi else ".")]
