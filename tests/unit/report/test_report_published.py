"""Cards on the hub: front matter that it reads, the scores with their intervals, licences, and how to load."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tunewright.report import cards, evidence

HUB = cards.Published(
    repo="me/bills",
    source="`bills`",
    base="me/wren-8",
    base_words="`wren-8`, the small model inside Tunewright",
    base_licence="apache-2.0",
    data="me/bills",
    licence="CC BY 4.0 (see the page)",
    licence_id="cc-by-4.0",
    messages=({"role": "user", "content": "THE DOCUMENT"},),
)


@pytest.fixture
def found(run_folder: Path) -> evidence.Evidence:
    return evidence.read(run_folder)


def halves(card: str) -> tuple[dict, str]:
    _, head, body = card.split("---\n", 2)
    return yaml.safe_load(head), body.replace("\u00a0", " ").replace("\u202f", " ")


def test_a_models_card_tells_base_data_scores_limits_licences_and_time(found: evidence.Evidence) -> None:
    head, body = halves(cards.model_card(found, found.trainings["tuned"], HUB))
    assert head["base_model"] == "me/wren-8"
    assert head["datasets"] == ["me/bills"]
    assert head["license"] == "apache-2.0"
    for title in ("Intended use", "Results", "Training", "Data", "Limits", "Licences", "Use"):
        assert f"\n## {title}\n" in body
    assert "In brackets: 95 % intervals." in body
    assert "- time: " in body
    assert "CC BY 4.0 (see the page)" in body
    assert 'PeftModel.from_pretrained(base, "me/bills")' in body
    assert 'AutoModelForCausalLM.from_pretrained("me/wren-8")' in body
    assert "run folder" not in body


def test_a_whole_models_card_loads_it_without_a_base(found: evidence.Evidence) -> None:
    from dataclasses import replace

    whole = replace(HUB, whole=True, base=None)
    head, body = halves(cards.model_card(found, found.trainings["tuned"], whole))
    assert "base_model" not in head
    assert head["library_name"] == "transformers"
    assert "Peft" not in body
    assert 'AutoModelForCausalLM.from_pretrained("me/bills")' in body


def test_a_data_card_tells_splits_counts_origin_and_licence(found: evidence.Evidence) -> None:
    card = cards.data_card(found, HUB, {"train": 1200, "test": 40}, ["id", "text", "json"], ["bill"])
    head, body = halves(card)
    assert head["license"] == "cc-by-4.0"
    assert [one["split"] for one in head["configs"][0]["data_files"]] == ["train", "test"]
    assert [one["name"] for one in head["dataset_info"]["features"]] == ["id", "text", "json"]
    assert "| train | 1,200 |" in body
    assert "rows set aside" in body
    assert "CC BY 4.0" in body


def test_a_p_value_keeps_its_sign() -> None:
    assert cards._plain("p < 0.001, a -> b, <b>c</b> `d`") == "p < 0.001, a -> b, bc/b d"
