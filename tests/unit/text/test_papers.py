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
    ],
)
def test_a_name_is_one_however_it_is_printed(one, other):
    assert papers.person(one) == papers.person(other)


def test_other_names_stay_other():
    assert papers.person("G. Kaur") != papers.person("Gurpreet Kaur")
    assert papers.person("Li Wei") != papers.person("Wei Li")


def test_names_of_one_string_are_parted_as_it_parts_them():
    assert papers.listed("Ada Byron, Karl Weiss and Noor Rao") == ["Ada Byron", "Karl Weiss", "Noor Rao"]
    assert papers.listed("Byron, Ada; Weiss, Karl") == ["Byron, Ada", "Weiss, Karl"]


def test_an_id_counts_where_the_paper_prints_it():
    text = "arXiv:2301.12345v2 [cs.CL] 5 Jan 2023\nA title"
    assert papers.printed("2301.12345", text) == "2301.12345v2"
    assert papers.printed("2301.1234", text) is None
    assert papers.printed("5", "5 Jan 2023") is None
    assert papers.printed("paper-0001", text) is None


def test_forms_are_found_in_a_text():
    assert papers.DOI.search("(doi:10.1186/s12906-018-2122-z).").group() == "10.1186/s12906-018-2122-z"
    assert papers.ARXIV.search("arXiv:2301.12345v2 [cs.CL]").group() == "2301.12345v2"
    assert papers.ARXIV.search("12301.12345") is None
