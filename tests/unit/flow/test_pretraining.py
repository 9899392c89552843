"""`pretrain`: its recipe and what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tunewright.core import files
from tunewright.core.errors import DataError, RecipeError, RunError, UsageError
from tunewright.flow import pretraining
from tunewright.models import wren


def test_the_pretraining_recipe_is_valid() -> None:
    options = pretraining.read_recipe(Path(wren.__file__).parent / "pretraining.yaml")
    assert options.hidden_size % options.head_dim == 0
    assert options.warmup_steps < options.decay_from < options.total_steps


def test_faults_of_a_pretraining_recipe_come_together(tmp_path: Path) -> None:
    page = tmp_path / "p.yaml"
    page.write_text(yaml.safe_dump({"hiden_size": 3, "total_steps": -1}))
    with pytest.raises(RecipeError) as caught:
        pretraining.read_recipe(page)
    assert len(caught.value.faults) == 2
    assert "hidden_size" in str(caught.value)


def test_a_missing_model_or_prose_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pretraining recipe"):
        pretraining.train("rven")
    with pytest.raises(DataError, match="prose"):
        pretraining.train("wren", data=str(tmp_path), folder=str(tmp_path / "f"))


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    for name in ("prose_en", "prose_hi"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.jsonl.gz").touch()
    with files.one_writer(tmp_path, "wait"), pytest.raises(RunError, match="already writing"):
        pretraining.train("wren", data=str(tmp_path), folder=str(tmp_path))
