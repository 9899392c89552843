"""What rows ask about, where it stands beside them or around them.

Beside them: `contexts.jsonl`, one context a row, joined by `context_id`. A context is {id, text}, or
{id, table, paragraphs}: a table is rows of cells, written with ` | ` between them.

Around them: SQuAD's articles {title, paragraphs: [{context, qas: [{id, question, answers}]}]} and its paragraphs by
themselves (Rajpurkar et al. 2016), and TAT-QA's {table: {uid, table}, paragraphs: [{order, text}], questions:
[{uid, question, answer, scale}]} (Zhu et al. 2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.records import JSON
from tunewright.data.read import jsonl
from tunewright.data.read._shared import Rejected, Row, excerpt, kind

FILES = ("contexts.jsonl", "contexts.jsonl.gz")

KEY = "context_id"

CELL = " | "


class Contexts:
    """The contexts of a file of rows.

    file: where they stand; None where there is none. columns: as `read` has them (ours → theirs). joined: rows that
    got theirs so far. unreadable: contexts that could not be used, with the reason. Raises DataError where two
    contexts have one id.
    """

    def __init__(self, file: Path | None, columns: Mapping[str, str] | None = None):
        names = columns or {}
        self.file, self.key, self.question = file, names.get(KEY, KEY), names.get("question", "question")
        self.joined = 0
        self.unreadable: list[Rejected] = []
        self._texts: dict[str, str] = {}
        for row in jsonl.read(file) if file is not None else ():
            text = written(row.value) if isinstance(row, Row) else None
            if isinstance(row, Rejected) or text is None or row.value.get("id") in (None, ""):
                reason = row.reason if isinstance(row, Rejected) else "no context {id, text} or {id, table, paragraphs}"
                raw = row.raw if isinstance(row, Rejected) else excerpt(row.value)
                self.unreadable.append(Rejected(row.line, reason, raw, file.name if file else ""))
                continue
            name = str(row.value["id"])
            if self._texts.setdefault(name, text) != text:
                raise DataError(f"two contexts have the id '{name}'", where=f"{file}:{row.line}")

    @classmethod
    def beside(cls, path: Path, columns: Mapping[str, str] | None = None) -> Contexts:
        """Those of a data file: in the folder that it stands in."""
        return cls(next((file for name in FILES if (file := path.with_name(name)).is_file()), None), columns)

    def join(self, rows: Iterable[Row | Rejected]) -> Iterator[Row | Rejected]:
        """The rows, each question that names a context with it; set aside where it is nowhere."""
        for row in rows:
            if isinstance(row, Rejected) or not self._lacks(row.value):
                yield row
                continue
            name = str(row.value[self.key])
            if name in self._texts:
                self.joined += 1
                yield Row(row.line, {**row.value, "context": self._texts[name]})
            else:
                where = f"in {self.file.name}" if self.file is not None else f"here: no {FILES[0]} beside the data"
                yield Rejected(row.line, f"its context '{name}' is not {where}", excerpt(row.value))

    def _lacks(self, row: dict[str, JSON]) -> bool:
        """Whether a row asks about a context that it does not hold itself."""
        own = any(row.get(key) not in (None, "") for key in ("context", "text"))
        return not own and row.get(self.key) not in (None, "") and self.question in row

    def notes(self) -> list[str]:
        """Sentences for the screen."""
        if self.file is None or not self.joined:
            return []
        said = f"{self.file.name}: {len(self._texts)} contexts, joined to {self.joined} rows by {self.key}"
        if self.unreadable:
            first = self.unreadable[0]
            said += f"; {len(self.unreadable)} cannot be read, the first in line {first.line}: {first.reason}"
        return [said]


def unfolded(rows: Iterable[Row | Rejected]) -> Iterator[Row | Rejected]:
    """The rows, those that hold questions about what they tell as a row for each question, with its context.

    Rows of one article have its title in `article`, those of one context a `context_id`, if it has a name.
    """
    for row in rows:
        held = None if isinstance(row, Rejected) else _held(row.value)
        if isinstance(row, Rejected) or held is None:
            yield row
            continue
        number = 0
        for shared, questions in held:
            for question in questions:
                number += 1
                if not isinstance(question, dict):
                    yield Rejected(row.line, f"a question is {kind(question)}, not an object", excerpt(question))
                    continue
                name = question.get("id", question.get("uid", f"{row.line}.{number}"))
                yield Row(row.line, {**shared, **question, "id": name})


def _held(row: dict[str, JSON]) -> list[tuple[dict[str, JSON], list[JSON]]] | None:
    """What a row's questions have in common, and these; None where it holds none."""
    if "json" in row or "target" in row:  # has its own answer
        return None
    title = {"article": row["title"]} if isinstance(row.get("title"), str) else {}
    parts = row["paragraphs"] if isinstance(row.get("paragraphs"), list) else []
    if parts and all(isinstance(part, dict) and isinstance(part.get("qas"), list) for part in parts):
        return [({**title, **_context(part)}, part["qas"]) for part in parts]
    if isinstance(row.get("qas"), list):
        return [({**title, **_context(row)}, row["qas"])]
    asked = row.get("questions")
    if isinstance(asked, list) and asked and all(isinstance(one, dict) and "question" in one for one in asked):
        return [({**title, **_context(row)}, asked)]
    return None


def _context(row: dict[str, JSON]) -> dict[str, JSON]:
    """A context and its name, of a row that holds it with its questions."""
    table, parts = row.get("table"), row.get("paragraphs")
    name = row.get("id", row.get("uid", table.get("uid") if isinstance(table, dict) else None))
    if isinstance(table, dict):
        table = table.get("table")
    if isinstance(parts, list) and all(isinstance(part, dict) for part in parts):
        parts = sorted(parts, key=lambda part: part["order"] if isinstance(part.get("order"), int) else 0)
        parts = [part.get("text") for part in parts]
    found = written({**row, "table": table, "paragraphs": parts})
    return {"context": found} | ({KEY: str(name)} if isinstance(name, str | int) else {})


def written(row: dict[str, Any]) -> str | None:
    """A context as text: its table, then its paragraphs; None where it has neither, nor a text."""
    text = row.get("text", row.get("context"))
    if isinstance(text, str) and text.strip():
        return text
    table, paragraphs = row.get("table"), row.get("paragraphs")
    parts = [table_text(table)] if isinstance(table, list) else []
    parts += [part for part in paragraphs if isinstance(part, str)] if isinstance(paragraphs, list) else []
    return "\n".join(part for part in parts if part.strip()) or None


def table_text(rows: list[Any]) -> str:
    """A table, a row a line. Empty cells hold their place, but for those at a row's end; rows without a cell go."""
    lines = []
    for row in rows:
        cells = [" ".join(str(cell).split()) for cell in row] if isinstance(row, list) else []
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            lines.append(CELL.join(cells))
    return "\n".join(lines)
