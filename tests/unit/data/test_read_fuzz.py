"""Never a traceback, never a lost good row: garbage between good rows costs the garbage alone."""

from __future__ import annotations

import csv as standard_csv
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunewright.core.errors import TunewrightError
from tunewright.data.read import read

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

letters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
good_text = st.text(letters, min_size=1, max_size=20).filter(lambda text: text.strip())
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(letters, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(letters, max_size=3), inner, max_size=3),
    max_leaves=6,
)
good_rows = st.lists(
    st.tuples(good_text, st.dictionaries(st.text(letters, min_size=1, max_size=4), values, min_size=1, max_size=3)),
    min_size=1,
    max_size=6,
)

# Lines that no JSON Lines reader can take for a good row: bytes without a brace to open one, or a row cut short.
garbage = st.one_of(
    st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"?").replace(b"\r", b"?").replace(b"{", b"(")),
    st.sampled_from(
        [b'{"text": "cut', b'{"text": 5, "json": {}}', b"null", b'{"text": NaN, "json": 1}', b"[" * 5000, b"{" * 5000]
    ),
    st.sampled_from([b'{"text": "\\udc80", "json": 1}', b'{"text": "\xff", "json": 1}', b'"' * 7, b"\x00" * 9, b"}"]),
)


def read_bytes(name: str, data: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        reading = read(path)
        return list(reading), reading


@SETTINGS
@given(good_rows, st.data())
def test_jsonl_keeps_every_good_row_in_order(rows, data):
    lines = []
    for i, (text, target) in enumerate(rows):
        lines += data.draw(st.lists(garbage, max_size=3))
        row = {"id": f"good{i}", "text": text, "json": target}
        lines.append(json.dumps(row, ensure_ascii=data.draw(st.booleans())).encode())
    lines += data.draw(st.lists(garbage, max_size=3))
    end = data.draw(st.sampled_from([b"\n", b"\r\n"]))
    records, reading = read_bytes("d.jsonl", end.join(lines))
    assert [(r.id, r.text, r.target) for r in records] == [(f"good{i}", *row) for i, row in enumerate(rows)]
    blank = sum(
        not line.removeprefix(b"\xef\xbb\xbf" if i == 0 else b"").strip(b" \t\r\n") for i, line in enumerate(lines)
    )
    assert len(records) + len(reading.rejected) + blank == len(lines)
    for rejected in reading.rejected:
        json.dumps(rejected.to_row(), ensure_ascii=False).encode("utf-8")


broken_elements = st.sampled_from(
    [
        "oops",
        '{"text": nope}',
        '{"text": "a" "b"}',
        "{'text': 1}",
        "[1, 2",
        '{"text": "cut',
        '{"a": [1}',
        "]x",
        "\x00",
        '"',
        "}",
    ]
)


@SETTINGS
@given(good_rows, st.data())
def test_json_list_keeps_every_good_row_in_order(rows, data):
    elements = []
    for i, (text, target) in enumerate(rows):
        elements += [
            (False, bad) for bad in data.draw(st.lists(broken_elements.filter(lambda b: b[0] != "]"), max_size=2))
        ]
        elements.append((True, json.dumps({"id": f"good{i}", "text": text, "json": target})))
    body = "[\n" + ",\n".join(element for _, element in elements) + "\n]"
    records, _ = read_bytes("d.json", body.encode())
    assert [(r.id, r.text) for r in records] == [(f"good{i}", text) for i, (text, _) in enumerate(rows)]


def csv_line(*cells: str) -> str:
    line = io.StringIO()
    standard_csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


# A line with a wrong number of fields, broken quoting or bytes that are no text; none can close another's quote.
csv_garbage = st.sampled_from(
    [b"one field\n", b"a,b,c,d\n", b'x,"never closed\n', b"\xff\xfe,x,y\n", b",,\n", b'z,"q"r,s\n', b"n,\x00,x\n"]
)


@SETTINGS
@given(good_rows, st.data())
def test_csv_keeps_every_good_row_in_order(rows, data):
    body = b"id,text,json\n"
    for i, (text, target) in enumerate(rows):
        body += b"".join(data.draw(st.lists(csv_garbage, max_size=2)))
        body += csv_line(f"good{i}", text, json.dumps(target)).encode()
    records, _ = read_bytes("d.csv", body)

    def as_written(text: str) -> str:
        return text.replace("\r\n", "\n")  # the reader takes both for one line end

    assert [(r.id, as_written(r.text)) for r in records] == [
        (f"good{i}", as_written(t)) for i, (t, _) in enumerate(rows)
    ]


@pytest.mark.parametrize("name", ["d.jsonl", "d.jsonl.gz", "d.json", "d.csv", "d.tsv", "d.txt", "d.parquet"])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.binary(max_size=200)
    | st.text('{}[]",:\\ntext12 \r\t;|\u0915', max_size=80).map(str.encode)
    | st.binary(max_size=60).map(lambda data: b"\x1f\x8b\x08" + data)
    | st.binary(max_size=60).map(lambda data: b"PAR1" + data + b"PAR1")
)
def test_any_bytes_end_in_records_or_in_our_own_error(name, data):
    try:
        records, reading = read_bytes(name, data)
    except TunewrightError:
        return
    assert all(record.text.strip() for record in records)
    assert all(rejected.reason for rejected in reading.rejected)


@SETTINGS
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "text",
                    "json",
                    "target",
                    "messages",
                    "conversations",
                    "instruction",
                    "input",
                    "output",
                    "prompt",
                    "completion",
                    "question",
                    "answer",
                    "context",
                    "spans",
                    "provenance",
                    "history",
                    "system",
                    "split",
                    "group",
                    "language",
                    "lang",
                ]
            ),
            values
            | st.lists(
                st.dictionaries(
                    st.sampled_from(["role", "from", "content", "value", "path", "start"]), values, max_size=3
                ),
                max_size=3,
            ),
            max_size=5,
        ),
        max_size=5,
    )
)
def test_any_rows_end_in_records_or_in_our_own_error(rows):
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    try:
        records, reading = read_bytes("d.jsonl", data)
    except TunewrightError:
        return
    assert len(records) + len(reading.rejected) == len(rows)
    for record in records:
        json.dumps(record.to_row())
