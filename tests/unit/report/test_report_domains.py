"""The page of several domains shows its matrix, escapes it, and says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.core import files, recipe_file
from tunewright.core.errors import RunError, UsageError
from tunewright.flow.domains import Study, text
from tunewright.report import domains

CELL = {"n": 9, "asked": 11, "groups": 4, "bits_per_byte": {"bits_per_byte": 2.5, "low": 2.4, "high": 2.6, "perplexity": 9.0},
        "token_f1": {"value": 0.25, "low": 0.2, "high": 0.3}}  # fmt: skip
KEPT = {"general text": {"n": 20, "before": 2.0, "after": 2.1, "difference": 0.1, "low": 0.05, "high": 0.2}}
MATRIX = {
    "domains": ["med", "fin<i>"], "adapters": ["base", "med", "fin<i>", "joint", "ties"], "level": 0.95,
    "cells": {name: {"med": CELL, "fin<i>": CELL} for name in ("base", "med", "fin<i>", "joint", "ties")},
    "pairs": [{"domain": "med", "a": "med", "b": name, "difference": -0.4, "low": -0.5, "high": -0.3, "p_holm": 0.0123, "verdict": "better"}
              for name in ("base", "joint")],
    "general": dict.fromkeys(("base", "med", "fin<i>", "joint", "ties"), KEPT),
    "alone": {"med": {"learning_rate": 0.002, "trial_steps": 5, "steps": 99, "best_loss": 1.5},
              "fin<i>": {"learning_rate": 0.005, "trial_steps": 1, "steps": 1, "best_loss": 1.5}},
    "joint": {"examples": 12, "best_loss": 1.5, "as": "med", "unlike": ["learning_rate", "pointer_weight"]},
}  # fmt: skip


def test_the_page_shows_the_matrix(tmp_path: Path) -> None:
    files.write_json(tmp_path / "domains.json", {})
    files.write_json(tmp_path / "matrix.json", MATRIX)
    page = domains.build(tmp_path)["report.html"].read_text(encoding="utf-8")
    assert page.count("2.50 (2.40–2.60)") == 10
    assert page.count("2.10 (+0.100; +0.050 to +0.200)") == 4  # the base has nothing to be compared with
    assert "−0.400" in page
    assert "med 11 of 4 groups (2 of them do not fit into the model, for bits per byte), fin" in page
    assert page.count("p\u00a0=\u00a00.012") == 1
    assert page.count("<td>better</td>") == 1  # the base is no adapter
    assert (
        "(med&#39;s), not searched anew. Where the recipes differ besides (pointer_weight), it is trained as med is."
        in page
    )
    assert "Their own adapters: med 99 steps at a learning rate of 0.002, fin&lt;i&gt; 1 step at" in page
    assert "on validation after short trainings of 1 to 5 steps, too few to tell rates apart" in page
    assert "fin&lt;i&gt;" in page
    assert "fin<i>" not in page


def test_without_a_matrix_it_says_so_and_elsewhere_it_refuses(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no folder of a comparison of domains"):
        domains.build(tmp_path)
    files.write_json(tmp_path / "domains.json", {})
    page = domains.build(tmp_path)["report.html"].read_text(encoding="utf-8")
    assert "Nothing has been measured" in page


def test_the_table_in_markdown_has_a_row_for_each_adapter() -> None:
    said = text(MATRIX)
    assert [line.split(" | ")[0] for line in said.splitlines()[2:7]] == [f"| {name}" for name in MATRIX["adapters"]]
    assert "- On med, joint against the adapter of its own: -0.400 bits per byte (-0.500 to -0.300; p = 0.012" in said
    assert "after Holm): better." in said
    never = [{**pair, "p_holm": 0.0001} for pair in MATRIX["pairs"]]
    assert "; p < 0.001 after Holm): better." in text({**MATRIX, "pairs": never})
    assert "base against" not in said
    assert (
        "of 0.002, fin<i> 1 step at a learning rate of 0.005. The rates were chosen on validation after short" in said
    )
    given = {name: {**one, "trial_steps": None} for name, one in MATRIX["alone"].items()}
    assert "at a learning rate of 0.005.\n" in text({**MATRIX, "alone": given})
    assert (
        "(med's), not searched anew. Where the recipes differ besides (pointer_weight), it is trained as med is."
        in said
    )
    assert "Test documents: med 11 of 4 groups (2 of them do not fit into the model, for bits per byte), fin" in said
    assert said.count("2.100 (+0.100; +0.050 to +0.200)") == 4
    whole = {**MATRIX, "cells": {"base": {"med": {**CELL, "n": 11}}}, "domains": ["med"], "adapters": ["base"]}
    assert "Test documents: med 11 of 4 groups.\n" in text(whole)


def test_a_recipe_is_not_called_like_an_adapter_of_the_comparison() -> None:
    asked = [recipe_file.read("medical-qa"), recipe_file.read("finance-qa")]
    assert Study.of(asked, ["cat"]).adapters == ["base", "medical-qa", "finance-qa", "joint", "cat"]
    for name in ("base", "joint", "ties"):
        with pytest.raises(UsageError, match=f"'{name}' is what an adapter of the comparison is called"):
            Study.of([asked[0], asked[1].model_copy(update={"name": name})], ["cat"])
