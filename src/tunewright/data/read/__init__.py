"""Reading data files: a file becomes records; rows that cannot be used are set aside with line and reason.

    reading = read("invoices.csv", columns={"text": "ocr", "json": "gold"})
    print(reading.found)            # record {text, json or target}: 200 of 200 rows looked at
    records = list(reading)         # streams: JSON Lines, CSV and Parquet in constant memory
    reading.rejected                # [Rejected(line=7, reason="broken JSON: …", raw="{…")]

Formats are the files of this folder, layouts stand in `_layouts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import Any

from tunewright.core import catalogue
from tunewright.core.errors import DataError, UsageError, did_you_mean, nearest
from tunewright.core.recipe import TranscriptOptions
from tunewright.core.records import Record
from tunewright.data.read import _layouts
from tunewright.data.read._contexts import KEY, Contexts, unfolded
from tunewright.data.read._layouts import LAYOUTS, Misfit
from tunewright.data.read._shared import Rejected, Row, excerpt, split_of

__all__ = [
    "DOCUMENTS",
    "LAYOUTS",
    "Reading",
    "Rejected",
    "Row",
    "excerpt",
    "read",
    "reader_of",
    "rows_as_records",
    "split_of",
]

DOCUMENTS = ("text", "pdf")
"""Formats of which a file is one document, without an answer: what a model is asked, and no data to learn from."""

_ENOUGH = 200  # rows that fit some layout before one is chosen
_PATIENCE = 2000  # well-formed rows looked at before giving up


class Reading(Iterator[Record]):
    """The records of one file, once, in order. What is set aside gathers in `rejected` while they are read.

    layout: the layout's name, None where the file has no well-formed row. found: what was recognised, for the
    screen. records: how many came so far. contexts: what the rows ask about, from beside them. unused: column → rows
    in which it held something that no record keeps. unprinted: columns of papers → rows whose text does not print what
    they hold. group_column: the column that groups are read from; group_sure:
    whether the user or its very name said so. notes: sentences about what was done, once all is read.
    """

    def __init__(
        self,
        rows: Iterable[Row | Rejected],
        *,
        name: str,
        layout: str = "auto",
        columns: Mapping[str, str] | None = None,
        group: bool = True,
        contexts: Contexts | None = None,
        notes: Callable[[], list[str]] = list,
    ):
        self.name = name
        self.notes = notes
        self.contexts = contexts
        self.rejected: list[Rejected] = []
        self.records = 0
        self.unused: Counter[str] = Counter()
        self.unprinted: Counter[str] = Counter()
        self._columns = dict(columns or {})
        self._stem = Path(name).name.split(".")[0] or "row"
        rows = unfolded(rows)
        self._rows = iter(rows if contexts is None else contexts.join(rows))
        self._sample: list[Row] = []
        _check_names(layout, self._columns)
        votes = self._look()
        self.layout = self._choose(layout, votes)
        self.group_column = self._group_column() if group else None
        self.group_sure = self.group_column in _layouts.SURE_GROUPS
        self.found = self._found(votes)
        self._taken = iter(self._sample)
        self._sample = []

    def __next__(self) -> Record:
        while True:
            row = next(self._taken, None)
            if row is None:
                following = next(self._rows)  # StopIteration ends the reading
                if isinstance(following, Rejected):
                    self._reject(following)
                    continue
                row = Row(following.line, _layouts.renamed(following.value, self._columns))
            record = self._record(row)
            if record is not None:
                self.records += 1
                return record

    def _record(self, row: Row) -> Record | None:
        if self.layout is None:
            return None
        layout = LAYOUTS[self.layout]
        try:
            record = _layouts.record(
                row.value,
                layout,
                line=row.line,
                file=self.name,
                stem=self._stem,
                group_column=self.group_column,
            )
        except Misfit as misfit:
            self._reject(Rejected(row.line, str(misfit), excerpt(row.value)))
            return None
        self.unprinted.update(record.provenance.get("unprinted", ()))
        for key, value in row.value.items():
            known = key in layout.uses or key in _layouts.COMMON or key == self.group_column
            known = known or key in record.provenance
            if not known and value not in (None, "", [], {}) and key not in record.provenance.get("fields", ()):
                self.unused[key] += 1
        return record

    def _reject(self, rejected: Rejected) -> None:
        self.rejected.append(Rejected(rejected.line, rejected.reason, rejected.raw, rejected.file or self.name))

    def _look(self) -> Counter[str]:
        """Take rows until enough fit some layout; each votes for the most telling one that it fits."""
        votes: Counter[str] = Counter()
        for row in self._rows:
            if isinstance(row, Rejected):
                self._reject(row)
                continue
            row = Row(row.line, _layouts.renamed(row.value, self._columns))
            self._sample.append(row)
            fit = _layouts.first_fit(row.value)
            if fit:
                votes[fit] += 1
            if votes.total() >= _ENOUGH or len(self._sample) >= _PATIENCE:
                break
        return votes

    def _choose(self, layout: str, votes: Counter[str]) -> str | None:
        if not self._sample:
            return None
        have = list(dict.fromkeys(key for row in self._sample for key in row.value))
        missing = [theirs for ours, theirs in self._columns.items() if ours not in have]
        if missing:
            near = nearest(missing[0], have)
            raise DataError(
                f"there is no column '{missing[0]}'",
                where=self.name,
                hint=f"did you mean '{near[0]}'?" if near else f"columns: {', '.join(have[:20])}",
            )
        if layout != "auto":
            fits = sum(_fits(row, layout) for row in self._sample)
            if fits == 0:
                near_layout = votes.most_common(1)
                first = next(iter(self._misfits(layout)), "")
                raise DataError(
                    f"none of {len(self._sample)} rows fits the layout '{layout}' {LAYOUTS[layout].keys}: {first}",
                    where=self.name,
                    hint=f"the rows look like '{near_layout[0][0]}' {LAYOUTS[near_layout[0][0]].keys}"
                    if near_layout
                    else f"columns: {', '.join(have[:20])}",
                )
            return layout
        if not votes:
            reason = next(iter(self._misfits("text")), "")
            meant = _asked(have)
            raise DataError(
                f"the rows fit no known layout; columns: {', '.join(have[:20]) or 'none'}"
                + ("" if meant else f" ({reason})"),
                where=self.name,
                hint=meant
                or "name them in the recipe, such as data.columns: {text: …, target: …}; known layouts: "
                + ", ".join(LAYOUTS),
            )
        order = list(LAYOUTS)
        return max(votes, key=lambda name: (votes[name], -order.index(name)))

    def _misfits(self, layout: str) -> Iterator[str]:
        for row in self._sample:
            try:
                LAYOUTS[layout].build(row.value)
            except Misfit as misfit:
                yield str(misfit)

    def _group_column(self) -> str | None:
        if self.layout is None:
            return None
        for column in _layouts.GROUPS:
            holding = sum(isinstance(row.value.get(column), str | int) for row in self._sample)
            free = column not in LAYOUTS[self.layout].uses or column == KEY
            if holding and holding * 2 > len(self._sample) and free:
                return column
        return None

    def _found(self, votes: Counter[str]) -> str:
        if self.layout is None:
            return "no well-formed rows"
        fits = sum(_fits(row, self.layout) for row in self._sample)
        said = f"{self.layout} {LAYOUTS[self.layout].keys}: {fits} of {len(self._sample)} rows looked at"
        if self.layout == "text" and (
            asked := _asked(list(dict.fromkeys(key for row in self._sample for key in row.value)))
        ):
            said += f", without answers; {asked}"
        others = [f"{count} {name}" for name, count in votes.most_common() if name != self.layout]
        return f"{said} ({', '.join(others)})" if others and fits < len(self._sample) else said


def _asked(have: Sequence[str]) -> str | None:
    """The question whether columns are those of a layout under other names."""
    found = _layouts.meant(have)
    if not found:
        return None
    pairs = (f"{ours}: {name if name.isidentifier() else dumps(name)}" for ours, name in found.items())
    return f"are they these? --set data.columns='{{{', '.join(pairs)}}}'"


def _fits(row: Row, layout: str) -> bool:
    try:
        LAYOUTS[layout].build(row.value)
    except Misfit:
        return False
    return True


def _check_names(layout: str, columns: dict[str, str]) -> None:
    if layout != "auto" and layout not in LAYOUTS:
        known = ["auto", *LAYOUTS]
        raise UsageError(
            f"there is no layout '{layout}'", hint=did_you_mean(layout, known) or f"known: {', '.join(known)}"
        )
    for ours in columns:
        if ours not in _layouts.OUR_NAMES:
            raise UsageError(
                f"data.columns cannot name '{ours}'",
                hint=did_you_mean(ours, _layouts.OUR_NAMES) or f"our names: {', '.join(_layouts.OUR_NAMES)}",
            )


def reader_of(path: Path) -> str | None:
    """The name of the reader that a file's ending belongs to (`.gz` aside), or None."""
    ending = Path(path.name.removesuffix(".gz")).suffix.lower()
    for name in catalogue.names("reader"):
        if ending and ending in catalogue.load("reader", name).suffixes:
            return name
    return None


def read(
    path: Path | str,
    *,
    layout: str = "auto",
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    transcripts: TranscriptOptions | None = None,
) -> Reading:
    """Read a file, a folder of .txt files or of transcripts, or a folder written by `datasets`' `save_to_disk`.

    layout: a name of LAYOUTS, or "auto" to recognise it by many rows. columns: our name → the file's column, with
    dots into objects. name: what records and messages call the file; its own name by default. transcripts: how CHAT
    transcripts become records.
    Raises DataError for a file that cannot be read or fits no layout, UsageError for unknown names,
    MissingExtra where a format's library is not installed.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        from tunewright.data.read import cha, huggingface

        reader = "huggingface" if huggingface.is_saved(path) else "cha" if cha.files_of(path) else "text"
    else:
        if not path.exists():
            siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
            raise DataError("there is no such file", where=str(path), hint=did_you_mean(path.name, siblings))
        found = reader_of(path)
        if found is None:
            known = sorted(
                suffix for each in catalogue.names("reader") for suffix in catalogue.load("reader", each).suffixes
            )
            hint = f"known: {', '.join(known)}"
            if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
                hint = "save the sheet as CSV (UTF-8)"
            raise DataError(f"no reader knows files that end in '{path.suffix}'", where=str(path), hint=hint)
        reader = found
    shared: dict[str, Any] = {"name": name or path.name, "layout": layout, "columns": columns}
    if reader == "cha":
        told = catalogue.load("reader", reader).read(path, transcripts)
        return Reading(told, notes=told.notes, **shared)
    rows = catalogue.load("reader", reader).read(path)
    return Reading(rows, contexts=Contexts.beside(path, columns) if path.is_file() else None, **shared)


def rows_as_records(
    rows: Iterable[Row | Rejected], name: str, *, layout: str = "auto", columns: Mapping[str, str] | None = None
) -> Reading:
    """Records from rows that come from elsewhere than a file, such as the hub."""
    return Reading(rows, name=name, layout=layout, columns=columns)
