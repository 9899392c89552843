"""Layouts made of sentences: prose, messages, receipt leaves, copied chats."""

from __future__ import annotations

from tunewright.data.synth import amounts, dates, entities, labels, marks, numbers
from tunewright.data.synth.layout_parts import grown, joined, separator
from tunewright.data.synth.parts import Case, Pair
from tunewright.data.synth.sentences import facts_as_text, items_in_prose, more, said, weave


def prose(case: Case) -> str:
    """A paragraph."""
    draw = case.draw
    kind = draw.doc_type
    pool, wanted = _prose_pool(case)
    sentences, closing = said(case, pool, wanted)
    extra = more(case, draw.weighted(((0, 3), (1, 4), (2, 4), (3, 2), (5, 1.4), (7, 0.6)))) + items_in_prose(case)
    sentences = weave(draw, sentences, extra)
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
    extra = facts_as_text(case, draw.weighted(((0, 4), (1, 4), (2, 2)))) + more(case, draw.weighted(((0, 5), (1, 3))))
    extra = [
        text if text.endswith((".", "।")) else text + ("।" if language == "hi" and draw.chance(0.6) else ".")
        for text in extra
    ]
    sentences = weave(draw, sentences, extra) + closing
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
    sentences = weave(draw, sentences, extra) + closing
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
    out.append(" ".join(weave(draw, sentences, more(case, draw.weighted(((0, 5), (1, 3), (2, 1)))))))
    out += closing
    if "total" in case.given and draw.chance(0.3):
        words = amounts.total_in_words(draw)
        out.append(f"({words})" if draw.chance(0.4) else f"{labels.local(draw, 'label.words')}: {words}")
    facts = [pair for pair in case.pairs if pair.role is None]
    out += [joined(pair, between) for pair in facts[: draw.weighted(((0, 4), (1, 3), (2, 2), (3, 1)))]]
    if signed and vendor:
        lead = (
            draw.pick(("वास्ते ", "हस्ताक्षर: ", "", "– ", "प्राप्तकर्ता: "))
            if language == "hi"
            else draw.pick(("For ", "Sd/- ", "", "– ", "Receiver: "))
        )
        out.append(f"{lead}{vendor}")
    elif vendor and kind == "invoice" and vendor not in "\n".join(out):
        out.append(vendor)
    out += case.tail[:1]
    return "\n".join(grown(out))


def chatlog(case: Case) -> str:
    """A copied chat: a stamp and a sender before every line."""
    draw = case.draw
    kind, language = draw.doc_type, draw.language
    sentences, closing = said(case, f"say.chat.{kind}.{language}", case.gold)
    sentences = [part for part in sentences + closing if part.strip()]
    sentences = weave(draw, sentences, [text.rstrip(".।") for text in more(case, draw.weighted(((0, 4), (1, 3))))])
    sender = draw.pick((entities.first_name(draw), numbers.mobile(draw)))
    if kind == "form":  # who writes is who applies
        sender = marks.bare(case.given["name"]).split()[0] if "name" in case.given else "You"
    day = dates.render(draw, dates.near(draw, 0, 3), "{d}/{m}/{yy:02}") if "date" in case.given else None
    stamp = f"[{day}, {dates.time(draw)}]" if day and draw.chance(0.6) else f"[{dates.time(draw)}]"
    out = [f"{stamp} {sender}: {sentences[0] if sentences else ''}"]
    for sentence in sentences[1:]:
        out.append(f"{stamp} {sender}: {sentence}" if draw.chance(0.7) else sentence)
    vendor = draw.values.get("vendor")
    if vendor and kind == "invoice" and draw.chance(0.5):
        out.append(vendor)
    return "\n".join(out)
