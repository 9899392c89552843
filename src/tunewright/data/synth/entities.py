"""People, firms and places, put together from parts on the document's side of the atoms."""

from __future__ import annotations

from tunewright.data.synth import pools
from tunewright.data.synth.draw import DEVANAGARI_DIGITS, Draw, slot

COMMUNITIES = {
    "en": (("north", 40), ("south", 15), ("west", 13), ("east", 10), ("sikh", 6), ("muslim", 14), ("christian", 7),
           ("hills", 4), ("village", 8)),
    "hi": (("north", 48), ("muslim", 14), ("village", 22), ("wide", 16)),
}  # fmt: skip

HONORIFICS = {
    ("en", False): (("Mr.", 8), ("Mr", 4), ("Shri", 6), ("Sh.", 2), ("Sri", 2), ("Dr.", 2), ("Shri.", 1), ("Prof.", 0.5),
                    ("Er.", 0.3), ("Adv.", 0.4), ("Capt.", 0.2)),
    ("en", True): (("Mrs.", 6), ("Ms.", 6), ("Ms", 3), ("Smt.", 6), ("Smt", 2), ("Miss", 1), ("Dr.", 1.5), ("Km.", 1),
                   ("Kumari", 0.4)),
    ("hi", False): (("श्री", 20), ("श्रीमान", 1.5), ("डॉ.", 1.5), ("पं.", 0.5), ("प्रो.", 0.4), ("श्री.", 0.4), ("मा.", 0.2)),
    ("hi", True): (("श्रीमती", 14), ("सुश्री", 4), ("कु.", 2), ("कुमारी", 1), ("डॉ.", 1)),
}  # fmt: skip
FIRM_HONORIFICS = {
    "en": (("M/s", 5), ("M/s.", 4), ("Messrs", 1), ("M/S", 1)),
    "hi": (("मे.", 4), ("मेसर्स", 4), ("मैसर्स", 2)),
}
AFTER = {
    ("en", False): (("ji", 2), ("sir", 2), ("bhai", 1), ("saab", 0.5)),
    ("en", True): (("ji", 2), ("ma'am", 2), ("madam", 1.5), ("didi", 0.4)),
    ("hi", False): (("जी", 12), ("भाई", 1.5), ("साहब", 1.5), ("भैया", 1), ("सर", 0.5)),
    ("hi", True): (("जी", 12), ("मैडम", 1), ("दीदी", 0.8), ("बहन", 0.5)),
}


def given(draw: Draw, community: str, feminine: bool, language: str) -> str:
    return draw.atom(f"given.{'f' if feminine else 'm'}.{community}.{language}")


def surname(draw: Draw, language: str | None = None) -> str:
    language = language or draw.language
    community = draw.weighted(COMMUNITIES[language])
    return draw.atom(f"surname.{community}.{language}")


def person(draw: Draw, feminine: bool, language: str | None = None, community: str | None = None) -> str:
    """A full name without honorific, shaped as its community writes names."""
    language = language or draw.language
    community = community or draw.weighted(COMMUNITIES[language])
    first = given(draw, community, feminine, language)
    last = draw.atom(f"surname.{community}.{language}")
    dice = draw.random()
    initial = chr(65 + int(draw.random() * 23))
    if community == "south":
        if dice < 0.22:
            return f"{initial}. {first}"
        if dice < 0.32:
            return f"{first} {initial}" + ("." if dice < 0.28 else "")
        if dice < 0.38:
            return f"{initial}.{chr(65 + int(draw.random() * 23))}. {first}"
        if dice < 0.46:
            return f"{initial}. {first} {last}"
        return f"{first} {last}"
    if community == "sikh":
        title = "Kaur" if feminine else "Singh"
        return f"{first} {title} {last}" if dice < 0.4 else f"{first} {title}" if dice < 0.9 else f"{first} {last}"
    if community == "muslim":
        if dice < 0.1 and not feminine:
            lead = (
                draw.pick(("मो.", "मोहम्मद", "शेख", "सैयद"))
                if language == "hi"
                else draw.pick(("Mohd.", "Mohammed", "Md.", "Mohd", "Syed", "Sheikh"))
            )
            return f"{lead} {first}" if dice < 0.06 else f"{lead} {first} {last}"
        if feminine and dice < 0.35:
            tail = (
                ("बेगम", "बानो", "खातून", "बी", "परवीन")
                if language == "hi"
                else ("Begum", "Bano", "Khatoon", "Bi", "Parveen")
            )
            return f"{first} {draw.pick(tail)}"
        return f"{first} {last}"
    if community == "christian":
        if dice < 0.15:
            return f"{first} {given(draw, community, feminine, language)} {last}"
        return f"{initial}. {last}" if dice < 0.2 else f"{first} {last}"
    if community == "village":
        if dice < 0.12:
            return first
        if dice < 0.45:
            middle = draw.atom(f"middle.{'f' if feminine else 'm'}.{language}")
            glued = first.endswith(("लाल", "राम", "बाई", "वती", "lal", "ram", "bai", "wati", "अली"))
            return (
                f"{first} {last}"
                if glued
                else f"{first} {middle}"
                if feminine or dice < 0.3
                else f"{first} {middle} {last}"
            )
        return f"{first} {last}"
    if community in ("north", "west"):
        if dice < 0.2:
            middle = draw.atom(f"middle.{'f' if feminine else 'm'}.{language}")
            return f"{first} {middle} {last}" if dice < 0.13 else f"{first} {middle}"
        if dice < 0.225:
            return first
        if language == "en" and dice < 0.27:
            return f"{initial}. {last}" if dice < 0.245 else f"{initial}.{chr(65 + int(draw.random() * 23))}. {last}"
        if language == "en" and dice < 0.29:
            return f"{first} {initial}. {last}"
        return f"{first} {last}"
    return f"{first} {last}"


def with_honorific(draw: Draw, name: str, feminine: bool, p: float = 0.45) -> str:
    """A person's (marked) name with something polite around it, at times."""
    language = draw.language
    before = draw.chance(p)
    if before:
        name = f"{draw.weighted(HONORIFICS[language, feminine])} {name}"
    if draw.chance(0.35 * p if not before else 0.2 if language == "hi" else 0.03):
        name = f"{name} {'जी' if before and language == 'hi' else draw.weighted(AFTER[language, feminine])}"
    return name


def firm_with_honorific(draw: Draw, name: str, p: float = 0.3) -> str:
    return f"{draw.weighted(FIRM_HONORIFICS[draw.language])} {name}" if draw.chance(p) else name


def firm(draw: Draw, trade: str, language: str | None = None) -> str:
    """A firm of that trade, or an institution (`inst.school`), named from parts."""
    language = language or draw.language
    shape = draw.pick(pools.pool(f"{trade if trade.startswith('inst.') else 'firm.shape'}.{language}").entries)
    kept = draw.language
    draw.language = language
    draw.values["trade"] = draw.atom(f"trade.{trade}.{language}") if not trade.startswith("inst.") else ""
    name = draw.fill(shape)
    draw.language = kept
    del draw.values["trade"]
    return name


@slot("s")
def _surname(draw: Draw) -> str:
    return surname(draw)


@slot("gm")
def _given_m(draw: Draw) -> str:
    return given(draw, draw.weighted(COMMUNITIES[draw.language]), False, draw.language)


@slot("gf")
def _given_f(draw: Draw) -> str:
    return given(draw, draw.weighted(COMMUNITIES[draw.language]), True, draw.language)


@slot("I")
def _initial(draw: Draw) -> str:
    return chr(65 + int(draw.random() * 23))


for _name in ("brand", "deity", "city", "village", "quarter", "saint"):
    slot(_name)(lambda draw, _name=_name: draw.atom(f"{_name}.{'en' if _name == 'saint' else draw.language}"))
slot("place2")(lambda draw: draw.atom(f"quarter.{draw.language}"))


# Other people and firms that stand about in a document


@slot("man")
def man(draw: Draw) -> str:
    return person(draw, False)


@slot("woman")
def woman(draw: Draw) -> str:
    return person(draw, True)


@slot("anyone")
def anyone(draw: Draw) -> str:
    return person(draw, draw.chance(0.4))


@slot("mister")
def mister(draw: Draw) -> str:
    """A man with an honorific, at times."""
    return with_honorific(draw, person(draw, False), False, 0.6)


@slot("first")
def first_name(draw: Draw) -> str:
    feminine = draw.chance(0.35)
    return given(draw, draw.weighted(COMMUNITIES[draw.language]), feminine, draw.language)


@slot("doctor")
def doctor(draw: Draw) -> str:
    name = surname(draw) if draw.chance(0.35) else person(draw, draw.chance(0.35))
    if draw.language == "hi":
        return f"{draw.pick(('डॉ.', 'डॉ', 'डा.'))} {name}"
    return f"{draw.pick(('Dr.', 'Dr', 'DR.'))} {name}"


@slot("firm")
def other_firm(draw: Draw) -> str:
    kept = draw.values.get("trade")
    name = firm(draw, draw.pick(("goods", "service", "hardware", "transport", "clothes", "construct", "farm", "print")))
    if kept is not None:
        draw.values["trade"] = kept
    return name


@slot("school")
def school(draw: Draw) -> str:
    return firm(draw, draw.pick(("inst.school", "inst.school", "inst.college")))


@slot("hospital")
def hospital(draw: Draw) -> str:
    return firm(draw, "inst.hospital")


@slot("bank")
def bank(draw: Draw) -> str:
    return firm(draw, "inst.finance")


@slot("office")
def office(draw: Draw) -> str:
    return firm(draw, draw.pick(("inst.civic", "inst.civic", "inst.coop")))


# Addresses


@slot("pin")
def pin(draw: Draw) -> str:
    text = draw.digits(6)
    return f"{text[:3]} {text[3:]}" if draw.chance(0.12) else text


@slot("house")
def house(draw: Draw) -> str:
    n = draw.between(1, 480)
    if draw.language == "hi":
        return draw.pick(
            (
                f"{n}",
                f"म.नं. {n}",
                f"मकान नं. {n}",
                f"{n}/{draw.between(1, 40)}",
                f"वार्ड {draw.between(1, 45)}",
                f"प्लॉट {n}",
            )
        )
    return draw.pick((
        f"{n}", f"#{n}", f"H.No. {n}", f"{n}/{draw.between(1, 40)}", f"{chr(65 + draw.between(0, 7))}-{n}", f"Flat {n}",
        f"No. {n}", f"{n}{chr(65 + draw.between(0, 3))}", f"Plot {n}", f"D.No. {n}-{draw.between(1, 60)}",
    ))  # fmt: skip


@slot("address")
def address(draw: Draw) -> str:
    """A one-line address of one to five parts."""
    language = draw.language
    parts: list[str] = []
    if draw.chance(0.6):
        parts.append(house(draw))
    if draw.chance(0.55):
        parts.append(draw.atom(f"street.{language}"))
    if not parts or draw.chance(0.55):
        parts.append(draw.atom(f"quarter.{language}"))
    if draw.chance(0.2):
        parts.append(f"ग्राम {draw.atom('village.hi')}" if language == "hi" else f"Vill. {draw.atom('village.en')}")
    if len(parts) == 1 or draw.chance(0.7):
        town = draw.atom(f"city.{language}")
        if draw.chance(0.25):
            town += draw.pick((" - ", " ", "-", " – ")) + pin(draw)
        elif draw.chance(0.12):
            state = draw.atom(f"state.{language}")
            town += f" ({state})" if language == "hi" else f", {state}"
        parts.append(town)
    text = ", ".join(parts)
    return text.translate(DEVANAGARI_DIGITS) if draw.notes.get("deva_ids") else text


@slot("street")
def street(draw: Draw) -> str:
    return draw.atom(f"{draw.pick(('street', 'street', 'quarter'))}.{draw.language}")


@slot("town")
def town(draw: Draw) -> str:
    return draw.atom(f"city.{draw.language}")
