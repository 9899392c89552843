"""The dry run: true counts, nothing written, no weights."""

from __future__ import annotations

import copy
import json

import pytest

import tiny_models
from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError, ModelError, UsageError
from tunewright.flow import begin, job, plan


@pytest.fixture
def model(tmp_path_factory):
    folder = tiny_models.save("wren", tmp_path_factory.mktemp("model"))
    (folder / "model.safetensors").write_bytes(b"not weights: nobody may open them")
    return folder


@pytest.fixture
def recipe(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    begin.begin("mine")

    def read(*sets):
        return recipe_file.read("mine/recipe.yaml", [f"model={model}", *sets], environment={})

    return read


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_counts_what_the_job_does_and_writes_nothing(recipe, tmp_path):
    before = snapshot(tmp_path)
    made = plan.plan(recipe(), runs=tmp_path / "runs")
    assert snapshot(tmp_path) == before
    assert not (tmp_path / "runs").exists()
    network = tiny_models.model("wren")
    assert made.parameters == sum(weight.numel() for weight in network.parameters())
    assert made.trainable_parameters == lora_parameters(network, 32)
    done = job.run(recipe(), runs=tmp_path / "runs", until="data")
    assert made.records == {name: done.counts[name] for name in ("train", "validation", "test")}
    assert made.steps == -(-made.records["train"] // 4) * 10
    assert made.answers["tuned/grammar"] == made.records["test"]
    assert made.prompt_tokens > made.reply_tokens > 5
    assert made.longest >= made.prompt_tokens + made.reply_tokens
    assert all(seconds > 0 for seconds in made.seconds.values())
    assert made.memory_bytes > made.parameters * 4
    json.dumps(made.to_row())
    text = made.text()
    for word in ("time", "memory", "disk", "steps", "Nothing was written"):
        assert word in text
    again = plan.plan(recipe(), runs=tmp_path / "runs")
    assert again.done == ("data",)
    assert "data" not in again.seconds
    several = plan.plan(recipe("decode.candidates=40"), runs=tmp_path / "other")
    assert several.seconds["evaluate"] > 1.5 * made.seconds["evaluate"]


def test_what_is_measured_beside_answers_takes_time_too(tmp_path, model, monkeypatch):
    monkeypatch.setattr(plan._Shape, "speed", lambda shape: 1e9)
    monkeypatch.setattr(plan.pace, "of", lambda config, **how: plan.pace.Pace(1e-5, 1e-5))
    rows = [{"question": f"What is number {n}?", "answer": f"It is {n}."} for n in range(60)]
    files.write_json(tmp_path / "rows.json", rows)
    without = ["evaluate.likelihood=false", "evaluate.ranking.distractors=0", "evaluate.prompts=[]"]
    base = ["data.source=" + str(tmp_path / "rows.json"), f"model={model}", "evaluate.exams=[]"]

    def seconds(*sets):
        recipe = recipe_file.read("medical-qa", [*base, *sets], environment={})
        return plan.plan(recipe, runs=tmp_path / "runs").seconds["evaluate"]

    nothing, everything = seconds(*without), seconds()
    texts, ranked, asked = (seconds(*(one for one in without if one is not left)) - nothing for left in without)
    assert min(texts, ranked, asked) > 0
    assert everything - nothing == pytest.approx(texts + ranked + asked, abs=0.3)  # seconds are rounded
    assert seconds(*without[:2], 'evaluate.prompts=["Why?", "Who?"]') - nothing > 0


def test_a_cross_validation_is_so_many_trainings(recipe, tmp_path):
    one, five = (plan.plan(recipe(f"evaluate.folds={k}", "evaluate.sample=7"), runs=tmp_path / "runs") for k in (0, 5))
    assert (one.trainings, five.trainings) == (1, 5)
    assert five.records["test"] == 4
    assert five.answers["tuned/grammar"] == 20
    assert five.answers["base/free"] == 10, "a fifth of 7, rounded up, in every fold"
    assert "5 trainings, one a fold, each of" in five.text()
    assert "trainings" not in one.text()
    done = job.run(recipe("evaluate.folds=5", "evaluate.sample=7"), runs=tmp_path / "runs", until="data")
    again = plan.plan(recipe("evaluate.folds=5", "evaluate.sample=7"), runs=tmp_path / "runs")
    assert again.done == ("data",)
    assert again.records["train"] == max(fold["train"] for fold in done.folds)
    with pytest.raises(UsageError, match="not dealt into folds"):
        plan.plan(recipe("evaluate.folds=5", "data.source=synth:invoices"), runs=tmp_path / "runs")


def lora_parameters(network, rank):
    import peft

    made = peft.get_peft_model(copy.deepcopy(network), peft.LoraConfig(r=rank, target_modules="all-linear"))
    return sum(weight.numel() for weight in made.parameters() if weight.requires_grad)


@pytest.mark.parametrize(
    ("family", "targets"),
    [
        ("gpt2", "all-linear"),
        ("opt", "all-linear"),
        ("gpt2", ["c_attn"]),
        ("opt", ["q_proj", "v_proj"]),
        ("opt", r".*\.fc1"),
    ],
)
def test_an_adapter_has_the_size_that_peft_gives_it(recipe, tmp_path_factory, family, targets):
    import peft

    folder = tiny_models.save(family, tmp_path_factory.mktemp(family))
    made = plan.plan(recipe(f"model={folder}", f"method.target_modules={json.dumps(targets)}", "method.lora_r=3"))
    network = copy.deepcopy(tiny_models.model(family))
    adapted = peft.get_peft_model(network, peft.LoraConfig(r=3, target_modules=targets, task_type="CAUSAL_LM"))
    assert made.trainable_parameters == sum(p.numel() for p in adapted.parameters() if p.requires_grad) > 0


def test_planning_fetches_no_weights(monkeypatch, tmp_path):
    import huggingface_hub

    from tunewright.models.load import locate

    asked = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **more: asked.append(more) or tmp_path)
    locate("someone/some-model", weights=False)
    locate("someone/some-model")
    assert ["*.safetensors" in one["allow_patterns"] for one in asked] == [False, True]


def test_what_would_not_fit_is_said(recipe, monkeypatch):
    monkeypatch.setattr(plan.meter, "free_memory", lambda: 1)
    made = plan.plan(recipe("train.max_length=16", "evaluate.exams=[nowhere]"))
    assert any("memory" in each for each in made.warnings)
    assert any("max_length is 16" in each for each in made.warnings)
    assert any("'nowhere' is not here" in each for each in made.warnings)
    assert plan.plan(recipe("evaluate.systems=[base]")).steps == 0


def test_what_the_job_would_refuse_is_refused(recipe):
    with pytest.raises(DataError):
        plan.plan(recipe("data.source=nowhere"))
    with pytest.raises(ModelError):
        plan.plan(recipe("model=/nowhere/at/all"))


def test_bad_rows_are_counted(recipe, tmp_path):
    with open("mine/data.jsonl", "a") as file:
        file.write("{\n")
    assert any("1 rows cannot be used" in each for each in plan.plan(recipe()).warnings)


def test_data_whose_own_keys_the_recipe_calls_otherwise_is_planned_with_the_recipes(tmp_path):
    """The sample's schema says article_id where the recipe's says id."""
    found = plan.plan(recipe_file.read("paper-metadata", ["data.sample=true"], environment={}), runs=tmp_path)
    assert found.records["train"] > found.records["test"] > 0


@pytest.mark.parametrize(
    ("family", "sets", "shares"),
    [
        ("wren", (), True),
        ("wren", ("method.lora_dropout=0.05",), False),
        ("wren", ("train.neftune_noise_alpha=5",), False),
        ("wren", ("train.share_prefix=false",), False),
        ("opt", (), False),
        ("gpt2", (), False),
    ],
)
def test_a_prefix_is_planned_as_shared_where_training_shares_it(
    recipe, tmp_path_factory, monkeypatch, family, sets, shares
):
    """OPT and GPT-2 draw numbers in training (dropout): there a shared prefix would not be exact."""
    batches = []
    usual = plan.memory.need

    def need(trainable, options, batch, **others):
        batches.append(batch)
        return usual(trainable, options, batch, **others)

    monkeypatch.setattr(plan.memory, "need", need)
    folder = tiny_models.save(family, tmp_path_factory.mktemp(family))
    plan.plan(recipe(f"model={folder}", *sets))
    assert {batch.shared > 0 for batch in batches} == {shares}
