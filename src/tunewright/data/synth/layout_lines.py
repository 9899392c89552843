"""Layouts made of lines: label and value under each other, squeezed, numbered, terse."""

from __future__ import annotations

from tunewright.data.synth import marks
from tunewright.data.synth.layout_parts import (
    grown,
    item_lines,
    joined,
    letterhead,
    name_issuer,
    separator,
    sums,
)
from tunewright.data.synth.parts import Case, Pair


def _blocks(case: Case, pairs: list[str], items: list[str], ladder: list[str]) -> str:
    """Head, pairs, items, sums and tail as one page, with or without empty lines between."""
    draw = case.draw
    gap = [""] if draw.chance(0.35) else []
    blocks = [letterhead(case), pairs, items, ladder, list(case.tail)]
    out: list[str] = []
    for block in blocks:
        if block and out:
            out += gap
        out += block
    return "\n".join(grown(out))


def lines(case: Case) -> str:
    """Label: value, one a line; short neighbours may share one."""
    draw = case.draw
    name_issuer(case)
    between = separator(draw)
    share = 0.28 if draw.chance(0.45) else 0.0
    pairs: list[str] = []
    for pair in case.pairs:
        text = joined(pair, between)
        if pairs and draw.chance(share) and marks.width(text) + marks.width(pairs[-1]) < 64:
            pairs[-1] += draw.pick(("    ", "   ", ", ", " | ", "          ")) + text
        else:
            pairs.append(text)
    if pairs and draw.chance(0.08):
        # Two separators on one page: the form was filled by two hands.
        other = separator(draw)
        at = draw.between(0, len(case.pairs) - 1)
        if len(pairs) == len(case.pairs):
            pairs[at] = joined(case.pairs[at], other)
    return _blocks(case, pairs, item_lines(case), [joined(pair, between) for pair in sums(case)])


def aligned(case: Case) -> str:
    """Labels padded so that the values stand in one column."""
    draw = case.draw
    name_issuer(case)
    ladder = sums(case)
    everything = case.pairs + ladder
    columns = min(30, max((marks.width(pair.label) for pair in everything), default=8)) + draw.between(1, 3)
    middle = draw.pick((": ", ": ", "", " ", "- ", "| ", ": "))

    def row(pair: Pair) -> str:
        return f"{marks.left(pair.label, columns)}{middle}{pair.value}"

    return _blocks(case, [row(pair) for pair in case.pairs], item_lines(case), [row(pair) for pair in ladder])


def inline(case: Case) -> str:
    """Everything on one or two lines, parted by commas or bars."""
    draw = case.draw
    name_issuer(case)
    between = separator(draw)
    glue = draw.weighted(
        (
            (", ", 10),
            ("; ", 4),
            (" | ", 5),
            (" / ", 2),
            ("  ", 2),
            (" ", 1),
            ("। " if draw.language == "hi" else ". ", 2),
        )
    )
    parts = [joined(pair, between) for pair in case.pairs]
    if case.rows and draw.chance(0.5):
        parts += [f"{row.name} {row.amount}" for row in case.rows[:4]]
    parts += [joined(pair, between) for pair in (sums(case) if draw.chance(0.4) else sums(case)[-1:])]
    if draw.chance(0.15):
        parts = draw.shuffled(parts)
    body = glue.join(part for part in parts if part)
    # A receipt's issuer stands in the head; other papers can do without one.
    head = case.head[:1] if draw.doc_type == "receipt" or draw.chance(0.4) else []
    signed = "vendor" in case.given and not case.head
    tail = case.tail[-1:] if signed else case.tail[: draw.weighted(((0, 6), (1, 3), (2, 1)))]
    if head and draw.chance(0.5):
        body = head[0] + draw.pick((": ", " - ", glue, "\n")) + body
        head = []
    return "\n".join([*head, body, *tail])


def squeezed(case: Case) -> str:
    """Two columns read as one line by a scanner: pairs side by side, nothing between label and value."""
    draw = case.draw
    name_issuer(case)
    between = draw.weighted(((" ", 70), (": ", 14), (":", 3), (" : ", 4), ("  ", 3), ("-", 2)))
    gap = draw.weighted(((" ", 74), ("  ", 14), ("   ", 6), (" | ", 3)))
    parts = [joined(pair, between) for pair in case.pairs]
    out: list[str] = []
    head = letterhead(case)
    if head and parts and draw.chance(0.55):
        head[0] += gap + parts.pop(0)
        if len(head) > 1 and parts and draw.chance(0.5):
            head[-1] += gap + parts.pop(0)
    out += head
    out += _by_two(case, parts, gap)
    if case.rows:
        style = draw.between(0, 2)
        items = [f"{row.name} {row.amount}" if style else f"{row.name} {row.qty} {row.amount}" for row in case.rows]
        out += _by_two(case, items, gap)
    ladder = [joined(pair, between) for pair in sums(case)]
    out += _by_two(case, ladder, gap)
    out += _by_two(case, list(case.tail), gap) if draw.chance(0.4) else case.tail
    return "\n".join(grown(out))


def _by_two(case: Case, parts: list[str], gap: str) -> list[str]:
    out: list[str] = []
    at = 0
    while at < len(parts):
        count = case.draw.weighted(((1, 16), (2, 70), (3, 14)))
        out.append(gap.join(part for part in parts[at : at + count] if part))
        at += count
    return out


def numbered(case: Case) -> str:
    """A form with numbered questions, leaders and ticks."""
    draw = case.draw
    name_issuer(case)
    hindi = draw.language == "hi"
    style = draw.weighted(
        (
            ("{}. ", 9),
            ("{}) ", 6),
            ("({}) ", 5),
            ("{} ", 2),
            ("{}.", 2),
            ("Q{}. " if not hindi else "प्र.{} ", 1),
            ("{} - ", 1),
            ("[{}] ", 1),
        )
    )
    between = draw.weighted(
        (
            (": ", 10),
            (" : ", 4),
            (" - ", 5),
            (" – ", 3),
            (" ........ ", 3),
            (" ............ ", 2),
            (" .... ", 2),
            (":- ", 2),
            (" ____ ", 0.6),
            ("? ", 0.3),
            (" ", 1),
        )
    )
    leader = "...." in between
    signs = "कखगघचछजझटठडढतथदध" if hindi else "abcdefghijklmnopqr"
    lettered = draw.chance(0.1)
    deva = hindi and (draw.notes.get("deva_ids") or draw.chance(0.08))
    everything = case.pairs + sums(case)
    last: Pair | None = None
    if everything and everything[-1].role == "date" and draw.chance(0.6):
        last = everything.pop()
    body: list[str] = []
    wide = max((marks.width(pair.label) for pair in everything), default=8)
    for at, pair in enumerate(everything):
        number = signs[at % len(signs)] if lettered else str(at + 1)
        if deva and not lettered:
            number = number.translate(str.maketrans("0123456789", "०१२३४५६७८९"))
        label = pair.label
        if leader and draw.chance(0.9):
            dots = "." * max(2, wide - marks.width(label) + 3)
            text = f"{label} {dots} {pair.value}".rstrip()
        else:
            text = joined(Pair(pair.role, label, pair.value), between)
        body.append(style.format(number) + text)
        if draw.chance(0.05):
            body.append(style.format(str(at + 1)).replace(str(at + 1), " ") + _ticks(case))
    items = item_lines(case)
    out = letterhead(case)
    if draw.chance(0.25):
        out.append("")
    out += body + items
    if last is not None:
        out.append(joined(last, draw.pick((": ", " : ", " ", " - "))))
    out += case.tail
    return "\n".join(grown(out))


def _ticks(case: Case) -> str:
    draw = case.draw
    options = draw.pick(
        (("Yes", "No"), ("Self", "Parent", "Other"), ("Urban", "Rural"), ("New", "Renewal"))
        if draw.language == "en"
        else (("हाँ", "नहीं"), ("नया", "पुराना"), ("शहरी", "ग्रामीण"), ("स्वयं", "अन्य"))
    )
    chosen = draw.between(0, len(options) - 1)
    return "  ".join(f"[{'x' if at == chosen else ' '}] {option}" for at, option in enumerate(options))


def terse(case: Case) -> str:
    """A slip with hardly a label: the name, a number, a date, a sum."""
    draw = case.draw
    name_issuer(case)
    upper = draw.language == "en" and draw.chance(0.3)
    out = list(case.head[: draw.between(1, 3)])
    parts: list[str] = []
    for pair in case.pairs:
        if (
            pair.role in ("date", "party", "vendor", "name", "phone")
            and not (pair.role == "vendor" and "party" in draw.values)
            and pair.value
            and draw.chance(0.5 if pair.role != "phone" else 0.3)
        ):
            parts.append(pair.value)
        else:
            label = pair.label.upper() if upper else pair.label
            parts.append(joined(Pair(pair.role, label, pair.value), draw.pick((" ", " ", ": ", "."))))
    at = 0
    while at < len(parts):
        count = draw.weighted(((1, 5), (2, 4), (3, 1)))
        out.append(draw.pick(("  ", "   ", " ", ", ")).join(part for part in parts[at : at + count] if part))
        at += count
    out += [
        f"{row.name} {row.qty} x {row.rate}" if draw.chance(0.35) else f"{row.name} {row.amount}" for row in case.rows
    ]
    ladder = sums(case)
    if ladder:
        *steps, total = ladder
        if draw.chance(0.6):
            out += [f"{pair.label} {pair.value}" for pair in steps]
        bare = total.role == "total" and total.value
        out.append(
            draw.pick((f"= {total.value}", f"{total.value} pd", f"{total.value} only", f"= {total.value}"))
            if bare and draw.language == "en" and draw.chance(0.25)
            else f"= {total.value}"
            if bare and draw.chance(0.1)
            else joined(total, draw.pick((" ", ": ", " ")))
        )
    out += case.tail[:1]
    return "\n".join(grown(out))


def slip(case: Case) -> str:
    """The roll of a till: centred, in capitals, ruled, sums at the right edge."""
    draw = case.draw
    name_issuer(case)
    columns = draw.pick((24, 28, 32, 36, 40))
    rule = draw.pick(("-", "=", "*", "-", "- ", ".")) * (columns // 2 if draw.chance(0.1) else columns)
    rule = rule[:columns]
    upper = draw.language == "en" and draw.chance(0.6)
    ruled = draw.chance(0.6)
    out = [marks.centre(line, columns) if draw.chance(0.7) else line for line in letterhead(case)]
    if ruled:
        out.append(rule)
    between = draw.pick((": ", " ", ":", " : ", " "))
    held: str | None = None
    for pair in case.pairs:
        text = joined(Pair(pair.role, pair.label.upper() if upper else pair.label, pair.value), between)
        if held is not None and marks.width(held) + marks.width(text) + 2 <= columns:
            out.append(held + marks.right(text, columns - marks.width(held)))
            held = None
        elif held is not None:
            out.append(held)
            held = text
        else:
            held = text
    if held is not None:
        out.append(held)
    if case.rows:
        if ruled:
            out.append(rule)
        stacked = draw.chance(0.4)
        for row in case.rows:
            name = row.name
            if stacked:
                out += [name, marks.right(f"{row.qty} x {row.rate}   {row.amount}", columns)]
            else:
                text = f"{name} {row.qty}" if draw.chance(0.6) else name
                out.append(
                    text + marks.right(row.amount, max(1 + marks.width(row.amount), columns - marks.width(text)))
                )
    if ruled:
        out.append(rule)
    for pair in sums(case):
        label = pair.label.upper() if upper else pair.label
        out.append(label + marks.right(pair.value, max(1 + marks.width(pair.value), columns - marks.width(label))))
    if ruled and draw.chance(0.5):
        out.append(rule)
    out += [marks.centre(line, columns) if draw.chance(0.6) else line for line in case.tail]
    return "\n".join(grown(out))


def stacked(case: Case) -> str:
    """A label on one line, its value on the next: cells read one by one."""
    draw = case.draw
    name_issuer(case)
    out = letterhead(case)
    colon = draw.pick(("", ":", "", " :"))
    for pair in case.pairs:
        if pair.value and draw.chance(0.85):
            out += [pair.label + colon, pair.value]
        else:
            out.append(joined(pair, ": "))
    out += item_lines(case)
    for pair in sums(case):
        out += [pair.label + colon, pair.value] if pair.value and draw.chance(0.7) else [joined(pair, " ")]
    return "\n".join(grown(out + case.tail))


def dotted(case: Case) -> str:
    """Labels and values joined by leaders."""
    draw = case.draw
    name_issuer(case)
    sign = draw.pick((".", ".", "_", "-", "…"))
    columns = max((marks.width(pair.label) for pair in case.pairs + case.ladder), default=8) + draw.between(3, 10)

    def row(pair: Pair) -> str:
        return f"{pair.label} {sign * max(3, columns - marks.width(pair.label))} {pair.value}".rstrip()

    return _blocks(case, [row(pair) for pair in case.pairs], item_lines(case), [row(pair) for pair in sums(case)])


def bullets(case: Case) -> str:
    """A list of points."""
    draw = case.draw
    name_issuer(case)
    sign = draw.pick(("- ", "• ", "* ", " - ", "→ ", "· ", "► "))
    between = draw.pick((": ", " – ", "    ", " - ", " : "))
    pairs = [sign + joined(pair, between) for pair in case.pairs]
    return _blocks(
        case, pairs, [sign + line for line in item_lines(case)], [sign + joined(pair, between) for pair in sums(case)]
    )


def sections(case: Case) -> str:
    """Pairs under headings."""
    draw = case.draw
    name_issuer(case)
    between = draw.pick((": ", " : ", " - "))
    names = ("विवरण", "अन्य जानकारी", "हिसाब") if draw.language == "hi" else ("Details", "Other particulars", "Account")
    frame = draw.pick(("[{}]", "--- {} ---", "{}:", "== {} ==", "# {}", "({})"))
    cut = draw.between(1, max(1, len(case.pairs) - 1))
    out = [*letterhead(case), frame.format(names[0]), *(joined(pair, between) for pair in case.pairs[:cut])]
    if case.pairs[cut:]:
        out += [frame.format(names[1]), *(joined(pair, between) for pair in case.pairs[cut:])]
    if sums(case) or case.rows:
        out += [frame.format(names[2]), *item_lines(case), *(joined(pair, between) for pair in sums(case))]
    return "\n".join(grown(out + case.tail))


def register(case: Case) -> str:
    """One entry of a cash book or register: values side by side, few labels."""
    draw = case.draw
    name_issuer(case)
    glue = draw.pick((" – ", " - ", " | ", ", ", " / ", "  "))
    parts: list[str] = []
    for pair in case.pairs:
        bare = pair.role in ("date", "party", "name", "vendor") and pair.value
        if pair.role == "vendor" and "party" in draw.values:  # two bare names could not be told apart
            bare = False
        parts.append(pair.value if bare and draw.chance(0.8) else joined(pair, " "))
    for pair in sums(case)[-1:]:
        parts.append(pair.value if pair.value and draw.chance(0.4) and len(sums(case)) == 1 else joined(pair, " "))
    body = glue.join(part for part in parts if part)
    lead = case.head[:1]
    return "\n".join([*lead, body, *case.tail[:1]])
