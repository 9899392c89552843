"""Whole files or nothing; lines in and out; what a crash leaves."""

from __future__ import annotations

import errno
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core import files
from tunewright.core.errors import DataError


def test_a_writer_that_fails_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.jsonl"
    files.write_lines(path, [1, 2])

    def rows():
        yield {"fine": 1}
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        files.write_lines(path, rows())
    assert list(files.read_lines(path)) == [1, 2]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "adapter"
    path.mkdir()
    (path / "old.txt").write_text("old")

    def write(fail: bool) -> None:
        with files.replacing_folder(path) as folder:
            (folder / "below").mkdir()
            (folder / "below" / "new.txt").write_text("new")
            if fail:
                raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write(fail=True)
    assert [entry.name for entry in path.iterdir()] == ["old.txt"]
    write(fail=False)
    assert [entry.name for entry in path.iterdir()] == ["below"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["adapter"]


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EFBIG, "File too large"), True),
        (RuntimeError(f"I/O error: No space left on device (os error {errno.ENOSPC})"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (RuntimeError("I/O error: (os error 2)"), False),
    ],
)
def test_a_full_disk_is_told_from_other_errors(error, full):
    assert files.is_full(error) is full


def test_nan_is_refused_before_the_old_file_is_touched(tmp_path):
    files.write_json(tmp_path / "a.json", {"loss": 1.0})
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert files.read_json(tmp_path / "a.json") == {"loss": 1.0}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers(), max_size=3), max_size=4))
def test_any_rows_come_back_as_they_went(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    assert files.write_lines(path, rows) == len(rows)
    assert list(files.read_lines(path)) == rows
    assert files.whole_lines(path) == rows


def test_letters_stay_letters(tmp_path):
    files.write_json(tmp_path / "a.json", {"नाम": "राम कुमार"})
    assert "राम कुमार" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_a_broken_line_is_named_with_its_number(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\n{"a": \n', encoding="utf-8")
    with pytest.raises(DataError) as caught:
        list(files.read_lines(path))
    assert caught.value.where == f"{path}:3"
    path.write_bytes(b'{"a": 1}\n\xff\xff\n')
    with pytest.raises(DataError):
        list(files.read_lines(path))
    with pytest.raises(DataError):
        list(files.read_lines(tmp_path / "none"))


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_file_cut_anywhere_keeps_its_whole_lines(tmp_path, cut):
    path = tmp_path / "a.jsonl"
    content = b"".join(json.dumps({"n": n}).encode() + b"\n" for n in range(3))
    path.write_bytes(content[:-cut])
    rows = files.whole_lines(path)
    assert rows == [{"n": n} for n in range(len(rows))]
    assert len(rows) == content[:-cut].count(b"\n")


def test_long_files_are_read_line_by_line(tmp_path):
    path = tmp_path / "a.jsonl"
    files.write_lines(path, ({"text": "x" * 1000} for _ in range(5000)))
    tracemalloc.start()
    assert sum(1 for _ in files.read_lines(path)) == 5000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_hashes_and_sizes(tmp_path):
    files.write_bytes(tmp_path / "b" / "a.bin", b"abc")
    assert files.sha256(tmp_path / "b" / "a.bin") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.folder_bytes(tmp_path) == 3
    assert files.folder_bytes(tmp_path / "none") == 0


@pytest.mark.parametrize("links", [True, False])
def test_a_file_is_lent_under_a_second_name_or_as_a_copy(tmp_path, monkeypatch, links):
    source, target = tmp_path / "a.jsonl", tmp_path / "b" / "a.jsonl"
    files.write_lines(source, [1, 2])
    if not links:
        monkeypatch.setattr(files.os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links")))
    files.lend(source, target)
    assert target.samefile(source) == links
    assert list(files.read_lines(target)) == [1, 2]
    assert [path.name for path in target.parent.iterdir()] == ["a.jsonl"]
    files.write_lines(source, [3])
    files.lend(source, target)
    assert list(files.read_lines(target)) == [1, 2]
