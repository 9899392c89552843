"""Names, titles and identifiers of papers: what is the same however it is printed, and what is not."""

from __future__ import annotations

import pytest

from tunewright.text import papers


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://doi.org/10.1000/ABC.1", "doi:10.1000/abc.1"),
        ("http://dx.doi.org/10.1000/abc.1.", "10.1000/abc.1"),
        ("arXiv:2301.12345v2", "2301.12345"),
        ("https://arxiv.org/abs/math/0211159v1", "math/0211159"),
        ("arXiv:math.GT/0309136v1", "math.GT/0309136"),
        ("https://arxiv.org/pdf/2301.12345v2.pdf", "2301.12345"),
    ],
)
def test_identifiers_are_compared_without_their_labels(one, other):
    assert papers.identifier(one) == papers.identifier(other)


def test_other_identifiers_stay_other():
    assert papers.identifier("10.1000/abc.1") != papers.identifier("10.1000/abc.2")
    assert papers.identifier("10.1000/boxv2") == "10.1000/boxv2"  # a version is arXiv's only
    assert papers.identifier("2301.12345") != papers.identifier("2301.12346")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("KAUR, Gurpreet", "Gurpreet Kaur"),
        ("Gurpreet Kaur1,2*", "Gurpreet Kaur"),
        ("Gurpreet Kaur¹", "Gurpreet  Kaur"),
        ("J.K. Rao", "J. K. Rao"),
        ("J K Rao", "J. K. Rao"),
        ("Byron, Jr., Ada", "Ada Byron Jr."),
        ("Byron, Ada, Jr.", "Ada Byron, Jr."),
    ],
)
def test_a_name_is_one_however_it_is_printed(one, other):
    assert papers.person(one) == papers.person(other)


def test_other_names_stay_other():
    assert papers.person("G. Kaur") != papers.person("Gurpreet Kaur")
    assert papers.person("Li Wei") != papers.person("Wei Li")


def test_names_of_one_string_are_parted_as_it_parts_them():
    assert papers.listed("Ada Byron, Karl Weiss and Noor Rao") == ["Ada Byron", "Karl Weiss", "Noor Rao"]
    assert papers.listed("Byron, Ada; Weiss, Karl") == ["Ada Byron", "Karl Weiss"]


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("Byron, Ada and Weiss, Karl", ["Ada Byron", "Karl Weiss"]),
        ("Byron, Ada\n and van der Berg, Jan and others", ["Ada Byron", "Jan van der Berg"]),
        ("García Márquez, Gabriel José and Byron King, Ada Augusta", ["Gabriel José García Márquez", "Ada Augusta Byron King"]),
        ("Byron, Ada and Karl Weiss", ["Ada Byron", "Karl Weiss"]),
        ("Byron, Ada and Vineeta and Weiss, Karl", ["Ada Byron", "Vineeta", "Karl Weiss"]),
        ("Byron, Ada", ["Ada Byron"]),
        ("Byron, Jr., Ada and Weiss, Karl", ["Ada Byron, Jr.", "Karl Weiss"]),
        ("Byron, Ada, Jr. and Weiss, Karl, III", ["Ada Byron, Jr.", "Karl Weiss, III"]),
        ("Ada Byron, Jr., Karl Weiss, and Noor Rao", ["Ada Byron, Jr.", "Karl Weiss", "Noor Rao"]),
        ("Byron, A., Weiss, K. L., & Rao, N.-P.", ["A. Byron", "K. L. Weiss", "N.-P. Rao"]),
        ("Ada Byron & Karl Weiss", ["Ada Byron", "Karl Weiss"]),
        ("Ada Byron, Karl Weiss & Noor Rao", ["Ada Byron", "Karl Weiss", "Noor Rao"]),
        ("Ada Byron, Karl Weiss, and Noor Rao", ["Ada Byron", "Karl Weiss", "Noor Rao"]),
        ("Ada Byron; Karl Weiss; and Noor Rao;", ["Ada Byron", "Karl Weiss", "Noor Rao"]),
        ("Ada Byron, Karl Weiss", ["Ada Byron", "Karl Weiss"]),
        ("Byron, Weiss and Rao", ["Byron", "Weiss", "Rao"]),
        ("A, B & C", ["A", "B", "C"]),
        ("Alexander Anderson", ["Alexander Anderson"]),
        (" ; ", []),
    ],
)  # fmt: skip
def test_surnames_first_are_told_from_lists(names, wanted):
    assert papers.listed(names) == wanted


def test_an_id_counts_where_the_paper_prints_it():
    text = "arXiv:2301.12345v2 [cs.CL] 5 Jan 2023\nA title"
    assert papers.printed("2301.12345", text) == "2301.12345v2"
    assert papers.printed("2301.1234", text) is None
    assert papers.printed("5", "5 Jan 2023") is None
    assert papers.printed("paper-0001", text) is None


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("https://arxiv.org/abs/2301.12345", "2301.12345v2"),
        ("https://arxiv.org/pdf/2301.12345v1.pdf", "2301.12345v2"),
        ("arXiv:2301.12345", "2301.12345v2"),
        ("2301.12345v1", "2301.12345v2"),
        ("math.GT/0309136v3", "math.GT/0309136"),
        ("https://doi.org/10.1234/ABC", "10.1234/abc"),
        ("2301.12346", None),
        ("10.5555/box", None),
        ("arXiv:5", None),
    ],
)
def test_an_id_is_what_its_paper_prints_however_it_was_given(given, wanted):
    text = "arXiv:2301.12345v2 [cs.CL]\nmath.GT/0309136 doi:10.1234/abc 10.5555/boxv2 5"
    found = papers.printed(given, text)
    assert found == wanted
    assert found is None or papers.identifier(found) == papers.identifier(given)  # the metrics agree


def test_forms_are_found_in_a_text():
    assert papers.DOI.search("(doi:10.1186/s12906-018-2122-z).").group() == "10.1186/s12906-018-2122-z"
    assert papers.ARXIV.search("arXiv:2301.12345v2 [cs.CL]").group() == "2301.12345v2"
    assert papers.ARXIV.search("12301.12345") is None
