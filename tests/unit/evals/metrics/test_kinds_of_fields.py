"""Scores of fields by their kind (`x-score`): identifiers, wordings, names, passages."""

from __future__ import annotations

import pytest

from tunewright.core.errors import UsageError
from tunewright.core.records import Example, Prediction, Record
from tunewright.evals import paired
from tunewright.evals.metrics import names, passages
from tunewright.evals.score import score
from tunewright.evals.table import metrics_for
from tunewright.flow import judge

SCHEMA = {
    "type": "object",
    "properties": {
        "doi": {"type": ["string", "null"], "x-score": "identifier"},
        "title": {"type": "string", "x-score": "wording"},
        "authors": {"type": "array", "items": {"type": "string"}, "x-score": "names"},
        "paper": {"type": "object", "properties": {"abstract": {"type": "string", "x-score": "passage"}}},
    },
}
WORDS = "moss grows on roofs and walls where nobody looks for it in winter"
GOLD = {
    "doi": "10.1/AB",
    "title": "Moss on Roofs",
    "authors": ["Ada Byron", "Karl Weiss", "Noor Rao"],
    "paper": {"abstract": WORDS},
}


def scores(*replies, gold=GOLD, schema=SCHEMA):
    examples = [Example(Record(str(n), "t", gold), (), "", schema) for n in range(len(replies))]
    said = [Prediction(str(n), "", reply, None if reply is not None else "not JSON") for n, reply in enumerate(replies)]
    found = score(examples, said, level=0.95, resamples=50, seed=0)["metrics"]
    return {name: round(one["value"], 3) for name, one in found.items()}


def test_what_is_right_has_full_marks_however_it_is_printed():
    reply = {**GOLD, "doi": "https://doi.org/10.1/ab.", "authors": ["BYRON, Ada", "Karl Weiss2*", "Noor Rao"]}
    found = scores(reply)
    assert found["doi_exact"] == found["title_exact"] == found["title_similarity"] == 1
    assert found["authors_f1"] == found["authors_order"] == 1
    assert found["paper_abstract_rouge_l"] == found["paper_abstract_chrf"] == 1
    assert not any(found[f"paper_abstract_{fault}"] for fault in passages.FAULTS)


def test_what_is_wrong_is_told_field_by_field():
    reply = {"doi": None, "title": "moss on roofs", "authors": ["Noor Rao", "Ada Byron", "Else"], "paper": {}}
    found = scores(reply)
    assert found["doi_exact"] == 0
    assert found["title_exact"] == 0  # to the letter
    assert found["title_similarity"] == 1
    assert found["authors_precision"] == found["authors_recall"] == round(2 / 3, 3)
    assert found["authors_order"] == 0.5
    assert found["paper_abstract_rouge_l"] == 0
    assert found["paper_abstract_elsewhere"] == 1


def test_a_reply_that_could_not_be_read_has_nothing_right():
    found = scores(None)
    wanted = ("doi_exact", "title_exact", "title_similarity", "authors_f1", "paper_abstract_rouge_l")
    assert [found[name] for name in wanted] == [0] * 5
    empty = {"doi": None, "title": None, "authors": [], "paper": {"abstract": None}}
    assert scores(None, gold=empty)["doi_exact"] == 0  # rightly empty, but nobody said so
    assert scores(empty, gold=empty)["doi_exact"] == 1
    assert scores(empty, gold=empty)["authors_f1"] == 1


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        (WORDS, ()),
        (f"abstract {WORDS}", ("starts_early",)),
        (WORDS.split(" ", 2)[2], ("starts_late",)),
        (" ".join(WORDS.split()[:-2]), ("ends_early",)),
        (f"{WORDS} keywords moss", ("ends_late",)),
        (f"the {' '.join(WORDS.split()[:-1])}", ("starts_early", "ends_early")),
        (WORDS.replace(" on roofs", ""), ()),  # what is missing inside is missing at no end
        (WORDS.replace(" it in", " it again in"), ()),
        (f"abstract {WORDS.replace(' where', '')} keywords", ("starts_early", "ends_late")),
        (WORDS.replace(" and walls", "").removesuffix(" in winter"), ("ends_early",)),
        ("something else altogether", ("elsewhere",)),
        ("", ("elsewhere",)),
    ],
)
def test_where_a_passage_begins_and_ends(said, faults):
    assert passages.bounds(WORDS, said) == faults


def test_names_are_matched_once_each_and_in_order():
    assert names.aligned(["a", "b", "a"], ["a", "a", "a", "c"]) == [0, 2]
    assert names.in_order([0, 2, 1]) == 2
    assert names.in_order([]) == 0


def test_fields_without_such_a_mark_are_not_scored_so():
    plain = {"type": "object", "properties": {"title": {"type": "string"}}}
    example = Example(Record("1", "t", {"title": "a"}), (), "", plain)
    assert not any(getattr(metric, "kind", None) for metric in metrics_for([example]))
    assert "title_exact" not in scores({"title": "a"}, gold={"title": "a"}, schema=plain)


def test_documents_of_several_types_are_scored_by_their_own_fields():
    other = {"type": "object", "properties": {"name": {"type": "string", "x-score": "wording"}}}
    examples = [
        Example(Record("1", "t", GOLD), (), "", SCHEMA),
        Example(Record("2", "t", {"name": "x"}), (), "", other),
    ]
    said = [Prediction("1", "", GOLD), Prediction("2", "", {"name": "y"})]
    found = score(examples, said, level=0.95, resamples=50, seed=0)["metrics"]
    assert found["title_exact"]["value"] == 1
    assert found["name_exact"]["value"] == 0


def test_they_are_compared_pairwise_and_can_be_gates():
    examples = [Example(Record(str(n), "t", GOLD), (), "", SCHEMA) for n in range(40)]
    good = [Prediction(str(n), "", GOLD) for n in range(40)]
    bad = [Prediction(str(n), "", {**GOLD, "title": "Else", "doi": "10.2/x"}) for n in range(40)]
    cells = {"base/free": bad, "tuned/grammar": good}
    rows = paired.compare([paired.Trial("test", examples, cells)], level=0.95, resamples=2000, seed=0)
    verdicts = {row["metric"]: row["verdict"] for row in rows}
    assert verdicts["title_exact"] == verdicts["doi_exact"] == "better"
    assert verdicts["authors_f1"] == "no difference shown"
    judge.check_metrics(["title_exact", "authors_f1"])
    with pytest.raises(UsageError):
        judge.check_metrics(["title_exakt"])
    with pytest.raises(UsageError, match="better when lower"):
        judge.check_metrics(["abstract_starts_late"])
