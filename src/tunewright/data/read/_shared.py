"""What every reader shares: lines of bytes, rows with their place, rows set aside, and what makes a row unusable."""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from tunewright.core.errors import DataError
from tunewright.core.records import JSON, Record
from tunewright.text.serialise import STRICT

MAX_DEPTH = 64
"""Deepest nesting of a row; deeper ones are set aside."""

MAX_LINE = 64 * 2**20
"""Longest line in bytes; longer ones are set aside without being held in memory."""

EXCERPT = 200
"""Characters of a bad row that are kept to show it."""

_SPLIT = re.compile(r"(train(?:ing)?|validation|valid|val|dev(?:elopment)?|test|eval)(?:[-_.]\d+(?:[-_.]of[-_.]\d+)?)?")
_SPLIT_NAMES = {"training": "train", "valid": "validation", "val": "validation", "development": "dev", "eval": "test"}

_CHUNK = 2**18
_PACKED = b"\x1f\x8b\x08"
_ARCHIVE = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Row:
    """A well-formed row. line: where it begins, from 1 (the row's number in files without lines)."""

    line: int
    value: dict[str, JSON]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row set aside. line: as in Row; raw: how it begins; file: its file's name."""

    line: int
    reason: str
    raw: str = ""
    file: str = ""

    @classmethod
    def of(cls, record: Record, reason: str, raw: str = "") -> Rejected:
        """A record set aside after reading, with the place it came from."""
        line, file = record.provenance.get("line"), record.provenance.get("file")
        return cls(line if isinstance(line, int) else 0, reason, raw, str(file or ""))

    def to_row(self) -> dict[str, JSON]:
        """One JSON object for `rejected.jsonl`; what is not UTF-8 in `raw` is shown as �."""
        return {"file": self.file, "line": self.line, "reason": self.reason, "raw": self.raw}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file without its end. number: from 1; offset: of its first byte in the (unpacked) file."""

    number: int
    offset: int
    data: bytes


def excerpt(raw: bytes | str | JSON) -> str:
    """How a bad row begins, as text that any JSON writer takes."""
    if isinstance(raw, bytes):
        text = raw[: EXCERPT * 4].decode("utf-8", "replace")
    elif isinstance(raw, str):
        text = raw[: EXCERPT + 1]
    else:
        try:
            text = json.dumps(raw, ensure_ascii=False, default=str)
        except (ValueError, RecursionError, TypeError):
            text = "…"
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "…"


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where gzip packed them, whatever the name. Raises DataError where there is none."""
    try:
        with path.open("rb") as file:
            packed = file.read(len(_PACKED)) == _PACKED
        if packed and (path.suffix == ".gz" or _unpacks(path)):
            return cast(IO[bytes], gzip.open(path, "rb"))
        return path.open("rb")
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path)) from None
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror or error}", where=str(path)) from None


def _unpacks(path: Path) -> bool:
    with gzip.open(path, "rb") as file:
        try:
            file.read(1)
        except (EOFError, zlib.error, OSError):
            return False
    return True


def lines(path: Path, *, end: bytes = b"\n") -> Iterator[Line | Rejected]:
    """The lines of a file in constant memory, without a byte order mark. `\\r\\n` counts as one end.

    A line over MAX_LINE bytes is set aside; so is what follows where a packed file breaks off.
    Raises DataError for a file that is not UTF-8 text at all (UTF-16, an archive).
    """
    number, offset, rest, skipping = 0, 0, b"", False
    with open_bytes(path) as file:
        while True:
            try:
                chunk = file.read1(_CHUNK)  # type: ignore[attr-defined]
            except (EOFError, zlib.error, OSError) as error:
                # What was unpacked before the break has been yielded, but for the line the break cut.
                yield Rejected(number + 1, f"the packed file breaks off here: {error}", excerpt(rest))
                return
            if offset == 0 and number == 0 and not rest:
                chunk = _without_mark(chunk, path)
            if not chunk:
                break
            *whole, last = chunk.split(end)
            if whole:
                whole[0] = rest + whole[0]
                rest = last
            else:
                rest += last
            for data in whole:
                number += 1
                if skipping:
                    skipping = False
                else:
                    yield Line(number, offset, data.removesuffix(b"\r"))
                offset += len(data) + len(end)
            if len(rest) > MAX_LINE:
                if not skipping:
                    yield Rejected(number + 1, f"the line is longer than {MAX_LINE // 2**20} MiB", excerpt(rest))
                offset, rest, skipping = offset + len(rest), b"", True
    if rest and not skipping:
        yield Line(number + 1, offset, rest.removesuffix(b"\r"))


def _without_mark(chunk: bytes, path: Path) -> bytes:
    if chunk[:2] in (b"\xff\xfe", b"\xfe\xff") and chunk[:400].count(0) * 4 >= len(chunk[:400]):
        hint = f"convert it: iconv -f UTF-16 -t UTF-8 {path.name} > utf8-{path.name}"
        raise DataError("this is UTF-16, not UTF-8 text", where=str(path), hint=hint)
    if chunk.startswith(_ARCHIVE) and chunk[5:6] == b"\0":
        hint = "unpack it, or save the sheet as CSV in UTF-8"
        raise DataError("this is a zip archive (or an Excel workbook), not text", where=str(path), hint=hint)
    return chunk.removeprefix(b"\xef\xbb\xbf")


def head(path: Path, size: int = 2**16) -> bytes:
    """The first bytes of a file, unpacked, without a byte order mark; what can be had where a packed file is broken."""
    with open_bytes(path) as file:
        try:
            return _without_mark(file.read1(size), path)  # type: ignore[attr-defined]
        except (EOFError, zlib.error, OSError):
            return b""


def not_utf8(error: UnicodeDecodeError, offset: int = 0) -> str:
    """What a person needs to find the byte that is not UTF-8; `offset`: of the decoded bytes in the file."""
    return f"byte 0x{error.object[error.start]:02X} at offset {offset + error.start} of the file is not UTF-8"


def json_reason(error: Exception) -> str:
    """Why `STRICT` refused a text, in a few words."""
    if isinstance(error, RecursionError):
        return f"nested deeper than {MAX_DEPTH} levels"
    if isinstance(error, json.JSONDecodeError):
        return f"broken JSON: {error.msg} (column {error.colno})"
    if "integer string conversion" in str(error):
        return "broken JSON: a number with thousands of digits"
    return f"broken JSON: {error}"


def row_or_rejected(text: str, line: int) -> Row | Rejected:
    """One JSON object as a row, or why it is none. Never raises."""
    try:
        value = STRICT.decode(text)
    except (ValueError, RecursionError) as error:
        return Rejected(line, json_reason(error), excerpt(text))
    return checked(value, line, text)


def checked(value: Any, line: int, raw: str | None = None) -> Row | Rejected:
    """`value` as a row, or why it cannot be one: not an object, or `fault` finds something."""
    if not isinstance(value, dict):
        return Rejected(line, f"{kind(value)}, not an object", excerpt(raw if raw is not None else value))
    reason = fault(value)
    if reason:
        return Rejected(line, reason, excerpt(raw if raw is not None else value))
    return Row(line, value)


def kind(value: JSON) -> str:
    """`value`'s JSON type with its article, for a sentence."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else type(value).__name__


def fault(value: JSON) -> str | None:
    """What makes a parsed value unusable anywhere in it, or None.

    Faults: nesting over MAX_DEPTH, NaN and infinities, NUL characters, surrogates without a partner.
    """
    stack: list[tuple[JSON, int]] = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, str):
            if "\x00" in item:
                return "a NUL character"
            if not item.isascii():
                try:
                    item.encode("utf-8")
                except UnicodeEncodeError as error:
                    # Bytes that are not UTF-8 reach us as U+DC80..U+DCFF (PEP 383).
                    code = ord(item[error.start])
                    if 0xDC80 <= code <= 0xDCFF:
                        return f"byte 0x{code - 0xDC00:02X} is not UTF-8"
                    return f"half a surrogate pair (U+{code:04X})"
        elif isinstance(item, float):
            if not math.isfinite(item):
                return f"{item} is not a JSON number"
        elif isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                return f"nested deeper than {MAX_DEPTH} levels"
            if isinstance(item, dict):
                stack.extend((key, depth) for key in item)
                stack.extend((inner, depth + 1) for inner in item.values())
            else:
                stack.extend((inner, depth + 1) for inner in item)
    return None


def split_of(name: str) -> str | None:
    """The split that the name of a file or folder says, as in `train.jsonl` and `test-00000-of-00002.parquet`."""
    match = _SPLIT.fullmatch(name.split(".")[0].lower())
    return _SPLIT_NAMES.get(match.group(1), match.group(1)) if match else None
