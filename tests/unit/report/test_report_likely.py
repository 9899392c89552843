"""What the report says of likelihoods and rankings is what was compared, and no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunewright.report import html, likely
from tunewright.report.evidence import Evidence

CHANGE = {"before": 2.0, "after": 1.0, "difference": -1.0, "low": -1.2, "high": -0.8, "p": 0.001, "fall": 0.5,
          "fall_low": 0.4, "fall_high": 0.6, "verdict": "better"}  # fmt: skip
NONE = "no difference shown"


def evidence(tmp_path: Path, change: dict[str, object] = {}, pair: dict[str, object] = {}) -> Evidence:  # noqa: B006
    score = {"bits_per_byte": 2.0, "low": 1.9, "high": 2.1, "perplexity": 12.0}
    rank = {"a": "words", "b": "tuned", "difference": 0.2, "low": 0.1, "high": 0.3, "p_holm": 0.01, "verdict": "better"}
    return Evidence(tmp_path, "x", compared={
        "likelihood": {"n": 120, "groups": 40, "left_out": 3, "systems": {"base": {"answers": score}},
                       "change": {"answers": CHANGE | change},
                       "slices": {"answers": {"seen": {"n": 9} | CHANGE}, "fold": {"1": {"n": 6} | CHANGE}}},
        "general": {"general text": {"n": 20, "before": 2.3, "after": 2.9, "difference": 0.6, "low": 0.4, "high": 0.8}},
        "ranking": {"n": 100, "groups": 30, "chance": 0.25, "distractors": 4, "subject": "qtype",
                    "rankers": {"words": {"value": 0.4, "low": 0.3, "high": 0.5}}, "pairs": [rank | pair]},
    })  # fmt: skip


def test_a_fall_is_told_with_its_interval(tmp_path: Path) -> None:
    said = likely.fall_sentence(evidence(tmp_path))
    assert "fell from 2.00 to 1.00" in said
    assert "40.0–60.0" in said
    assert "120 test documents of 40 groups" in said
    rose = {"difference": 1.0, "after": 3.0, "fall": -0.5, "fall_low": -0.6, "fall_high": -0.4, "verdict": "worse"}
    assert "rose from 2.00 to 3.00" in likely.fall_sentence(evidence(tmp_path, rose))
    assert likely.fall_sentence(Evidence(tmp_path, "x")) == ""


def test_nothing_is_claimed_inside_an_interval(tmp_path: Path) -> None:
    found = evidence(tmp_path, {"verdict": NONE}, {"verdict": NONE})
    assert "no difference is shown" in likely.fall_sentence(found)
    assert "not shown to rank" in likely.ranking_sentence(found)
    assert "fell" not in likely.fall_sentence(found)
    assert likely.findings(found)[-1][1].endswith("was forgotten.")
    found.compared["general"]["general text"]["low"] = -0.1
    assert likely.findings(found)[-1][1].endswith("no difference is shown.")


@pytest.mark.parametrize(("verdict", "word"), [("better", "above"), ("worse", "below")])
def test_which_ranker_is_above_is_said(tmp_path: Path, verdict: str, word: str) -> None:
    assert f"right answers {word} word overlap" in likely.ranking_sentence(evidence(tmp_path, {}, {"verdict": verdict}))


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    found = evidence(tmp_path)
    asked = likely.ranking(found)
    assert asked is not None
    assert "do not fit" not in asked["lede"]
    found.compared["ranking"]["left_out"] = 12
    asked = likely.ranking(found)
    assert asked is not None
    assert asked["lede"].endswith("would be right. 12 more do not fit into the model.")


def test_the_page_shows_it_and_escapes_what_prompts_say(tmp_path: Path) -> None:
    for system, reply in (("base", "<b>x</b>"), ("tuned", "y" * 3000)):
        (tmp_path / "systems" / system).mkdir(parents=True)
        rows = [
            {"prompt": prompt, "reply": reply, "finish": "stop"}
            for prompt in ("Why <i>?", "a | 1\nb | 2\n\nHow many b?")
        ]
        (tmp_path / "systems" / system / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = html.render(evidence(tmp_path))
    assert '<td class="num">−1.000<span class="note">−1.200 to −0.800</span>' in page
    assert '<th scope="row">Fold 1<span class="note">n = 6' in page
    assert "What it finds likely" in page
    assert '<h4 dir="auto">How many b?</h4></header><pre dir="auto">a | 1\nb | 2</pre>' in page
    assert '<h4 dir="auto">Why &lt;i&gt;?</h4></header><p' in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x</b>" not in page
    assert "y" * 2000 + " …" in page
    assert "y" * 2001 not in page
    assert "3 do not fit into the model" in page
    assert "word overlap → tuned" in page
    assert "What it finds likely" not in html.render(Evidence(tmp_path, "x"))
