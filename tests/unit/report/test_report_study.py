"""The page of a comparison of methods."""

from __future__ import annotations

import re
from pathlib import Path

import fixture_run
import pytest
from test_report_page import Page

from tunewright.core import files
from tunewright.core.errors import RunError
from tunewright.report import plots, profile, study
from tunewright.report.charts import Series, lines
from tunewright.report.evidence import Cell
from tunewright.report.figures import Estimate


def spread(value: float) -> dict[str, float]:
    kinds = ("min", "p5", "p25", "median", "p75", "p90", "p95", "p99", "max")
    return {kind: value * (0.6 + 0.05 * place) for place, kind in enumerate(kinds)}


def make(folder: Path, methods: dict[str, float], **row) -> Path:
    rows, pairs = [], []
    for place, (method, exact) in enumerate(methods.items()):
        run = fixture_run.write(folder / "methods" / f"{method}-1", without=("few-shot",))
        scores = run / "systems" / "tuned" / "scores-grammar.json"
        written = files.read_json(scores)
        written["metrics"] |= {
            name: fixture_run.estimate(exact, 400)
            for name in ("exact_match", "overall", "semantic_f1", "structure_similarity")
        }
        written["distributions"] = {"overall": spread(exact), "seconds": spread(0.05)}
        files.write_json(scores, written)
        rows.append(
            {"method": method, "epochs": 1.0, "learning_rate": 0.002, "tried": {"0.002": 0.1, "0.02": None}, "n": 400, "run": f"methods/{method}-1",
             "cell": "tuned/grammar", "metrics": {}, "json": {}, "validation_loss": 0.1, "train_seconds": 99, "peak_memory_bytes": 10**9,
             "saved_bytes": 10**6, "trainable_parameters": 10**6, "kept": {"general text": {"after": 2.3, "difference": -0.02, "low": -0.03, "high": 0.01}}, **row}
        )  # fmt: skip
        if place:
            pairs.append(
                {"a": "methods/full-1", "b": f"methods/{method}-1", "on": "test", "metric": "exact_match", "n": 400, "a_value": 0.9, "b_value": exact,
                 "difference": exact - 0.9, "low": exact - 0.95, "high": exact - 0.85, "test": "exact McNemar", "p": 0.001, "p_holm": 0.002,
                 "verdict": "worse" if exact < 0.8 else "no difference shown", "minimum_detectable_effect": 0.03}
            )  # fmt: skip
    files.write_json(
        folder / "benchmark.json",
        {"recipe": {"name": "x", "evaluate": {"weights": {"fields": 3, "validity": 1}}}, "study": {}},
    )
    files.write_json(folder / "methods.json", {"rows": rows, "pairs": pairs, "level": 0.95})
    return folder


@pytest.fixture(scope="module")
def parsed(tmp_path_factory) -> Page:
    folder = make(tmp_path_factory.mktemp("studies") / "study", {"full": 0.9, "lora": 0.88, "ia3": 0.6})
    return Page(study.build(folder)["report.html"].read_text(encoding="utf-8"))


def test_it_says_what_the_pairs_say_and_no_more(parsed):
    assert parsed.faults == []
    assert "lora against full = no difference shown" in parsed.text
    assert (
        "ia3 against full ▼ worse On the same 400 test documents, exact match fell from 90.0 % to 60.0 %" in parsed.text
    )
    assert "▲" not in parsed.text


def test_it_has_every_part_and_speaks(parsed):
    sections = {attributes.get("id") for attributes in parsed.all("section")}
    assert sections == {"methods", "overall", "training", "cost", "examples"}
    assert len(parsed.all("table")) == len(parsed.all("caption"))
    for words in (
        "fields 75 %, valid 25 %",
        "0.002: 0.1000 (taken)",
        "2.300 −0.020 −0.030 to +0.010",
        "Time of single documents",
        "1 M",
    ):
        assert words in parsed.text, words
    assert {a["href"] for a in parsed.all("a") if not (a.get("href") or "#").startswith("#")} == {
        f"methods/{name}-1/report.html" for name in ("full", "lora", "ia3")
    }
    for index, (name, attributes) in enumerate(parsed.elements):
        if name == "svg" and "svg" not in parsed.parents[index]:
            assert attributes.get("aria-hidden") == "true" or attributes.get("aria-label")


def test_the_replies_to_its_examples_stand_side_by_side(parsed):
    captions = parsed.text.count("The replies side by side.")
    assert captions == parsed.text.count("Gold against") > 0
    shown = parsed.text.split("The replies side by side.")[1]
    assert shown.index("full") < shown.index("lora") < shown.index("ia3")


def test_valid_json_is_told_in_the_ways_that_were_measured(tmp_path, parsed):
    assert "Replies that are valid JSON." not in parsed.text
    shares = {"json_validity": fixture_run.estimate(0.9, 40), "json_validity_retries": {"value": 0.95}}
    folder = make(tmp_path / "study", {"full": 0.9, "lora": 0.8}, json=shares)
    page = Page(study.build(folder)["report.html"].read_text(encoding="utf-8"))
    told = page.text.split("Replies that are valid JSON.")[1]
    assert "System Freely With retries full 90.0 %" in told
    assert "With grammar" not in told


def test_words_of_others_are_escaped(tmp_path):
    folder = make(tmp_path / "study", {"full": 0.9, "lora": 0.8}, method=fixture_run.EVIL)
    parsed = Page(study.build(folder)["report.html"].read_text(encoding="utf-8"))
    assert parsed.faults == []
    assert not parsed.all("script") + parsed.all("img")


@pytest.mark.parametrize("tried", [{}, {"0.002": 0.1, "0.02": 0.2}])
def test_a_rate_is_called_the_best_only_where_others_were_tried(tmp_path, tried):
    folder = make(tmp_path / "study", {"full": 0.9, "lora": 0.88}, tried=tried)
    text = Page(study.build(folder)["report.html"].read_text(encoding="utf-8")).text
    assert ("did best on validation after a short training;" in text) == bool(tried)
    assert ("One learning rate was tried for each method" in text) == (not tried)
    folder = make(tmp_path / "told", {"full": 0.9, "lora": 0.88}, tried=tried, trial_steps=3)
    text = Page(study.build(folder)["report.html"].read_text(encoding="utf-8")).text
    assert ("of 3 steps, too few to tell rates apart" in text.replace("\u00a0", " ")) == bool(tried)


@pytest.mark.parametrize(("metric", "shown"), [("token_f1", "Token F1, %"), ("exact_match", "Exact match, %")])
def test_curves_are_of_what_answers_are_compared_by(tmp_path, metric, shown):
    folder = make(tmp_path / "study", {"full": 0.9})
    scores = {name: fixture_run.estimate(0.5, 40) for name in {metric, "exact_match"}}
    points = [
        {"curve": "learning", "method": "full", "x": x, "records": 100 * x, "n": 40, "metrics": scores}
        for x in (0.5, 1)
    ]
    files.write_json(folder / "curves.json", {"points": points})
    text = Page(study.build(folder)["report.html"].read_text(encoding="utf-8")).text
    assert shown in text
    assert ("Exact match, %" in text) == (metric == "exact_match")
    assert ("are those of all records" in text) == (metric == "exact_match")


def test_what_is_missing_or_damaged_is_told(tmp_path):
    with pytest.raises(RunError, match="no folder of a comparison"):
        study.build(tmp_path)
    files.write_json(tmp_path / "benchmark.json", {})
    assert "Nothing has been measured" in study.build(tmp_path)["report.html"].read_text(encoding="utf-8")
    (tmp_path / "methods.json").write_text("{", encoding="utf-8")
    assert "methods.json could not be read" in study.build(tmp_path)["report.html"].read_text(encoding="utf-8")


def test_a_bar_ends_at_its_value_and_a_box_at_its_quartiles():
    drawn = plots.bar("tuned", Estimate(0.4, 0.3, 0.5))
    assert re.search(r'class="bar"[^>]*width="40%"', drawn)
    assert 'x1="30%" x2="50%"' in drawn
    assert "bar" not in plots.bar("tuned", None)
    scale = plots.Scale([], str, log=False)
    box = plots.box("base", {"min": 0, "p5": 0.1, "p25": 0.2, "median": 0.3, "p75": 0.5, "p90": 0.6, "p95": 0.7, "p99": 0.8, "max": 1.0}, scale, longest=True)  # fmt: skip
    assert re.search(r'class="box" x="20%" width="30%"', box)
    assert re.search(r'class="median" x1="30%"', box)
    assert 'cx="100%"' in box


def test_a_logarithmic_scale_goes_round_its_values():
    scale = plots.Scale([0.0, 0.002, 0.9], str, log=True)
    assert scale.place(0.002) >= 0
    assert scale.place(0.9) <= 1
    assert scale.place(0.0) == 0
    assert [float(place) for place, _ in scale.ticks] == sorted(float(place) for place, _ in scale.ticks)


def test_a_radar_needs_three_axes_and_all_values():
    axes = [("Structure", 0.5), ("Fields", 1.0), ("Meaning", 0.25)]
    drawn = plots.radar("lora", "lora", axes, reference=[1, 1, 1])
    assert 'aria-label="lora: structure 50.0 %, fields 100 %, meaning 25.0 %"' in drawn.replace("\u00a0", " ")
    assert drawn.count('class="reference"') == 1
    assert "M0 -50L" in drawn
    assert not plots.radar("lora", "lora", axes[:2])
    assert not plots.radar("lora", "lora", [*axes, ("Valid", None)])


def test_intervals_of_a_curve_are_inside_its_frame():
    drawn = lines(
        "x", [Series("a", ((1, 50), (2, 60)), "k-0", "dots", ((1, 10, 90), (2, 55, 65)))], x_label="n", log=False
    )
    heights = [
        float(y) for pair in re.findall(r'class="k-0 span"[^>]*y1="([\d.]+)" y2="([\d.]+)"', drawn) for y in pair
    ]
    assert len(heights) == 4
    assert all(0 <= y <= 1000 for y in heights)


def test_answers_that_are_text_have_their_spread_and_no_parts():
    cell = Cell("tuned", "free", "test", {"metrics": {"chrf": 0.5}, "distributions": {"chrf": spread(0.5)}}, Path("x"))
    found = profile.overall([(cell, "tuned")], None, main=cell, reference=cell)
    assert found is not None
    assert (found["title"], found["rows"], found["radars"]) == ("Document by document", [], [])
    assert found["boxes"]["title"] == "chrF++ of single documents."
    bare = Cell("tuned", "free", "test", {"metrics": {"chrf": 0.5}, "distributions": {"chrf": {"min": 0.5}}}, Path("x"))
    assert profile.overall([(bare, "tuned")], None, main=bare, reference=bare) is None
