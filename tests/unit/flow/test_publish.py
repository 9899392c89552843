"""A run on the Hub, played by a stand-in: what goes, what must not, killed pushes, and loading it back."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

import tiny_models
from fake_hub import FakeHub
from tunewright import api
from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError, HubError, RunError, UsageError
from tunewright.core.records import Record
from tunewright.core.run import Run
from tunewright.flow import job
from tunewright.models import embedded

NEW = "wren-99"
MODEL, DATA, BASE = "models/tester/tiny", "datasets/tester/tiny", f"models/tester/{NEW}"


@pytest.fixture(scope="module")
def embedded_wren(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A tiny model in the place of the package's own, as its newest version."""
    place = tmp_path_factory.mktemp("package")
    folder = tiny_models.save("wren", place / NEW)
    config = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", config | {"max_position_embeddings": 4096})
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n\n# tiny\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "EMBEDDED", place)
        yield


@pytest.fixture(scope="module")
def trained(embedded_wren: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sets = [
        f"model={NEW}", "method.name=lora", "method.lora_r=2", "data.documents=30", "data.test_documents=6",
        "train.max_steps=2", "train.bf16=false",
    ]  # fmt: skip
    recipe = recipe_file.read("smoke", sets, environment={})
    return job.run(recipe, runs=tmp_path_factory.mktemp("runs"), name="tiny", until="train").path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Run:
    """A copy of its own for every test."""
    return Run.open(shutil.copytree(trained, tmp_path / "runs" / "tiny"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with FakeHub() as fake:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", fake.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", fake.token)
        yield fake


def changed(run: Run, **facts: Any) -> None:
    """The run's data as if it had come from elsewhere."""
    manifest = run.path / "data" / "manifest.json"
    files.write_json(manifest, files.read_json(manifest) | facts)


def planted(run: Run, name: str, text: str, place: str = "text") -> None:
    """The run with `text` in the second record of a split, as if it had always been there."""
    path = run.path / "data" / name
    rows = list(files.read_lines(path))
    if place == "text":
        rows[1]["text"] += text
    else:
        rows[1]["provenance"][place] = text
    files.write_lines(path, rows)
    manifest = run.manifest("data")
    changed(run, sha256=manifest["sha256"] | {name: files.sha256(path)})


def pushed(run: Run) -> None:
    api.publish(run)


def killed(run: Run, hub: FakeHub, on: str, after: int = 0) -> None:
    """A push in a process of its own that is killed when it asks the hub for something."""
    child = multiprocessing.get_context("fork").Process(target=pushed, args=(run,))
    hub.kill(0, on=on, after=after)
    child.start()
    assert child.pid is not None
    hub.kill(child.pid, on=on, after=after)
    child.join(300)
    assert child.exitcode == -9


# ---------------------------------------------------------------- what goes


def test_a_dry_run_tells_every_file_and_asks_nobody(run: Run, hub: FakeHub) -> None:
    told = api.publish(run, repo="me/tiny", dry_run=True)
    assert told["visibility"] == "private"
    repos = {(row["kind"], row["repo"]): row for row in told["repos"]}
    assert set(repos) == {("model", f"me/{NEW}"), ("model", "me/tiny"), ("dataset", "me/tiny")}
    model = repos["model", "me/tiny"]["files"]
    assert {"adapter_config.json", "adapter_model.safetensors", "task.json", "tunewright.json", "README.md"} <= set(
        model
    )
    assert all(size > 0 for size in model.values())
    data = repos["dataset", "me/tiny"]
    assert set(data["files"]) >= {"data/train.jsonl", "data/test.jsonl", "schemas.json", "README.md"}
    assert data["card"].startswith("---\nlicense: apache-2.0\n")
    assert hub.asked == []
    assert not (run.path / "published.json").exists()


def test_without_a_token_a_dry_run_shows_somebody(run: Run, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewright.flow import publish

    monkeypatch.setattr(publish.hub, "token", lambda: None)
    assert api.publish(run, dry_run=True, model=False)["repos"][0]["repo"] == "YOUR-NAME/tiny"
    with pytest.raises(HubError, match="there is no token") as refused:
        api.publish(run)
    assert "HF_TOKEN" in str(refused.value.hint)
    with pytest.raises(HubError, match="there is no token"):
        api.publish(run, repo="me/tiny")


def test_it_is_private_and_goes_once(run: Run, hub: FakeHub) -> None:
    told = api.publish(run)
    assert [row["made"] for row in told["repos"]] == [True, True, True]
    assert set(hub.repos) == {BASE, MODEL, DATA}
    assert all(repo.private for repo in hub.repos.values())
    assert all(len(repo.commits) == 2 for repo in hub.repos.values()), "the hub's own and one of ours"
    noted = files.read_json(run.path / "published.json")
    assert noted[DATA]["revision"] == hub.repos[DATA].commits[-1][0]
    assert noted[MODEL]["sha256"].keys() == hub.repos[MODEL].files.keys() - {".gitattributes"}
    again = api.publish(run)
    assert [row["made"] for row in again["repos"]] == [False, False, False]
    assert all(len(repo.commits) == 2 for repo in hub.repos.values())
    assert files.read_json(run.path / "published.json") == noted


def test_nothing_of_this_machine_and_no_token_goes_or_stays(run: Run, hub: FakeHub) -> None:
    api.publish(run)
    said = [f"{path}\n".encode() + content for repo in hub.repos.values() for path, content in repo.files.items()]
    said += [path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path.name == "published.json"]
    for place in (str(run.path), str(run.path.parent), str(embedded.EMBEDDED), str(Path.home()) + "/", hub.token):
        assert not any(place.encode() in each for each in said), place
    config = json.loads(hub.repos[MODEL].files["adapter_config.json"])
    assert config["base_model_name_or_path"] == f"tester/{NEW}"
    assert json.loads(hub.repos[MODEL].files["task.json"])["base"] == f"tester/{NEW}"


LOAD = """
import json, sys
import torch
from datasets import load_dataset
from peft import AutoPeftModelForCausalLM, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

found = load_dataset("tester/tiny")
base = AutoModelForCausalLM.from_pretrained("tester/wren-99", dtype=torch.float32)
ids = torch.arange(10, 30)[None]
with torch.no_grad():
    plain = base(ids).logits
    tuned = PeftModel.from_pretrained(base, "tester/tiny")(ids).logits
    auto = AutoPeftModelForCausalLM.from_pretrained("tester/tiny", dtype=torch.float32)(ids).logits
    whole = AutoModelForCausalLM.from_pretrained("tester/whole", dtype=torch.float32)(ids).logits
tokenizer = AutoTokenizer.from_pretrained("tester/wren-99")
print(json.dumps({
    "rows": {split: rows.num_rows for split, rows in found.items()},
    "first": found["train"][0],
    "learnt": float((tuned - plain).abs().max()),
    "auto": float((tuned - auto).abs().max()),
    "whole": float((tuned - whole).abs().max()),
    "tokens": len(tokenizer),
}))
"""


def test_what_was_pushed_loads_back(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    """As a stranger with the right to read does it: the data set, the adapter on its base, the merged model."""
    api.merge(run, dtype="fp32")
    api.publish(run)
    api.publish(run, repo="whole", merged=True, data=False)
    environment = os.environ | {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token,
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    counts = run.manifest("data")["counts"]
    assert told["rows"] == {name: counts[name] for name in ("train", "validation", "test") if counts[name]}
    first = Record.from_row(next(iter(files.read_lines(run.path / "data" / "train.jsonl"))))
    assert told["first"]["text"] == first.text
    assert json.loads(told["first"]["json"]) == first.target
    assert told["learnt"] > 1e-4
    assert told["auto"] < 1e-6
    assert told["whole"] < 1e-4
    assert told["tokens"] > 100


def test_texts_that_a_run_wrote_are_a_split_of_their_own(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    texts = [
        Record(f"synthetic-{number:06d}", f"um turn {number}", "disfluent", split="train",
               provenance={"synthetic": True, "seed": 0, "model": NEW})
        for number in range(3)
    ]  # fmt: skip
    path = run.path / "synthetic" / "kept.jsonl"
    files.write_lines(path, (text.to_row() for text in texts))
    counts = {"disfluent": {"asked": 3, "drawn": 5, "kept": 3, "set_aside": {"label": 2}}}
    facts = {"counts": counts, "options": {"temperature": 1.0, "top_p": 0.95}, "model": NEW}
    run.finish("synthetic", {**facts, "sha256": {"kept.jsonl": files.sha256(path)}})
    api.publish(run, repo="tester/tiny", model=False)
    for name, content in hub.repos[DATA].files.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(content)
    rows = list(files.read_lines(tmp_path / "data" / "data" / "synthetic.jsonl"))
    assert [row["text"] for row in rows] == [text.text for text in texts]
    assert {row["target"] for row in rows} == {"disfluent"}
    assert json.loads(rows[0]["provenance"])["synthetic"] is True
    card = (tmp_path / "data" / "README.md").read_text(encoding="utf-8")
    assert "| synthetic | 3 |" in card
    assert "never for validation or test" in card
    path.write_text("{}")
    with pytest.raises(RunError, match="texts that it wrote are damaged"):
        api.publish(run, repo="tester/tiny", model=False)


def test_a_base_in_a_folder_is_told_and_not_named_by_its_path(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    folder = shutil.copytree(embedded.EMBEDDED / NEW, tmp_path / "secret-place" / "my-base")
    page = (run.path / "recipe.yaml").read_text().replace(f"model: {NEW}", f"model: {folder}")
    (run.path / "recipe.yaml").write_text(page)
    job = Run.open(run.path)
    told = api.publish(job, data=False)
    assert [row["repo"] for row in told["repos"]] == ["tester/tiny"], "somebody's own model is not ours to push"
    content = hub.repos[MODEL].files
    assert json.loads(content["adapter_config.json"])["base_model_name_or_path"] is None
    card = content["README.md"].decode()
    assert "`my-base`, a model in a folder of the author's that is not published here" in card
    assert not any(b"secret-place" in each for each in content.values())
    shutil.move(folder, tmp_path / "elsewhere")
    assert "secret-place" not in str(api.publish(job, data=False, dry_run=True)), "nor where it is gone since"
    api.publish(job, data=False, base="somebody/my-base")
    config = json.loads(hub.repos[MODEL].files["adapter_config.json"])
    assert config["base_model_name_or_path"] == "somebody/my-base"
    assert "base_model: somebody/my-base" in hub.repos[MODEL].files["README.md"].decode()


def test_an_embedded_base_that_is_no_longer_here_is_asked_for(run: Run, hub: FakeHub) -> None:
    page = (run.path / "recipe.yaml").read_text().replace(f"model: {NEW}", "model: wren-1")
    (run.path / "recipe.yaml").write_text(page)
    job = Run.open(run.path)
    with pytest.raises(RunError, match=r"wren-1, is not in this installation") as refused:
        api.publish(job, dry_run=True)
    assert "--base" in str(refused.value.hint)
    told = api.publish(job, repo="me/tiny", base="me/wren-1", dry_run=True)
    assert [row["repo"] for row in told["repos"]] == ["me/tiny", "me/tiny"]


# ---------------------------------------------------------------- what must not


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" hf_" + "aB3" * 10, "a Hugging Face token"),
        (" sk-proj-" + "aB3" * 10, "a key of the form"),
        (" AKIA" + "ABCD" * 4, "an AWS key"),
        ("\n-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        (" see /home/asha/bills/7.txt", "a local path"),
        (" see C:\\Users\\asha\\bills", "a local path"),
        (" see /root/bills", "a local path"),
    ],
)
def test_a_secret_or_a_path_in_the_data_is_refused_with_its_line(run: Run, hub: FakeHub, text: str, said: str) -> None:
    planted(run, "train.jsonl", text)
    with pytest.raises(DataError, match=said) as refused:
        api.publish(run)
    assert str(refused.value.where).endswith("data/train.jsonl:2")
    assert text.strip() not in str(refused.value) or "path" in said
    assert hub.count("create") == 0


def test_a_secret_of_the_environment_and_the_runs_own_path_are_refused(
    run: Run, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "not-of-any-known-form")
    planted(run, "test.jsonl", " not-of-any-known-form")
    with pytest.raises(DataError, match="a secret of this environment"):
        api.publish(run, dry_run=True)
    monkeypatch.delenv("SOME_API_KEY")
    planted(run, "test.jsonl", f" {run.path}/data")
    with pytest.raises(DataError, match="a local path"):
        api.publish(run, dry_run=True)
    task = run.path / "systems/tuned/adapter/task.json"
    row = files.read_json(task)
    row["task"]["instruction"] = "Read /home/asha/notes first."
    files.write_json(task, row)
    with pytest.raises(RunError, match="damaged"):
        api.publish(run, data=False, dry_run=True)


def test_places_of_files_in_provenance_are_cut_to_their_names(run: Run, hub: FakeHub) -> None:
    planted(run, "train.jsonl", "/data/bills/asha.jsonl", "file")
    planted(run, "train.jsonl", "/home/asha/scan.png", "scan")
    api.publish(run, model=False)
    second = json.loads(hub.repos[DATA].files["data/train.jsonl"].splitlines()[1])
    about = json.loads(second["provenance"])
    assert (about["file"], about["scan"]) == ("asha.jsonl", "scan.png")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"kind": "file", "source": "/home/asha/bills.jsonl", "licence": None}, "local file"),
        ({"kind": "folder", "source": "bills", "licence": "MIT"}, "local file"),
        ({"kind": "set", "source": "bills", "licence": None}, "is not known"),
        ({"kind": "set", "source": "bills", "licence": "all rights reserved"}, "is not known"),
        ({"kind": "hub", "source": "somebody/bills", "licence": None}, "is not known"),
        ({"kind": "several", "source": "a + b", "licence": "a: MIT"}, "is not known"),
    ],
)
def test_data_goes_only_where_its_licence_allows_it(run: Run, hub: FakeHub, facts: dict[str, Any], said: str) -> None:
    changed(run, **facts)
    with pytest.raises(DataError, match=said) as refused:
        api.publish(run)
    assert "--licence" in str(refused.value.hint)
    assert "--no-data" in str(refused.value.hint)
    card = api.publish(run, licence="cc-by-4.0", model=False, dry_run=True)["repos"][0]["card"]
    assert card.startswith("---\nlicense: cc-by-4.0\n")
    assert "/home" not in card


def test_no_word_lets_data_go_whose_licence_forbids_changed_copies(run: Run, hub: FakeHub) -> None:
    changed(run, kind="set", source="bills", licence="CC BY-ND 4.0")
    with pytest.raises(DataError, match="does not allow changed copies"):
        api.publish(run)
    changed(run, kind="several", source="a + b", licence="a: MIT; b: CC BY-SA 4.0")
    assert "CC BY-SA 4.0" in api.publish(run, model=False, dry_run=True)["repos"][0]["card"]


def test_what_is_not_done_is_not_published(run: Run, hub: FakeHub) -> None:
    (run.path / "systems/tuned/manifest.json").unlink()
    with pytest.raises(RunError, match="not trained to the end"):
        api.publish(run)
    assert [row["kind"] for row in api.publish(run, model=False)["repos"]] == ["dataset"]
    with pytest.raises(UsageError, match="neither"):
        api.publish(run, model=False, data=False)
    with pytest.raises(UsageError, match="no name of a repository"):
        api.publish(run, model=False, repo="me/what is this")


# ---------------------------------------------------------------- killed, refused, changed


def test_a_push_that_is_killed_between_files_goes_on(run: Run, hub: FakeHub) -> None:
    killed(run, hub, "lfs", after=2)
    arrived = set(hub.stored)
    assert len(arrived) == 2
    told = api.publish(run)
    assert [row["made"] for row in told["repos"]][1:] == [True, True]
    assert all(len(repo.commits) == 2 for repo in hub.repos.values())
    sent = [detail for what, detail in hub.asked if what == "lfs"]
    assert all(sent.count(one) == 1 for one in arrived), "what had arrived is not sent again"


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_push_that_is_killed_before_a_commit_goes_on(run: Run, hub: FakeHub, after: int) -> None:
    killed(run, hub, "commit", after=after)
    assert sum(len(repo.commits) == 2 for repo in hub.repos.values()) == after
    told = api.publish(run)
    assert [row["made"] for row in told["repos"]] == [False] * after + [True] * (3 - after)
    assert all(len(repo.commits) == 2 for repo in hub.repos.values())
    assert set(files.read_json(run.path / "published.json")) == {BASE, MODEL, DATA}


def test_a_changed_run_makes_one_more_commit_and_takes_away_what_is_gone(run: Run, hub: FakeHub) -> None:
    api.publish(run, data=False)
    api.merge(run, dtype="fp32")
    told = api.publish(run, data=False, merged=True)
    assert [row["made"] for row in told["repos"]] == [True]
    assert len(hub.repos[MODEL].commits) == 3
    assert "model.safetensors" in hub.repos[MODEL].files
    assert "adapter_config.json" not in hub.repos[MODEL].files


def test_files_of_others_are_not_overwritten_unasked(run: Run, hub: FakeHub) -> None:
    api.publish(run, model=False)
    (run.path / "published.json").unlink()
    hub.repos[DATA].commit("by hand", hub.repos[DATA].files | {"README.md": b"mine", "notes.txt": b"mine"})
    with pytest.raises(HubError, match=r"holds another README\.md"):
        api.publish(run, model=False)
    api.publish(run, model=False, replace=True)
    assert hub.repos[DATA].files["README.md"] != b"mine"
    assert hub.repos[DATA].files["notes.txt"] == b"mine"


def test_another_base_of_that_name_is_never_overwritten(run: Run, hub: FakeHub) -> None:
    api.publish(run, data=False)
    hub.repos[BASE].commit("another", hub.repos[BASE].files | {"model.safetensors": b"other"})
    (run.path / "published.json").unlink()
    with pytest.raises(HubError, match=r"holds another model\.safetensors"):
        api.publish(run, data=False, replace=True)


def test_visibility_is_never_changed_by_the_way(run: Run, hub: FakeHub) -> None:
    api.publish(run, model=False, public=True)
    assert not hub.repos[DATA].private
    with pytest.raises(HubError, match="is public already"):
        api.publish(run, model=False)
    hub.repos[DATA].private = True
    with pytest.raises(HubError, match="is private already"):
        api.publish(run, model=False, public=True)


def test_the_hub_says_no(run: Run, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.may_write = False
    with pytest.raises(HubError, match="may not write"):
        api.publish(run, model=False)
    wrong = "hf_" + "wrong" * 6
    monkeypatch.setenv("HF_TOKEN", wrong)
    with pytest.raises(HubError, match="does not accept the token") as refused:
        api.publish(run, model=False)
    assert wrong not in f"{refused.value} {refused.value.hint}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match="cannot be reached"):
        api.publish(run, model=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE"):
        api.publish(run, model=False)
