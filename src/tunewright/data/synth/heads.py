"""Letterheads, titles and what stands below: terms, thanks, signatures."""

from __future__ import annotations

from tunewright.data.synth import amounts, entities, labels, numbers, pools, templates
from tunewright.data.synth.draw import Draw
from tunewright.data.synth.parts import Case


def fill(case: Case, terse: bool) -> None:
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
            case.tail.insert(
                0, f"{label}{draw.pick((': ', ' : ', ' '))}{words} {draw.pick(('only', 'only.', 'Only', ''))}".rstrip()
            )
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
            address = entities.address(draw)
            lines.append(draw.mark("address", address) if draw.doc_type == "receipt" else address)
        return lines
    if case.scene.issuer == "person":
        return lines
    if language == "hi" and draw.chance(0.05) and draw.doc_type == "invoice":
        lines.append(draw.pick(("॥ श्री ॥", "॥ ॐ ॥", "श्री गणेशाय नमः", "॥ जय श्री राम ॥")))
    place = draw.atom(f"{draw.pick(('city', 'city', 'quarter', 'village'))}.{language}")
    lines.append(
        draw.weighted(
            (
                (vendor, 52),
                (f"{vendor}, {place}", 20),
                (f"{vendor} , {place}", 2),
                (f"{vendor} ({place})", 4),
                (f"** {vendor} **", 4),
                (f"*** {vendor} ***", 2),
                (f"{vendor} - {place}", 4),
                (f"{vendor} – {place}", 3),
                (f"M/s {vendor}" if language == "en" else f"मेसर्स {vendor}", 4),
                (f"{vendor}.", 1),
                (f"== {vendor} ==", 1),
                (f"{vendor} | {place}", 1.5),
            )
        )
    )
    if draw.chance(0.12):
        lines.append(draw.text(f"tagline.{language}"))
    detailed = draw.detailed
    if (
        draw.chance(0.15 if terse else 0.38)
        or draw.notes["long"]
        or (detailed and draw.doc_type == "receipt" and draw.chance(0.5))
    ):
        address = entities.address(draw)
        if draw.doc_type == "receipt":
            address = draw.mark("address", address)
        lines.append(address)
    if draw.chance(0.1 if terse else 0.7 if draw.notes["long"] else 0.26):
        phone = numbers.shop_phone(draw)
        lead = (
            draw.pick(("मो.", "फोन", "दूरभाष", "फोन :", "मो. :", "संपर्क"))
            if language == "hi"
            else draw.pick(("Ph:", "Ph.", "Mob:", "M:", "Tel", "Phone:", "Contact:", "Cell"))
        )
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
