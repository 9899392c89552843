"""What may be said: claims follow the paired test and the interval, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import fixture_run
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.report import evidence, html, sentences
from tunewright.report.evidence import Evidence, Pair

SHARE = st.floats(0, 1)
SIGNED = st.floats(-1, 1)


def pair(**changes: object) -> Pair:
    values: dict[str, object] = {
        "a": "base/free", "b": "tuned/grammar", "on": "test", "metric": "exact_match", "n": 400, "a_value": 0.1,
        "b_value": 0.3, "difference": 0.2, "low": 0.15, "high": 0.25, "test": "exact McNemar", "p": 0.001,
        "p_holm": 0.004, "primary": False, "detectable": 0.03, "verdict": "better",
    }  # fmt: skip
    return Pair(**(values | changes))  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(SHARE, SHARE, SIGNED, SIGNED, st.sampled_from(["better", "worse", "no difference shown", ""]))
def test_no_claim_without_proof(a: float, b: float, low: float, high: float, verdict: str) -> None:
    low, high = sorted((low, high))
    one = pair(a_value=a, b_value=b, difference=b - a, low=low, high=high, verdict=verdict)
    text = sentences.comparison(Evidence(Path("x"), "x"), one)
    claims = "rose" in text or "fell" in text
    assert claims == (verdict in ("better", "worse") and not low <= 0 <= high)
    assert claims != ("No difference shown" in text)
    assert "400" in text


def test_the_other_way_round() -> None:
    found = Evidence(Path("x"), "x", pairs=[pair()])
    turned = found.pair("tuned/grammar", "base/free", metric="exact_match")
    assert turned is not None
    assert (turned.difference, turned.low, turned.high) == (-0.2, -0.25, -0.15)
    assert turned.verdict == "worse"
    assert (turned.a_value, turned.b_value) == (0.3, 0.1)


def test_what_does_better_without_tuning_is_told_and_only_that(tmp_path: Path) -> None:
    folder = fixture_run.write(tmp_path / "run")
    path = folder / "metrics_comparison.json"
    assert sentences.ahead(evidence.read(folder)) == ""
    written = json.loads(path.read_text(encoding="utf-8"))
    rest = [row for row in written["pairs"] if not (row["a"] == "rules/free" and row["on"] == "test")]
    written["pairs"] = [*rest, fixture_run.pair("rules/free", "tuned/grammar", "test", 400, 0.9, 0.4)]
    path.write_text(json.dumps(written), encoding="utf-8")
    found = evidence.read(folder)
    said = sentences.ahead(found).replace("\u00a0", " ")
    assert said.startswith(
        "Without tuning, rules did better on the same documents: 90.0 %, +50.0 points (95 % interval "
    )
    assert sentences.ahead(found, "handwritten_documents") == ""
    page = html.render(found).replace("\u00a0", " ")
    assert page.index("Without tuning, rules did better") < page.index('id="systems"')


def test_a_loss_is_called_a_loss(tmp_path: Path) -> None:
    folder = fixture_run.write(tmp_path / "run")
    path = folder / "metrics_comparison.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    written["pairs"][0] = fixture_run.pair("base/free", "tuned/grammar", "test", 400, 0.5, 0.4)
    path.write_text(json.dumps(written), encoding="utf-8")
    head = sentences.headline(evidence.read(folder))
    assert head is not None
    assert head.direction == -1
    assert "fell from 50.0\u00a0% to 40.0\u00a0%: \u221210.0 points" in head.sentence


def test_without_a_paired_test_nothing_is_claimed(tmp_path: Path) -> None:
    folder = fixture_run.write(tmp_path / "run", parts=("data", "train", "scores"))
    head = sentences.headline(evidence.read(folder))
    assert head is not None
    assert not head.paired
    assert head.direction == 0
    assert "No paired test was computed, so no difference is claimed." in head.sentence


def test_slices_differ_only_where_intervals_are_apart(run_folder: Path) -> None:
    found = {finding.title: finding.text for finding in sentences.learnt(evidence.read(run_folder))}
    assert found["New wordings"].startswith("Exact match is lower by 4.0 points.")
    assert found["New entities"].startswith("No difference shown in exact match: the intervals overlap.")
    assert found["Languages"].startswith("No difference shown")
    assert "“total_amount” is right least often" in found["The hardest field"]
    assert "still falling" in found["Training"]


def test_limits_come_from_the_run(run_folder: Path, tmp_path: Path) -> None:
    full = {finding.title for finding in sentences.limits(evidence.read(run_folder))}
    assert {"Synthetic test documents", "Size of the exam", "Samples", "One training run", "Times"} <= full
    bare = fixture_run.write(tmp_path / "run", parts=("data",))
    recipe = bare / "recipe.yaml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("synth:invoices", "bills.jsonl"), encoding="utf-8")
    assert sentences.limits(evidence.read(bare)) == []


def test_text_met_in_pretraining_is_told(tmp_path: Path) -> None:
    folder = fixture_run.write(tmp_path / "run")
    row = {"time": 1_763_640_100, "stage": "evaluate", "event": "pretraining overlap", "on": "test", "records": 2000}
    with (folder / "events.jsonl").open("a", encoding="utf-8") as events:
        events.write(json.dumps(row | {"hits": 7}) + "\n")
    found = {finding.title: finding.text for finding in sentences.limits(evidence.read(folder))}
    assert found["Met in pretraining"].startswith("7 of 2,000\u00a0test documents share text")


@pytest.mark.parametrize(
    ("name", "said"),
    [("tuned/grammar", "tuned with grammar"), ("base/free", "base"), ("rules", "rules"), ("a/beam", "a, beam")],
)
def test_names_of_cells(name: str, said: str) -> None:
    assert sentences.cell_name(name) == said
