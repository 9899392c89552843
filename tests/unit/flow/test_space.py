"""What a search varies, and the recipe that a choice makes."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tunewright.core import recipe_file
from tunewright.core.errors import RecipeError, UsageError
from tunewright.core.recipe import ADAPTER_OPTIONS, MethodOptions, Range, Recipe, searchable
from tunewright.flow import space
from tunewright.flow.space import Space, alike, reads, ticks


def recipe(*sets: str) -> Recipe:
    return recipe_file.read("smoke", sets, environment={})


class Fixed:
    """A trial that takes the highest of everything, or what it was given, and notes what it was asked."""

    def __init__(self, **given):
        self.given, self.asked = given, []

    def _take(self, name, value):
        self.asked.append(name)
        return self.given.get(name, value)

    def suggest_categorical(self, name, choices):
        return self._take(name, choices[-1])

    def suggest_int(self, name, low, high, *, step, log):
        assert all(isinstance(one, int) for one in (low, high, step))
        return self._take(name, high)

    def suggest_float(self, name, low, high, *, step, log):
        return self._take(name, high)


EVERYTHING = (
    "tune.space={lora_r: [4, 8], init_r: {low: 10, high: 20}, trainable_layers: [0, 1], method: [full, lora, adalora], "
    "learning_rate: {low: 1e-4, high: 1e-2, log: true}}"
)


@pytest.mark.parametrize(
    ("method", "drawn"),
    [
        ("full", ["method", "trainable_layers", "learning_rate"]),
        ("lora", ["method", "lora_r", "trainable_layers", "learning_rate"]),
        ("adalora", ["method", "init_r", "learning_rate"]),
    ],
)
def test_options_that_a_method_does_not_read_are_not_drawn_for_it(method, drawn):
    trial = Fixed(method=method)
    values = Space.of(recipe(EVERYTHING)).ask(trial)
    assert trial.asked == drawn == list(values)


def test_every_adapter_reads_what_its_file_reads():
    """The table of options by adapter against the sources: what an adapter's file names it reads."""
    folder = Path(space.__file__).parents[1] / "models" / "methods"
    shared = (folder / "_shared.py").read_text(encoding="utf-8")
    targets = shared[shared.index("def targets") : shared.index("def short")]
    for adapter, known in ADAPTER_OPTIONS.items():
        text = (folder / f"{adapter}.py").read_text(encoding="utf-8") + (targets if adapter != "full" else "")
        named = {key for key in MethodOptions.model_fields if f"options.{key}" in text}
        named -= {"trainable_layers"} if adapter in ("adalora", "ia3") else set()  # they train no layers whole
        assert named <= known, adapter
    assert not reads("full", "lora_r")
    assert reads("qlora", "lora_r")
    assert reads("full", "learning_rate")
    assert reads("one-of-my-own", "lora_r")


def test_values_become_the_recipe_of_a_trial():
    around = Space.of(
        recipe(
            "tune.space={target_modules: [all-linear, [q_proj, v_proj]], lora_r: [4, 8], method: [lora, full, dora]}"
        )
    )
    made = around.recipe_of({"target_modules": "q_proj,v_proj", "lora_r": 4})
    assert (made.method.target_modules, made.method.lora_r, made.method.name) == (("q_proj", "v_proj"), 4, "lora")
    assert made.evaluate.systems == ("tuned",)
    assert made.data == recipe().data
    other = around.recipe_of({"method": "dora", "lora_r": 8})
    assert (other.method.use_dora, other.method.lora_r) == (True, 8)


def test_an_adapter_in_the_place_of_a_whole_model_learns_with_adamw():
    around = Space.of(recipe("method.name=full", "train.optim=muon", "tune.space={method: [full, lora]}"))
    assert around.recipe_of({"method": "full"}).train.optim == "muon"
    assert around.recipe_of({"method": "lora"}).train.optim == "adamw"


def test_options_that_do_not_go_together_are_told():
    around = Space.of(recipe("method.name=adalora", "tune.space={target_r: [8, 16]}"))
    with pytest.raises(UsageError, match=r"do not go together.*target_r below init_r"):
        around.recipe_of({"target_r": 16})
    assert around.recipe_of({"target_r": 8}).method.target_r == 8


def test_the_recipes_own_options_where_they_lie_in_the_space():
    assert Space.of(recipe()).own() == {
        "learning_rate": 0.002, "per_device_train_batch_size": 8, "lora_r": 32, "lora_alpha": 64, "lora_dropout": 0.0,
        "target_modules": "all-linear",
    }  # fmt: skip
    assert Space.of(recipe("train.learning_rate=0.5")).own() is None
    assert Space.of(recipe("method.lora_dropout=0.03")).own() is None
    assert Space.of(recipe("method.lora_r=7")).own() is None


def test_a_grid_has_every_combination_once():
    points = Space.of(recipe(EVERYTHING)).points(2)
    assert len(points) == 2 * 2 + 2 * 2 * 2 + 2 * 2
    assert len({str(sorted(point.items())) for point in points}) == len(points)
    assert all("lora_r" not in point for point in points if point["method"] != "lora")
    own = Space.of(recipe()).axes
    assert ticks("learning_rate", own["learning_rate"], 3) == [1e-4, pytest.approx(1e-3), 1e-2]
    assert ticks("lora_dropout", own["lora_dropout"], 9) == [0, 0.05, 0.1]
    ranges = Space.of(recipe("tune.space={lora_r: {low: 4, high: 6}}")).axes
    assert ticks("lora_r", ranges["lora_r"], 5) == [4, 5, 6]


STEPS = "learning_rate: {low: 0.05, high: 0.2, step: 0.05}, lora_dropout: {low: 0.1, high: 0.3, step: 0.1}"
DUSTY = {"learning_rate": 0.05 + 2 * 0.05, "lora_dropout": 0.1 + 2 * 0.1}


def test_steps_are_the_numbers_that_one_would_write_and_end_where_the_range_does():
    axes = Space.of(recipe(f"tune.space={{{STEPS}, weight_decay: {{low: 0.1, high: 0.7, step: 0.2}}}}")).axes
    assert ticks("learning_rate", axes["learning_rate"], 9) == [0.05, 0.1, 0.15, 0.2]
    assert ticks("lora_dropout", axes["lora_dropout"], 9) == [0.1, 0.2, 0.3]
    assert ticks("weight_decay", axes["weight_decay"], 9) == [0.1, 0.3, 0.5, 0.7]
    thirds = Range(low=1 / 3, high=2 / 3, step=1 / 9)
    assert ticks("lora_dropout", thirds, 9)[-1] == 2 / 3  # not above it, where twelve digits are
    decades = Range(low=1e-5, high=1e-1, log=True)
    assert ticks("learning_rate", decades, 5) == [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]


def test_optuna_takes_every_point_of_a_grid_as_one_of_its_own():
    optuna = pytest.importorskip("optuna")
    around = Space.of(recipe(f"tune.space={{{STEPS}}}"))
    study = optuna.create_study()
    for point in around.points(1):
        study.enqueue_trial(point)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert around.ask(study.ask()) == point


def test_own_options_are_on_the_grid_whatever_their_last_digits():
    given = {"learning_rate": 0.15, "lora_dropout": 0.3}
    for values in (given, DUSTY):
        sets = [f"train.learning_rate={values['learning_rate']!r}", f"method.lora_dropout={values['lora_dropout']!r}"]
        around = Space.of(recipe(f"tune.space={{{STEPS}}}", *sets))
        assert around.own() == given
        assert around.own() in around.points(1)
    assert Space.of(recipe(f"tune.space={{{STEPS}}}", "train.learning_rate=0.1501", *sets[1:])).own() is None


def test_a_step_that_optuna_summed_up_is_written_plainly():
    around = Space.of(recipe(f"tune.space={{{STEPS}, lora_r: {{low: 4, high: 8}}}}"))
    made = around.recipe_of({**DUSTY, "lora_r": 4})
    assert (made.train.learning_rate, made.method.lora_dropout, made.method.lora_r) == (0.15, 0.3, 4)
    assert around.settled({**DUSTY, "lora_r": 4}) == {"learning_rate": 0.15, "lora_dropout": 0.3, "lora_r": 4}
    assert type(around.settled({"lora_r": 4})["lora_r"]) is int
    whole = Space.of(recipe("tune.space={learning_rate: {low: 1e-5, high: 1e-1, log: true}}"))
    assert whole.recipe_of({"learning_rate": 0.012345678901234567}).train.learning_rate == 0.012345678901234567
    assert alike(DUSTY, {"learning_rate": 0.15, "lora_dropout": 0.3})
    assert not alike(DUSTY, {"learning_rate": 0.15})


def test_a_method_that_there_is_not_and_a_space_that_nothing_reads_are_refused():
    with pytest.raises(UsageError) as caught:
        Space.of(recipe("tune.space={method: [lora, loar]}"))
    assert caught.value.hint == "did you mean 'lora'?"
    with pytest.raises(UsageError, match="the method full reads none of lora_r"):
        Space.of(recipe("method.name=full", "tune.space={lora_r: [4, 8]}"))


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("{lerning_rate: {low: 1, high: 2}}", "did you mean 'learning_rate'?"),
        ("{method.lora_r: [4, 8]}", "did you mean 'lora_r'?"),
        ("{name: [lora]}", "the name of an option of method or train"),
        ("{lora_r: [8, 0]}", "lora_r has values that it may have: 0 is none"),
        ("{lora_r: {low: 4, high: 8.5}}", "whole numbers, unlike 8.5"),
        ("{lora_r: {low: 9, high: 8}}", "low is below its high"),
        ("{lora_r: {low: 9, hihg: 80}}", "did you mean 'tune.space.lora_r.high'?"),
        ("{lora_r: {low: 9}}", "tune.space.lora_r.high is missing"),
        ("{lora_r: {low: a, high: 80}}", "tune.space.lora_r.low: 'a' is not allowed; it must be a number"),
        ("{learning_rate: {low: 0, high: 1, log: true}}", "log only where low is above 0"),
        ("{optim: {low: 1, high: 2}}", "optim has a list of values"),
        ("{optim: [adamw, adam]}", "'adam' is none"),
        ("{lora_r: []}", "different values, one at least"),
        ("{lora_r: [8, 8]}", "different values, one at least"),
        ("{lora_r: 8}", "it must be a list"),
    ],
)
def test_faults_of_a_space_are_told_with_what_is_meant(space, said):
    with pytest.raises(RecipeError) as caught:
        recipe(f"tune.space={space}")
    assert said in str(caught.value)


def test_one_axis_is_changed_without_the_others_and_the_page_reads_back():
    read = recipe("tune.space.num_train_epochs={low: 1, high: 4}")
    assert set(read.tune.space) == {*recipe().tune.space, "num_train_epochs"}
    again = recipe_file.parse(recipe_file.resolved(read), "again", environment={})
    assert again.tune == read.tune
    assert set(recipe().tune.space) <= set(searchable())


def test_a_search_makes_no_other_run_of_a_recipe():
    assert recipe_file.content_hash(recipe("tune.trials=3")) == recipe_file.content_hash(recipe())
    assert recipe_file.content_hash(recipe("seed=3")) != recipe_file.content_hash(recipe())
