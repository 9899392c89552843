"""Writing whole files or nothing, reading lines one by one, hashing.

Everything is written under a temporary name in the same folder, flushed to the disk and renamed, so a reader
(or the same program after a crash) meets the old file or the new one, never half of one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from tunewright.core.errors import DataError, RunError

TEMPORARY = ".tmp-"
"""Files whose name begins so are unfinished and may be deleted."""


@contextlib.contextmanager
def replacing(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """An open file that takes the place of `path` when the block ends well, and vanishes when it raises."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(4)}-{path.name}"
    binary = "b" in mode
    try:
        with open(temporary, mode, encoding=None if binary else "utf-8", newline=None if binary else "\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextlib.contextmanager
def replacing_folder(path: Path | str) -> Iterator[Path]:
    """An empty folder that takes the place of `path`, whole, when the block ends well, and vanishes when it raises."""
    path = Path(path)
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(4)}-{path.name}"
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with open(file, "rb") as written:
                    os.fsync(written.fileno())
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names, so that a rename outlives a power cut. Does nothing where the system can't."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


_held: set[Path] = set()
"""Locks that this process holds."""


@contextlib.contextmanager
def one_writer(folder: Path, hint: str) -> Iterator[None]:
    """Hold a folder for writing. Raises RunError where somebody else does; a process that died holds nothing.

    The lock belongs to this process alone: children that it forks neither hold nor release it.
    """
    path = folder / ".lock"
    key = path.resolve()
    if key in _held:
        raise RunError("this process is already writing here", where=str(folder))
    with open(path, "a+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise RunError(f"another process is writing here (process {owner})", where=str(folder), hint=hint) from None
        _held.add(key)
        try:
            file.seek(0)
            file.truncate()
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield
        finally:
            _held.discard(key)
            file.seek(0)
            file.truncate()
            file.flush()


@contextlib.contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Wait until nobody else has their turn in a folder, and have it within; a process that died has none.

    For moments, such as drawing the next of several pieces of work; not to be nested in one process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".turn", "a", encoding="utf-8") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def write_text(path: Path | str, text: str) -> None:
    with replacing(path) as file:
        file.write(text)


def write_new(path: Path | str, text: str) -> bool:
    """Write a file that is not there, whole or not at all. False where another process was first."""
    path = Path(path)
    own = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    write_text(own, text)
    try:
        os.link(own, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if path.exists():
            return False
        os.replace(own, path)
    finally:
        own.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def write_bytes(path: Path | str, content: bytes) -> None:
    with replacing(path, "wb") as file:
        file.write(content)


def lend(source: Path, target: Path) -> None:
    """`target` as a second name of a file that is never written in place, or a copy where there are no such names."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with replacing(target, "wb") as out, open(source, "rb") as read:
            shutil.copyfileobj(read, out)


def write_json(path: Path | str, value: Any) -> None:
    """One JSON value, indented, letters as they are. Raises ValueError for NaN and infinities."""
    write_text(path, _dumps(value, indent=2) + "\n")


def line(row: Any) -> str:
    """`row` as one line of a JSON-lines file."""
    return _dumps(row) + "\n"


def line_sha256(row: Any) -> str:
    """Hexadecimal digest of a row as a line."""
    return hashlib.sha256(line(row).encode()).hexdigest()


def _dumps(value: Any, indent: int | None = None) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:  # half characters (lone surrogates) cannot be written as UTF-8
        return json.dumps(value, ensure_ascii=True, allow_nan=False, indent=indent)
    return text


def write_lines(path: Path | str, rows: Iterable[Any]) -> int:
    """JSON lines from any iterable, in constant memory. Returns how many."""
    count = 0
    with replacing(path) as file:
        for row in rows:
            file.write(line(row))
            count += 1
    return count


@contextlib.contextmanager
def appending(path: Path | str) -> Iterator[Callable[[Any], None]]:
    """A function that adds a row to a JSON-lines file: there for every process when it returns, on the disk when the
    block ends, however it ends.
    """
    with open(path, "a", encoding="utf-8", newline="\n") as file:

        def add(row: Any) -> None:
            file.write(line(row))
            file.flush()

        try:
            yield add
        finally:
            os.fsync(file.fileno())


def read_json(path: Path | str) -> Any:
    """Raises DataError naming the file where it is missing or not JSON."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("the file is missing", where=str(path)) from None
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"cannot be read as JSON: {error}", where=str(path)) from None


def read_lines(path: Path | str) -> Iterator[Any]:
    """The rows of a JSON-lines file that we wrote, one by one; empty lines are skipped.

    Raises DataError with file:line where a line is not JSON. A user's own data goes through `data.read`, which
    gathers bad rows instead.
    """
    path = Path(path)
    try:
        file = open(path, encoding="utf-8", newline="\n")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from None
    with file:
        number = 1
        try:
            for text in file:
                if text.strip():
                    yield json.loads(text)
                number += 1
        except (ValueError, RecursionError) as error:
            raise DataError(f"is not a JSON line: {error}", where=f"{path}:{number}") from None


def whole_lines(path: Path | str) -> list[Any]:
    """The rows of a JSON-lines file that was being appended to when its writer died.

    Rows are read up to the first line that is cut or not JSON; what follows is not counted as written.
    A missing file has no rows.
    """
    rows: list[Any] = []
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return rows
    for text in content.splitlines(keepends=True):
        if not text.endswith(b"\n"):
            break
        try:
            rows.append(json.loads(text))
        except ValueError:
            break
    return rows


def spreadsheet(cell: str) -> str:
    """What a cell of a CSV file holds where a spreadsheet must not take it for a formula: such begin with `'`."""
    formula = cell[:1] in ("=", "+", "@", "\t", "\r") or (cell[:1] == "-" and len(cell) > 1)
    return f"'{cell}" if formula else cell


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk, a quota or the largest file that this process may write has no room left."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if isinstance(error, OSError):
        return error.errno in full
    # What is written below Python (safetensors, tokenizers) tells it in words.
    return any(f"(os error {number})" in str(error) for number in full)


def sha256(path: Path | str) -> str:
    """Hexadecimal digest of a file, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_bytes(folder: Path | str) -> int:
    """Bytes of all files below a folder; 0 where there is none."""
    return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
