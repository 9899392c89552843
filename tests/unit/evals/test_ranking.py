"""Right answers among others: who stands beside whom, what a model finds, and what differences show."""

from __future__ import annotations

import pytest

import tiny_models
from tunewright.core.records import Record
from tunewright.decode.likelihood import likelihoods
from tunewright.evals import ranking
from tunewright.tasks.question_answering import QuestionAnswering

TASK = QuestionAnswering()


def record(name, text, answer, group=None, question=None, **fields):
    provenance = ({"question": question} if question else {}) | ({"fields": fields} if fields else {})
    return Record(name, text, answer, group=group, provenance=provenance)


RECORDS = [record(f"{group}{i}", f"What {i} of {group}?", f"answer {i} of {group}", group, kind=str(i))
           for group in "ab" for i in range(4)]  # fmt: skip


def test_distractors_are_other_answers_about_the_same_subject():
    found = ranking.choices(RECORDS, 2)
    assert len(found) == len(RECORDS)
    for one in found:
        assert len(one.candidates) == 3
        assert one.candidates[0] == one.record.target
        assert len(set(one.candidates)) == 3
        assert all(text.endswith(f"of {one.record.group}") for text in one.candidates)
    by_kind = ranking.choices(RECORDS, 9, "kind")
    assert all(len(one.candidates) == 2 and one.candidates[1].startswith(one.candidates[0][:8]) for one in by_kind)
    assert ranking.choices(list(reversed(RECORDS)), 2)[-1] == found[0]  # ids decide, not the order


def test_the_same_answer_is_no_distractor_and_who_is_alone_is_left_out():
    twins = [record("1", "q?", "Yes.", "g"), record("2", "p?", " yes. ", "g"), record("3", "r?", "no", None)]
    assert ranking.choices(twins, 4) == []
    several = record("1", "q?", "Yes", "g")
    several = several.replace(provenance={"accept": ["No", "Maybe"]})
    [first, second] = ranking.choices([several, record("2", "p?", "no", "g"), record("3", "r?", "never", "g")], 4)[:2]
    assert (first.candidates, set(second.candidates)) == (("Yes", "never"), {"no", "Yes", "never"})
    context = [record(str(i), f"C{i // 2}\n\nq{i}?", f"a{i}", "one", question=f"q{i}?") for i in range(4)]
    assert [set(one.candidates) for one in ranking.choices(context, 4)] == [{"a0", "a1"}] * 2 + [{"a2", "a3"}] * 2


def test_what_a_model_finds_is_what_its_likelihoods_say():
    loaded = tiny_models.loaded("llama3")
    text = "A context of some words. " * 12 + "\n\nWhich?"
    pair = [record("1", text, "the first", question="Which?"), record("2", text, "another one", question="Which?")]
    [row, _] = ranking.measure(loaded, TASK, ranking.choices(pair, 3), over_length="refuse", max_length=None)
    chat, example = loaded.chat, TASK.example(pair[0])
    bare = ranking.without_question(example)
    assert bare.messages[-1]["content"] == pair[0].context
    for key, messages in (("nats", example.messages), ("alone", bare.messages)):
        prompt = chat.prompt_ids(messages)
        plain = likelihoods(loaded, [(prompt, chat.reply_ids(text)) for text in ("the first", "another one")])
        assert row[key] == pytest.approx([one.nats for one in plain], rel=1e-4)
    assert row["bytes"] == [9, 11]
    short = ranking.measure(loaded, TASK, ranking.choices(pair, 3), over_length="refuse", max_length=20)
    assert short == []  # what does not fit is left out


def test_ties_are_shared_and_gains_are_not_means():
    assert ranking.first_place([1.0, 0.5]) == 1.0
    assert ranking.first_place([1.0, 1.0]) == 0.5
    assert ranking.first_place([0.5, 1.0]) == 0.0
    row = {"nats": [10.0, 2.0], "alone": [20.0, 2.0], "bytes": [10, 2]}
    assert ranking.gains(row) == [1.0, 0.0]
    assert ranking.first_place(ranking.means(row)) == 0.5


def scored(right):
    return [{"id": one.id, "nats": [1.0, 1.0], "alone": [2.0 if ok else 0.5, 1.0], "bytes": [1, 1]}
            for one, ok in zip(MANY, right, strict=True)]  # fmt: skip


MANY = [record(str(i), "q", "a", f"g{i // 2}") for i in range(80)]
EXAMPLES = [TASK.example(one) for one in MANY]
DRAW = {"level": 0.95, "resamples": 400, "seed": 0}


def test_a_difference_is_shown_where_there_is_one_and_only_there():
    words = [{"id": one.id, "overlap": [float(i % 4 == 0), 0.5]} for i, one in enumerate(MANY)]
    found = ranking.compare(EXAMPLES, {"tuned": scored([True] * 80), "base": scored([False] * 80)}, words, **DRAW)
    assert found["n"] == 80
    assert found["groups"] == 40
    assert found["chance"] == 0.5
    assert found["rankers"]["words"]["value"] == 0.25
    first = found["pairs"][0]
    assert (first["a"], first["b"], first["verdict"]) == ("words", "tuned", "better")
    assert first["difference"] == 0.75
    same = ranking.compare(EXAMPLES, {"tuned": scored([i % 4 == 0 for i in range(80)])}, words, **DRAW)
    assert same["pairs"][0]["verdict"] == "no difference shown"
    # Eighty of eighty, in forty groups, are not all there are.
    tuned = found["rankers"]["tuned"]
    assert (tuned["value"], tuned["high"]) == (1.0, 1.0)
    assert 0.88 < tuned["low"] < 0.95
    worse = ranking.compare(EXAMPLES, {"tuned": scored([False] * 80)}, words, **DRAW)
    assert worse["pairs"][0]["verdict"] == "worse"


def test_words_rank_by_what_question_and_answer_share():
    asked = ranking.choices([record("1", "What causes gout?", "Gout is caused by acid", "g"),
                             record("2", "Who treats it?", "A doctor treats it", "g")], 3)  # fmt: skip
    rows = ranking.by_words(asked, RECORDS)
    assert [ranking.first_place(row["overlap"]) for row in rows] == [1.0, 1.0]
    text = "Sales were 5. Costs were 7.\n\n"
    asks = ("What were costs?", "Sales?")
    held = [record(name, text + ask, name, question=ask) for name, ask in zip("75", asks, strict=True)]
    rows = ranking.by_words(ranking.choices(held, 3), RECORDS)
    assert ranking.first_place(rows[0]["overlap"]) == 1.0  # its sentence speaks for it
