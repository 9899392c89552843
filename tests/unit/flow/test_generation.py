"""Texts of labels are drawn until enough are kept, the same ones whenever a start is killed; nothing of test is met."""

from __future__ import annotations

import json
import random
from collections import Counter
from types import SimpleNamespace

import pytest

from stand_ins import Ears, Interrupted
from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError, MissingExtra, ModelError, RecipeError, RunError
from tunewright.core.recipe import TaskOptions
from tunewright.core.records import Record
from tunewright.core.run import Run
from tunewright.decode import engine
from tunewright.flow import answer, generation, job, plan
from tunewright.flow.generation import Harvest, Lengths
from tunewright.flow.prepared import make_task
from tunewright.tasks.labelled_text import length

CALM = "the boat lies in a quiet harbour and people look at water while evening comes slowly over hills"
WILD = "um the the storm it uh breaks over rocks and and nobody er knows what what to do with ropes"
SECRETS = {"validation": "zanzibar", "test": "quetzal"}


def sentence(words: str, chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(words.split()) for _ in range(count))


def records() -> dict[str, list[Record]]:
    """Sides with participants of their own; every text of validation and test says a word that train does not."""
    found: dict[str, list[Record]] = {}
    for side, people in (("train", 20), ("validation", 4), ("test", 4)):
        found[side] = []
        for person in range(people):
            for label, words in (("calm", CALM), ("wild", WILD)):
                for turn in range(5):
                    chance = random.Random(f"{side} {person} {label} {turn}")
                    text = sentence(words, chance, chance.choice((8, 9, 10, 14, 20, 30)))
                    text += f" {SECRETS[side]}" if side in SECRETS else ""
                    own = f"{side}-{person}"
                    found[side].append(Record(f"{own}-{label}-{turn}", text, label, group=own, split=side))
    return found


def a_run(tmp_path, *sets: str, name: str = "r") -> Run:
    page = "name: x\nseed: 5\ntask: {name: labelled_text, request: '{label} {words}', neutral_roles: [A, B]}\n"
    small = ("generate.per_label=40", "generate.batch=32", "generate.filters.copied=0.9")
    run = Run.create(tmp_path, recipe_file.parse(page, "a", [*small, *sets], environment={}), name=name)
    for side, own in records().items():
        files.write_lines(run.path / "data" / f"{side}.jsonl", (record.to_row() for record in own))
    files.write_json(run.path / "data" / "schemas.json", {})
    files.write_json(run.path / "data" / "manifest.json", {"counts": {}})
    tuned(run, "a" * 64)
    return run


def tuned(run: Run, sha256: str) -> None:
    hashes = {"model/model.safetensors": sha256, "model/config.json": "c" * 64}
    files.write_json(run.path / "systems" / "tuned" / "manifest.json", {"sha256": hashes})


class Writer:
    """Stands in for the model: a text of the label and length that the prompt asks for, drawn by seed and number.

    Some are cut, some are copies, some of the other label. break_after: batches until it breaks off.
    """

    def __init__(self, monkeypatch):
        self.prompts: list[list[dict[str, str]]] = []
        self.batches: list[list[int]] = []
        self.loaded = 0
        self.break_after: int | None = None
        self.copied = records()["train"][0].text
        monkeypatch.setattr(answer, "load_tuned", self.load)
        monkeypatch.setattr(answer, "note_machine", lambda job: None)
        monkeypatch.setattr(engine, "generate", self.generate)

    def load(self, run):
        self.loaded += 1
        return SimpleNamespace(chat=SimpleNamespace(prompt_ids=lambda messages: [dict(one) for one in messages]))

    def generate(self, loaded, prompts, *, max_new_tokens, batch_size, sampling, numbers):
        if self.break_after is not None:
            self.break_after -= 1
            if self.break_after < 0:
                raise Interrupted
        self.prompts += prompts
        self.batches.append(list(numbers))
        for prompt, number in zip(prompts, numbers, strict=True):
            label, words, *_ = prompt[-1]["content"].split()
            chance = random.Random(f"{sampling.seed} {number} {sampling.temperature}")
            kind = chance.random()
            text = sentence(CALM if (label == "calm") == (kind > 0.1) else WILD, chance, int(words))
            yield SimpleNamespace(text=self.copied if kind > 0.95 else text, finish="length" if kind > 0.9 else "stop")


@pytest.fixture
def writer(monkeypatch) -> Writer:
    return Writer(monkeypatch)


def rows(run: Run, name: str) -> list[dict]:
    return list(files.read_lines(run.path / "synthetic" / f"{name}.jsonl"))


def files_of(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run.path / "synthetic").iterdir() if path.suffix == ".jsonl"}


def test_enough_of_every_label_are_kept_with_all_that_they_came_from(tmp_path, writer):
    run, ears = a_run(tmp_path), Ears()
    generation.generate(run, ears)
    kept, drawn, aside = (rows(run, name) for name in ("kept", "drawn", "set_aside"))
    assert Counter(row["target"] for row in kept) == {"calm": 40, "wild": 40}
    assert len(drawn) == len(kept) + len(aside)
    assert [row["id"] for row in drawn] == [f"synthetic-{number:06d}" for number in range(len(drawn))]
    for row in kept:
        told = row["provenance"]
        assert told["synthetic"] is True
        assert told["label"] == row["target"]
        assert (told["model"], told["adapter"], told["seed"]) == ("wren", "a" * 64, 5)
        assert told["prompt"][-1]["content"] == f"{row['target']} {told['words']}"
        assert told["prompt"][0]["content"] in ("A", "B")
        assert set(told["filters"]) == set(run.recipe.generate.filters.use)
        assert {"temperature", "top_p", "top_k", "min_p", "repetition_penalty", "no_repeat_ngram_size"} <= set(told)
        assert row["split"] == "train"
    assert {"broken", "label"} <= {row["filter"] for row in aside}
    assert all("filters" not in row["provenance"] for row in drawn)
    manifest = run.manifest("synthetic")
    for label in ("calm", "wild"):
        own = manifest["counts"][label]
        assert own["kept"] == own["asked"] == 40
        assert own["drawn"] == own["kept"] + sum(own["set_aside"].values())
        assert own["drawn"] == sum(row["target"] == label for row in drawn)
    assert manifest["adapter"] == "a" * 64
    assert manifest["sha256"]["kept.jsonl"] == files.sha256(run.path / "synthetic" / "kept.jsonl")
    assert any("calm: 40 texts kept of" in line for line in ears.said)


def test_lengths_are_those_of_train_for_every_label(tmp_path, writer):
    run = a_run(tmp_path, "generate.per_label=60", "generate.filters.use=[broken]")
    generation.generate(run, Ears())
    for label in ("calm", "wild"):
        real = Counter(length(one.text) for one in records()["train"] if one.target == label)
        made = Counter(length(row["text"]) for row in rows(run, "kept") if row["target"] == label)
        assert set(made) <= set(real)
        for words, count in real.items():
            assert abs(made[words] / 60 - count / real.total()) < 0.06


def test_nothing_of_validation_or_test_reaches_prompts_texts_or_filters(tmp_path, writer, monkeypatch):
    met: list[str] = []
    whole = generation.Filters

    class Watched(whole):
        def __init__(self, train, options, held=()):
            super().__init__(train, options, held)
            met.extend(record.text for record in train)
            met.extend(self._classifier.vocabulary)
            met.extend(" ".join(run) for run in self._train._having)

    monkeypatch.setattr(generation, "Filters", Watched)
    run = a_run(tmp_path)
    for side, secret in SECRETS.items():
        assert secret in (run.path / "data" / f"{side}.jsonl").read_text(encoding="utf-8")
    generation.generate(run, Ears())
    assert met
    seen = "\n".join([*met, json.dumps(writer.prompts)])
    seen += "".join(path.read_text(encoding="utf-8") for path in (run.path / "synthetic").iterdir())
    for side, secret in SECRETS.items():
        assert secret not in seen, side
        assert f"{side}-0" not in seen  # nor any participant


@pytest.mark.parametrize("killed_after", [0, 1, 2])
def test_a_killed_start_goes_on_with_the_same_texts(tmp_path, writer, killed_after):
    whole, again = a_run(tmp_path, name="whole"), a_run(tmp_path, name="again")
    generation.generate(whole, Ears())
    batches = list(writer.batches)
    assert len(batches) > 3
    writer.batches.clear()
    writer.break_after = killed_after
    with pytest.raises(Interrupted):
        generation.generate(again, Ears())
    assert not again.done("synthetic")
    part = again.path / "synthetic" / "drawn.part.jsonl"
    if killed_after:
        part.write_bytes(part.read_bytes() + b'{"id": "synthetic-00')  # the last line was cut
    writer.break_after = None
    ears = Ears()
    generation.generate(again, ears)
    assert writer.batches == batches  # no text was drawn twice
    assert files_of(again) == files_of(whole)
    assert any("goes on after" in line for line in ears.said) == bool(killed_after)
    assert again.manifest("synthetic")["counts"] == whole.manifest("synthetic")["counts"]


def test_a_start_that_died_while_it_finished_draws_nothing_again(tmp_path, writer):
    run = a_run(tmp_path)
    generation.generate(run, Ears())
    before = files_of(run)
    (run.path / "synthetic" / "manifest.json").unlink()
    writer.loaded = 0
    generation.generate(run, Ears())
    assert writer.loaded == 0
    assert files_of(run) == before
    assert run.done("synthetic")


def test_texts_of_other_weights_are_drawn_again_where_they_were_not_finished_and_refused_where_they_were(
    tmp_path, writer
):
    run = a_run(tmp_path)
    writer.break_after = 2
    with pytest.raises(Interrupted):
        generation.generate(run, Ears())
    tuned(run, "b" * 64)
    writer.break_after = None
    generation.generate(run, Ears())
    assert {row["provenance"]["adapter"] for row in rows(run, "drawn")} == {"b" * 64}
    generation.generate(run, Ears())  # finished: only looks
    tuned(run, "a" * 64)
    with pytest.raises(RunError, match="other weights"):
        generation.generate(run, Ears())


def test_finished_texts_that_were_changed_are_told(tmp_path, writer):
    run = a_run(tmp_path)
    generation.generate(run, Ears())
    path = run.path / "synthetic" / "kept.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("boat", "goat"), encoding="utf-8")
    with pytest.raises(RunError, match=r"not as they were written: kept\.jsonl"):
        generation.generate(run, Ears())


def test_drawing_ends_at_its_limit_and_says_what_is_missing(tmp_path, writer):
    run, ears = a_run(tmp_path, "generate.most=1"), Ears()
    generation.generate(run, ears)
    manifest = run.manifest("synthetic")
    assert manifest["drawn"] == 80
    assert manifest["kept"] < 80
    (warning,) = (line for line in ears.said if line.startswith("warning"))
    assert "fewer texts than asked for" in warning
    assert "generate.most" in warning
    other = a_run(tmp_path, "generate.draws=33", name="few")
    generation.generate(other, Ears())
    assert other.manifest("synthetic")["drawn"] == 33


def test_another_seed_or_temperature_gives_other_texts(tmp_path, writer):
    found = []
    for name, change in (("a", "seed=5"), ("b", "seed=6"), ("c", "generate.temperature=0.7")):
        run = a_run(tmp_path, change, name=name)
        generation.generate(run, Ears())
        found.append({row["text"] for row in rows(run, "kept")})
    assert len({frozenset(one) for one in found}) == 3


def test_synthetic_records_of_train_are_told_and_teach_no_filter(tmp_path, writer):
    run, ears = a_run(tmp_path), Ears()
    first, *others = records()["train"]
    marked = first.replace(text="zyx " * 7 + "wvu", provenance={"synthetic": True})
    files.write_lines(run.path / "data" / "train.jsonl", (one.to_row() for one in (marked, *others)))
    generation.generate(run, ears)
    assert "synthetic records in train: 1; lengths and filters do not learn from them" in ears.said
    assert run.done("synthetic")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda one: one.replace(split="test"), "not of train"),
        (lambda one: one.replace(group="test-0"), "in validation or test, too: test-0"),
    ],
)
def test_train_that_was_changed_after_the_split_is_refused(tmp_path, writer, change, says):
    run = a_run(tmp_path)
    first, *others = records()["train"]
    files.write_lines(run.path / "data" / "train.jsonl", (one.to_row() for one in (change(first), *others)))
    with pytest.raises(DataError, match=says):
        generation.generate(run, Ears())
    assert not writer.prompts


def test_nothing_is_done_where_nothing_is_asked_for(tmp_path, writer):
    run = a_run(tmp_path, "generate.per_label=0", "downstream.judge=false")
    generation.generate(run, Ears())
    assert not (run.path / "synthetic").exists()


def test_without_scikit_learn_a_run_is_refused_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    monkeypatch.setattr(job, "locate_model", lambda name: None)
    run = a_run(tmp_path)
    with pytest.raises(MissingExtra):
        job.resolve(run.recipe)
    job.resolve(a_run(tmp_path, "generate.filters.use=[broken, copies]", name="without").recipe)


def test_weights_of_several_files_have_one_hash(tmp_path):
    run = a_run(tmp_path)
    assert generation.weights_sha256(run) == "a" * 64
    found = []
    for second in ("b", "c"):
        hashes = {"model/1.safetensors": "a" * 64, "model/2.safetensors": second * 64}
        files.write_json(run.path / "systems" / "tuned" / "manifest.json", {"sha256": hashes})
        found.append(generation.weights_sha256(run))
    assert len(set(found)) == 2
    (run.path / "systems" / "tuned" / "manifest.json").unlink()
    with pytest.raises(RunError, match="not trained"):
        generation.weights_sha256(run)


# ---- lengths


@pytest.mark.parametrize("real", [[5], [5] * 9, list(range(1, 101)), [1, 1, 1, 1, 1, 1, 1, 50]])
@pytest.mark.parametrize("wanted", [1, 7, 100])
def test_parts_of_lengths_add_up_and_ask_only_for_what_is_missing(real, wanted):
    lengths, chance = Lengths(real, wanted), random.Random(0)
    assert lengths.missing == wanted
    asked = []
    while lengths.missing:
        words = lengths.ask(chance)
        assert words in real
        assert lengths.take(words)
        asked.append(words)
    assert len(asked) == wanted
    assert not lengths.take(asked[0])
    assert not lengths.take_any()


def test_what_is_too_much_of_a_length_fills_up_only_at_the_end():
    run_options = recipe_file.parse(
        "name: x\ntask: {name: labelled_text}\n", "a",
        ["generate.per_label=8", "generate.filters.use=[broken]", "generate.most=9"], environment={},
    ).generate  # fmt: skip
    real = [
        Record(f"{label}{n}", "w " * words, label, split="train")
        for label in ("a", "b")
        for n, words in enumerate((4, 8, 12, 16, 20, 24, 28, 32))
    ]
    harvest = Harvest(real, set(), run_options, 0)
    same = [
        Record(f"synthetic-{n:06d}", "w x y z", "a" if n % 2 else "b", split="train", provenance={"finish": "stop"})
        for n in range(12)
    ]
    harvest.look(same)
    assert Counter(str(one.target) for one in harvest.kept) == {"a": 1, "b": 1}
    assert {name for name, _ in harvest.aside} == {generation.SURPLUS}
    assert harvest.fill() == 10
    assert harvest.counts()["a"] == {"asked": 8, "drawn": 6, "kept": 6, "set_aside": {}}
    assert [one.id for one in harvest.kept] == sorted(one.id for one in same)


# ---- other ways, compared

WAYS = "generate.compare={hot: {temperature: 3.0}, untuned: {model: base}, asked: {request: 'wild 9 {label}'}}"


def test_ways_are_compared_on_the_same_requests(tmp_path, writer, monkeypatch):
    monkeypatch.setattr(answer, "load_base", lambda recipe: writer.load(None))
    run, ears = a_run(tmp_path, WAYS, "generate.compared=100", "generate.filters.use=[broken, label]"), Ears()
    generation.generate(run, ears)
    found = files.read_json(run.path / "synthetic" / "compared.json")
    rows_of = {row["name"]: row for row in found["rows"]}
    assert list(rows_of) == ["own", "hot", "untuned", "asked"]
    assert rows_of["hot"]["set"] == {"temperature": 3.0, "roles": "neutral"}
    assert found["n"] == 100
    texts = {name: list(files.read_lines(run.path / "synthetic" / "compared" / f"{name}.jsonl")) for name in rows_of}
    asked = [[(row["label"], row["words"]) for row in own] for own in texts.values()]
    assert asked[0] == asked[1] == asked[2] == asked[3]
    assert Counter(label for label, _ in asked[0]) == {"calm": 50, "wild": 50}
    own, untuned = rows_of["own"], rows_of["untuned"]
    assert "verdict" not in own
    assert own["low"] < own["kept"] < own["high"]
    assert untuned["kept"] == own["kept"]  # the stand-in draws the same
    assert (untuned["difference"], untuned["p"], untuned["verdict"]) == (0, 1, "no difference shown")
    assert rows_of["asked"]["verdict"] == "worse"  # the stand-in writes wild texts, whatever else the request says
    assert rows_of["asked"]["p_holm"] >= rows_of["asked"]["p"]
    assert 0 < found["distinct_2_real"] < 1
    assert any("asked:" in line and "worse" in line for line in ears.said)
    assert run.manifest("synthetic")["sha256"]["compared.json"]


def test_a_killed_comparison_goes_on_with_the_ways_that_are_left(tmp_path, writer, monkeypatch):
    run = a_run(tmp_path, WAYS, "generate.per_label=10")
    monkeypatch.setattr(answer, "load_base", lambda recipe: (_ for _ in ()).throw(Interrupted))
    with pytest.raises(Interrupted):
        generation.generate(run, Ears())
    batches = len(writer.batches)
    monkeypatch.setattr(answer, "load_base", lambda recipe: writer.load(None))
    generation.generate(run, Ears())
    assert len(writer.batches) == batches + 2
    assert len(files.read_json(run.path / "synthetic" / "compared.json")["rows"]) == 4


def test_roles_of_the_label_can_be_shown_to_a_model_that_writes():
    task = make_task(
        TaskOptions(name="labelled_text", roles={"a": ("One.",), "b": ("Two.",)}, neutral_roles=("N.",)), {}
    )
    assert task.prompt("x", "b", 3, own=True)[0]["content"] == "Two."
    assert task.prompt("x", "b", 3)[0]["content"] == "N."
    assert task.prompt("x", "c", 3, own=True)[0]["content"] == "N."


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{hot: {temprature: 2}}", "did you mean 'temperature'?"),
        ("{hot: {temperature: 0}}", "another temperature in hot"),
        ("{own: {temperature: 2}}", "another name for own"),
        ("{hot: {request: nothing}}", "another request in hot"),
    ],
)
def test_ways_that_cannot_be_are_refused_by_the_recipe(tmp_path, given, says):
    with pytest.raises(RecipeError) as caught:
        a_run(tmp_path, f"generate.compare={given}")
    assert says in str(caught.value)


def test_a_model_to_compare_with_that_is_not_here_is_told_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "locate_model", lambda name: None)
    run = a_run(tmp_path, "generate.compare={other: {model: /nowhere/at-all}}")
    with pytest.raises(ModelError):
        job.resolve(run.recipe)


# ---- the dry run


def test_the_dry_run_tells_of_texts(tmp_path):
    found = plan.plan(recipe_file.read("speech-augmentation", ["data.sample=true"], environment={}), runs=tmp_path)
    assert found.texts == {"labels": 2, "wanted": 2200, "most": 11000}
    assert found.seconds["generate"] > 0
    assert "2,200 of 2 labels to be kept, 11,000 drawn at most" in found.text()
    assert found.to_row()["texts"]["most"] == 11000
    none = plan.plan(
        recipe_file.read(
            "speech-augmentation",
            ["data.sample=true", "generate.per_label=0", "downstream.judge=false"],
            environment={},
        ),
        runs=tmp_path,
    )
    assert none.texts == {}
    assert "generate" not in none.seconds
