"""The overall score: a mean of its parts by the recipe's weights."""

from __future__ import annotations

import pytest

from tunewright.core.recipe import EvaluateOptions
from tunewright.evals import paired
from tunewright.evals.metrics import fields, json_validity, overall, semantic, structure
from tunewright.evals.score import score

GOLD = {"date": "5 January 2023", "name": "Asha", "sum": None}
REPLIES = [GOLD, {"date": "2023-01-05", "name": "Rohan"}, {"date": None, "name": "Asha", "more": 1}]


@pytest.fixture
def answers(answer):
    found = [answer(GOLD, reply, id=str(number)) for number, reply in enumerate(REPLIES)]
    return [*found, answer(GOLD, text="nothing", id="3")]


def scored(answers, **weights):
    options = EvaluateOptions(weights=weights) if weights else None
    examples, predictions = zip(*answers, strict=True)
    return score(examples, predictions, level=0.95, resamples=100, seed=0, options=options)


def test_it_is_the_mean_of_its_parts_by_their_weights(answers):
    found = {name: one["value"] for name, one in scored(answers)["metrics"].items()}
    parts = (found["structure_similarity"], found["field_f1"], found["semantic_f1"], found["json_validity"])
    assert found["overall"] == pytest.approx(0.2 * parts[0] + 0.4 * parts[1] + 0.3 * parts[2] + 0.1 * parts[3])
    assert found["semantic_f1"] > found["field_f1"]
    assert len({*parts}) > 2


def test_weights_are_the_recipes(answers):
    only = scored(answers, validity=2)["metrics"]
    assert only["overall"]["value"] == only["json_validity"]["value"] == 0.75
    both = scored(answers, fields=1, validity=3)["metrics"]
    assert both["overall"]["value"] == pytest.approx((both["field_f1"]["value"] + 3 * 0.75) / 4)
    for wrong in ({"quality": 1}, {"fields": -1}, {"fields": 0}):
        with pytest.raises(ValueError, match="shares of structure, fields, semantic, validity"):
            EvaluateOptions(weights=wrong)


def test_it_is_compared_with_the_same_weights(answers):
    examples = [example for example, _ in answers]
    cells = {
        "a": [one for _, one in answers],
        "b": [answers[0][1].__class__(id=str(i), text="{}", value={}) for i in range(4)],
    }
    [row] = paired.compare(
        [paired.Trial("test", examples, cells)], pairs=[("a", "b")], metrics=["overall"], level=0.95, resamples=100, seed=0,
        options=EvaluateOptions(weights={"validity": 1}),
    )  # fmt: skip
    assert (row["a_value"], row["b_value"]) == (0.75, 1.0)


def test_the_distribution_over_documents_is_told(answers):
    found = scored(answers)["distributions"]
    assert found["overall"]["max"] == 1
    assert found["overall"]["min"] < found["overall"]["median"] < 1
    assert set(found) == {"overall", "seconds"}


def test_every_part_is_there():
    assert set(overall.PARTS) == set(EvaluateOptions.model_validate({}).weights)
    assert {part[0] for part in overall.PARTS.values()} == {structure, fields, semantic, json_validity}
