"""Recipes from YAML: all faults at once with their places, changes from flags, resolved copies, fuzzed input."""

from __future__ import annotations

import json
from typing import get_args

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core import recipe_file
from tunewright.core.errors import RecipeError, TunewrightError, UsageError
from tunewright.core.recipe import NOISE_GRADES, LayoutName, Recipe
from tunewright.data.read import LAYOUTS
from tunewright.data.synth.noise import GRADES


def faults(text: str | bytes, *sets: str, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        recipe_file.parse(text, "a.yaml", sets, environment=environment or {})
    return [str(fault) for fault in caught.value.faults]


def test_all_faults_at_once_with_line_value_and_what_is_allowed():
    found = faults(
        "name: x\n"
        "modle: wren\n"
        "train:\n"
        "  learning_rate: -1\n"
        "  per_device_train_batch_size: 2.5\n"
        "  optim: sgd\n"
        "lora_r: 4\n"
        "data: 5\n"
    )
    assert found == [
        "a.yaml:2: unknown key 'modle' (did you mean 'model'?)",
        "a.yaml:4: train.learning_rate: -1 is not allowed; it must be greater than 0",
        "a.yaml:5: train.per_device_train_batch_size: 2.5 is not allowed; it must be a whole number or auto",
        "a.yaml:6: train.optim: 'sgd' is not allowed; it must be adamw, adamw_8bit, paged_adamw, paged_adamw_8bit or muon",
        "a.yaml:7: unknown key 'lora_r' (did you mean 'method.lora_r'?)",
        "a.yaml:8: data: 5 is not allowed; it must be a mapping (key: value)",
    ]


def test_a_duplicate_key_names_both_places():
    assert faults("name: x\nseed: 1\nseed: 2\n") == [
        "a.yaml:3: seed stands twice (first at a.yaml:2) (remove one of the two)"
    ]


def test_values_are_not_converted_behind_the_users_back():
    assert "true is not allowed" in faults("name: x\nseed: true\n")[0]
    assert "'5' is not allowed" in faults("name: x\nseed: '5'\n")[0]


def test_numbers_and_words_follow_yaml_1_2():
    recipe = recipe_file.parse("name: no\ndescription: 2024-01-01\ntrain: {learning_rate: 1e-4}\n", "a", environment={})
    assert (recipe.name, recipe.description, recipe.train.learning_rate) == ("no", "2024-01-01", 1e-4)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("- a\n- b\n", "mapping"),
        ("just words", "mapping"),
        (b"\xff\xfe\x00\x01", "UTF-8"),
        ("a: *b", "aliases"),
        ("a: &a [x]\nb: [*a, *a]\n", "aliases"),
        ("name: x\na: [", "not YAML"),
        ("name: !!python/object/apply:os.system ['echo hi']\n", "tag"),
        ("name: !!python/name:os.system ''\n", "tag"),
        ("a: " + "[" * 2000 + "]" * 2000, "levels deep"),
        ("a: " + "{a: " * 90 + "1" + "}" * 90, "levels deep"),
        ("a: " + "x" * recipe_file.MAX_BYTES, "at most"),
        ("name: x\n? [1, 2]\n: 3\n", "a key must be text"),
        ("name: x\n1: 3\n", "a key must be text"),
        ("name: x\nseed: " + "9" * 5000, "cannot be read as a number"),
        ("name: x\ntrain: {learning_rate: .inf}", "not a number"),
        ("name: x\ntrain: {learning_rate: .nan}", "not a number"),
        ('name: "\\ud800"\n', "half a character"),
        ("name: x\x00y\n", "not YAML"),
        ("name: a\n---\nname: b\n", "not YAML"),
        ("name: ../../etc\n", "name"),
    ],
)
def test_hostile_files_are_refused_with_a_place(text, says):
    found = faults(text)
    assert any(says in fault for fault in found), found
    assert all(fault.startswith("a.yaml") for fault in found)


def test_flags_change_nested_keys_and_their_faults_name_the_flag():
    recipe = recipe_file.parse(
        "name: x\n", "a", ["train.max_steps=5", "evaluate.systems=[base]", "seed=3"], environment={}
    )
    assert (recipe.train.max_steps, recipe.evaluate.systems, recipe.seed) == (5, ("base",), 3)
    assert sorted(faults("name: x\n", "trian.max_steps=5", "seed=-1")) == [
        "--set seed=-1: seed: -1 is not allowed; it must be 0 or more",
        "--set trian.max_steps=5: unknown key 'trian' (did you mean 'train'?)",
    ]
    assert faults("name: x\n", "seed", "model=[") == [
        "--set seed: is not of the form key=value (for example --set train.learning_rate=1e-4)",
        "--set model=[: is not YAML: expected the node content, but found '<stream end>'",
    ]


def test_a_flag_goes_before_the_environment_and_that_before_the_file():
    environment = {"TUNEWRIGHT_SET": "seed=2 train.max_steps=7"}
    recipe = recipe_file.parse("name: x\nseed: 1\n", "a", ["seed=3"], environment=environment)
    assert (recipe.seed, recipe.train.max_steps) == (3, 7)
    assert faults("name: x\n", environment={"TUNEWRIGHT_SET": "sed=2"})[0].startswith(
        "TUNEWRIGHT_SET sed=2: unknown key"
    )
    assert "split" in faults("name: x\n", environment={"TUNEWRIGHT_SET": "seed='2"})[0]


def test_a_value_may_hold_equals_signs_and_stay_empty():
    recipe = recipe_file.parse("name: x\n", "a", ["description=a=b", "task.instruction="], environment={})
    assert (recipe.description, recipe.task.instruction) == ("a=b", "")


def test_relative_paths_of_a_file_begin_beside_it_and_its_schema_is_read_in(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / "rows.jsonl").write_text("{}\n")
    (home / "schema.json").write_text('{"type": "object"}')
    (home / "r.yaml").write_text("name: x\ndata: {source: rows.jsonl}\ntask: {json_schema: schema.json}\n")
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    recipe = recipe_file.read(home / "r.yaml", ["model=./model"], environment={})
    assert recipe.data.source == str(home / "rows.jsonl")
    assert recipe.task.json_schema == {"type": "object"}
    assert recipe.model == str(tmp_path / "model")
    (home / "schema.json").write_text("[1]")
    with pytest.raises(RecipeError, match=r"r\.yaml:3: .*JSON object"):
        recipe_file.read(home / "r.yaml", environment={})


def test_a_plain_name_means_the_folder_beside_the_file_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    (home / "docs").mkdir(parents=True)
    (home / "mine").mkdir()
    (home / "r.yaml").write_text("name: x\nmodel: mine\ndata: {source: docs}\n")
    recipe = recipe_file.read(home / "r.yaml", environment={})
    assert (recipe.model, recipe.data.source) == ("mine", str(home / "docs"))
    (home / "mine" / "config.json").write_text("{}")
    assert recipe_file.read(home / "r.yaml", environment={}).model == str(home / "mine")


def test_one_key_of_a_mapping_leaves_its_other_defaults():
    plain = Recipe(name="x").data.noise
    recipe = recipe_file.parse("name: x\n", "a", ["data.noise.heavy=0.2"], environment={})
    assert recipe.data.noise == {**plain, "heavy": 0.2}
    own = recipe_file.parse("name: x\ndata: {noise: {none: 1}}\n", "a", ["data.noise.heavy=0.2"], environment={})
    assert own.data.noise == {"none": 1, "heavy": 0.2}


def test_names_of_tasks_layouts_and_noise_are_checked_with_the_rest():
    page = "name: x\ntask: {name: extractoin}\ndata:\n  layout: alpacca\n  noise: {havy: 1}\nmethod: {name: laro}\n"
    assert faults(page) == [
        "a.yaml:2: task.name: 'extractoin' is not allowed; it must be conversation, extraction, labelled_text, question_answering or text_to_json (--code FILE adds a task of your own)",
        (
            "a.yaml:4: data.layout: 'alpacca' is not allowed; it must be auto, record, messages, sharegpt, alpaca, "
            "prompt_completion, prompt_reference, question_answer, paper, labelled or text"
        ),
        (
            'a.yaml:5: data.noise: {"havy": 1} is not allowed; it must be shares of none, light, medium, heavy, none below 0 '
            "and not all 0"
        ),
        (
            "a.yaml:6: method.name: 'laro' is not allowed; it must be adalora, dora, full, hybrid, ia3, last-layers, lora, "
            "lora-plus, pissa, qdora, qlora or rslora (--code FILE adds a method of your own)"
        ),
    ]
    assert {"auto", *LAYOUTS} == set(get_args(LayoutName))
    assert set(NOISE_GRADES) == set(GRADES)


def test_names_that_are_not_paths_stay_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wren").mkdir()
    recipe = recipe_file.parse("name: x\nmodel: wren\ndata: {source: 'synth:invoices'}\n", "a", environment={})
    assert (recipe.model, recipe.data.source) == ("wren", "synth:invoices")


def test_a_missing_recipe_answers_with_the_near_name(monkeypatch, tmp_path):
    monkeypatch.setattr(recipe_file, "shipped", lambda: {"invoices": tmp_path / "invoices.yaml"})
    with pytest.raises(UsageError) as caught:
        recipe_file.find("invoises")
    assert caught.value.hint == "did you mean 'invoices'?"
    with pytest.raises(UsageError, match="no such recipe file"):
        recipe_file.find("nowhere.yaml")
    with pytest.raises(UsageError):
        recipe_file.find("a\0b")


def test_every_shipped_recipe_reads():
    for name, path in recipe_file.shipped().items():
        recipe = recipe_file.read(name, environment={})
        assert recipe.name == path.stem
        assert recipe.description, name


def test_the_resolved_copy_spells_out_every_default_and_reads_back_the_same():
    recipe = recipe_file.parse(
        "name: x\ndescription: '1e-4'\ndata: {columns: {text: 'no', id: '010'}}\n", "a", environment={}
    )
    text = recipe_file.resolved(recipe)
    assert set(yaml.safe_load(text)["train"]) == set(Recipe(name="x").train.model_dump())
    again = recipe_file.parse(text, "b", environment={})
    assert again == recipe
    assert recipe_file.content_hash(again) == recipe_file.content_hash(recipe)


def test_the_hash_sees_what_changes_results_and_nothing_else():
    def digest(text: str) -> str:
        return recipe_file.content_hash(recipe_file.parse(text, "a", environment={}))

    assert digest("name: x\n") == digest("name: x\ndescription: other words\ndata: {workers: 2}\n")
    assert digest("name: x\nmethod: {lora_alpha: 64}\n") == digest("name: x\nmethod: {lora_alpha: 64.0}\n")
    assert digest("name: x\n") != digest("name: x\nseed: 1\n")


def test_differences_name_the_keys():
    one, other = (recipe_file.parse(f"name: x\nseed: {seed}\n", "a", environment={}) for seed in (1, 2))
    assert recipe_file.differences(one, other) == [("seed", 1, 2)]


def test_the_json_schema_for_editors_accepts_a_resolved_recipe_and_refuses_an_unknown_key():
    validator = jsonschema_rs.validator_for(recipe_file.json_schema())
    data = recipe_file.plain(Recipe(name="x"))
    assert validator.is_valid(data)
    assert not validator.is_valid(data | {"modle": "wren"})


yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
known_keys = st.sampled_from(list(Recipe.model_fields))


def attempt(text: str | bytes, *sets: str, environment: dict[str, str] | None = None) -> Recipe | TunewrightError:
    """The recipe, or the error made for people; any other error fails the test."""
    try:
        return recipe_file.parse(text, "a.yaml", sets, environment=environment or {})
    except TunewrightError as error:
        return error


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(known_keys | st.text(max_size=6), yaml_values, max_size=5))
def test_fuzzed_mappings_give_a_recipe_or_faults_with_places(data):
    outcome = attempt(json.dumps(data, ensure_ascii=False))
    if isinstance(outcome, Recipe):
        assert attempt(recipe_file.resolved(outcome)) == outcome
    else:
        assert isinstance(outcome, RecipeError)
        assert all(fault.where and fault.where.startswith("a.yaml") for fault in outcome.faults)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="ab: {}[]&*!?|>-\n\t\"'%@`#\\x0,~", max_size=40))
def test_fuzzed_bytes_never_escape_as_another_error(content):
    assert str(attempt(content))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_fuzzed_flags_never_escape_as_another_error(left, right):
    assert str(attempt("name: x\n", f"{left}={right}", left, environment={"TUNEWRIGHT_SET": right}))


words = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(words, words, max_size=3), words)
def test_any_text_survives_the_resolved_copy(columns, description):
    recipe = Recipe.model_validate({"name": "x", "description": description, "data": {"columns": columns}})
    assert attempt(recipe_file.resolved(recipe)) == recipe
