"""The page of a search: every sentence is there where the numbers carry it, and not where they do not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tunewright.core import files
from tunewright.report import search, search_pictures

SPACE = {
    "method": ["lora", "full"],
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True, "step": None},
    "lora_r": [4, 8, 16, 32],
    "lora_dropout": {"low": 0.0, "high": 0.1, "log": False, "step": 0.05},
}


def trial(number: int, value: float | None, state: str = "complete", **more: Any) -> dict[str, Any]:
    options = {"method": "lora", "learning_rate": 1e-3, "lora_r": 8 if number % 2 else 16, "lora_dropout": 0.05}
    return {
        "number": number, "state": state, "options": options, "value": value, "best_loss": value,
        "validations": [[0.5, (value or 2.0) + 0.1]], "seconds": 60.0, "starts": 1, "peak_memory_bytes": 1_000_000_000,
        "train_seconds": 50.0, "saved_bytes": 1_000_000, "trainable_parameters": 1000,
    } | more  # fmt: skip


def final(which: str, seed: int, loss: float, **more: Any) -> dict[str, Any]:
    row = {"which": which, "seed": seed, "run": f"finals/{which}-{seed}", "n": 100, "metrics": {"exact_match": 0.5},
           "best_loss": loss, "train_seconds": 50.0, "peak_memory_bytes": 1_000_000_000, "saved_bytes": 1_000_000}  # fmt: skip
    return row | more


def pair(
    verdict: str, low: float, high: float, metric: str = "exact_match", by_seed=(0.05, 0.06, 0.07)
) -> dict[str, Any]:
    return {
        "a": "own", "b": "best", "on": "test", "metric": metric, "n": 100, "seeds": len(by_seed), "a_value": 0.5,
        "b_value": 0.56, "difference": 0.06, "low": low, "high": high, "test": "", "p": 0.01, "p_holm": 0.02,
        "by_seed": list(by_seed), "minimum_detectable_effect": 0.07, "verdict": verdict,
    }  # fmt: skip


def share(option: str, value: float | None, matters: bool = False, beats: tuple[str, ...] = ()) -> dict[str, Any]:
    if value is None:
        return {"option": option, "n": 3, "share": None}
    return {"option": option, "n": 12, "share": value, "low": value / 2, "high": min(1.0, value * 1.2), "chance": 0.4,
            "p": 0.001, "p_holm": 0.003 if matters else 0.4, "matters": matters, "beats": list(beats)}  # fmt: skip


@pytest.fixture
def found() -> dict[str, Any]:
    """A search that shows as little as one can."""
    return {
        "name": "x-tune", "recipe": "x", "model": "wren", "metric": "validation_loss", "direction": "minimize",
        "sampler": "random", "pruner": "none", "planned": 12, "seconds": 700.0, "level": 0.95, "space": SPACE,
        "trials": [trial(number, 1.0 + 0.1 * abs(number - 5)) for number in range(12)], "best": 5, "best_is_own": False,
        "own": 0, "own_options": {"method": "lora", "learning_rate": 0.002}, "finals": [final(which, seed, 1.0) for seed in (1, 2, 3) for which in ("best", "own")],
        "pairs": [pair("no difference shown", -0.02, 0.14)], "importance": [share("learning_rate", 0.3), share("lora_r", 0.2)],
    }  # fmt: skip


def page(found: dict[str, Any]) -> str:
    return search.analysis(found).replace("\xa0", " ").replace("\u2212", "-")


def without(found: dict[str, Any], *sentences: str) -> None:
    text = page(found)
    for sentence in sentences:
        assert sentence not in text, sentence


def put(found: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return copy.deepcopy(found) | changes


def test_counts_of_states_are_said_as_they_are(found):
    assert "12 trials of x (wren): 12 complete. Chance chose them" in page(found)
    without(found, "given up", "diverged", "did not fit", "time was up", "TPE")
    ended = [
        *found["trials"][:8],
        trial(8, None, "pruned"),
        trial(9, None, "diverged"),
        trial(10, None, "out of memory"),
    ]
    text = page(put(found, trials=ended, sampler="tpe"))
    assert "11 trials of x (wren): 8 complete, 1 pruned, 1 diverged, 1 out of memory." in text
    assert "12 were planned; the time was up before." in text
    assert "1 trial was given up on the way" in text
    assert "1 trial did not fit into memory" in text
    assert "TPE tries more where it found good ones" in text


def test_who_chose_the_trials_is_said_as_it_was(found):
    tpe = put(found, sampler="tpe", n_startup_trials=5)
    assert "Chance chose the first 5, the recipe's own options aside, and TPE the others; the validation" in page(tpe)
    assert "TPE tries more where it found good ones" in page(tpe)
    few = put(tpe, trials=found["trials"][:5], best=4, own=None)
    assert "Chance chose them; the validation loss decided." in page(few)
    without(few, "TPE")
    assert "TPE chose them; the validation" in page(put(found, sampler="tpe"))  # of an older search


def test_the_best_beside_the_recipes_own(found):
    assert "Trial 5 is best: validation loss 1.000. The recipe's own options (trial 0) came to 1.500." in page(found)
    without(put(found, own=None), "The recipe's own options (trial")
    pruned = [trial(0, None, "pruned"), *found["trials"][1:]]
    assert "The recipe's own options (trial 0) were not completed: pruned." in page(put(found, trials=pruned))
    assert "| learning_rate | 0.00100 | 0.00200 |" in page(found)
    assert "| lora_r | 8 | not read |" in page(found)
    same = page(put(found, best_is_own=True, finals=[], pairs=[]))
    assert "Its options are the recipe's own: no trial did better on validation." in same
    assert "Keep the recipe's own options." in same
    assert "Take the best" not in same


def test_luck_is_told_only_where_every_other_seed_came_out_worse(found):
    lucky = [final("best", seed, loss) for seed, loss in ((1, 1.2), (2, 1.1), (3, 1.3))]
    assert (
        "1.200 on average (1.100 to 1.300), each above the trial's 1.000: the lowest of many is partly luck."
        in page(put(found, finals=lucky))
    )
    mixed = [final("best", seed, loss) for seed, loss in ((1, 1.2), (2, 0.9), (3, 1.3))]
    without(put(found, finals=mixed), "partly luck")
    scored = put(found, finals=lucky, metric="exact_match", direction="maximize")
    assert "(1.100 to 1.300), each above the trial's 1.000." in page(scored)
    without(scored, "partly luck")  # it was not picked by its loss
    without(put(found, finals=lucky[:1]), "partly luck", "on average")


def test_the_end_of_a_range_is_told_only_where_the_best_stands_there(found):
    without(found, "of what was searched")
    high = copy.deepcopy(found)
    high["trials"][5]["options"] |= {"learning_rate": 0.0099, "lora_r": 4, "lora_dropout": 0.0}
    text = page(high)
    assert "Its learning_rate stands at the upper end of what was searched: higher ones were not tried." in text
    assert "Its lora_r stands at the lower end" in text
    assert "Its lora_dropout" not in text  # nothing lies below none
    assert "Its method" not in text


def test_bits_per_byte_are_no_shares(found):
    bits = pair("better", -0.4, -0.2, "bits_per_byte", by_seed=(-0.3, -0.31)) | {
        "a_value": 2.1, "b_value": 1.8, "difference": -0.3}  # fmt: skip
    finals = [final(which, 1, 1.0, metrics={"bits_per_byte": 1.8123}) for which in ("best", "own")]
    text = page(put(found, pairs=[bits], finals=finals))
    assert "- Bits per byte: 2.100 → 1.800, -0.300 (-0.400 to -0.200), p = 0.020: better." in text
    fewer = page(put(found, pairs=[pair("better", 0.02, 0.1), bits | {"n": 98}], finals=finals))
    assert "on 100 test documents" in fewer
    assert "p = 0.020: better (n = 98)." in fewer
    assert "| best | 1 | 1.000 | 1.812 |" in text
    assert "better on test in bits per byte" in text.lower()


def test_whether_more_trials_may_help(found):
    assert "None of the 6 completed trials after it was better." in page(found)
    rows = [row if row["number"] < 10 else trial(row["number"], None, "pruned") for row in found["trials"]]
    text = page(put(found, trials=rows))
    # What would have become of those is not known.
    assert "None of the 4 completed trials after it was better; 2 of those after it were given up on the way." in text
    last = put(found, best=11, trials=[trial(number, 2.0 - 0.1 * number) for number in range(12)])
    assert "It is the last trial: more of them may find better ones." in page(last)
    without(last, "was better.")
    without(put(found, trials=found["trials"][:7]), "after it was better", "the last trial")
    rows = [trial(number, 2.0 - 0.05 * number) for number in range(10)]
    rows += [trial(number, None, "pruned") for number in range(10, 22)]
    text = page(put(found, best=9, trials=rows))
    assert "12 of those after it were given up on the way, and none was completed." in text


def test_only_what_beats_chance_is_said_to_matter(found):
    assert "No option explains more than chance would in 12 trials" in page(found)
    without(found, "matters:", "explains more than lora_r", "Too few")
    shown = put(found, importance=[share("learning_rate", 0.7, True, ("lora_r",)), share("lora_r", 0.1), share("method", None)])  # fmt: skip
    text = page(shown)
    assert "learning_rate matters: alone it explains 70 % (35 % to 84 % over bootstrapped trials)" in text
    assert "learning_rate explains more than lora_r." in text
    assert "Of lora_r it is not shown that it matters." in text
    assert "Too few completed trials have method" in text
    without(shown, "No option explains", "lora_r matters")
    without(put(found, importance=[share("learning_rate", 0.7, True), share("lora_r", 0.1)]), "explains more than")
    few = put(found, importance=[share("learning_rate", None)])
    assert "Too few trials to tell: 12 trials were completed" in page(few)
    without(few, "matters", "No option explains", "| share |")


def test_cheaper_trials_are_told_with_what_they_give_up(found):
    assert "no completed trial needs 10 % less memory than the best one (1 GB)" in page(found)
    cheap = copy.deepcopy(found)
    cheap["trials"][2] |= {"value": 1.3, "peak_memory_bytes": 500_000_000}
    cheap["trials"][3] |= {"peak_memory_bytes": 950_000_000}  # on the front, and not cheap enough to be told
    text = page(cheap)
    assert "trial 2 needs 50 % less memory (500 MB instead of 1 GB), and its validation loss is worse by 0.30" in text
    assert "no completed trial needs 10 % less time" in text
    assert "no more than another seed does" not in text
    noisy = [final("best", seed, loss) for seed, loss in ((1, 0.9), (2, 1.2), (3, 1.1))]
    assert "which is no more than another seed does" in page(put(cheap, finals=noisy))
    slow = [final("own", seed, 1.0, peak_memory_bytes=memory) for seed, memory in ((1, 4 * 10**8), (2, 10**9))]
    said = "(500 MB instead of 1 GB, which is no more than trainings of the same options differ by: up to 60 %), and"
    assert said in page(put(cheap, finals=slow))
    quiet = [final("best", seed, loss) for seed, loss in ((1, 1.0), (2, 1.01), (3, 1.02))]
    without(put(cheap, finals=quiet), "no more than another seed does")


def test_the_front_is_that_of_pareto(found):
    rows = [
        trial(0, 1.0, saved_bytes=9),
        trial(1, 1.2, saved_bytes=5),
        trial(2, 1.3, saved_bytes=6),
        trial(3, 2.0, saved_bytes=1),
    ]
    cheap = put(found, trials=rows)
    assert [row["number"] for row in search.front(cheap, "saved_bytes")] == [0, 1, 3]
    higher = put(cheap, direction="maximize", metric="exact_match")
    assert [row["number"] for row in search.front(higher, "saved_bytes")] == [3]


@pytest.mark.parametrize(
    ("pairs", "said", "absent"),
    [
        ([pair("better", 0.02, 0.1)], "Take the best trial's options (best.yaml): better on test in Exact match.", "Keep"),
        ([pair("worse", -0.1, -0.02)], "Keep the recipe's own options: the best trial's are worse on test in Exact match.", "Take"),
        ([pair("no difference shown", -0.02, 0.1)], "Keep the recipe's own options: on test no difference was shown.", "Take"),
        ([pair("better", 0.02, 0.1), pair("worse", -0.1, -0.02, "field_f1")], "It depends", "Take"),
        ([pair("better", 0.02, 0.1), pair("no difference shown", -0.1, 0.2, "field_f1")], "better on test in Exact match.", "Keep"),
    ],
)  # fmt: skip
def test_the_recommendation_follows_from_the_verdicts(found, pairs, said, absent):
    text = page(put(found, pairs=pairs))
    advice = text[text.index("## Recommendation") : text.index("## What this cannot tell")]
    assert said in advice
    assert absent not in advice


def test_costs_speak_only_where_every_training_of_one_is_cheaper(found):
    cheap = [final("best", seed, 1.0, peak_memory_bytes=500_000_000) for seed in (1, 2)] + [
        final("own", seed, 1.0) for seed in (1, 2)
    ]
    text = page(put(found, finals=cheap))
    assert "On test no difference in quality was shown, and the best trial's options (best.yaml) need less memory (500 MB instead of 1 GB). Take them where that counts." in text  # fmt: skip
    cheap[0] |= {"peak_memory_bytes": 1_100_000_000}
    without(put(found, finals=cheap), "Take them where that counts")
    dear = [final("own", seed, 1.0, train_seconds=5.0) for seed in (1, 2)] + [
        final("best", seed, 1.0) for seed in (1, 2)
    ]
    better = put(found, finals=dear, pairs=[pair("better", 0.02, 0.1)])
    assert "They cost more, though: the recipe's own need less time to train" in page(better)
    without(put(found, pairs=[pair("better", 0.02, 0.1)]), "They cost more")


def test_what_was_not_measured_on_test_is_said_and_nothing_recommended(found):
    text = page(put(found, finals=[], pairs=[]))
    assert "Nothing was measured on test (tune.seeds is 0)." in text
    assert "None: the best trial is best on validation, by which it was chosen" in text
    without(put(found, finals=[], pairs=[]), "Take the best", "seeds say little", "would have been found")


def test_limits_are_those_of_these_numbers(found):
    assert "3 seeds say little" in page(found)
    power = "of about 7.0 points would have been found in four of five such comparisons, were it the only one made"
    assert f"A difference in Exact match {power}; a smaller one less often." in page(found)
    nothing = pair("no difference shown", -0.02, 0.02) | {"a_value": 0.0, "b_value": 0.0, "difference": 0.0}
    two = [nothing, pair("no difference shown", -0.02, 0.14, "token_f1")]
    assert f"A difference in Token F1 {power}" in page(put(found, pairs=two))
    shown = put(found, pairs=[pair("better", 0.02, 0.1, by_seed=(0.1,) * 6)])
    without(shown, "seeds say little", "would have been found", "One seed was trained")
    assert "One seed was trained" in page(put(found, pairs=[pair("better", 0.02, 0.1, by_seed=(0.1,))]))
    assert "higher with 2 of 3 seeds" in page(put(found, pairs=[pair("no difference shown", -0.1, 0.1, by_seed=(0.1, 0.1, -0.1))]))  # fmt: skip
    without(found, "higher with")
    assert "All trials had the same method, learning_rate and lora_dropout." in page(found)


def test_a_score_is_told_as_one(found):
    rows = [trial(number, 0.5 + 0.01 * number) for number in range(12)]
    text = page(put(found, metric="field_f1", direction="maximize", trials=rows, best=11))
    assert "Trial 11 is best: Field F1 on validation 61.0 %." in text
    assert "on new ones its value is likely not so high." in text


def test_everything_is_written_and_pictures_only_where_there_is_something_to_draw(found, tmp_path: Path):
    files.write_json(tmp_path / "metrics_comparison.json", found)
    written = search.build(tmp_path)
    assert set(written) == {"tune_history.png", "tune_importance.png", "tune_costs.png", "optimization_analysis.md"}
    text = written["optimization_analysis.md"].read_text(encoding="utf-8")
    assert all(f"({name})" in text for name in search_pictures.PICTURES)
    for name in search_pictures.PICTURES:
        assert written[name].read_bytes().startswith(b"\x89PNG")
    bare = put(found, importance=[share("lora_r", None)])
    (tmp_path / "bare").mkdir()
    files.write_json(tmp_path / "bare" / "metrics_comparison.json", bare)
    assert "tune_importance.png" not in search.build(tmp_path / "bare")
    assert "tune_importance.png" not in (tmp_path / "bare" / "optimization_analysis.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_pictures_are_drawn_whatever_became_of_trials(found, direction):
    rows = [trial(0, 50.0), *(trial(number, 1.0 + number / 100) for number in range(1, 8))]
    rows += [trial(8, None, "pruned"), trial(9, None, "diverged"), trial(10, None, "failed", validations=[])]
    metric = "validation_loss" if direction == "minimize" else "exact_match"
    shown = put(found, trials=rows, direction=direction, metric=metric, best=1)
    assert all(draw(shown) for draw in search_pictures.PICTURES.values())
