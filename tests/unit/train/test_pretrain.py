from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tunewright.core.errors import UsageError
from tunewright.train import pretrain
from tunewright.train.pretrain import PretrainOptions

TINY = {
    "vocab_size": 400,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "head_dim": 16,
    "samples_per_step": 2,
    "total_steps": 6,
    "decay_from": 4,
    "eval_steps": 3,
    "save_steps": 2,
    "logging_steps": 1,
    "compile": False,
}


@pytest.fixture
def prose(tmp_path: Path) -> Path:
    for name, lang, text in (
        ("prose_en", "en", "The river runs slowly to the sea."),
        ("prose_hi", "hi", "नदी धीरे धीरे बहती है।"),
    ):
        (tmp_path / "data" / name).mkdir(parents=True)
        with gzip.open(tmp_path / "data" / name / "data.jsonl.gz", "wt", encoding="utf-8") as file:
            for i in range(4):
                file.write(json.dumps({"id": str(i), "text": f"{text} {i}", "source": "s", "lang": lang}) + "\n")
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _small_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokenizer learns from a hundred samples instead of sixty thousand."""
    real = pretrain.mixture.sample

    def build(options: PretrainOptions, prose: pretrain.mixture.Prose, folder: Path) -> None:
        from tunewright.models.wren.tokenizer import train_tokenizer

        train_tokenizer((real(7, i, 0.9, prose).reply for i in range(100)), options.vocab_size, folder)

    monkeypatch.setattr(pretrain, "build_tokenizer", build)


@pytest.mark.parametrize("pointing", [{}, {"pointer_layer": 0, "link_layer": 0, "link_head": 1, "first_step": 9000}])
def test_slices_end_with_the_weights_of_one_go(prose: Path, tmp_path: Path, pointing: dict[str, int]) -> None:
    options = PretrainOptions(**(TINY | pointing))
    whole = pretrain.pretrain(options, tmp_path / "whole", prose)
    assert whole["stopped"] == "all steps done"
    for name in ("looked_away", "linked_away"):
        assert any(line.get(name, 0) > 0 for line in whole["steps"]) == bool(pointing)
    for _ in range(20):
        part = pretrain.pretrain(options, tmp_path / "parts", prose, minutes=1e-6)
        if "paused_at" not in part:
            break
    assert part["stopped"] == "all steps done"
    weights = Path("model") / "model.safetensors"
    assert (tmp_path / "whole" / weights).read_bytes() == (tmp_path / "parts" / weights).read_bytes()


def test_samples_made_by_other_processes_are_the_same(prose: Path, tmp_path: Path) -> None:
    options = PretrainOptions(**TINY)
    pretrain.pretrain(options, tmp_path / "alone", prose)
    ahead = options.model_copy(update={"dataloader_num_workers": 2})
    pretrain.pretrain(ahead, tmp_path / "helped", prose, minutes=1e-6)
    pretrain.pretrain(ahead, tmp_path / "helped", prose)
    weights = Path("model") / "model.safetensors"
    assert (tmp_path / "alone" / weights).read_bytes() == (tmp_path / "helped" / weights).read_bytes()


def test_the_model_may_be_a_mean_of_what_training_made_and_what_it_began_with(prose: Path, tmp_path: Path) -> None:
    options = PretrainOptions(**TINY)
    pretrain.pretrain(options, tmp_path, prose)
    name = "model.safetensors"
    start, made = (load_file(tmp_path / folder / name) for folder in ("start", "model"))
    pretrain.pretrain(options.model_copy(update={"start_share": 0.25}), tmp_path, prose)  # nothing is left to train
    mixed = load_file(tmp_path / "model" / name)
    for key, value in mixed.items():
        expected = 0.25 * start[key].float() + 0.75 * made[key].float()
        torch.testing.assert_close(value.float(), expected, rtol=2e-2, atol=1e-3)  # bf16 on the disk
    assert any(not torch.equal(mixed[key], made[key]) for key in mixed)


def test_what_changes_between_slices_is_written_down_and_what_cannot_is_refused(prose: Path, tmp_path: Path) -> None:
    options = PretrainOptions(**TINY)
    part = pretrain.pretrain(options, tmp_path, prose, minutes=1e-9)
    longer = options.model_copy(update={"total_steps": options.total_steps + 1})
    pretrain.pretrain(longer, tmp_path, prose, minutes=1e-9)
    stored = json.loads((tmp_path / "pretraining.json").read_text())
    assert stored["total_steps"] == longer.total_steps
    assert stored["changes"] == [{"until_step": part["paused_at"], "total_steps": options.total_steps}]
    with pytest.raises(UsageError, match="hidden_size was"):
        pretrain.pretrain(longer.model_copy(update={"hidden_size": 96}), tmp_path, prose)


def test_a_released_version_can_be_gone_on_from(prose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrain.pretrain(PretrainOptions(**TINY), tmp_path / "first", prose)
    options = PretrainOptions(
        **{**TINY, "start_from": str(tmp_path / "first" / "model"), "first_step": 50, "total_steps": 1}
    )
    metrics = pretrain.pretrain(options, tmp_path / "second", prose)
    assert metrics["last_step"] == 1
    first = (tmp_path / "first" / "model" / "model.safetensors").read_bytes()
    assert (tmp_path / "second" / "start" / "model.safetensors").read_bytes() == first
    assert (tmp_path / "second" / "model" / "model.safetensors").read_bytes() != first


def test_a_release_holds_what_it_says_and_never_changes(prose: Path, tmp_path: Path) -> None:
    from tunewright.core import files
    from tunewright.core.errors import RunError
    from tunewright.data import leakage
    from tunewright.train.release import release

    pretrain.pretrain(PretrainOptions(**TINY), tmp_path / "made", prose)
    row = {"case": "flat", "language": "all", "n": 4, "exact_match": 0.25, "low": 0.05, "high": 0.7, "fields": 0.5}
    release(tmp_path / "made", tmp_path / "wren-9", prose, [row])
    digests = json.loads((tmp_path / "wren-9" / "sha256.json").read_text())
    there = {path.name for path in (tmp_path / "wren-9").iterdir()} - {"sha256.json"}
    assert set(digests) == there
    assert all(files.sha256(tmp_path / "wren-9" / name) == digest for name, digest in digests.items())
    assert "| flat | all | 4 | 25.0%" in (tmp_path / "wren-9" / "README.md").read_text()
    assert leakage.read_manifest(tmp_path / "wren-9" / "pretraining.manifest") is not None
    with pytest.raises(RunError, match="released"):
        release(tmp_path / "made", tmp_path / "wren-9", prose, [row])

    later = PretrainOptions(
        **{**TINY, "seed": 4, "start_from": str(tmp_path / "wren-9"), "total_steps": 1, "decay_from": 1}
    )
    pretrain.pretrain(later, tmp_path / "more", prose)
    release(tmp_path / "more", tmp_path / "wren-10", prose, [row])
    first, second = (leakage.read_manifest(tmp_path / name / "pretraining.manifest") for name in ("wren-9", "wren-10"))
    assert set(first.runs.tolist()) < set(second.runs.tolist())
    assert second.texts > first.texts
    for kind in ("json", "tsv"):
        kept = tmp_path / "wren-10" / f"wren-9.pretraining.{kind}"
        assert kept.read_bytes() == (tmp_path / "wren-9" / f"pretraining.{kind}").read_bytes()


def test_a_deeper_model_computes_what_it_did_and_learns_in_every_layer(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    import tiny_models

    tiny_models.model("wren").save_pretrained(str(tmp_path))
    before = AutoModelForCausalLM.from_pretrained(str(tmp_path))
    pretrain.deepen(tmp_path, [0, 1])
    after = AutoModelForCausalLM.from_pretrained(str(tmp_path))
    layers = before.config.num_hidden_layers
    assert after.config.num_hidden_layers == len(after.model.layers) == layers + 2
    ids = torch.randint(5, 60, (2, 11), generator=torch.Generator().manual_seed(0))
    assert torch.equal(before(input_ids=ids).logits, after(input_ids=ids).logits)
    after(input_ids=ids, labels=ids).loss.backward()
    for new in (1, 3):
        assert after.model.layers[new].self_attn.o_proj.weight.grad.abs().max() > 0
        assert after.model.layers[new].mlp.down_proj.weight.grad.abs().max() > 0
    with torch.no_grad():
        after.model.layers[1].mlp.down_proj.weight += 0.1
    assert not torch.allclose(before(input_ids=ids).logits, after(input_ids=ids).logits)
    with pytest.raises(UsageError, match="no layer 99"):
        pretrain.deepen(tmp_path, [99])


def test_pretraining_deepens_once(prose: Path, tmp_path: Path) -> None:
    from tunewright.models import load

    options = PretrainOptions(**TINY)
    pretrain.pretrain(options, tmp_path / "first", prose)
    shelf = tmp_path / "first" / "model"
    real, load.locate = load.locate, lambda name: shelf
    try:
        deeper = options.model_copy(update={"start_from": "first", "new_layers_after": [0]})
        pretrain.pretrain(deeper, tmp_path / "second", prose, minutes=1e-9)
        pretrain.pretrain(deeper, tmp_path / "second", prose)
    finally:
        load.locate = real
    assert json.loads((tmp_path / "second" / "model" / "config.json").read_text())["num_hidden_layers"] == 2
