"""Letters, e-mails and petitions: salutation, body, close, signature."""

from __future__ import annotations

from tunewright.data.synth import dates, entities, labels, numbers
from tunewright.data.synth.draw import Draw
from tunewright.data.synth.layout_parts import grown, item_lines, joined, separator, sums
from tunewright.data.synth.parts import Case, Pair
from tunewright.data.synth.sentences import facts_as_text, more, said, weave


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
        facts = facts_as_text(case, 1)
        if facts and draw.chance(0.12):
            out[-1] = f"{out[-1].rstrip(',')} ({facts[0]})," if draw.chance(0.5) else f"{out[-1]}\n{facts[0]}"
        elif draw.chance(0.15):
            out.append(
                entities.address(draw) if draw.doc_type != "invoice" else draw.mark("address", entities.address(draw))
            )
        wanted.discard("party")
    else:
        out.append(draw.text(f"salute.blank.{language}"))
    signed = False
    if "vendor" in wanted:
        wanted.discard("vendor")
        signed = True
    pool = f"say.{'bill' if kind == 'invoice' else 'thank'}.{kind}.{language}"
    opening = (
        [draw.text(f"{'openbill' if kind == 'invoice' else 'openreceipt'}.{language}")] if draw.chance(0.6) else []
    )
    sentences = said(case, pool, wanted, last=False)[0] if wanted else []
    extra = more(case, draw.weighted(((0, 2), (1, 3), (2, 4), (3, 3), (5, 2), (7, 1))))
    sentences = weave(draw, opening + sentences, extra)
    if draw.chance(0.5):
        sentences.append(draw.text(f"closebusiness.{language}"))
    out += ["", *_paragraphs(draw, sentences)]
    if case.rows and draw.chance(0.6):
        steps = list(case.ladder[:-1])
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
        block = draw.weighted(
            (
                ([vendor], 5),
                ([officer, vendor], 2),
                ([f"({officer})", vendor], 1),
                ([vendor, draw.atom(f"role.{language}")], 2),
            )
        )
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
    lead = (
        draw.pick(("", "Request for ", "Regarding ", "Application for "))
        if draw.doc_type == "form"
        else draw.pick(
            ("", "Bill for ", "Account for ")
            if draw.doc_type == "invoice"
            else ("", "Receipt for ", "Acknowledgement: ")
        )
    )
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
        out += [
            draw.pick(("To,", "To", "TO,")) if language == "en" else draw.pick(("सेवा में,", "प्रति,", "सेवा में", "प्रति"))
        ]
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
                end.append(
                    _date_line(draw)
                    if role == "date"
                    else f"{labels.gold(draw, role)}{draw.pick((': ', ' : ', ' ', ' - '))}{draw.values[role]}"
                )
        if draw.chance(0.3):
            place = "स्थान" if language == "hi" else "Place"
            end.append(f"{place}: {draw.atom(f'city.{language}')}" if draw.chance(0.5) else _address_line(draw))
        if draw.chance(0.1) and "phone" not in case.given:
            lines = [f"{'कार्यालय' if language == 'hi' else 'Office'}: {numbers.landline(draw)}"]
    opening = [draw.text(f"openform.{language}")] if draw.chance(0.7) else []
    sentences = said(case, f"say.self.form.{language}", wanted, last=False)[0] if wanted else []
    sentences = weave(
        draw,
        (opening + sentences) if draw.chance(0.7) else (sentences + opening),
        more(case, draw.weighted(((0, 2), (1, 3), (2, 4), (3, 3), (5, 2), (8, 1)))),
    )
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
        return draw.pick(
            (f"पुत्री {man}", f"पत्नी {man}") if draw.feminine else (f"पुत्र {man}", f"आत्मज {man}", f"पिता {man}")
        )
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
    voice = draw.notes["voice"] = "self" if kind == "form" and draw.chance(0.35) else "ack"
    who = "party" if kind != "form" else "name"
    office = vendor or draw.slot("mailbox")
    if voice == "self":
        # The applicant writes to the office.
        if "name" in draw.values and draw.chance(0.3):
            out.append(f"{names[0]}: {draw.values['name']}")
            wanted.discard("name")
        if draw.chance(0.4):
            out.append(f"{names[1]}: {draw.pick((office, draw.slot('mailbox'))) if latin_heads else office}")
    else:
        if draw.chance(0.4):
            sender = draw.slot("mailbox") if latin_heads and draw.chance(0.5) else office
            out.append(f"{names[0]}: {sender}")
            if sender == vendor:
                wanted.discard("vendor")
        if who in draw.values and draw.chance(0.35):
            out.append(f"{names[1]}: {draw.notes['party'] if kind != 'form' else draw.values['name']}")
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
            subject = draw.pick(
                (
                    f"{labels.gold(draw, 'number')} {draw.values['number']} - {subject}",
                    f"{subject} ({draw.values['number']})",
                )
            )
            wanted.discard("number")
        elif "id" in wanted and draw.chance(0.3):
            subject = f"[{draw.values['id']}] {subject}"
            wanted.discard("id")
        out.append(f"{names[2]}: {subject}")
    if out:
        out.append("")
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
        pool = {"invoice": "say.bill.invoice", "receipt": "say.thank.receipt"}.get(
            kind, f"say.{voice}.form"
        ) + f".{language}"
        sentences = said(case, pool, wanted, last=False)[0] if wanted else []
        out += _paragraphs(draw, weave(draw, sentences, more(case, draw.weighted(((0, 3), (1, 4), (2, 3), (4, 1))))))
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
            out.append(
                draw.pick(("Regards,", "Thanks,", "Warm regards,", "Team"))
                if not hindi
                else draw.pick(("सादर,", "धन्यवाद,", "भवदीय,"))
            )
        if draw.chance(0.3) and case.scene.issuer != "person":
            out.append(
                f"{entities.anyone(draw)}{draw.pick((' | ', ', ', chr(10)))}{vendor}"
                + (f" | {numbers.mobile(draw)}" if draw.chance(0.4) else "")
            )
        else:
            out.append(vendor or "")
    return "\n".join(grown(out))


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
        body = [
            draw.text(f"{'openbill' if kind == 'invoice' else 'openreceipt'}.{language}"),
            *more(case, draw.between(1, 3)),
        ]
    out += ["", " ".join(body), ""]
    between = separator(draw)
    pairs = [pair for pair in case.pairs if pair.role is not None] + [pair for pair in case.pairs if pair.role is None][
        : draw.between(0, 4)
    ]
    if draw.chance(0.4):
        pairs = draw.shuffled(pairs)
    out += [joined(pair, between) for pair in pairs]
    out += item_lines(case) if draw.chance(0.5) else []
    out += [joined(pair, between) for pair in (sums(case) if draw.chance(0.5) else sums(case)[-1:])]
    if kind == "receipt" and "vendor" in draw.values and case.scene.issuer == "person":
        out.append(
            draw.pick(("Sd/- ", "– ", "") if language == "en" else ("हस्ताक्षर ", "– ", "")) + draw.values["vendor"]
        )
    if draw.chance(0.4):
        out.append(draw.atom(f"sign.form.{language}") if kind == "form" else draw.atom(f"role.{language}"))
    return "\n".join(grown(out))
