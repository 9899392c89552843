"""Questions through the data stage: groups by context, what is a repeat and what is not, one way of answering."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tunewright.core import files
from tunewright.core.errors import UsageError
from tunewright.core.events import Events
from tunewright.core.recipe import DataOptions, EvaluateOptions, RankingOptions, Recipe, TaskOptions
from tunewright.core.records import Record
from tunewright.core.run import Run
from tunewright.data import answers
from tunewright.flow import answer, likelihood, outcome, prepare, prepared
from tunewright.flow import folds as cross_validation
from tunewright.flow import job as flow_job


def recipe(source, **more):
    task = TaskOptions.model_validate({"name": "question_answering"})
    return Recipe(name="ask", task=task, data=DataOptions(source=str(source), validation_documents=4), **more)


def filled(tmp_path, rows, **more):
    files.write_lines(tmp_path / "rows.jsonl", rows)
    job = Run.create(tmp_path / "runs", recipe(tmp_path / "rows.jsonl", **more))
    with Events(job.path) as events:
        prepare.prepare(job, events)
    return job


def test_questions_of_one_context_stay_together_and_are_no_repeats(tmp_path):
    context = "The {0} fund was closed in May and paid a dividend to all who held a share of it at the end of {0}."
    rows = [
        {"question": f"Which month was it, in way {way}?", "context": context.format(number), "answer": "May"}
        for number in range(20)
        for way in range(3)
    ]
    job = filled(tmp_path, [*rows, rows[0]])
    sides = {side: prepared.records(job, side) for side in prepared.SPLITS}
    # Sixty questions of one answer, three of each context: only the one that stood twice has gone.
    assert sum(map(len, sides.values())) == 60
    contexts = [{record.context for record in side} for side in sides.values()]
    assert sum(map(len, contexts)) == len(set().union(*contexts)) == 20
    assert "repeated_answers" not in job.manifest("data")  # an answer out of a context is no repeat


def test_answers_that_stand_in_train_are_counted_and_stay(tmp_path):
    same = "This condition is inherited in a pattern that nobody has described so far."
    rows = [
        {"question": f"How is ailment {i} inherited?", "answer": f"{same} Its name is {i} {i * 7}."} for i in range(40)
    ]
    rows += [{"question": f"Who knows {i}?", "answer": f"person {i * 11} of house {i * 13}"} for i in range(40)]
    job = filled(tmp_path, rows)
    test = prepared.records(job, "test")
    told = job.manifest("data")["repeated_answers"]
    asked = [record for record in test if record.text.startswith("How")]
    assert 0 < len(asked) < len(test)
    assert told == {"near": 0, "sentences": told["sentences"], "sentences_in_train": len(asked)}
    assert {record.provenance["slice"]["answers"] for record in test} == {"unseen"}


def test_an_answer_nearly_that_of_train_is_seen_and_another_is_not():
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    train = [Record("a", "q", text)]
    found = answers.repeats(train, [Record("1", "p", text + " fifteen"), Record("2", "r", "something else")], 0.8)
    assert [record.provenance["slice"]["answers"] for record in found.test] == ["seen", "unseen"]
    assert (found.near, found.sentences, found.repeated) == (1, 1, 0)
    assert "1 of 2 answers of test nearly equal one of train" in found.note()
    twins = answers.repeats([], [Record("1", "p", text), Record("2", "r", text)], 0.8)
    assert twins.near == 0  # two of test that say the same are no leak


@pytest.mark.parametrize("name", ["conversation", "question_answering"])
def test_a_task_that_answers_with_text_is_answered_once(name, tmp_path):
    asked = Recipe(name="x", task=TaskOptions.model_validate({"name": name}))
    assert asked.decode.grammar  # the page's default says nothing of a task without a schema
    assert answer.decodings(asked, "tuned") == ("free",)
    assert outcome.main_cell(asked) == "tuned/free"
    assert outcome.chief_score(asked) == "token_f1"
    other = Recipe(name="x")
    assert answer.decodings(other, "tuned") == ("free", "grammar")
    assert (outcome.main_cell(other), outcome.chief_score(other)) == ("tuned/grammar", "exact_match")


def test_only_what_the_recipe_asks_for_is_measured(tmp_path):
    assert likelihood.wanted(Recipe(name="x")) == []
    asked = EvaluateOptions(
        likelihood=True, ranking=RankingOptions(distractors=2), prompts=("Who?",), systems=("tuned",)
    )
    assert likelihood.wanted(Recipe(name="x", evaluate=asked)) == [
        "likelihood.jsonl", "general.json", "ranking.jsonl", "prompts.jsonl"
    ]  # fmt: skip
    assert likelihood.measured(Recipe(name="x", evaluate=asked)) == ["tuned"]


@pytest.mark.parametrize("subject", [None, "kind"])
def test_where_nothing_can_be_ranked_it_is_said_before_training_and_the_run_goes_on(tmp_path, subject):
    """A column that the user names is a mistake; a file of plain questions is not."""
    rows = [{"question": f"What is {i} and {i * 3}?", "answer": f"it is {i}"} for i in range(30)]
    asked = EvaluateOptions(ranking=RankingOptions(distractors=2, subject=subject), systems=("tuned",))
    job = filled(tmp_path, rows, evaluate=asked)
    said = "no question of test has another about the same subject"
    with Events(job.path) as events:
        if subject is not None:
            with pytest.raises(UsageError, match=said) as caught:
                likelihood.foretell(job, events)
            assert "'kind'" in caught.value.hint
            return
        likelihood.foretell(job, events)
        likelihood.measure(job, None, events)
    assert f"warning: {said}" in (job.path / "training.log").read_text(encoding="utf-8")
    assert not likelihood.present(job)
    assert likelihood.compare(job) == {}


def test_a_run_says_before_its_training_that_nothing_can_be_ranked(tmp_path, monkeypatch):
    rows = [{"question": f"What is {i} and {i * 3}?", "answer": f"it is {i}"} for i in range(30)]
    files.write_lines(tmp_path / "data.jsonl", rows)
    asked = EvaluateOptions(ranking=RankingOptions(distractors=2, subject="kind"), systems=("tuned",))
    monkeypatch.setattr(flow_job, "train", lambda *_: pytest.fail("nothing is trained"))
    with pytest.raises(UsageError, match="no question of test has another"):
        flow_job.run(recipe(tmp_path / "data.jsonl", evaluate=asked), runs=tmp_path / "runs")


def test_of_folds_what_they_measured_is_put_together(tmp_path):
    asked = EvaluateOptions(likelihood=True, systems=("tuned",), folds=2)
    whole = Run.create(tmp_path, Recipe(name="x", evaluate=asked))
    folds = [SimpleNamespace(path=path) for path in whole.folds]
    for fold in folds:
        (fold.path / "systems" / "tuned").mkdir(parents=True)
        files.write_lines(fold.path / "systems" / "tuned" / "likelihood.jsonl", [{"id": fold.path.name}])
    likelihood.pool(whole, folds)
    rows = list(files.read_lines(whole.path / "systems" / "tuned" / "likelihood.jsonl"))
    assert [row["id"] for row in rows] == [fold.path.name for fold in folds]
    assert not (whole.path / "systems" / "words").exists()


@pytest.mark.parametrize("folds", [0, 2])
def test_what_did_not_fit_into_the_model_is_counted(tmp_path, folds):
    rows = [
        {
            "question": f"Which month in way {way}?",
            "context": f"Fund {number} paid {number * 7}.",
            "answer": f"May {way}",
        }
        for number in range(12)
        for way in range(4)
    ]
    asked = EvaluateOptions(likelihood=True, ranking=RankingOptions(distractors=2), systems=("base", "tuned"),
                            sample=40, bootstrap_resamples=50, folds=folds)  # fmt: skip
    files.write_lines(tmp_path / "rows.jsonl", rows)
    job = Run.create(tmp_path / "runs", recipe(tmp_path / "rows.jsonl", evaluate=asked))
    with Events(job.path) as events:
        (cross_validation.prepare_all if folds else prepare.prepare)(job, events)
    parts = cross_validation.of(job) or [job]
    sampled = [example.id for part in parts for example in likelihood.sampled(part)]
    assert 4 < len(sampled) <= 40
    likely = {part: {"nats": 3.0, "tokens": 2, "bytes": 5} for part in ("answers", "everything")}
    for system in ("base", "tuned", "words"):
        (job.path / "systems" / system).mkdir(parents=True)
        files.write_lines(
            job.path / "systems" / system / "likelihood.jsonl", [{"id": one} | likely for one in sampled[3:]]
        )
        places = {"overlap": [1.0, 0.5], "nats": [1.0, 2.0], "alone": [2.0, 2.0], "bytes": [5, 5]}
        files.write_lines(
            job.path / "systems" / system / "ranking.jsonl", [{"id": one} | places for one in sampled[2:]]
        )
    found = likelihood.compare(job)
    assert (found["likelihood"]["n"], found["likelihood"]["left_out"]) == (len(sampled) - 3, 3)
    assert (found["ranking"]["n"], found["ranking"]["left_out"]) == (len(sampled) - 2, 2)
