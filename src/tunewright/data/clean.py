"""Cleaning: texts without what nobody sees, spans that still cover their values, and a count of every change.

What is changed, in this order: line ends become `\\n`; control characters and invisible marks go (joiners stay where
a script uses them); rare spaces become plain ones; Unicode form C; spaces at line ends and blank ends go. Strings of
the target are cleaned alike, so that a value that stood in its text verbatim still does. Of texts of printed pages
(`data.clean_pages`) running heads go before that, words parted at line ends and ligatures after the line ends.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import regex

from tunewright.core.records import JSON, Record, Span
from tunewright.data import pages as pages_of
from tunewright.data.read import Rejected
from tunewright.text.align import locate
from tunewright.text.numbers import amount
from tunewright.text.schema import leaves

Edit = tuple[int, int, str]
"""(start, end, what stands there now)"""

_BREAKS = regex.compile("\r\n?|[\u0085\u2028\u2029\x0b\x0c]")
_CONTROLS = regex.compile(r"[\p{Cc}--[\n\t]]", regex.V1)
# Soft hyphen, zero-width space, direction marks, word joiner and its invisible kin, byte order mark, annotations.
_INVISIBLE = regex.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
# ZWNJ and ZWJ shape conjuncts of Indic scripts and letters of Arabic; ZWJ also glues emoji. Marks stand with their
# base: an accent says nothing of the script, and may be part of its letter after composition; a script's own mark does.
_JOINER = regex.compile(
    "(?<![\\p{Script=Arabic}\\p{Script=Syriac}\\p{Script=Mongolian}\\p{Emoji_Presentation}"
    "\\p{Extended_Pictographic}\\p{Script=Devanagari}\\p{Script=Bengali}\\p{Script=Gurmukhi}\\p{Script=Gujarati}"
    "\\p{Script=Oriya}\\p{Script=Tamil}\\p{Script=Telugu}\\p{Script=Kannada}\\p{Script=Malayalam}"
    "\\p{Script=Sinhala}\\p{Script=Khmer}\\p{Script=Myanmar}"
    "[\\p{M}--\\p{Script=Inherited}]][\\p{M}\u200c\u200d]*)[\u200c\u200d]+",
    regex.V1,
)
_SPACES = regex.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# A base with its marks, or a run of Hangul jamo: composition never reaches out of such a piece.
_PIECE = regex.compile(r"[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\uac00-\ud7a3]+|.\p{M}*", regex.DOTALL)
# A run is tried from its first character only: a long run of spaces must not cost its square.
_TRAILING = regex.compile(r"(?<!\s)\s++\Z|(?<![ \t])[ \t]++(?=\n)")


def _to(new: str, pattern: regex.Pattern[str]) -> Callable[[str], list[Edit]]:
    return lambda text: [(match.start(), match.end(), new) for match in pattern.finditer(text)]


def _composed(text: str) -> list[Edit]:
    if unicodedata.is_normalized("NFC", text):
        return []
    edits = []
    for match in _PIECE.finditer(text):
        new = unicodedata.normalize("NFC", match.group())
        if new != match.group():
            edits.append((match.start(), match.end(), new))
    return edits


Steps = tuple[tuple[str, Callable[[str], list[Edit]]], ...]

_STEPS: Steps = (
    ("line_ends", _to("\n", _BREAKS)),
    ("control_characters", _to("", _CONTROLS)),
    ("invisible_marks", _to("", _INVISIBLE)),
    ("stray_joiners", _to("", _JOINER)),
    ("rare_spaces", _to(" ", _SPACES)),
    ("unicode_form", _composed),
    ("trailing_spaces", _to("", _TRAILING)),
)
_OF_VALUES: Steps = (("hyphenation", pages_of.hyphenation), ("ligatures", pages_of.ligatures))
_OF_PAGES: Steps = (("running_heads", pages_of.running_heads), _STEPS[0], *_OF_VALUES, *_STEPS[1:])
_STEPS_OF = {False: _STEPS, True: _OF_PAGES}


@dataclass(slots=True)
class Cleaned:
    """Clean records, those set aside, and what was changed.

    counts: "records", "changed_texts", "changed_targets", "rejected"; per kind of change the places changed in texts
    ("line_ends", "control_characters", "invisible_marks", "stray_joiners", "rare_spaces", "unicode_form",
    "trailing_spaces", of pages "running_heads", "hyphenation", "ligatures"); "spans", "spans_moved" (found anew
    elsewhere), "spans_dropped" (their value is not in the text). Kinds that did not occur are 0.
    """

    records: list[Record]
    rejected: list[Rejected] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def note(self) -> str:
        """One sentence for the screen."""
        changes = [f"{count} {name.replace('_', ' ')}" for name, _ in _OF_PAGES if (count := self.counts.get(name))]
        said = f"{self.counts['changed_texts']} of {self.counts['records']} texts cleaned"
        said += f" ({', '.join(changes)})" if changes else ""
        for name in ("rejected", "spans_moved", "spans_dropped"):
            if self.counts[name]:
                said += f"; {self.counts[name]} {name.replace('_', ' ')}"
        return said


def clean(records: Iterable[Record], *, pages: bool = False) -> Cleaned:
    """Clean texts, targets and spans. A record whose text is empty then is set aside.

    pages: the texts are those of printed pages (see `data.pages`).
    """
    counts: Counter[str] = Counter()
    kept: list[Record] = []
    rejected: list[Rejected] = []
    for record in records:
        counts["records"] += 1
        text, edits = _cleaned(record.text, _STEPS_OF[pages])
        if not text.strip():
            rejected.append(Rejected.of(record, f"record '{record.id}' has no text after cleaning"))
            continue
        for name, done in edits:
            counts[name] += len(done)
        target = _cleaned_value(record.target, pages)
        provenance = _cleaned_turns(record.provenance)
        counts["changed_texts"] += text != record.text
        counts["changed_targets"] += target is not record.target
        spans = record.spans
        if spans:
            spans = _checked(_moved(spans, edits), text, target, counts)
        if (text, target, spans, provenance) != (record.text, record.target, record.spans, record.provenance):
            record = replace(record, text=text, target=target, spans=spans, provenance=provenance)
        kept.append(record)
    counts["rejected"] = len(rejected)
    names = ("records", "changed_texts", "changed_targets", "rejected", "spans", "spans_moved", "spans_dropped")
    return Cleaned(kept, rejected, {name: counts[name] for name in (*names, *(name for name, _ in _STEPS_OF[pages]))})


def clean_text(text: str, *, pages: bool = False) -> str:
    """`text` as `clean` leaves it. Cleaning twice changes nothing more."""
    return _cleaned(text, _STEPS_OF[pages])[0]


def with_way_back(text: str, *, pages: bool = False) -> tuple[str, Callable[[int, int], tuple[int, int]]]:
    """(`text` as `clean_text` leaves it, a function from a place (start, end) in that to its place in `text`)."""
    new, done = _cleaned(text, _STEPS_OF[pages])
    steps = [_back(edits) for _, edits in reversed(done)]

    def back(start: int, end: int) -> tuple[int, int]:
        for step in steps:
            start, end = step(start, False), step(end, True)
        return start, end

    return new, back


def _back(edits: list[Edit]) -> Callable[[int, bool], int]:
    """(position after the edits, whether a span ends there) → the position before them; `_mover` the other way."""
    places: list[tuple[int, int, int, int]] = []  # (start, end) after, (start, end) before
    shift = 0
    for start, end, new in edits:
        places.append((start + shift, start + shift + len(new), start, end))
        shift += len(new) - (end - start)
    begins = [place[0] for place in places]

    def before(position: int, is_end: bool) -> int:
        i = bisect_right(begins, position - 1 if is_end else position)
        if not i:
            return position
        _, new_end, old_start, old_end = places[i - 1]
        if position < new_end:
            return old_end if is_end else old_start
        return position - new_end + old_end

    return before


def _cleaned(text: str, steps: Steps = _STEPS) -> tuple[str, list[tuple[str, list[Edit]]]]:
    done = []
    for name, find in steps:
        edits = find(text)
        if edits:
            text = _applied(text, edits)
            done.append((name, edits))
    return text, done


def _applied(text: str, edits: list[Edit]) -> str:
    pieces, at = [], 0
    for start, end, new in edits:
        pieces += [text[at:start], new]
        at = end
    pieces.append(text[at:])
    return "".join(pieces)


def _cleaned_value(value: JSON, pages: bool = False) -> JSON:
    """`value` with clean strings; the very same object where nothing changes. Keys stay as they are.

    pages: as of `clean`; a value has no running heads.
    """
    if isinstance(value, str):
        new, _ = _cleaned(value, _OF_VALUES + _STEPS if pages else _STEPS)
        return value if new == value else new
    if isinstance(value, dict):
        items = {key: _cleaned_value(inner, pages) for key, inner in value.items()}
        return items if any(items[key] is not inner for key, inner in value.items()) else value
    if isinstance(value, list):
        elements = [_cleaned_value(inner, pages) for inner in value]
        return elements if any(a is not b for a, b in zip(elements, value, strict=True)) else value
    return value


def _cleaned_turns(provenance: dict[str, JSON]) -> dict[str, JSON]:
    """The provenance with clean earlier turns of a conversation, and the clean question at the text's end; the very
    same object where nothing changes.
    """
    given: dict[str, JSON] = {key: provenance[key] for key in ("before", "question") if key in provenance}
    new: dict[str, JSON] = {key: _cleaned_value(value) for key, value in given.items()}
    return {**provenance, **new} if any(new[key] is not value for key, value in given.items()) else provenance


def _moved(spans: tuple[Span, ...], done: list[tuple[str, list[Edit]]]) -> tuple[Span, ...]:
    """The spans where the edits put them; an end inside an edited place goes to that place's end."""
    for _, edits in done:
        moved = _mover(edits)
        spans = tuple(Span(s.path, moved(s.start, False), moved(s.end, True)) for s in spans)
    return spans


def _mover(edits: list[Edit]) -> Callable[[int, bool], int]:
    """(position, whether a span ends there) → the position after the edits."""
    starts = [start for start, _, _ in edits]
    shifts = [0]
    for start, end, new in edits:
        shifts.append(shifts[-1] + len(new) - (end - start))

    def moved(position: int, is_end: bool) -> int:
        i = bisect_right(starts, position - 1 if is_end else position)
        if i and position < edits[i - 1][1]:
            start, _, new = edits[i - 1]
            return start + shifts[i - 1] + (len(new) if is_end else 0)
        return position + shifts[i]

    return moved


def _checked(spans: tuple[Span, ...], text: str, target: JSON, counts: Counter[str]) -> tuple[Span, ...]:
    """The spans that cover their values; one that does not is looked for anew, or dropped."""
    values = leaves(target) if isinstance(target, dict | list) else {}
    kept = []
    for span in spans:
        counts["spans"] += 1
        value = values.get(span.path)
        if not values:
            kept.append(span)  # a plain text as target: nothing to hold the span against
        elif _covers(text[span.start : span.end], value):
            kept.append(span)
        elif (found := locate(value, text)) is not None:
            counts["spans_moved"] += 1
            kept.append(Span(span.path, *found))
        else:
            counts["spans_dropped"] += 1
    return tuple(kept)


def _covers(covered: str, value: JSON) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    wanted = str(value)
    if covered == wanted or _squashed(covered) == _squashed(wanted) != "":
        return True
    printed, plain = amount(covered), amount(wanted)
    return printed is not None and printed == plain


def _squashed(text: str) -> str:
    return "".join(text.split()).casefold()
