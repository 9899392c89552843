"""Layouts made of tables: bars, columns of spaces, tabs, grids."""

from __future__ import annotations

import functools
import operator

from tunewright.data.synth import amounts, labels, marks
from tunewright.data.synth.draw import Draw
from tunewright.data.synth.layout_parts import grown, joined, letterhead, name_issuer, separator, sums
from tunewright.data.synth.parts import Case, Pair


def _heads(draw: Draw, columns: list[str]) -> list[str]:
    return [labels.local(draw, f"label.{name}") for name in columns]


def _item_columns(draw: Draw) -> list[str]:
    return draw.weighted((
        (["sno", "item", "qty", "rate", "amount"], 6), (["item", "qty", "rate", "amount"], 9), (["item", "amount"], 5),
        (["sno", "item", "amount"], 3), (["item", "qty", "amount"], 4), (["qty", "item", "amount"], 1),
        (["sno", "item", "qty", "amount"], 2),
    ))  # fmt: skip


def _cells(case: Case, columns: list[str]) -> list[list[str]]:
    unit = case.draw.chance(0.3)
    table: list[list[str]] = []
    for at, row in enumerate(case.rows):
        cell = {
            "sno": str(at + 1), "item": row.name, "qty": f"{row.qty} {row.unit}" if unit else row.qty, "rate": row.rate,
            "amount": row.amount,
        }  # fmt: skip
        table.append([cell[name] for name in columns])
    return table


def pipes(case: Case) -> str:
    """| label | value | rows, two or four cells wide, with an item table where there are items."""
    draw = case.draw
    name_issuer(case)
    edge = draw.chance(0.6)
    tight = draw.chance(0.3)
    glue = "|" if tight else " | "
    four = draw.chance(0.4)

    def line(cells: list[str]) -> str:
        text = glue.join(cells)
        return (f"|{text}|" if tight else f"| {text} |") if edge else text.rstrip()

    head = letterhead(case)
    if head and draw.chance(0.3):
        head = [line(head[:2]), *head[2:]]
    out = head
    pairs = [[pair.label, pair.value] for pair in case.pairs]
    if four:
        pairs = [functools.reduce(operator.iadd, pairs[at : at + 2], []) for at in range(0, len(pairs), 2)]
    rules = edge and draw.chance(0.35)
    for at, cells in enumerate(pairs):
        out.append(line(cells))
        if rules and at == 0 and not case.rows:
            out.append("|" + "---|" * len(cells))
    columns = _item_columns(draw)
    if case.rows:
        out.append(line(_heads(draw, columns)))
        if rules:
            out.append("|" + "---|" * len(columns))
        out += [line(cells) for cells in _cells(case, columns)]
    width = len(columns) if case.rows else 2
    for pair in sums(case):
        out.append(line([pair.label, *[""] * (width - 2), pair.value]))
    return "\n".join(grown(out + case.tail))


def pipe_items(case: Case) -> str:
    """Labelled lines above, goods in a table of bars."""
    draw = case.draw
    name_issuer(case)
    between = separator(draw)
    glue = draw.pick(("|", " | ", "|", " |"))
    out = letterhead(case)
    parts = [joined(pair, between) for pair in case.pairs]
    at = 0
    while at < len(parts):
        count = draw.pick((1, 2, 2, 3))
        out.append(" | ".join(part for part in parts[at : at + count] if part))
        at += count
    if draw.chance(0.4):
        out.append("")
    columns = _item_columns(draw)
    if case.rows:
        out.append(glue.join(_heads(draw, columns)))
        out += [glue.join(cells) for cells in _cells(case, columns)]
    for pair in sums(case):
        if case.rows and draw.chance(0.7):
            out.append(glue.join([pair.label, *[""] * (len(columns) - 2), pair.value]))
        else:
            out.append(joined(pair, between))
    return "\n".join(grown(out + case.tail))


def columns_items(case: Case) -> str:
    """A printed bill: head, two columns of facts, a ruled or plain table of goods in columns of spaces."""
    draw = case.draw
    name_issuer(case)
    page = draw.between(42, 66)
    out = letterhead(case, page)
    out += _two_columns(case, page)
    if draw.chance(0.5):
        out.append("")
    amounts_width = 10
    if case.rows and "items" not in draw.keys and draw.chance(0.1):
        out += _two_years(case, page)
        amounts_width = page
    elif case.rows:
        columns = _item_columns(draw)
        table = [_heads(draw, columns), *_cells(case, columns)]
        out += _spread(draw, columns, table, page)
        amounts_width = page
    rule = draw.chance(0.2)
    if rule:
        out.append(draw.pick(("-", "=", "_")) * page)
    indent = draw.between(0, page // 2)
    for pair in sums(case):
        if case.rows and draw.chance(0.9):
            label = " " * indent + pair.label
            out.append(
                label + marks.right(pair.value, max(2 + marks.width(pair.value), amounts_width - marks.width(label)))
            )
        else:
            out.append(f"{pair.label}{draw.pick((' : ', ': ', '   ', ' '))}{pair.value}")
    return "\n".join(grown(out + case.tail))


def _spread(draw: Draw, names: list[str], table: list[list[str]], page: int) -> list[str]:
    """A table in columns of spaces; text to the left, numbers to the right."""
    widths = [max(marks.width(row[at]) for row in table) for at in range(len(names))]
    free = max(0, page - sum(widths) - 2 * (len(names) - 1))
    widths = [width + (free if name == "item" else 0) for name, width in zip(names, widths, strict=True)]
    gap = draw.pick(("  ", "  ", "   "))
    return [
        gap.join(marks.left(cell, width) if name in ("sno", "item") else marks.right(cell, width) for cell, name, width in zip(row, names, widths, strict=True))
        for row in table
    ]  # fmt: skip


def _two_years(case: Case, page: int) -> list[str]:
    """Goods or taxes of two periods side by side, each with its sum; the total of both follows below."""
    draw = case.draw
    first = draw.notes["day"].year - draw.between(1, 2)
    heads = [f"{first + at}-{(first + at + 1) % 100:02}" for at in range(2)]
    if draw.chance(0.25):
        heads = ["बकाया", "चालू"] if draw.language == "hi" else ["Arrears", "Current"]
    table = [[labels.local(draw, "label.item"), *heads]]
    sums_of = [0, 0]
    for row in case.rows:
        old = int(row.paise * draw.random()) // 100 * 100 if draw.chance(0.85) else 0
        parts = [old, row.paise - old]
        sums_of = [have + part for have, part in zip(sums_of, parts, strict=True)]
        table.append([row.name, *(amounts.number(draw, part) if part else "-" for part in parts)])
    table.append([labels.local(draw, "label.subtotal"), *(amounts.number(draw, part) for part in sums_of)])
    return _spread(draw, ["item", "amount", "amount"], table, page)


def _two_columns(case: Case, page: int) -> list[str]:
    draw = case.draw
    between = draw.weighted(((": ", 8), (" ", 6), (" : ", 4), ("  ", 3), (":- ", 1), (". ", 1)))
    parts = [joined(pair, between) for pair in case.pairs]
    out: list[str] = []
    at = 0
    while at < len(parts):
        first = parts[at]
        if at + 1 < len(parts) and draw.chance(0.7) and marks.width(first) + marks.width(parts[at + 1]) + 2 <= page + 6:
            second = parts[at + 1]
            if draw.chance(0.5):
                out.append(first + marks.right(second, max(marks.width(second) + 2, page - marks.width(first))))
            else:
                out.append(marks.left(first, max(page // 2, marks.width(first) + 2)) + second)
            at += 2
        else:
            out.append(first)
            at += 1
    return out


def spread(case: Case) -> str:
    """Facts in two columns of spaces, all the way down."""
    draw = case.draw
    name_issuer(case)
    page = draw.between(40, 62)
    out = letterhead(case, page) + _two_columns(case, page)
    if case.rows:
        labels_wide = max((marks.width(pair.label) for pair in sums(case)), default=0)
        wide = max(labels_wide, *(marks.width(row.name) for row in case.rows)) + draw.between(3, 12)
        out += [marks.left(row.name, wide) + marks.right(row.amount, 10) for row in case.rows]
        out += [marks.left(pair.label, wide) + marks.right(pair.value, 10) for pair in sums(case)]
    else:
        out += [f"{pair.label}{draw.pick(('  ', '   ', ' : ', ' '))}{pair.value}" for pair in sums(case)]
    return "\n".join(grown(out + case.tail))


def grid(case: Case) -> str:
    """A row of labels over a row of values; what is left follows as lines."""
    draw = case.draw
    name_issuer(case)
    count = draw.between(2, 5)
    head, rest = case.pairs[:count], case.pairs[count:]
    ladder = sums(case)
    if ladder and draw.chance(0.3):
        head = [*head, ladder[-1]]
        ladder = ladder[:-1]
    glue = draw.pick(("|", " | ", "\t", ",", "  ", ";"))
    if glue == "  ":
        table = [[pair.label for pair in head], [pair.value for pair in head]]
        widths = [max(marks.width(row[at]) for row in table) for at in range(len(head))]
        rows = ["   ".join(marks.left(cell, width) for cell, width in zip(row, widths, strict=True)) for row in table]
    else:
        if glue == ",":
            # A comma inside a value would make a column of its own.
            safe = [pair for pair in head if "," not in marks.bare(pair.value)]
            rest = [pair for pair in head if pair not in safe] + rest
            head = safe
        rows = [glue.join(pair.label for pair in head), glue.join(pair.value for pair in head)] if head else []
    tail_glue = glue if glue.strip() in ("|", ";") else " : "
    padding = "|" * draw.between(1, 4) if glue == "|" and draw.chance(0.3) else ""
    out = [*letterhead(case), *rows, *(joined(pair, tail_glue) + padding for pair in rest)]
    out += [f"{row.name}{tail_glue}{row.amount}" for row in case.rows]
    out += [joined(pair, tail_glue) for pair in ladder]
    return "\n".join(grown(out + case.tail))


def tabbed(case: Case) -> str:
    """Cells parted by tabs, as pasted from a sheet."""
    draw = case.draw
    name_issuer(case)
    out = letterhead(case)
    out += [f"{pair.label}\t{pair.value}".rstrip() for pair in case.pairs]
    columns = _item_columns(draw)
    if case.rows:
        out += ["\t".join(_heads(draw, columns)), *("\t".join(cells) for cells in _cells(case, columns))]
    out += [f"{pair.label}\t{pair.value}".rstrip() for pair in sums(case)]
    return "\n".join(grown(out + case.tail))


def bordered(case: Case) -> str:
    """A box drawn with signs."""
    draw = case.draw
    name_issuer(case)
    pairs = case.pairs + [Pair(None, row.name, row.amount) for row in case.rows] + sums(case)
    left = max((marks.width(pair.label) for pair in pairs), default=6)
    right = max((marks.width(pair.value) for pair in pairs), default=6)
    rule = f"+{'-' * (left + 2)}+{'-' * (right + 2)}+"
    every = draw.chance(0.25)
    out = [*letterhead(case), rule]
    for pair in pairs:
        out.append(f"| {marks.left(pair.label, left)} | {marks.left(pair.value, right)} |")
        if every:
            out.append(rule)
    if not every:
        out.append(rule)
    return "\n".join(grown(out + case.tail))
