"""Plain text: a file, or a folder whose .txt files are one document each. Records with a text and no target."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tunewright.core.errors import DataError
from tunewright.data.read._shared import MAX_LINE, Rejected, Row, checked, excerpt, not_utf8

suffixes = (".txt", ".text", ".md")


def read(path: Path) -> Iterator[Row | Rejected]:
    """One row a file, in order of their names, folders within folders included; the id is the path from `path`.

    A file that is not UTF-8, empty or too long is set aside; `line` is the file's number from 1.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.txt") if file.is_file())
    elif path.is_file():
        files = [path]
    else:
        raise DataError("there is no such file or folder", where=str(path))
    for number, file in enumerate(files, 1):
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        try:
            if file.stat().st_size > MAX_LINE:
                yield Rejected(number, f"the file is larger than {MAX_LINE // 2**20} MiB", name, name)
                continue
            data = file.read_bytes()
        except OSError as error:
            yield Rejected(number, f"cannot be opened: {error.strerror or error}", name, name)
            continue
        try:
            text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        except UnicodeDecodeError as error:
            yield Rejected(number, not_utf8(error), excerpt(data), name)
            continue
        yield checked({"id": name, "text": text}, number, text)
