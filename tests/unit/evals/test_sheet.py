"""Answers as a table for people."""

from __future__ import annotations

import csv
import io

from tunewright.evals.sheet import COLUMNS, sheet


def rows(*answers):
    return list(csv.DictReader(io.StringIO(sheet(answers))))


def test_a_row_says_what_was_wanted_what_came_and_what_is_wrong(answer):
    gold = {"date": "5 Jan 2023", "name": "आशा", "sum": None}
    right, wrong, broken = rows(
        answer(gold, gold, id="1", language="hi"),
        answer(gold, {"date": "2023-01-05", "name": None, "sum": "5"}, id="2"),
        answer(gold, text="no JSON, sorry", id="3"),
    )
    assert list(right) == list(COLUMNS)
    assert (right["right"], right["similarity"], right["error"], right["language"]) == ("1", "1.0000", "", "hi")
    assert right["reference"] == '{"date": "5 Jan 2023", "name": "आशा", "sum": null}'
    assert (wrong["right"], wrong["similarity"]) == ("0", "0.3333")
    assert (
        wrong["error"]
        == "date: 2023-01-05 for 5 Jan 2023 (the same by meaning); name: omitted आशा; sum: hallucinated 5"
    )
    assert (broken["generated"], broken["error"], broken["similarity"]) == ("no JSON, sorry", "not JSON", "0.0000")


def test_text_has_its_likeness_and_no_formula_gets_through(answer):
    same, other = rows(answer("=SUM(A1)", "=SUM(A1)"), answer("yes", "no", id="-b"))
    assert (same["reference"], same["generated"], same["right"], same["similarity"]) == (
        "'=SUM(A1)",
        "'=SUM(A1)",
        "1",
        "1.0000",
    )
    assert (other["id"], other["right"]) == ("'-b", "0")
    assert float(other["similarity"]) < 1


def test_many_faults_are_counted(answer):
    gold = {f"k{number}": number for number in range(9)}
    assert rows(answer(gold, {}))[0]["error"].endswith("; and 4 more")
