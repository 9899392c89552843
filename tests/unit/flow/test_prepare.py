"""Shots, tasks by name, counts; the data stage itself is told in test_job."""

from __future__ import annotations

import pytest

from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError, UsageError
from tunewright.core.events import Events
from tunewright.core.recipe import DataOptions, Recipe, TaskOptions
from tunewright.core.records import Record
from tunewright.core.run import Run
from tunewright.flow import examine, prepare, prepared
from tunewright.text.schema import keys_form


def records(count: int, **common) -> list[Record]:
    return [
        Record(
            f"{common['doc_type']}-{n}", "word " * (n + 1), {"a": str(n)}, language="hi" if n % 3 else "en", **common
        )
        for n in range(count)
    ]


def test_shots_are_of_the_type_short_in_turns_of_language_and_always_the_same():
    train = records(30, doc_type="invoice") + records(30, doc_type="form")
    shots = prepared.Shots(train, 4)
    chosen = shots.of(Record("x", "t", doc_type="form"))
    assert {record.doc_type for record in chosen} == {"form"}
    assert [record.language for record in chosen] == ["en", "hi", "en", "hi"]
    assert max(len(record.text) for record in chosen) <= len("word " * 16)
    backwards = prepared.Shots(train[::-1], 4)
    assert backwards.of(Record("y", "t", doc_type="form")) == chosen
    assert len({record.id for record in chosen}) == 4


def test_shots_are_as_many_as_there_are_and_need_targets():
    train = [Record("a", "text", {"k": "v"}), Record("b", "text", None)]
    train.append(Record("c", "text", {"k": "v"}, provenance={"made": {"by": "noise", "of": ["a"]}}))
    assert [record.id for record in prepared.Shots(train, 5).of(Record("x", "t"))] == ["a"]
    assert prepared.Shots(train, 0).of(Record("x", "t")) == ()
    assert prepared.Shots(train, 2).of(Record("x", "t", doc_type="other")) == ()


def test_a_task_is_the_class_called_like_its_file():
    task = prepared.make_task(TaskOptions.model_validate({}), {"x": {"type": "object", "properties": {"a": {}}}})
    example = task.example(Record("1", "text", {"a": "b"}, doc_type="x"))
    assert example.completion == '{"a": "b"}'
    with pytest.raises(UsageError, match="no task named 'extracton'") as caught:
        prepared.make_task(TaskOptions.model_construct(name="extracton"), {})
    assert caught.value.hint == "did you mean 'extraction'?"


def test_tallies_leave_nothing_out_but_none():
    assert prepared.tally(["hi", "en", "hi", None]) == {"hi": 2, "en": 1}


def test_conversations_are_alike_only_where_all_their_turns_are(tmp_path):
    """Sixty conversations that end in the same question are sixty records; two that are the same are one."""
    from tunewright.core import files
    from tunewright.core.events import Events
    from tunewright.core.recipe import DataOptions, Recipe
    from tunewright.core.run import Run

    def row(number):
        said = [("system", "Be brief."), ("user", f"Room {number}\u00a0is taken."), ("assistant", f"By {number * 7}.")]
        said += [("user", "By whom?"), ("assistant", str(number * 7))]
        return {"messages": [{"role": role, "content": content} for role, content in said]}

    files.write_lines(tmp_path / "chats.jsonl", [row(number) for number in [*range(100, 160), 100]])
    recipe = Recipe(
        name="chats",
        task=TaskOptions(name="conversation"),
        data=DataOptions(source=str(tmp_path / "chats.jsonl"), validation_documents=6),
    )
    job = Run.create(tmp_path / "runs", recipe)
    with Events(job.path) as events:
        prepare.prepare(job, events)
    parts = {name: prepared.records(job, name) for name in prepared.SPLITS}
    # The two that are the same are kept together: in train one is taken out, in test both stay.
    assert sum(len(part) for part in parts.values()) in (60, 61)
    assert len(parts["test"]) >= 10
    assert 5 <= len(parts["validation"]) <= 7
    everything = [record for part in parts.values() for record in part]
    assert {record.text for record in everything} == {"By whom?"}
    rooms = {name: {record.provenance["before"][1]["content"] for record in part} for name, part in parts.items()}
    assert not rooms["train"] & (rooms["test"] | rooms["validation"])
    assert "Room 100 is taken." in set().union(*rooms.values())  # earlier turns are cleaned like the last
    # An exam that comes later: the same last question after other turns is another document.
    with Events(job.path) as events:
        known, new = parts["train"][0], parts["train"][1]
        other = [{**turn, "content": f"Quite another {turn['content']}"} for turn in new.provenance["before"]]
        exam = [known.replace(id="a"), new.replace(id="b", provenance={"before": other})]
        assert [record.id for record in examine._not_trained_on(job, "later", exam, events)] == ["b"]


@pytest.mark.parametrize("task", ["text_to_json", "extraction"])
def test_further_records_are_made_of_train_alone(tmp_path, task):
    from tunewright.core import files
    from tunewright.core.events import Events
    from tunewright.core.recipe import AugmentOptions, DataOptions, Recipe
    from tunewright.core.run import Run

    goods = ("pens", "tea", "salt", "soap", "rice")
    rows = [
        {
            "id": f"r{n}",
            "text": f"Order {n}: Carla wants {goods[n % 5]}",
            "json": {"order": str(n), "item": goods[n % 5]},
        }
        for n in range(200)
    ]
    files.write_lines(tmp_path / "orders.jsonl", rows)
    recipe = Recipe(
        name="orders",
        task=TaskOptions(
            name=task, prompts=("JSON: {text}", "{keys} of: {text}"), test_prompts=("As JSON with {keys}: {text}",)
        ),
        data=DataOptions(
            source=str(tmp_path / "orders.jsonl"),
            validation_documents=20,
            near_duplicates=0.0,
            augment=AugmentOptions(copies=2.0),
        ),
    )
    job = Run.create(tmp_path / "runs", recipe)
    with Events(job.path) as events:
        prepare.prepare(job, events)
    parts = {name: prepared.records(job, name) for name in prepared.SPLITS}
    made = [record for record in parts["train"] if "made" in record.provenance]
    own = {record.id for record in parts["train"]} - {record.id for record in made}
    assert len(made) > 1.5 * len(own)
    assert {name for record in made for name in record.provenance["made"]["of"]} <= own
    assert not [record for name in ("validation", "test") for record in parts[name] if "made" in record.provenance]
    ways = {record.provenance["made"]["by"] for record in made}
    examples = [prepared.task_of(job).example(record) for part in parts.values() for record in part]
    assert all(example.schema and example.completion for example in examples)
    if task == "extraction":
        assert ways == {"keys", "values", "noise", "together"}
        assert "do not go with prompt, " in (job.path / "training.log").read_text(encoding="utf-8")
        assert all(one.messages[0]["content"].endswith("\n" + keys_form(one.schema)) for one in examples)
        assert (
            len({keys_form(one.schema) for one in examples}) == 5
        )  # two keys, in both orders or alone, and two records
        return
    assert ways == {"prompt", "keys", "values", "noise", "together"}
    assert {record.provenance["prompt"] for record in parts["test"]} == {"As JSON with {keys}: {text}"}
    assert {record.provenance["prompt"] for record in parts["train"]} == {"JSON: {text}", "{keys} of: {text}"}
    some = next(record for record in made if record.provenance["made"]["by"] == "keys")
    assert set(some.target) == {key for [key] in some.provenance["keys"]}


def test_a_sample_is_not_held_against_a_set_of_that_name(tmp_path):
    """The sample is the package's; a folder of data sets that has the whole set has other bytes, and is not read."""
    recipe = recipe_file.read("text-to-json", ["data.sample=true"], environment={})
    sets = tmp_path / "sets"
    (sets / "snips").mkdir(parents=True)
    (sets / "snips" / "data.jsonl").write_text('{"text": "another", "json": {}}\n', encoding="utf-8")
    job = Run.create(tmp_path / "runs", recipe)
    with Events(job.path) as events:
        prepare.prepare(job, events, data=sets)
        before = (job.path / "data" / "train.jsonl").read_bytes()
        prepare.prepare(job, events, data=sets)
    assert (job.path / "data" / "train.jsonl").read_bytes() == before
    whole = job.recipe.model_copy(update={"data": job.recipe.data.model_copy(update={"sample": False})})
    with pytest.raises(DataError, match="has changed since"):
        prepare.unchanged(Run(job.path, whole), sets)


def pairs(tmp_path, references):
    """A run of text_to_json on a file of {prompt, reference} rows, its data not read yet."""
    rows = [{"prompt": f"Order {n} as JSON", "reference": one} for n, one in enumerate(references)]
    files.write_lines(tmp_path / "pairs.jsonl", rows)
    recipe = Recipe(
        name="pairs",
        task=TaskOptions(name="text_to_json", prompts=("{text}",)),
        data=DataOptions(source=str(tmp_path / "pairs.jsonl"), validation_documents=4),
    )
    return Run.create(tmp_path / "runs", recipe)


def test_an_answer_that_is_no_json_is_set_aside_with_what_is_wrong_with_it(tmp_path):
    job = pairs(tmp_path, [{"order": n} for n in range(20)] + ["{'order': 20}", '{"order": 21}', "none"])
    with Events(job.path) as events:
        prepare.prepare(job, events)
    reasons = {row["line"]: row["reason"] for row in files.read_lines(job.path / "data" / "rejected.jsonl")}
    assert {line: reason.split(": ")[1:3] for line, reason in reasons.items()} == {
        21: ["not JSON", "Expecting property name enclosed in double quotes at character 1"],
        23: ["not JSON", "Expecting value at character 0"],
    }
    assert {"order": 21} in [one.target for name in prepared.SPLITS for one in prepared.records(job, name)]


def test_answers_in_fences_are_named_not_the_schema_that_could_not_be_inferred(tmp_path):
    job = pairs(tmp_path, ['```json\n{"order": 1}\n```'] * 5)
    with Events(job.path) as events, pytest.raises(DataError, match=r"not JSON.*```json") as caught:
        prepare.prepare(job, events)
    assert caught.value.where == "pairs.jsonl:1"
    assert "nothing around it" in caught.value.hint


def test_answers_that_the_schema_calls_verbatim_and_no_document_says_are_told(tmp_path):
    schema = {
        "type": "object",
        "properties": {
            "item": {"type": "string", "x-verbatim": True},
            "who": {"type": "array", "items": {"type": "string", "x-verbatim": "name"}},
            "kind": {"type": "string"},
        },
    }
    rows = [
        {"text": f"Order {n}:\nlamp  {n} for Asha", "json": {"item": f"lamp {n}", "who": ["Asha"], "kind": "order"}}
        for n in range(20)
    ]
    rows[4]["json"]["item"], rows[7]["json"]["who"] = "an unsaid thing", ["Asha", "Nobody"]
    files.write_lines(tmp_path / "orders.jsonl", rows)
    recipe = Recipe(
        name="orders",
        task=TaskOptions(json_schema=schema),
        data=DataOptions(source=str(tmp_path / "orders.jsonl"), validation_documents=4, near_duplicates=0.0),
    )
    job = Run.create(tmp_path / "runs", recipe)
    with Events(job.path) as events:
        prepare.prepare(job, events)
    assert job.manifest("data")["unsaid"] == {"item": {"values": 1, "of": 20}, "who[]": {"values": 1, "of": 21}}
    assert "x-verbatim: item 1 of 20, who[] 1 of 21" in (job.path / "training.log").read_text(encoding="utf-8")


def test_data_that_was_read_alike_is_taken_over_and_no_other(tmp_path):
    source = tmp_path / "rows.jsonl"
    rows = [{"id": f"r{n}", "text": f"Shop {n} in Pune", "json": {"shop": f"Shop {n}"}} for n in range(30)]
    files.write_lines(source, rows)

    def run(name: str, *sets: str) -> Run:
        sets = (f"data.source={source}", "data.validation_documents=5", *sets)
        return Run.create(tmp_path, recipe_file.read("smoke", sets, environment={}), name=name)

    lender = run("lender", "evaluate.exams=[]")
    prepare.borrow(lender, [lender])
    assert not lender.done("data")
    with Events(lender.path) as events:
        prepare.prepare(lender, events)

    alike = run(
        "alike", "evaluate.exams=[]", "method.name=full", "train.learning_rate=0.001", 'evaluate.systems=["tuned"]'
    )
    files.write_text(alike.path / "data" / "train.jsonl", "what a killed start left")
    prepare.borrow(alike, [alike, lender])
    assert alike.manifest("data") == lender.manifest("data")
    assert alike.altered("data") is None
    assert prepared.records(alike, "train") == prepared.records(lender, "train")

    changed = ("seed=1", "data.test_share=0.4", "evaluate.folds=3", 'evaluate.exams=["handwritten_documents"]')
    for number, other in enumerate(changed):
        borrower = run(f"other-{number}", "evaluate.exams=[]", other)
        prepare.borrow(borrower, [alike, lender])
        assert not borrower.done("data"), other
