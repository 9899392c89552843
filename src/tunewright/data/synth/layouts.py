"""All layouts by name: how to draw one, how often it comes, and on which side of the test it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tunewright.data.synth import layout_letters, layout_lines, layout_stories, layout_tables
from tunewright.data.synth.parts import Case
from tunewright.data.synth.pools import SEEN, UNSEEN


@dataclass(frozen=True, slots=True)
class Layout:
    """draw: makes the page. weight: how often. side: SEEN, or UNSEEN (in no training document).

    terse: few facts. worded, yearless: how often dates name their month, or leave out the year. wide: sums go on one page.
    """

    name: str
    draw: Callable[[Case], str]
    weight: float = 1.0
    side: int = SEEN
    terse: bool = False
    worded: float = 0.35
    yearless: float = 0.0


ALL = (
    Layout("lines", layout_lines.lines, 3.6),
    Layout("aligned", layout_lines.aligned, 1.4),
    Layout("inline", layout_lines.inline, 1.5, terse=True),
    Layout("squeezed", layout_lines.squeezed, 2.6, worded=0.25),
    Layout("numbered", layout_lines.numbered, 1.9),
    Layout("terse", layout_lines.terse, 1.2, terse=True, worded=0.25, yearless=0.06),
    Layout("slip", layout_lines.slip, 1.1, worded=0.2),
    Layout("stacked", layout_lines.stacked, 0.5),
    Layout("register", layout_lines.register, 0.6, terse=True, yearless=0.05),
    Layout("pipes", layout_tables.pipes, 1.5),
    Layout("pipe_items", layout_tables.pipe_items, 1.2),
    Layout("columns", layout_tables.columns_items, 2.2),
    Layout("grid", layout_tables.grid, 0.7),
    Layout("prose", layout_stories.prose, 2.8, worded=0.75),
    Layout("sms", layout_stories.sms, 2.7, terse=True, worded=0.3),
    Layout("chat", layout_stories.chat, 1.9, terse=True, worded=0.35, yearless=0.15),
    Layout("letter", layout_letters.letter, 3.3, worded=0.7),
    Layout("email", layout_letters.email, 2.0, worded=0.55),
    Layout("note", layout_stories.note, 1.3, worded=0.4),
    Layout("spread", layout_tables.spread, 1.0, UNSEEN),
    Layout("dotted", layout_lines.dotted, 1.0, UNSEEN),
    Layout("bullets", layout_lines.bullets, 1.0, UNSEEN),
    Layout("sections", layout_lines.sections, 1.0, UNSEEN),
    Layout("tabbed", layout_tables.tabbed, 0.8, UNSEEN),
    Layout("bordered", layout_tables.bordered, 0.8, UNSEEN),
    Layout("petition", layout_letters.petition, 1.2, UNSEEN, worded=0.6),
    Layout("chatlog", layout_stories.chatlog, 0.8, UNSEEN, terse=True),
)

BY_SIDE = {side: tuple((layout, layout.weight) for layout in ALL if layout.side == side) for side in (SEEN, UNSEEN)}
