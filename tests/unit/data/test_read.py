"""Readers and layouts: every format gives the same records; what is bad is set aside with its line."""

from __future__ import annotations

import gzip
import json

import pytest
import yaml

from tunewright.core import catalogue
from tunewright.core.errors import DataError, UsageError
from tunewright.core.records import Record, Span
from tunewright.data.read import LAYOUTS, read
from tunewright.data.sources import load

ROWS = [
    {"id": "a", "text": "Bill 17, Rs 500", "json": {"number": "17", "total": "500"}, "language": "en"},
    {"id": "b", "text": "बिल संख्या: १८\nराशि: ₹५००", "json": {"number": "१८", "total": None}, "language": "hi"},
]


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(tmp_path, rows, **options):
    reading = read(write(tmp_path / "data.jsonl", rows), **options)
    return list(reading), reading


# formats


def as_jsonl(path, rows):
    return write(path / "d.jsonl", rows)


def as_packed(path, rows):
    plain = write(path / "d.tmp", rows)
    (path / "d.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    return path / "d.jsonl.gz"


def as_list(path, rows):
    (path / "d.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    return path / "d.json"


def as_wrapped(path, rows):
    (path / "d.json").write_text(json.dumps({"version": 1, "data": rows}), encoding="utf-8")
    return path / "d.json"


def as_lines_named_json(path, rows):
    return write(path / "d.json", rows)


def cells(rows):
    return [[r["id"], r["text"], json.dumps(r["json"], ensure_ascii=False), r["language"]] for r in rows]


def as_csv(path, rows, delimiter=",", end="\r\n", mark="", name="d.csv"):
    def cell(text):
        return '"' + text.replace('"', '""') + '"'

    lines = [delimiter.join(["id", "text", "json", "language"])]
    lines += [delimiter.join(map(cell, row)) for row in cells(rows)]
    (path / name).write_bytes((mark + end.join(lines) + end).encode("utf-8"))
    return path / name


def as_excel(path, rows):
    return as_csv(path, rows, delimiter=";", mark="\ufeffsep=;\r\n")


def as_tsv(path, rows):
    return as_csv(path, rows, delimiter="\t", end="\n", name="d.tsv")


def as_parquet(path, rows):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(rows), path / "d.parquet")
    return path / "d.parquet"


def as_saved(path, rows):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)}).save_to_disk(path / "saved")
    return path / "saved"


FORMATS = [
    as_jsonl,
    as_packed,
    as_list,
    as_wrapped,
    as_lines_named_json,
    as_csv,
    as_excel,
    as_tsv,
    as_parquet,
    as_saved,
]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.__name__)
def test_every_format_gives_the_same_records(tmp_path, form):
    reading = read(form(tmp_path, ROWS))
    records = list(reading)
    assert reading.layout == "record"
    assert reading.rejected == []
    assert [(r.id, r.text, r.target, r.language) for r in records] == [
        (row["id"], row["text"], row["json"], row["language"]) for row in ROWS
    ]


def test_our_own_rows_come_back_whole(tmp_path):
    record = Record(
        id="x",
        text="Bill 17",
        target={"number": "17"},
        language="en",
        doc_type="invoice",
        group="g",
        split="train",
        spans=(Span("number", 5, 7),),
        provenance={"layout": "lines"},
    )
    (found,), _ = read_rows(tmp_path, [record.to_row()])
    assert found.replace(provenance={}) == record.replace(provenance={})
    assert found.provenance == {"file": "data.jsonl", "line": 1, "layout": "lines"}


def test_text_folder_is_read_in_order_and_bad_files_are_set_aside(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "b.txt").write_text("second", encoding="utf-8")
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbffirst")
    (tmp_path / "c.txt").write_bytes(b"caf\xe9")
    (tmp_path / "d.txt").write_text(" \n")
    (tmp_path / "in" / "e.txt").write_text("last")
    reading = read(tmp_path)
    assert [(r.id, r.text, r.target) for r in reading] == [
        ("a.txt", "first", None),
        ("b.txt", "second", None),
        ("in/e.txt", "last", None),
    ]
    assert [(r.file, r.reason) for r in reading.rejected] == [
        ("c.txt", "byte 0xE9 at offset 3 of the file is not UTF-8"),
        (tmp_path.name, "text is empty"),
    ]


def test_csv_keeps_quoted_newlines_and_a_stray_quote_costs_one_line(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(
        'id,text\n1,"two\nlines, ""quoted"""\n2,"open\n3,plain "inside" text\n4,a,b\n5,last\n', encoding="utf-8"
    )
    reading = read(path)
    assert [(r.id, r.text) for r in reading] == [
        ("1", 'two\nlines, "quoted"'),
        ("3", 'plain "inside" text'),
        ("5", "last"),
    ]
    assert [(r.line, r.reason) for r in reading.rejected] == [
        (4, "a quote that does not close before a delimiter or the line's end"),
        (6, "3 fields where the header has 2"),
    ]


def test_csv_of_one_column_may_hold_commas(tmp_path):
    (tmp_path / "d.csv").write_text("text\nhello, world\nnext\n")
    assert [r.text for r in read(tmp_path / "d.csv")] == ["hello, world", "next"]


def test_csv_delimiter_is_the_one_rows_agree_on(tmp_path):
    (tmp_path / "d.csv").write_text("id;text, as read\n1;a, b\n2;c\n3;d, e, f\n")
    records = list(read(tmp_path / "d.csv", columns={"text": "text, as read"}))
    assert [r.text for r in records] == ["a, b", "c", "d, e, f"]


def test_csv_in_another_encoding_names_byte_and_line(tmp_path):
    (tmp_path / "d.csv").write_bytes("id,text\n1,good\n2,café\n".encode("latin-1"))
    reading = read(tmp_path / "d.csv")
    assert [r.text for r in reading] == ["good"]
    assert [(r.line, r.reason) for r in reading.rejected] == [(3, "byte 0xE9 is not UTF-8")]
    (tmp_path / "d.csv").write_bytes("id,größe\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"d\.csv:1: byte 0xF6 at offset 5") as caught:
        read(tmp_path / "d.csv")
    assert "iconv" in caught.value.hint


@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "d.csv"])
def test_utf16_is_named(tmp_path, name):
    (tmp_path / name).write_bytes('{"text": "a"}\n'.encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16"):
        list(read(tmp_path / name))


def test_broken_element_of_a_list_costs_itself_alone(tmp_path):
    (tmp_path / "d.json").write_text(
        '[\n{"id": 1, "text": "a"},\n{"id": 2, "text": oops},\n{"id": 3, "text": "c"},\n'
        '{"id": 4, "text": "never closed,\n{"id": 5, "text": "e"},\n{"id": 6, "te'
    )
    reading = read(tmp_path / "d.json")
    assert [r.id for r in reading] == ["1", "3", "5"]
    assert [r.line for r in reading.rejected] == [3, 5, 7, 7]
    assert "not closed" in reading.rejected[-1].reason


@pytest.mark.parametrize("wrap", ["[{}]\n", '{{"version": 1, "data": [{}]}}'])
def test_rows_of_a_list_on_one_line_are_told_by_their_numbers(tmp_path, wrap):
    rows = '{"text": "a"}, {"text": 5}, {"text": oops}, {"text": "d"}, 7, {"text": "f"}'
    (tmp_path / "d.json").write_text(wrap.format(rows), encoding="utf-8")
    reading = read(tmp_path / "d.json")
    assert [(r.id, r.text) for r in reading] == [("d-000001", "a"), ("d-000004", "d"), ("d-000006", "f")]
    assert {2, 3, 5} <= {r.line for r in reading.rejected}


def test_broken_object_around_a_list_still_gives_its_rows(tmp_path):
    (tmp_path / "d.json").write_text('{"version": 1, "train": [{"text": "a"}, {"text": "b"}], "then": ')
    reading = read(tmp_path / "d.json")
    assert [(r.text, r.split) for r in reading] == [("a", "train"), ("b", "train")]
    assert len(reading.rejected) == 1


def test_packed_file_that_breaks_off_gives_what_came_before(tmp_path):
    rows = [{"id": i, "text": f"text {i} {'x' * (i % 97)}"} for i in range(20_000)]
    data = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    (tmp_path / "d.jsonl.gz").write_bytes(data[: len(data) // 2])
    reading = read(tmp_path / "d.jsonl.gz")
    got = [r.id for r in reading]
    assert got == [str(i) for i in range(len(got))]
    assert len(got) > 5_000
    assert "breaks off" in reading.rejected[-1].reason


def test_parquet_damage_is_an_error_with_its_file(tmp_path):
    path = as_parquet(tmp_path, ROWS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"d\.parquet.*Parquet"):
        read(path)


def test_parquet_missing_numbers_are_null_not_a_fault(tmp_path):
    path = as_parquet(tmp_path, [{"text": "a", "score": float("nan")}, {"text": "b", "score": 1.5}])
    records = list(read(path))
    assert [r.provenance.get("fields") for r in records] == [None, {"score": 1.5}]


# bad rows


BAD = [
    ('{"text": "a"', "broken JSON"),
    ("[1, 2]", "a list, not an object"),
    ("17", "a number, not an object"),
    ('{"text": NaN}', "NaN is not JSON"),
    ('{"text": "a", "x": 1e999}', "1e999 is too large for a number"),
    ('{"text": "a", "text": "b"}', '"text" stands twice'),
    ('{"text": "a\\u0000b"}', "NUL"),
    ('{"text": "a\\ud800b"}', "half a surrogate pair (U+D800)"),
    ('{"text": "a", "x": ' + "[" * 90 + "]" * 90 + "}", "nested deeper than 64"),
    ('{"text": "a", "x": ' + "[" * 99_999 + "}", "nested deeper than 64"),
    ('{"text": 5}', "text is a number, not a string"),
    ('{"text": null}', "no text"),
    ('{"text": "  \\n"}', "text is empty"),
    ('{"other": "a"}', "no text"),
    ('{"text": "a", "id": ["x"]}', "id is a list, not a name"),
    ('{"text": "a", "spans": [{"path": "x", "start": 4, "end": 2}]}', "a span is not"),
    ('{"text": "a", "x": ' + "9" * 5000 + "}", "thousands of digits"),
]


@pytest.mark.parametrize(("line", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_bad_row_is_set_aside_with_line_and_reason(tmp_path, line, reason):
    path = tmp_path / "d.jsonl"
    path.write_text(f'{{"text": "before"}}\n\n{line}\n{{"text": "after"}}\n', encoding="utf-8")
    reading = read(path)
    assert [r.text for r in reading] == ["before", "after"]
    (rejected,) = reading.rejected
    assert rejected.line == 3
    assert reason in rejected.reason
    assert rejected.raw.startswith(line[:20].replace("\\u0000", "\\u0000"))
    assert len(rejected.raw) <= 201
    json.dumps(rejected.to_row()).encode()


def test_rows_of_a_list_within_an_object_know_their_lines(tmp_path):
    text = '{"about": {"data": [{"text": "no row"}]},\n "data": [\n  {"text": "a"},\n\n  7,\n  {"text": 5},\n  {"text": "b"}],\n "test": [{"text": "c"}]}\n'
    (tmp_path / "d.json").write_text(text, encoding="utf-8")
    reading = read(tmp_path / "d.json")
    assert [(r.text, r.split) for r in reading] == [("a", None), ("b", None), ("c", "test")]
    assert [(r.line, r.reason) for r in reading.rejected] == [
        (5, "a number, not an object"),
        (6, "text is a number, not a string"),
    ]


@pytest.mark.parametrize("wrap", ['{{"data": {}}}', "{}"])
def test_lists_among_the_rows_swallow_none(tmp_path, wrap):
    rows = '[\n[{"text": "cell 1"},\n{"text": "cell 2"}],\n{"text": "b"}, "x",\n{"text": "c"}]'
    (tmp_path / "d.json").write_text(wrap.format(rows), encoding="utf-8")
    reading = read(tmp_path / "d.json")
    assert [r.text for r in reading] == ["b", "c"]
    assert [(r.line, r.reason) for r in reading.rejected] == [
        (2, "a list, not an object"),
        (4, "a string, not an object"),
    ]


def test_line_that_is_not_utf8_names_its_byte(tmp_path):
    (tmp_path / "d.jsonl").write_bytes(b'{"text": "a"}\n{"text": "caf\xe9"}\n{"text": "b"}\n')
    reading = read(tmp_path / "d.jsonl")
    assert [r.text for r in reading] == ["a", "b"]
    assert reading.rejected[0].reason == "byte 0xE9 at offset 27 of the file is not UTF-8"


def test_overlong_line_is_set_aside_without_being_held(tmp_path, monkeypatch):
    monkeypatch.setattr("tunewright.data.read._shared.MAX_LINE", 1000)
    monkeypatch.setattr("tunewright.data.read._shared._CHUNK", 64)
    rows = ['{"text": "a"}', '{"text": "' + "x" * 5000 + '"}', '{"text": "b\xe9"}', "\xe9" * 2000]
    (tmp_path / "d.jsonl").write_text("\n".join(rows), encoding="utf-8")
    reading = read(tmp_path / "d.jsonl")
    assert [r.text for r in reading] == ["a", "bé"]
    assert [r.line for r in reading.rejected] == [2, 4]


def test_old_line_ends_and_byte_order_mark(tmp_path):
    (tmp_path / "d.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "a"}\r{"text": "b"}\r\n{"text": "c"}')
    assert [r.text for r in read(tmp_path / "d.jsonl")] == ["a", "b", "c"]


# layouts

TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]
LAYOUT_ROWS = {
    "record": ({"text": "T", "target": "R"}, "T", "R", None),
    "messages": ({"messages": [*TURNS, {"role": "assistant", "content": "Yes."}]}, "Hi?", "Yes.", TURNS[:1]),
    "sharegpt": (
        {
            "conversations": [
                {"from": "human", "value": "One?"},
                {"from": "gpt", "value": "1"},
                {"from": "human", "value": "Two?"},
                {"from": "gpt", "value": "2"},
            ]
        },
        "Two?",
        "2",
        [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "1"}],
    ),
    "alpaca": (
        {"instruction": "Add.", "input": "1 1", "output": "2", "system": "S", "history": [["q", "a"]]},
        "Add.\n1 1",
        "2",
        [
            {"role": "system", "content": "S"},
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a"},
        ],
    ),
    "prompt_completion": (
        {"prompt": TURNS, "completion": [{"role": "assistant", "content": "Yes."}]},
        "Hi?",
        "Yes.",
        TURNS[:1],
    ),
    "prompt_reference": ({"prompt": "P", "reference": "R"}, "P", "R", None),
    "question_answer": ({"question": "Q", "answer": "A", "context": "C"}, "C\n\nQ", "A", None),
    "paper": (
        {"article_text": "T by A, 10.1234/x", "title": "T", "authors": ["A"], "abstract": None, "doi": "10.1234/x"},
        "T by A, 10.1234/x",
        {"id": None, "title": "T", "authors": ["A"], "abstract": None, "doi": "10.1234/x"},
        None,
    ),
    "labelled": ({"text": "T", "label": 1}, "T", "1", None),
    "text": ({"text": "T"}, "T", None, None),
}


def test_every_layout_has_a_row_here():
    assert set(LAYOUT_ROWS) == set(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_is_recognised_and_named(tmp_path, layout):
    row, text, target, before = LAYOUT_ROWS[layout]
    (record,), reading = read_rows(tmp_path, [{"id": "x", **row}])
    assert reading.layout == layout
    assert reading.found == f"{layout} {LAYOUTS[layout].keys}: 1 of 1 rows looked at"
    assert (record.id, record.text, record.target) == ("x", text, target)
    assert record.provenance.get("before") == before


def test_string_prompt_and_content_parts(tmp_path):
    records, _ = read_rows(tmp_path, [{"prompt": "P", "completion": "C"}])
    assert (records[0].text, records[0].target) == ("P", "C")
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": "c"}]
    records, _ = read_rows(tmp_path, [{"messages": messages}])
    assert records[0].text == "ab"


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "the conversation is empty"),
        ([{"role": "user", "content": "a"}], "the last turn is not the assistant's"),
        ([{"role": "assistant", "content": "a"}], "no user's turn"),
        ([{"role": "wizard", "content": "a"}], 'has the role "wizard"'),
        ([{"role": "user", "content": [{"type": "image_url"}]}, {"role": "assistant", "content": "a"}], "not text"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": None}], "content is null"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": " "}], "the reply is empty"),
        ("no list", "not JSON"),
        (["no turn"], "a turn of messages is a string"),
    ],
)
def test_conversation_that_cannot_be_trained_on_is_set_aside(tmp_path, messages, reason):
    good = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    records, reading = read_rows(tmp_path, [good, {"messages": messages}])
    assert len(records) == 1
    assert reason in reading.rejected[0].reason


def test_most_rows_decide_and_others_are_counted(tmp_path):
    rows = [{"prompt": "P", "completion": "C"}] * 3 + [{"instruction": "I", "output": "O"}]
    records, reading = read_rows(tmp_path, rows)
    assert reading.layout == "prompt_completion"
    assert reading.found.endswith("3 of 4 rows looked at (1 alpaca)")
    assert len(records) == 3
    assert reading.rejected[0].reason == "no prompt"


def test_forced_layout_that_does_not_fit_names_the_near_one(tmp_path):
    path = write(tmp_path / "d.jsonl", [{"instruction": "I", "output": "O"}])
    with pytest.raises(DataError, match="none of 1 rows fits the layout 'messages'") as caught:
        read(path, layout="messages")
    assert "'alpaca' {instruction, input, output}" in caught.value.hint
    with pytest.raises(UsageError, match="no layout 'alpacca'") as misspelt:
        read(path, layout="alpacca")
    assert misspelt.value.hint == "did you mean 'alpaca'?"


def test_columns_rename_reach_into_objects_and_swap(tmp_path):
    rows = [{"ocr": "T", "gold": '{"company": "C"}', "id": "keep", "meta": {"shop": "S"}, "text": "not this"}]
    columns = {"text": "ocr", "json": "gold", "group": "meta.shop"}
    (record,), _ = read_rows(tmp_path, rows, columns=columns)
    assert (record.id, record.text, record.target, record.group) == ("keep", "T", {"company": "C"}, "S")
    (record,), _ = read_rows(tmp_path, [{"text": "a", "target": "b"}], columns={"text": "target", "target": "text"})
    assert (record.text, record.target) == ("b", "a")


def test_wrong_columns_are_errors_with_near_names(tmp_path):
    path = write(tmp_path / "d.jsonl", [{"document": "T", "gold": "x"}])
    with pytest.raises(DataError, match="no column 'documnet'") as caught:
        read(path, columns={"text": "documnet"})
    assert caught.value.hint == "did you mean 'document'?"
    with pytest.raises(UsageError, match="cannot name 'txt'") as caught:
        read(path, columns={"txt": "document"})
    assert caught.value.hint == "did you mean 'text'?"
    with pytest.raises(DataError, match="fit no known layout; columns: document, gold") as caught:
        read(path)
    assert "data.columns" in caught.value.hint


def test_further_columns_are_kept_or_counted(tmp_path):
    row = {"text": "T", "target": "R", "domain": "bank", "boxes": [1, 2], "raw": "x" * 500, "none": None}
    (record,), reading = read_rows(tmp_path, [row])
    assert record.provenance["fields"] == {"domain": "bank"}
    assert dict(reading.unused) == {"boxes": 1, "raw": 1}


def test_a_common_column_that_holds_something_else_costs_no_row(tmp_path):
    rows = [
        {"text": "a", "target": "b", "language": 7, "doc_type": ["x"], "split": 3},
        {"text": "c", "target": "d", "language": True, "doc_type": 5, "split": "test"},
    ]
    records, reading = read_rows(tmp_path, rows)
    assert [(r.language, r.doc_type, r.split) for r in records] == [("7", None, None), (None, "5", "test")]
    assert not reading.rejected


def test_rows_without_id_are_named_by_file_and_line(tmp_path):
    records, _ = read_rows(tmp_path, [{"text": "a"}, {"text": "b", "id": 7}])
    assert [r.id for r in records] == ["data-000001", "7"]


def test_reading_streams(tmp_path, monkeypatch):
    path = write(tmp_path / "d.jsonl", [{"text": "x" * 2000}] * 5_000)
    import tracemalloc

    tracemalloc.start()
    assert sum(1 for _ in read(path)) == 5_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 2


# what cannot be read at all


def test_missing_file_and_unknown_ending(tmp_path):
    write(tmp_path / "train.jsonl", ROWS)
    with pytest.raises(DataError, match="no such file") as caught:
        read(tmp_path / "trian.jsonl")
    assert caught.value.hint == "did you mean 'train.jsonl'?"
    (tmp_path / "d.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"\.xlsx") as caught:
        read(tmp_path / "d.xlsx")
    assert "CSV" in caught.value.hint


def test_empty_and_hopeless_files_have_no_layout(tmp_path):
    (tmp_path / "d.jsonl").write_text("")
    reading = read(tmp_path / "d.jsonl")
    assert (list(reading), reading.layout, reading.rejected) == ([], None, [])
    (tmp_path / "d.jsonl").write_bytes(bytes(range(256)) * 4)
    reading = read(tmp_path / "d.jsonl")
    assert list(reading) == []
    assert len(reading.rejected) > 0


def test_readers_are_reached_by_name():
    assert catalogue.names("reader") == ["cha", "csv", "huggingface", "json", "jsonl", "parquet", "pdf", "text"]
    for name in catalogue.names("reader"):
        assert isinstance(catalogue.load("reader", name).suffixes, tuple)


ANSWERS = [
    ("question_answer", "answer", {"question": "How many?"}),
    ("alpaca", "output", {"instruction": "Say how many."}),
    ("prompt_completion", "completion", {"prompt": "How many?"}),
]


@pytest.mark.parametrize(("layout", "key", "row"), ANSWERS, ids=[layout for layout, _, _ in ANSWERS])
def test_a_number_is_an_answer_in_words_and_white_space_is_none(tmp_path, layout, key, row):
    values = [42, 3.5, True, 0, " \n", "", None, "forty"]
    reading = read(write(tmp_path / "d.jsonl", [{**row, key: value} for value in values]))
    assert reading.layout == layout
    assert [r.target for r in reading] == ["42", "3.5", "true", "0", "forty"]
    assert [(r.line, r.reason) for r in reading.rejected] == [(line, f"no {key}") for line in (5, 6, 7)]


@pytest.mark.parametrize("row", [{"prompt": "p", "reference": " "}, {"text": "p", "target": "\t"}])
def test_a_blank_answer_is_none(tmp_path, row):
    good = {"prompt": "p", "reference": {"a": 1}} if "prompt" in row else {"text": "p", "target": "x"}
    reading = read(write(tmp_path / "d.jsonl", [good, row]))
    assert len(list(reading)) == 1
    assert [r.line for r in reading.rejected] == [2]


MEANT = [
    ({"Question": "q", "Answer": "a", "Context": "c"}, "{answer: Answer, context: Context, question: Question}"),
    ({"Q": "q", "A": "a", "Category": "c"}, "{question: Q, answer: A}"),
    ({"prompt": "p", "response": "r"}, "{completion: response}"),
    ({"input": "p", "output": "r"}, "{prompt: input, completion: output}"),
    ({"title": "t", "authors": ["A B"], "Full text": "x"}, '{article_text: "Full text"}'),
]


@pytest.mark.parametrize(("row", "columns"), MEANT, ids=[columns for _, columns in MEANT])
def test_columns_under_other_names_are_asked_about_and_what_is_asked_does(tmp_path, row, columns):
    path = write(tmp_path / "d.jsonl", [row])
    with pytest.raises(DataError, match="fit no known layout") as caught:
        read(path)
    assert caught.value.hint == f"are they these? --set data.columns='{columns}'"
    reading = read(path, columns=yaml.safe_load(columns))
    assert reading.layout in ("question_answer", "prompt_completion", "paper")
    assert len(list(reading)) == 1


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        ({"text": "t", "Label": "x"}, "{label: Label}"),
        ({"text": "t", "title": "x", "authors": ["A B"]}, "{article_text: text}"),
        ({"text": "t", "source": "x"}, None),
    ],
)
def test_texts_without_answers_are_told_where_answers_may_stand(tmp_path, row, asked):
    found = read(write(tmp_path / "d.jsonl", [row])).found
    assert ("without answers" in found) == (asked is not None)
    assert (asked or "") in found


def test_a_file_of_another_encoding_names_what_converts_it(tmp_path):
    (tmp_path / "d.csv").write_bytes("text,target\nheiß,ja\n".encode("cp1252"))
    with pytest.raises(DataError, match="not UTF-8") as caught:
        load(str(tmp_path / "d.csv"))
    assert "iconv" in caught.value.hint
