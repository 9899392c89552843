"""What several layouts share: separators, item lines, where the issuer of a receipt is named."""

from __future__ import annotations

from tunewright.data.synth import dates, labels, marks
from tunewright.data.synth.draw import Draw
from tunewright.data.synth.parts import Case, Pair, Row

SEPARATORS = (
    (": ", 40), (" : ", 16), (" - ", 10), (" – ", 6), (":", 3), (":- ", 4), (" = ", 2), (". ", 1), (" — ", 2), ("- ", 2),
    (" ", 5), (" :- ", 2), ("  ", 2), (" .. ", 0.5), (" > ", 0.5),
)  # fmt: skip


def separator(draw: Draw) -> str:
    return draw.weighted(SEPARATORS)


def joined(pair: Pair, between: str) -> str:
    """Label and value; a blank value leaves no trailing space."""
    label = pair.label
    if not pair.value:
        return f"{label}{between}".rstrip()
    if between[0] in ":.-" and label.endswith((":", "-", "@")):
        return f"{label} {pair.value}"
    return f"{label}{between}{pair.value}"


def name_issuer(case: Case) -> None:
    """Settle where the issuer stands: in the letterhead, behind a label, or as a signature."""
    draw = case.draw
    vendor = draw.values.get("vendor")
    if vendor is None:
        if draw.doc_type == "receipt" and "vendor" in case.blank:
            case.pairs.insert(
                draw.between(0, len(case.pairs)),
                Pair("vendor", labels.gold(draw, "vendor"), draw.pick(("", "____", "-"))),
            )
        return
    person = case.scene.issuer == "person"
    where = draw.weighted(
        (("head", 0 if person else 78), ("label", 65 if person else 11), ("sign", 35 if person else 11))
    )
    if draw.doc_type == "invoice" and where == "label" and draw.chance(0.5):
        where = "head"
    if draw.doc_type == "form":
        if draw.chance(0.2):
            case.head = case.head[:1] if draw.chance(0.5) else []
        return
    if where == "head":
        if draw.chance(0.12) and not any(vendor in line for line in case.tail):
            case.tail.append(signature(draw, vendor))
        return
    case.tail = [line for line in case.tail if vendor not in line]
    case.head = []
    if where == "label":
        case.pairs.insert(draw.between(0, len(case.pairs)), Pair("vendor", labels.gold(draw, "vendor"), vendor))
    else:
        case.tail.append(signature(draw, vendor))


def signature(draw: Draw, vendor: str) -> str:
    role = draw.atom(f"role.{draw.language}")
    if draw.language == "hi":
        return draw.pick(
            (
                f"वास्ते {vendor}",
                f"– {vendor}",
                f"{role}, {vendor}",
                f"कृते {vendor}",
                f"({vendor})",
                f"{vendor}\n{role}",
                f"हस्ताक्षर\n{vendor}",
            )
        )
    return draw.pick(
        (
            f"For {vendor}",
            f"- {vendor}",
            f"– {vendor}",
            f"{role}, {vendor}",
            f"({vendor})",
            f"{vendor}\n{role}",
            f"for {vendor}\n({role})",
            f"Sd/-\n{vendor}",
        )
    )


def item_line(draw: Draw, row: Row, at: int, style: int) -> str:
    """One line of goods in one of the ways a bill without a table writes it."""
    times = draw.notes.setdefault("times", draw.pick(("x", "x", "×", "X", "*")))
    if style == 0:
        return f"{row.name} {row.qty} {times} {row.rate} = {row.amount}"
    if style == 1:
        return f"{row.name}: {row.amount}"
    if style == 2:
        return f"{row.name} - {row.amount}"
    if style == 3:
        return f"{at + 1}. {row.name} {row.qty} {row.unit} @ {row.rate} = {row.amount}"
    if style == 4:
        return f"{row.name}, {row.qty} {row.unit} – {row.amount}"
    if style == 5:
        return f"{row.name} ({row.qty} {times} {row.rate}) {row.amount}"
    if style == 6:
        return f"{at + 1}) {row.name} {row.amount}"
    if style == 7:
        return f"{row.qty} {row.unit} {row.name}   {row.amount}"
    if style == 9:
        return f"{dates.past(draw)} {row.name} {row.qty} {row.unit} {row.amount}"
    if style == 10:
        return f"{row.name} ({draw.pick(('दि.', 'ता.')) if draw.language == 'hi' else draw.pick(('dt', 'on'))} {dates.past(draw)}): {row.amount}"
    return f"{row.name}   {row.qty}   {row.rate}   {row.amount}"


def item_lines(case: Case) -> list[str]:
    style = case.draw.weighted(
        ((0, 10), (1, 10), (2, 10), (3, 10), (4, 10), (5, 8), (6, 8), (7, 7), (8, 8), (9, 4), (10, 4))
    )
    return [item_line(case.draw, row, at, style) for at, row in enumerate(case.rows)]


def total_blank(case: Case) -> list[Pair]:
    """A total that was left open."""
    draw = case.draw
    if draw.doc_type == "form" or "total" not in case.blank or "total" in case.given:
        return []
    open_words = (
        ("तय नहीं", "बाद में", "अनुमान अनुसार", "")
        if draw.language == "hi"
        else ("as per estimate", "to be advised", "as agreed", "")
    )
    return [Pair("total", labels.gold(draw, "total"), draw.pick((*open_words, "______", "-", "____")))]


def sums(case: Case) -> list[Pair]:
    """The ladder, or an open total."""
    return case.ladder or total_blank(case)


def letterhead(case: Case, columns: int = 0) -> list[str]:
    """Head and title, in either order, centred on a page of `columns` where asked."""
    draw = case.draw
    lines = list(case.head)
    if case.title and draw.chance(0.62):
        if draw.chance(0.3):
            lines.insert(0, case.title)
        elif lines and draw.chance(0.12):
            lines[0] = f"{lines[0]}{draw.pick(('  ', ' - ', ' – ', '   '))}{case.title}"
        else:
            lines.append(case.title)
    if columns and draw.chance(0.4):
        lines = [marks.centre(line, columns) for line in lines]
    return lines


def grown(lines: list[str]) -> list[str]:
    """Lines without empty ones at the ends or twice in a row."""
    out: list[str] = []
    for line in lines:
        if line.strip() or (out and out[-1].strip()):
            out.append(line.rstrip())
    while out and not out[-1].strip():
        out.pop()
    return out
