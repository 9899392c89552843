"""Papers as data: rows of {article_text, title, authors, abstract, doi}, and PDF files."""

from __future__ import annotations

import builtins
import io
import json

import pytest

from tunewright.core.errors import DataError, MissingExtra
from tunewright.core.records import Record
from tunewright.data.clean import clean_text
from tunewright.data.read import read
from tunewright.data.sources import load
from tunewright.flow import use

ROW = {
    "id": "2301.12345",
    "title": "Moss on  roofs",
    "authors": ["Clara Winter", "Hamza Yusuf"],
    "abstract": "We looked.\nIt grew.",
    "doi": "10.5555/x",
    "journal": "J. Moss",
    "article_text": "arXiv:2301.12345v2 [q-bio.PE] 5 Jan 2023\nMoss on roofs\nClara Winter, Hamza Yusuf\ndoi: 10.5555/x\n"
    "We looked.\nIt grew.",
}


def rows(tmp_path, *found):
    path = tmp_path / "papers.json"
    path.write_text(json.dumps(list(found)), encoding="utf-8")
    reading = read(path)
    return list(reading), reading


def test_a_list_of_papers_is_recognised(tmp_path):
    [record], reading = rows(tmp_path, ROW)
    assert reading.layout == "paper"
    assert record.target == {
        "id": "2301.12345v2",
        "title": "Moss on roofs",
        "authors": ["Clara Winter", "Hamza Yusuf"],
        "abstract": "We looked. It grew.",
        "doi": "10.5555/x",
    }
    assert record.id == "2301.12345"
    assert record.group == "j. moss"
    assert record.provenance["slice"] == {"journal": "j. moss"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("PLoS Biology", "PLOS  Biology", True),
        ("Molecules", "Molecules : A Journal of Chemistry", True),
        ("Genesis (New York, N.Y. : 2000)", "Genesis", True),
        ("PLOS Biology", "PLOS Medicine", False),
        ("Database: The Journal of Curation", "Database: Another", False),
        ("(Moss)", "(Roof)", False),
    ],
)
def test_a_journal_is_one_group_and_one_slice_however_catalogues_write_it(tmp_path, one, other, same):
    """Else a model would be tested on journals that it has learnt from under another name."""
    records, _ = rows(tmp_path, {**ROW, "id": "1", "journal": one}, {**ROW, "id": "2", "journal": other})
    first, second = (record.group for record in records)
    assert (first == second) == same
    assert [record.provenance["slice"] for record in records] == [{"journal": first}, {"journal": second}]


def test_what_a_paper_lacks_is_null_and_names_may_be_one_string(tmp_path):
    bare = {key: ROW[key] for key in ("title", "article_text")} | {"authors": "Winter, Clara; Yusuf, Hamza", "doi": ""}
    [record], _ = rows(tmp_path, bare | {"id": "p-7"})
    assert record.target["authors"] == ["Clara Winter", "Hamza Yusuf"]
    assert record.target["id"] is record.target["doi"] is record.target["abstract"] is None


def test_rows_that_are_no_papers_are_set_aside_with_a_reason(tmp_path):
    found, reading = rows(tmp_path, ROW, {**ROW, "title": ""}, {**ROW, "authors": 3}, {**ROW, "article_text": " "})
    more, others = rows(tmp_path, ROW, {**ROW, "authors": ["A B", None]}, {**ROW, "authors": [{"given": "A"}]})
    assert len(found) == len(more) == 1
    assert [one.reason for one in others.rejected] == [
        "authors holds null, not names alone",
        "authors holds an object, not names alone",
    ]
    assert [one.reason for one in reading.rejected] == [
        "title is empty",
        "authors is a number, not a list of names",
        "article_text is empty",
    ]


@pytest.mark.parametrize(
    ("given", "printed", "wanted"),
    [
        ("https://doi.org/10.1234/JOURNAL.0026", "doi: 10.1234/journal.0026.", "10.1234/journal.0026"),
        ("10.1234/abc", "https://dx.doi.org/10.1234/ABC\n", "10.1234/ABC"),
        ("10.5555/x", "(10.5555/X)", "10.5555/X"),
        ("10.1234/abc", "10.1234/abcd and 110.1234/abc", None),
        ("10.9999/elsewhere", "doi: 10.1234/abc", None),
    ],
)
def test_a_doi_is_what_its_paper_prints_or_null(tmp_path, given, printed, wanted):
    [record], reading = rows(tmp_path, {**ROW, "doi": given, "article_text": f"Moss on roofs\n{printed}"})
    assert record.target["doi"] == wanted
    assert reading.unprinted == ({"id": 1} if wanted else {"id": 1, "doi": 1})


def test_what_papers_do_not_print_is_counted(tmp_path):
    rows(tmp_path, ROW, {**ROW, "doi": "10.9999/elsewhere", "id": "p-7"}, {**ROW, "id": "p-8"})
    notes = load(str(tmp_path / "papers.json")).notes
    assert "papers.json: not printed in their papers, and so null: id of 2 and doi of 1" in notes


# -- PDF


def pdf(pages: list[list[str]]) -> bytes:
    """A PDF written by hand: every page's lines in Helvetica."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        shown = " ".join(f"({line}) Tj T*" for line in lines)
        stream = f"BT /F1 11 Tf 14 TL 72 740 Td {shown} ET"
        font = "<< /Font << /F1 3 0 R >> >>"
        page = f"/Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R /Resources {font}"
        objects += [f"<< /Type /Page {page} >>", f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"]
    made, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    tail = f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(made)}\n%%EOF\n".encode()
    return made + f"xref\n0 {size}\n0000000000 65535 f \n".encode() + table + tail


PAGES = [["Winter et al. 2023", "Moss on the roofs of shel-", "ters"], ["Winter et al. 2023", "It grew.", "2"]]


def test_a_pdf_is_one_document_with_its_pages_parted(tmp_path):
    path = tmp_path / "moss.pdf"
    path.write_bytes(pdf(PAGES))
    [record] = read(path)
    assert record.target is None
    assert record.text.count("\f") == 1
    assert clean_text(record.text, pages=True) == "Winter et al. 2023\nMoss on the roofs of shelters\n\nIt grew."


def test_extract_takes_pdf_files_and_names_those_that_it_cannot_read(tmp_path):
    pypdf = pytest.importorskip("pypdf")
    (tmp_path / "a.pdf").write_bytes(pdf(PAGES))
    (tmp_path / "b.pdf").write_bytes(pdf([[]]))
    (tmp_path / "c.pdf").write_bytes(b"%PDF-1.4\nbroken")
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(PAGES)))
    writer.encrypt("secret", algorithm="RC4-128")
    with open(tmp_path / "d.pdf", "wb") as file:
        writer.write(file)
    found = list(use.documents([str(tmp_path)]))
    assert [isinstance(one, Record) for one in found] == [True, False, False, False]
    reasons = [one.reason for one in found[1:]]
    assert reasons[0] == "holds no text, only pictures (if it is scanned, give it a layer of text first: ocrmypdf)"
    assert reasons[1].startswith("cannot be read as PDF")
    assert reasons[2] == "is encrypted: its text cannot be read (save it without its password: qpdf --decrypt)"


def test_an_encrypted_file_without_a_password_is_read(tmp_path):
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(PAGES)))
    writer.encrypt("", "owner", algorithm="RC4-128")
    with open(tmp_path / "d.pdf", "wb") as file:
        writer.write(file)
    [record] = read(tmp_path / "d.pdf")
    assert "Moss" in record.text


def test_without_the_library_the_install_line_is_told(tmp_path, monkeypatch):
    (tmp_path / "a.pdf").write_bytes(pdf(PAGES))
    real = builtins.__import__

    def missing(name, *arguments, **others):
        if name == "pypdf":
            raise ImportError(name)
        return real(name, *arguments, **others)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtra) as caught:
        read(tmp_path / "a.pdf")
    assert caught.value.hint == "pip install 'tunewright[pdf]'"


def test_a_folder_of_data_is_not_read_from_the_pdf_files_beside_it(tmp_path):
    from tunewright.data import sources

    (tmp_path / "papers.json").write_text(json.dumps([ROW]), encoding="utf-8")
    (tmp_path / "a.pdf").write_bytes(pdf(PAGES))
    assert len(sources.load(str(tmp_path)).records) == 1
    (tmp_path / "papers.json").unlink()
    with pytest.raises(DataError, match="no data file"):
        sources.load(str(tmp_path))
