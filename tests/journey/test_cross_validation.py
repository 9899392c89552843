"""A cross-validation with a two-layer random model: nested runs, pooled answers, killed and gone on with."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tunewright.core import files, recipe_file
from tunewright.core.run import Run
from tunewright.data.split import crossing
from tunewright.flow import begin, prepared
from tunewright.flow.outcome import Outcome

K = 3
CHANGES = (
    f"evaluate.folds={K}",
    "evaluate.systems=[base, tuned]",
    "evaluate.sample=6",
    "evaluate.bootstrap_resamples=100",
    "data.near_duplicates=0",
    "train.max_steps=2",
    "train.save_steps=1",
    "train.per_device_train_batch_size=2",
    "decode.batch_size=2",
    "decode.max_new_tokens=16",
)


@pytest.fixture(scope="module")
def recipe(model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("jobs") / "orders"
    begin.begin(str(folder))
    rows = [begin.row(*each) | {"group": f"customer-{i % 7}"} for i, each in enumerate(begin.ROWS)]
    files.write_lines(folder / "data.jsonl", rows)
    found = recipe_file.read(folder / "recipe.yaml", [f"model={model}", *CHANGES], environment={})
    files.write_text(folder / "recipe.yaml", recipe_file.resolved(found))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def whole(drive, recipe, tmp_path_factory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    assert drive(runs, recipe, "whole", []) == ["finished"]
    return runs / "whole"


def test_each_fold_is_a_run_below_the_run_and_the_pool_is_all_of_them(whole):
    outcome = Outcome.of(Run.open(whole))
    assert outcome.stages == ("data", "train", "evaluate", "compare", "report")
    for path in Run.open(whole).folds:
        fold = Run.open(path)
        assert Outcome.of(fold).stages == ("data", "train", "evaluate")
        assert crossing({name: prepared.records(fold, name) for name in prepared.SPLITS}) == {}
        for name in ("data/manifest.json", "events.jsonl", "lock.json", "systems/tuned/training_metrics.json"):
            assert (path / name).is_file(), name
        assert list(path.glob("systems/tuned/adapter/*.safetensors"))
    scores = outcome.cells["test"]["tuned/grammar"]
    assert scores["n"] == scores["of"] == len(begin.ROWS)
    assert sum(fold["scores"]["tuned/grammar"]["n"] for fold in outcome.fold_rows()) == len(begin.ROWS)
    assert outcome.pair("base/grammar")["n"] == K * 2
    weights = {files.sha256(next(path.glob("systems/tuned/adapter/*.safetensors"))) for path in Run.open(whole).folds}
    assert len(weights) == K, "each fold has a model of its own"
    page = (whole / "report.html").read_text(encoding="utf-8")
    assert 'id="folds"' in page
    assert "Fold 3" in page
    assert "Bengio" in page
    table = (whole / "benchmark_results.csv").read_text(encoding="utf-8")
    assert "tuned,grammar,test,all,exact_match" in table
    assert "tuned,grammar,test,fold=3,exact_match" in table
    told = files.read_json(whole / "experiment_metadata.json")
    assert [fold["counts"]["test"] for fold in told["folds"]] == [fold["test"] for fold in outcome.folds]
    assert told["missing"] == []


def test_killed_in_its_folds_it_ends_with_the_same_bytes(drive, whole, recipe, tmp_path):
    chance = random.Random(3)
    moments = [f"{chance.randint(4, 30)}:{chance.uniform(0, 0.1):.3f}" for _ in range(3)]
    lines = drive(tmp_path, recipe, "cut", moments)
    assert lines.count("killed") >= 2, lines
    cut = tmp_path / "cut"
    names = ["data/test.jsonl", *(f"folds/{n}/data/{side}.jsonl" for n in range(1, K + 1) for side in prepared.SPLITS)]
    names += [str(path.relative_to(whole)) for path in whole.glob("folds/*/systems/tuned/adapter/*.safetensors")]
    assert len(names) == 1 + 3 * K + K
    for name in names:
        assert files.sha256(whole / name) == files.sha256(cut / name), name
    answers = [path.relative_to(whole) for path in whole.rglob("predictions-*.jsonl")]
    assert len(answers) == 4 * (K + 1)
    for name in answers:
        rows = [[(row["id"], row["text"]) for row in files.read_lines(root / name)] for root in (whole, cut)]
        assert rows[0] == rows[1], name
    scores = [files.read_json(root / "systems/tuned/scores-grammar.json") for root in (whole, cut)]
    assert all(scores[0][name] == scores[1][name] for name in ("n", "metrics", "slices", "spread"))
    pairs = [files.read_json(root / "metrics_comparison.json")["pairs"] for root in (whole, cut)]
    assert pairs[0] == pairs[1]
    assert not list(cut.rglob(".tmp-*"))
    assert not list(cut.rglob("*.part.jsonl"))
