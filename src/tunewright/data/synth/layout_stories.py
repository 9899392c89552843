"""Layouts made of sentences: letters, e-mails, prose, messages."""

from __future__ import annotations

from functools import lru_cache

from tunewright.data.synth import amounts, dates, entities, labels, numbers, pools, templates
from tunewright.data.synth.cases import Case, Pair
from tunewright.data.synth.draw import Draw
from tunewright.data.synth.layout_parts import grown, item_lines, joined, separator, sums

# Slots that stand for values of the document itself; "named" is the name with an honorific.
OWN = frozenset(("number", "party", "vendor", "date", "total", "name", "named", "id", "phone"))
LABELS = {"numlabel": "number", "datelabel": "date", "totallabel": "total", "idlabel": "id", "phonelabel": "phone"}


@lru_cache(maxsize=4096)
def _candidates(
    name: str, side: int, available: frozenset[str], wanted: frozenset[str]
) -> tuple[tuple[str, frozenset[str], float], ...]:
    """Sentences of a pool that can be said now: every own slot has a value, gold ones are still wanted."""
    found = []
    for entry in pools.pool(name).sides[side]:
        own = frozenset("name" if slot == "named" else slot for slot in templates.slots(entry) & OWN)
        gold = own & wanted
        if gold and own <= available and not (own - wanted) & _GOLD_SAID:
            found.append((entry, gold, 1.0 + 0.35 * (len(gold) - 1)))
    return tuple(found)


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
    while left:
        options = _candidates(name, side, available, left)
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
    out: list[str] = []
    used: set[str] = set()
    if draw.notes["long"]:
        count = 2 * count + draw.between(1, 4)
    for _ in range(count):
        name = draw.pick(names)
        entry = draw.atom(name)
        if entry not in used:
            used.add(entry)
            out.append(draw.fill(entry))
    return out


def _facts_as_text(case: Case, count: int) -> list[str]:
    """Facts of the case as half sentences."""
    facts = [pair for pair in case.pairs if pair.role is None and pair.value]
    return [f"{pair.label} {pair.value}" for pair in facts[:count]]


def _weave(draw: Draw, main: list[str], extra: list[str]) -> list[str]:
    """`extra` put somewhere into `main`, neither before its first nor after its last sentence, mostly."""
    out = main[:]
    for sentence in extra:
        low = 1 if len(out) > 1 and draw.chance(0.85) else 0
        high = len(out) - 1 if len(out) > 2 and draw.chance(0.6) else len(out)
        out.insert(draw.between(min(low, high), high), sentence)
    return out


def _items_in_prose(case: Case) -> list[str]:
    """Lines of goods and sums as a sentence."""
    draw = case.draw
    if not case.rows or not draw.chance(0.6):
        return []
    rows = case.rows[:4]
    hindi = draw.language == "hi"
    parts = [f"{row.name} {row.amount}" if draw.chance(0.6) else f"{row.name} {'के' if hindi else 'at'} {row.amount}" for row in rows]
    steps = [f"{pair.label} {pair.value}" for pair in case.ladder[:-1][:2]] if len(rows) == len(case.rows) else []
    glue = draw.pick((", ", " + ", "; ", ", "))
    lead = draw.pick(("हिसाब: ", "इसमें ", "", "सामान: ")) if hindi else draw.pick(("Details: ", "This includes ", "", "Break-up: "))
    return [lead + glue.join(parts + steps) + ("।" if hindi else ".")]


def prose(case: Case) -> str:
    """A paragraph."""
    draw = case.draw
    kind = draw.doc_type
    pool, wanted = _prose_pool(case)
    sentences, closing = said(case, pool, wanted)
    extra = more(case, draw.weighted(((0, 3), (1, 4), (2, 4), (3, 2), (5, 1.4), (7, 0.6)))) + _items_in_prose(case)
    sentences = _weave(draw, sentences, extra)
    text = " ".join([*sentences, *closing])
    if kind != "form" and "vendor" in draw.values and "vendor" not in wanted and draw.chance(0.5):
        text += draw.pick((" – ", "\n– ", " - ", "\n")) + draw.values["vendor"]
    return text


def _prose_pool(case: Case) -> tuple[str, set[str]]:
    draw = case.draw
    language, kind = draw.language, draw.doc_type
    wanted = case.gold
    if kind == "invoice":
        return f"say.bill.invoice.{language}", wanted
    if kind == "receipt":
        return f"say.thank.receipt.{language}", wanted
    voice = draw.notes["voice"] = draw.weighted((("self", 6), ("clerk", 4)))
    return f"say.{voice}.form.{language}", wanted


def sms(case: Case) -> str:
    """A short message from an office, shop or utility."""
    draw = case.draw
    kind, language = draw.doc_type, draw.language
    pool = {"invoice": "say.sms.invoice", "receipt": "say.sms.receipt", "form": "say.ack.form"}[kind] + f".{language}"
    draw.notes["voice"] = "ack"
    sentences, closing = said(case, pool, case.gold)
    extra = _facts_as_text(case, draw.weighted(((0, 4), (1, 4), (2, 2)))) + more(case, draw.weighted(((0, 5), (1, 3))))
    extra = [text if text.endswith((".", "।")) else text + ("।" if language == "hi" and draw.chance(0.6) else ".") for text in extra]
    sentences = _weave(draw, sentences, extra) + closing
    text = " ".join(sentences)
    vendor = draw.values.get("vendor")
    if vendor and kind != "receipt" and vendor not in text and draw.chance(0.75):
        text += draw.pick((" - ", " – ", " -", " ", " . ")) + vendor
    return text


def chat(case: Case) -> str:
    """A WhatsApp message: no capitals, few stops, now and then a picture sign."""
    draw = case.draw
    kind, language = draw.doc_type, draw.language
    sentences, closing = said(case, f"say.chat.{kind}.{language}", case.gold)
    extra: list[str] = []
    if case.rows and "total" in case.given and draw.chance(0.65):
        extra.append(_sum_up(case))
    extra += [text.rstrip(".।") for text in more(case, draw.weighted(((0, 5), (1, 3), (2, 1))))]
    sentences = _weave(draw, sentences, extra) + closing
    glue = draw.weighted(((" ", 4), (", ", 5), (". ", 3), ("\n", 4), (" 🙏 ", 0.4)))
    text = glue.join(part.strip() for part in sentences if part.strip())
    vendor = draw.values.get("vendor")
    if vendor and kind == "invoice" and vendor not in text and draw.chance(0.5):
        text += draw.pick((" – ", "\n", " - ", "\n~ ")) + vendor
    return draw.pick(("", "", "", "🧾 ", "📄 ", "👉 ")) + text if draw.chance(0.25) else text


def _sum_up(case: Case) -> str:
    draw = case.draw
    rows = case.rows[:4]
    style = draw.between(0, 2)
    if style == 0:
        return " + ".join(f"{row.name} {row.amount}" for row in rows)
    if style == 1:
        return ", ".join(f"{row.name} {row.qty} x {row.rate} = {row.amount}" for row in rows[:3])
    return "(" + " + ".join(f"{row.name} {row.amount}" for row in rows) + ")"


def _date_line(draw: Draw) -> str:
    value = draw.values["date"]
    return value if draw.chance(0.4) else f"{labels.gold(draw, 'date')}{draw.pick((': ', ' ', ' : ', ':- '))}{value}"


def letter(case: Case) -> str:
    """A letter: letterhead or addressee, reference, salutation, body, close, signature."""
    return _form_letter(case) if case.draw.doc_type == "form" else _business_letter(case)


def _business_letter(case: Case) -> str:
    draw = case.draw
    kind, language = draw.doc_type, draw.language
    wanted = case.gold
    vendor = draw.values.get("vendor")
    out: list[str] = []
    person = case.scene.issuer == "person"
    if vendor and not person and draw.chance(0.72):
        out += case.head
        wanted.discard("vendor")
    else:
        vendor = vendor if person or (kind == "receipt" and vendor) else vendor
    reference: list[str] = []
    if "number" in wanted and draw.chance(0.55):
        reference.append(f"{labels.gold(draw, 'number')}{draw.pick((': ', ' ', ' : ', '. '))}{draw.values['number']}")
        wanted.discard("number")
    if "date" in wanted and draw.chance(0.7):
        reference.append(_date_line(draw))
        wanted.discard("date")
    if len(reference) == 2 and draw.chance(0.65):
        if draw.chance(0.15):
            reference.reverse()
        out += ["", reference[0] + " " * draw.between(3, 30) + reference[1]]
    elif reference:
        out += ["", *reference]
    out.append("")
    if draw.chance(0.2):
        out += [_subject_line(draw), ""]
    if "party" in draw.values and draw.chance(0.8):
        entry = draw.atom(f"salute.{language}")
        # "Dear Sir" is nobody's name.
        out.append(draw.fill(entry))
        if draw.chance(0.15):
            out.append(entities.address(draw) if draw.doc_type != "invoice" else draw.mark("address", entities.address(draw)))
        wanted.discard("party")
    else:
        out.append(draw.text(f"salute.blank.{language}"))
    signed = False
    if "vendor" in wanted:
        wanted.discard("vendor")
        signed = True
    pool = f"say.{'bill' if kind == 'invoice' else 'thank'}.{kind}.{language}"
    opening = [draw.text(f"{'openbill' if kind == 'invoice' else 'openreceipt'}.{language}")] if draw.chance(0.6) else []
    sentences = said(case, pool, wanted, last=False)[0] if wanted else []
    extra = more(case, draw.weighted(((0, 2), (1, 3), (2, 4), (3, 3), (5, 2), (7, 1))))
    sentences = _weave(draw, opening + sentences, extra)
    if draw.chance(0.5):
        sentences.append(draw.text(f"closebusiness.{language}"))
    out += ["", *_paragraphs(draw, sentences)]
    if case.rows and draw.chance(0.6):
        steps = [pair for pair in case.ladder[:-1]]
        style = draw.pick((" – ", ": ", "   ", " - "))
        block = item_lines(case) + [f"{pair.label}{style}{pair.value}" for pair in steps]
        at = draw.between(max(0, len(out) - 2), len(out))
        out[at:at] = ["", *block, ""]
    named = bool(vendor) and (signed or draw.chance(0.45))
    close = draw.atom(f"sign.business.{language}")
    if not named and close in ("For", "वास्ते", "कृते", "Team"):
        close = "भवदीय" if language == "hi" else "Yours faithfully,"
    out += ["", close]
    if vendor and named:
        officer = entities.anyone(draw)
        block = draw.weighted((([vendor], 5), ([officer, vendor], 2), ([f"({officer})", vendor], 1), ([vendor, draw.atom(f"role.{language}")], 2)))
        if person:
            block = [vendor]
        if close in ("For", "वास्ते", "कृते", "Team"):
            out[-1] = f"{close} {vendor}"
        else:
            out += block
    elif draw.chance(0.8):
        out += [entities.anyone(draw), draw.atom(f"role.{language}")]
    if draw.chance(0.15):
        out.append(numbers.shop_phone(draw))
    return "\n".join(grown(out))


def _addressee(case: Case) -> str:
    issuer = case.scene.issuer
    office = issuer.removeprefix("inst.") if issuer.startswith("inst.") else "firm"
    return case.draw.text(f"addressee.{office}.{case.draw.language}")


def _subject_line(draw: Draw) -> str:
    word = draw.atom(f"subject.{draw.language}")
    return f"{word}{' ' if word[-1] in '-–' else draw.pick((' : ', ': ', ' - ', ': '))}{_subject(draw)}"


def _subject(draw: Draw) -> str:
    purpose = draw.values["purpose"]
    if draw.language == "hi":
        return f"{purpose} {draw.pick(('बाबत', 'हेतु', 'के संबंध में', 'के बारे में'))}"
    lead = draw.pick(("", "Request for ", "Regarding ", "Application for ")) if draw.doc_type == "form" else draw.pick(("", "Bill for ", "Account for ") if draw.doc_type == "invoice" else ("", "Receipt for ", "Acknowledgement: "))
    return lead + purpose


def _paragraphs(draw: Draw, sentences: list[str]) -> list[str]:
    out: list[str] = []
    at = 0
    while at < len(sentences):
        count = draw.between(2, 7)
        out += [" ".join(sentences[at : at + count]), ""]
        at += count
    return out


def _form_letter(case: Case) -> str:
    draw = case.draw
    language = draw.language
    wanted = case.gold
    out: list[str] = []
    lines: list[str] = []
    if draw.chance(0.88):
        out += [draw.pick(("To,", "To", "TO,")) if language == "en" else draw.pick(("सेवा में,", "प्रति,", "सेवा में", "प्रति"))]
        addressee = _addressee(case)
        out += addressee.split(", ", 1) if draw.chance(0.5) else [addressee]
    if "date" in wanted and draw.chance(0.3):
        if draw.chance(0.4):
            out.insert(0, _date_line(draw))
        else:
            out.append(_date_line(draw))
        wanted.discard("date")
    subject = _subject_line(draw)
    out += ["", subject, ""] if draw.chance(0.85) else [""]
    out.append(draw.text(f"salute.form.{language}"))
    # Who signs below need not be named above.
    end: list[str] = []
    if draw.chance(0.85):
        end.append(draw.atom(f"sign.form.{language}"))
        if "name" in wanted and draw.chance(0.75):
            wanted.discard("name")
            name = draw.values["name"]
            closing = end[-1]
            if draw.chance(0.3):
                end[-1] = f"{closing.rstrip(',:')}{draw.pick((': ', ' : ', ' – ', ' '))}{name}"
            else:
                end.append(draw.pick((name, name, name, f"({name})")))
            if draw.chance(0.3):
                end.append(_kinship(case))
        for role in draw.shuffled(sorted(wanted & {"id", "phone", "date"})):
            if draw.chance(0.62 if role != "id" else 0.4):
                wanted.discard(role)
                end.append(_date_line(draw) if role == "date" else f"{labels.gold(draw, role)}{draw.pick((': ', ' : ', ' ', ' - '))}{draw.values[role]}")
        if draw.chance(0.3):
            place = "स्थान" if language == "hi" else "Place"
            end.append(f"{place}: {draw.atom(f'city.{language}')}" if draw.chance(0.5) else _address_line(draw))
        if draw.chance(0.1) and "phone" not in case.given:
            lines = [f"{'कार्यालय' if language == 'hi' else 'Office'}: {numbers.landline(draw)}"]
    opening = [draw.text(f"openform.{language}")] if draw.chance(0.7) else []
    sentences = said(case, f"say.self.form.{language}", wanted, last=False)[0] if wanted else []
    sentences = _weave(draw, (opening + sentences) if draw.chance(0.7) else (sentences + opening), more(case, draw.weighted(((0, 2), (1, 3), (2, 4), (3, 3), (5, 2), (8, 1)))))
    if draw.chance(0.7):
        sentences.append(draw.text(f"closeform.{language}"))
    body = _paragraphs(draw, sentences)
    if draw.chance(0.3) and body:
        out[-1] += " " + body.pop(0)
    out += [*body, "", *end, *lines]
    return "\n".join(grown(out))


def _address_line(draw: Draw) -> str:
    label = labels.local(draw, "label.address")
    return f"{label}: {draw.mark('address', entities.address(draw))}"


def _kinship(case: Case) -> str:
    draw = case.draw
    man = entities.mister(draw)
    if draw.language == "hi":
        return draw.pick((f"पुत्री {man}", f"पत्नी {man}") if draw.feminine else (f"पुत्र {man}", f"आत्मज {man}", f"पिता {man}"))
    return draw.pick((f"D/o {man}", f"W/o {man}") if draw.feminine else (f"S/o {man}", f"Father: {man}"))


def email(case: Case) -> str:
    """An e-mail: a header of From, To, Subject, then sentences or a small list."""
    draw = case.draw
    kind, language = draw.doc_type, draw.language
    wanted = case.gold
    vendor = draw.values.get("vendor")
    hindi = language == "hi"
    out: list[str] = []
    latin_heads = not hindi or draw.chance(0.2)
    names = ("From", "To", "Subject", "Date") if latin_heads else ("प्रेषक", "प्रति", "विषय", "दिनांक")
    if draw.chance(0.4):
        out.append(f"{names[0]}: " + (draw.pick((numbers_mail(draw), vendor or numbers_mail(draw))) if not hindi or latin_heads else (vendor or draw.atom("role.hi"))))
        if out[-1].endswith(vendor or "\0"):
            wanted.discard("vendor")
    who = "party" if kind != "form" else "name"
    if who in draw.values and draw.chance(0.35):
        bare = draw.notes["party"] if kind != "form" else draw.values["name"]
        out.append(f"{names[1]}: {bare}")
        wanted.discard(who)
    if "date" in wanted and draw.chance(0.22):
        value = draw.values["date"]
        if draw.chance(0.4):
            value = f"{dates.weekday(draw)}, {value} {dates.time(draw)}"
        out.append(f"{names[3]}: {value}")
        wanted.discard("date")
    if draw.chance(0.6):
        subject = _subject(draw)
        if "number" in wanted and draw.chance(0.5):
            subject = draw.pick((f"{labels.gold(draw, 'number')} {draw.values['number']} - {subject}", f"{subject} ({draw.values['number']})"))
            wanted.discard("number")
        elif "id" in wanted and draw.chance(0.3):
            subject = f"[{draw.values['id']}] {subject}"
            wanted.discard("id")
        out.append(f"{names[2]}: {subject}")
    if out:
        out.append("")
    voice = draw.notes["voice"] = "self" if kind == "form" and draw.chance(0.35) else "ack"
    if voice == "ack" and who in draw.values and draw.chance(0.75):
        greeting = draw.pick(("प्रिय", "नमस्ते", "आदरणीय")) if hindi else draw.pick(("Dear", "Hi", "Hello", "Dear"))
        name = draw.values["party"] if kind != "form" else draw.values["named"]
        out += [f"{greeting} {name},", ""]
        wanted.discard(who)
    else:
        out += [draw.text(f"salute.blank.{language}"), ""]
    signed = "vendor" in wanted
    wanted.discard("vendor")
    if draw.chance(0.5) and wanted:
        out += _email_list(case, wanted)
    else:
        pool = {"invoice": "say.bill.invoice", "receipt": "say.thank.receipt"}.get(kind, f"say.{voice}.form") + f".{language}"
        sentences = said(case, pool, wanted, last=False)[0] if wanted else []
        out += _paragraphs(draw, _weave(draw, sentences, more(case, draw.weighted(((0, 3), (1, 4), (2, 3), (4, 1))))))
        if case.rows and draw.chance(0.4):
            out += [*item_lines(case), *(f"{pair.label}  {pair.value}" for pair in case.ladder[:-1]), ""]
    if draw.chance(0.35):
        out.append(draw.text(f"{'closeform' if voice == 'self' and kind == 'form' else 'closebusiness'}.{language}"))
    if voice == "self" and kind == "form":
        out += ["", draw.atom(f"sign.form.{language}")]
        if "name" in draw.values and draw.chance(0.8):
            out.append(draw.values["name"])
    elif signed or (vendor and draw.chance(0.7)):
        out.append("")
        if draw.chance(0.6):
            out.append(draw.pick(("Regards,", "Thanks,", "Warm regards,", "Team")) if not hindi else draw.pick(("सादर,", "धन्यवाद,", "भवदीय,")))
        if draw.chance(0.3) and case.scene.issuer != "person":
            out.append(f"{entities.anyone(draw)}{draw.pick((' | ', ', ', chr(10)))}{vendor}" + (f" | {numbers.mobile(draw)}" if draw.chance(0.4) else ""))
        else:
            out.append(vendor or "")
    return "\n".join(grown(out))


def numbers_mail(draw: Draw) -> str:
    return draw.slot("mailbox")


def _email_list(case: Case, wanted: set[str]) -> list[str]:
    """The wanted values and some facts as a small list of label and value."""
    draw = case.draw
    lead = draw.pick(("", " - ", "• ", "  ", "* "))
    between = draw.pick((": ", " : ", "    ", " – ", "\t"))
    # An address is "To" only in the header.
    pairs: list[Pair] = [pair for pair in case.pairs if pair.role is None or pair.role in wanted]
    out = [lead + joined(pair, between) for pair in pairs]
    if case.rows and draw.chance(0.6):
        out += ["", *(f"{row.name}{between}{row.amount}" for row in case.rows)]
    if "total" in wanted:
        ladder = sums(case) if draw.chance(0.6) else sums(case)[-1:]
        out += [lead + joined(pair, between) for pair in ladder]
    if draw.chance(0.5):
        out += ["", *more(case, draw.between(1, 3))]
    return [*out, ""]


def note(case: Case) -> str:
    """A leaf of a receipt book or memo: head, number and date, one sentence, signature."""
    draw = case.draw
    kind, language = draw.doc_type, draw.language
    wanted = case.gold
    vendor = draw.values.get("vendor")
    person = case.scene.issuer == "person"
    out: list[str] = []
    if vendor and not person and draw.chance(0.75):
        out += case.head
        wanted.discard("vendor")
    if draw.chance(0.6):
        out.append(case.title)
    between = separator(draw)
    line = []
    for role in ("number", "id", "date"):
        if role in wanted and draw.chance(0.75):
            line.append(joined(Pair(role, labels.gold(draw, role), draw.values[role]), between))
            wanted.discard(role)
    if line:
        out.append((" " * draw.between(2, 20)).join(line) if draw.chance(0.7) else "\n".join(line))
    signed = "vendor" in wanted
    wanted.discard("vendor")
    pool = {"invoice": "say.bill.invoice", "receipt": "say.thank.receipt"}.get(kind, "say.self.form") + f".{language}"
    sentences, closing = said(case, pool, wanted, last=kind == "form") if wanted else ([], [])
    out.append(" ".join(_weave(draw, sentences, more(case, draw.weighted(((0, 5), (1, 3), (2, 1)))))))
    out += closing
    if "total" in case.given and draw.chance(0.3):
        words = amounts.total_in_words(draw)
        out.append(f"({words})" if draw.chance(0.4) else f"{labels.local(draw, 'label.words')}: {words}")
    facts = [pair for pair in case.pairs if pair.role is None]
    out += [joined(pair, between) for pair in facts[: draw.weighted(((0, 4), (1, 3), (2, 2), (3, 1)))]]
    if signed and vendor:
        lead = draw.pick(("वास्ते ", "हस्ताक्षर: ", "", "– ", "प्राप्तकर्ता: ")) if language == "hi" else draw.pick(("For ", "Sd/- ", "", "– ", "Receiver: "))
        out.append(f"{lead}{vendor}")
    elif vendor and kind == "invoice" and vendor not in "\n".join(out):
        out.append(vendor)
    out += case.tail[:1]
    return "\n".join(grown(out))


def petition(case: Case) -> str:
    """Sentences above, a list of the applicant's or bill's particulars below."""
    draw = case.draw
    kind, language = draw.doc_type, draw.language
    out: list[str] = []
    if kind == "form":
        if draw.chance(0.7):
            out += [draw.pick(("To", "To,")) if language == "en" else draw.pick(("प्रति,", "सेवा में,")), _addressee(case)]
        out.append(_subject_line(draw))
        body = [draw.text(f"openform.{language}"), *more(case, draw.between(1, 4))]
        if draw.chance(0.5):
            body.append(draw.text(f"closeform.{language}"))
    else:
        out += case.head if "vendor" in draw.values and case.scene.issuer != "person" else []
        body = [draw.text(f"{'openbill' if kind == 'invoice' else 'openreceipt'}.{language}"), *more(case, draw.between(1, 3))]
    out += ["", " ".join(body), ""]
    between = separator(draw)
    pairs = [pair for pair in case.pairs if pair.role is not None] + [pair for pair in case.pairs if pair.role is None][: draw.between(0, 4)]
    if draw.chance(0.4):
        pairs = draw.shuffled(pairs)
    out += [joined(pair, between) for pair in pairs]
    out += item_lines(case) if draw.chance(0.5) else []
    out += [joined(pair, between) for pair in (sums(case) if draw.chance(0.5) else sums(case)[-1:])]
    if kind == "receipt" and "vendor" in draw.values and case.scene.issuer == "person":
        out.append(draw.pick(("Sd/- ", "– ", "") if language == "en" else ("हस्ताक्षर ", "– ", "")) + draw.values["vendor"])
    if draw.chance(0.4):
        out.append(draw.atom(f"sign.form.{language}") if kind == "form" else draw.atom(f"role.{language}"))
    return "\n".join(grown(out))


def chatlog(case: Case) -> str:
    """A copied chat: a stamp and a sender before every line."""
    draw = case.draw
    kind, language = draw.doc_type, draw.language
    sentences, closing = said(case, f"say.chat.{kind}.{language}", case.gold)
    sentences = [part for part in sentences + closing if part.strip()]
    sentences = _weave(draw, sentences, [text.rstrip(".।") for text in more(case, draw.weighted(((0, 4), (1, 3))))])
    sender = draw.pick((entities.first_name(draw), numbers.mobile(draw) if kind != "form" else entities.first_name(draw)))
    if kind == "form" and "phone" not in case.given:
        sender = entities.first_name(draw)
    day = dates.render(draw, dates.near(draw, 0, 3), "{d}/{m}/{yy:02}") if "date" in case.given else None
    stamp = f"[{day}, {dates.time(draw)}]" if day and draw.chance(0.6) else f"[{dates.time(draw)}]"
    out = [f"{stamp} {sender}: {sentences[0] if sentences else ''}"]
    for sentence in sentences[1:]:
        out.append(f"{stamp} {sender}: {sentence}" if draw.chance(0.7) else sentence)
    vendor = draw.values.get("vendor")
    if vendor and kind == "invoice" and draw.chance(0.5):
        out.append(vendor)
    return "\n".join(out)

