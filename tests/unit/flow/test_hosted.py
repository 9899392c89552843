"""A run whose model is tuned by a provider: what is asked before anything is sent, the job, killed processes, secrets."""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_openai import KEY, FakeOpenAI, Refused
from tunewright import api
from tunewright.cli import _screen as screen
from tunewright.cli import invoke
from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError, HostedError, RecipeError, RunError, UsageError
from tunewright.core.recipe import HostedOptions, Recipe
from tunewright.core.run import Run
from tunewright.flow import hosted, job
from tunewright.hosted.openai import Openai

DRIVER = Path(__file__).with_name("hosted_driver.py")
ANSWERS = {f"Which number follows {number}?": str(number + 1) for number in range(60)}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as fake:
        fake.answers = lambda messages, model: (
            ANSWERS[messages[-1]["content"]] if model.startswith("ft:") else "I do not know"
        )
        monkeypatch.setenv("OPENAI_API_KEY", fake.key)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr("tunewright.hosted.openai._pause", lambda error, attempt: 0.0)
        yield fake


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.jsonl"
    rows = [{"question": question, "answer": answer} for question, answer in ANSWERS.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def recipe(service: FakeOpenAI, source: Path, *sets: str) -> Recipe:
    text = f"""
name: numbers
model: gpt-4o-mini-2024-07-18
task: {{name: question_answering}}
data: {{source: {source}, validation_documents: 5, near_duplicates: 0}}
hosted: {{provider: openai, base_url: {service.url}, epochs: 2, poll_seconds: 0.001, max_retries: 3}}
evaluate: {{systems: [base, tuned], bootstrap_resamples: 200}}
"""
    return recipe_file.parse(text, "numbers.yaml", sets, environment={})


def everything(folder: Path) -> Iterator[tuple[Path, bytes]]:
    yield from ((path, path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def assert_no_key(folder: Path, *told: str) -> None:
    for path, content in everything(folder):
        assert KEY.encode() not in content, path
        assert KEY[:20].encode() not in content, path
    for text in told:
        assert KEY[:20] not in text


def events(run: Path) -> list[dict[str, Any]]:
    return files.whole_lines(run / "events.jsonl")


# ---------------------------------------------------------------- the whole job


def test_the_whole_job_and_its_comparison(service: FakeOpenAI, source: Path, tmp_path: Path, capfd: Any):
    outcome = job.run(recipe(service, source), runs=tmp_path / "runs", yes=True)
    assert outcome.stages == ("data", "train", "evaluate", "compare", "report")
    assert outcome.model == "gpt-4o-mini-2024-07-18"
    assert outcome.value("exact_match", "base/free") == 0.0
    assert outcome.value("exact_match") == 1.0
    pair = outcome.pair("base/free", metric="token_f1")
    assert pair is not None
    assert pair["verdict"] == "better"
    run = outcome.path
    metrics = files.read_json(run / "systems" / "tuned" / "training_metrics.json")
    assert [row["step"] for row in metrics["steps"]] == [1, 2, 3, 4]
    assert [row["step"] for row in metrics["validations"]] == [2, 4]
    assert metrics["hosted"]["billed_tokens"] == 4242
    steps = [row for row in events(run) if row["stage"] == "train" and row["event"] == "step"]
    assert [row["step"] for row in steps] == [1, 2, 3, 4]
    assert [row["step"] for row in files.read_json(run / "hosted" / "checkpoints.json")] == [2, 4]
    assert (run / "hosted" / "results-1.csv").read_text().startswith("step,")
    page = (run / "report.html").read_text()
    assert "gpt-4o-mini-2024-07-18" in page
    assert "Validation loss" in page
    for told in (metrics["hosted"]["model"], metrics["hosted"]["job"], "4,242", "ckpt-step-2", "A hosted model"):
        assert told in page
    assert "LoRA" not in page
    scores = files.read_json(run / "systems" / "tuned" / "scores-free.json")
    assert scores["cost"]["tokens_per_document"] == 7
    assert files.read_json(run / "lock.json")["device"] == "hosted by openai"
    out, err = capfd.readouterr()
    assert_no_key(run, out, err)
    assert screen.next_command(outcome, "runs").startswith("tunewright hosted ")
    before = len(service.asked)
    job.go_on(Run.open(run), yes=True)
    assert len(service.asked) == before


def test_nothing_is_sent_before_somebody_says_yes(service: FakeOpenAI, source: Path, tmp_path: Path):
    for _ in range(2):
        with pytest.raises(UsageError, match="nothing was sent") as error:
            job.run(recipe(service, source), runs=tmp_path / "runs")
        assert "--yes" in str(error.value.hint)
    assert service.asked == []
    log = (tmp_path / "runs" / "numbers" / "training.log").read_text()
    assert "2 epochs" in log
    assert "cost: the price of gpt-4o-mini-2024-07-18 is not known" in log  # of this service
    assert "tuned: 12 documents" in log
    estimate = files.read_json(tmp_path / "runs" / "numbers" / "hosted" / "check.json")["estimate"]
    assert estimate["trained_tokens"] == 2 * estimate["tokens"]
    outcome = job.run(recipe(service, source), runs=tmp_path / "runs", until="train", yes=True)
    assert len(service.jobs) == 1
    # Who has agreed is not asked again.
    assert "evaluate" in job.go_on(Run.open(outcome.path), until="evaluate").stages


def test_a_model_that_is_only_asked_needs_no_job(service: FakeOpenAI, source: Path, tmp_path: Path):
    asked = recipe(service, source, "evaluate.systems=[base, few-shot, classical]", "evaluate.shots=1")
    with pytest.raises(UsageError, match="nothing was sent"):
        job.run(asked, runs=tmp_path / "runs")
    outcome = job.run(asked, runs=tmp_path / "runs", until="compare", yes=True)
    assert set(outcome.cells["test"]) == {"base/free", "few-shot/free", "classical/free"}
    assert service.jobs == service.files == {}
    turns = {len(body["messages"]) for _, body in service.bodies}
    assert turns == {2, 4}  # with the instruction, and with a shot


def test_texts_are_written_by_the_tuned_model(service: FakeOpenAI, source: Path, tmp_path: Path):
    run = Run.open(job.run(recipe(service, source), runs=tmp_path / "runs", until="train", yes=True).path)
    prompts = [[{"role": "user", "content": question}] for question in list(ANSWERS)[:5]]
    drawing = {"temperature": 1.0, "top_p": 0.9}
    found = dict(hosted.write(run, None, prompts, range(5), drawing))
    assert [found[place].text for place in range(5)] == [str(number + 1) for number in range(5)]
    again = dict(hosted.write(run, None, prompts[2:], range(2, 5), drawing))
    assert [again[place] for place in range(3)] == [found[place] for place in range(2, 5)]
    seeds = [body["seed"] for path, body in service.bodies if path == "/chat/completions"]
    assert len(seeds) == 8
    assert len(set(seeds)) == 5


def turns(folder: Path) -> Path:
    """A file of labelled turns of ten participants, two of them in test."""
    rows = [
        {"text": f"{who} says {'um ' * (turn % 2)}that number {turn} is here", "label": ("fluent", "disfluent")[turn % 2],
         "participant": f"p{who}", "split": "test" if who > 7 else "train"}
        for who in range(10) for turn in range(6)
    ]  # fmt: skip
    files.write_lines(folder / "turns.jsonl", rows)
    return folder / "turns.jsonl"


def test_texts_of_labels_by_a_hosted_model(service: FakeOpenAI, tmp_path: Path):
    asked: list[tuple[str, str]] = []

    def answers(messages: Any, model: str) -> str:
        label, count = (line.partition(": ")[2] for line in messages[-1]["content"].splitlines())
        asked.append((model, label))
        return f"{len(asked)} says {'um ' * (label == 'disfluent')}that number {count} is over there"

    service.answers = answers
    sets = (
        "task.name=labelled_text", "data.crossing_groups=refuse", "evaluate.systems=[tuned]",
        "generate={per_label: 12, batch: 8, filters: {use: [broken, label]}}", "generate.compared=4",
        "generate.compare={untuned: {model: base}, cooler: {temperature: 0.5}}",
        "hosted.concurrency=1",
    )  # fmt: skip
    spoken = recipe(service, turns(tmp_path), *sets)
    with pytest.raises(UsageError, match="nothing was sent"):
        job.run(spoken, runs=tmp_path / "runs")
    folder = tmp_path / "runs" / "numbers"
    log = (folder / "training.log").read_text()
    assert "texts: 104 documents" in log  # 96 at most, and two ways of writing four
    assert "base: 4 documents" in log
    assert asked == []
    outcome = job.run(spoken, runs=tmp_path / "runs", yes=True)
    assert outcome.stages == ("data", "train", "generate", "evaluate", "compare", "report")
    kept = list(files.read_lines(folder / "synthetic" / "kept.jsonl"))
    assert [sum(row["target"] == label for row in kept) for label in ("fluent", "disfluent")] == [12, 12]
    base, model = sorted({model for model, _ in asked}, key=len)
    assert (base, sum(one == base for one, _ in asked)) == ("gpt-4o-mini-2024-07-18", 4)
    assert model.startswith("ft:gpt-4o-mini-2024-07-18")
    compared = files.read_json(folder / "synthetic" / "compared.json")["rows"]
    assert [row["name"] for row in compared] == ["own", "untuned", "cooler"]
    assert {row["provenance"]["adapter"] for row in kept} == {model}
    for row in kept:
        assert row["provenance"]["prompt"][-1]["content"].startswith(f"Label: {row['target']}\n")
    assert_no_key(tmp_path)
    # A start that dies on the way does not ask again for what it has.
    drawn = (folder / "synthetic" / "drawn.jsonl").read_bytes().splitlines(keepends=True)
    for name in ("drawn", "kept", "set_aside"):
        (folder / "synthetic" / f"{name}.jsonl").unlink()
    (folder / "synthetic" / "manifest.json").unlink()
    (folder / "synthetic" / "drawn.part.jsonl").write_bytes(b"".join(drawn[:16])[:-5])
    before = len(asked)
    job.go_on(Run.open(folder), until="generate")
    assert len(asked) - before == len(drawn) - 15


@pytest.mark.parametrize("breaks", [0, 5, 40, 70])
def test_texts_that_were_paid_for_are_not_asked_for_again(service: FakeOpenAI, tmp_path: Path, breaks: int):
    asked: list[str] = []

    def answers(messages: Any, model: str) -> str:
        with service.lock:
            asked.append(messages[-1]["content"])
            if len(asked) == breaks:
                service.fail("POST /chat", *["503"] * 99)
        label, count = (line.partition(": ")[2] for line in messages[-1]["content"].splitlines())
        return f"says {'um ' * (label == 'disfluent')}that number {count} is over there"

    service.answers = answers
    sets = (
        "task.name=labelled_text", "data.crossing_groups=refuse", "evaluate.systems=[tuned]",
        "generate={per_label: 16, batch: 32, most: 2, filters: {use: [broken, copies]}}", "generate.compared=8",
        "generate.compare={untuned: {model: base}}", "hosted.concurrency=3", "hosted.max_retries=1",
    )  # fmt: skip
    run = job.run(recipe(service, turns(tmp_path), *sets), runs=tmp_path / "runs", until="train", yes=True).path
    shutil.copytree(run, tmp_path / "runs" / "whole")
    place, breaks = breaks, -1
    job.go_on(Run.open(tmp_path / "runs" / "whole"), until="generate")
    calls, breaks = len(asked), place
    assert calls == 2 * 32 + 2 * 8
    asked.clear()
    if not breaks:
        service.fail("POST /chat", *["503"] * 99)
    with pytest.raises(HostedError, match="503"):
        job.go_on(Run.open(run), until="generate")
    written = sum(len(files.whole_lines(path)) for path in (run / "synthetic").rglob("*.jsonl"))
    assert breaks <= len(asked) <= breaks + 2  # what was under way beside the failure
    assert written == len(asked)  # every answer is on the disk
    service._faults.clear()
    breaks = -1
    job.go_on(Run.open(run), until="generate")
    assert len(asked) == calls
    for path in (tmp_path / "runs" / "whole" / "synthetic").rglob("*.jsonl"):
        own = run / path.relative_to(tmp_path / "runs" / "whole")
        assert own.read_bytes() == path.read_bytes(), path.name
    assert not list(run.rglob("*.part.jsonl"))


def test_answers_that_were_paid_for_are_not_asked_for_again(service: FakeOpenAI, source: Path, tmp_path: Path):
    asked = recipe(service, source, "hosted.concurrency=2", "hosted.max_retries=1", "evaluate.systems=[base]")
    answered: list[str] = []

    def answers(messages: Any, model: str) -> str:
        with service.lock:
            answered.append(messages[-1]["content"])
            if len(answered) == 7:
                service.fail("POST /chat", *["503"] * 99)
        return ANSWERS[messages[-1]["content"]]

    service.answers = answers
    with pytest.raises(HostedError, match="503"):
        job.run(asked, runs=tmp_path / "runs", until="evaluate", yes=True)
    (part,) = (tmp_path / "runs").rglob("predictions-free.part.jsonl")
    kept = len(files.whole_lines(part))
    assert len(answered) - 1 <= kept <= len(answered)  # all but what was under way beside a failure
    service._faults.clear()
    outcome = job.run(asked, runs=tmp_path / "runs", until="evaluate")
    assert outcome.value("exact_match", "base/free") == 1.0
    assert len(answered) == 12 + (7 - kept)


def test_what_a_service_cannot_draw_by_is_refused(service: FakeOpenAI, tmp_path: Path):
    for page in ("{per_label: 2, top_k: 5}", "{per_label: 2, compare: {few: {top_k: 5}}}"):
        with pytest.raises(RecipeError, match=r"used with a hosted model without generate\.top_k"):
            recipe(service, turns(tmp_path), "task.name=labelled_text", f"generate={page}")


def test_openais_own_prices_and_dates_are_told(service: FakeOpenAI, source: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="nothing was sent"):
        job.run(recipe(service, source, "hosted.base_url=null"), runs=tmp_path / "runs")
    log = (tmp_path / "runs" / "numbers" / "training.log").read_text()
    assert "2027-01-06" in log
    assert re.search(r"cost: about \$0\.\d\d .*by prices of 20\d\d-\d\d-\d\d", log)


def test_what_the_provider_would_refuse_is_not_sent(service: FakeOpenAI, source: Path, tmp_path: Path):
    with pytest.raises(DataError, match="10 at least are asked for"):
        job.run(recipe(service, source, "data.train_share=0.1"), runs=tmp_path / "runs", yes=True)
    few = recipe(service, source, "hosted.max_example_tokens=20")
    with pytest.raises(DataError, match="longer than the 20 tokens") as error:
        job.run(few, runs=tmp_path / "runs", name="long", yes=True)
    assert "over_length" in str(error.value.hint)
    assert service.asked == []


def test_long_examples_are_left_out_where_the_recipe_says_so(service: FakeOpenAI, source: Path, tmp_path: Path):
    with open(source, "a") as file:
        file.write(json.dumps({"question": "long " * 300, "answer": "yes", "split": "train"}) + "\n")
    short = recipe(service, source, "hosted.max_example_tokens=200", "train.over_length=drop", "data.test_share=0.1")
    outcome = job.run(short, runs=tmp_path / "runs", until="train", yes=True)
    sent = next(content for id, content in service.contents.items() if "train" in service.files[id]["filename"])
    assert b"long long" not in sent
    assert "1 examples of" in (outcome.path / "training.log").read_text()


# ---------------------------------------------------------------- killed


def test_a_process_killed_at_any_step_sends_nothing_twice(service: FakeOpenAI, source: Path, tmp_path: Path):
    service.page = 10_000
    service.script = ("queued", "running", "succeeded")
    template = job.run(recipe(service, source), runs=tmp_path / "runs", until="data").path
    room = tmp_path / "room"
    room.mkdir()
    environment = os.environ | {"TUNEWRIGHT_NO_PROGRESS": "1"}
    done = subprocess.run(
        [sys.executable, DRIVER, template, room], capture_output=True, text=True, timeout=280, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    named = (room / "steps.txt").read_text().splitlines()
    for where in (
        "after POST /v1/files", "after POST /v1/fine_tuning/jobs", "before writing job.json", "after writing job.json",
        "before POST /v1/fine_tuning/jobs", "after writing training_metrics.json", "before writing manifest.json",
    ):  # fmt: skip
        assert where in named
    runs = sorted(folder for folder in room.iterdir() if folder.is_dir())
    assert len(runs) == len(named) + 2 == int(done.stdout) + 2  # with the first and the last, which were not killed
    records = [files.read_json(run / "hosted" / "job.json") for run in runs]
    assert len({record["key"] for record in records}) == len(runs)
    assert len(service.uploads()) == 2 * len(runs)
    assert set(service.uploads().values()) == {1}
    assert len(service.jobs) == len(runs)
    for run, record in zip(runs, records, strict=True):
        assert record["job"]["state"] == "succeeded"
        assert service.jobs[record["job"]["id"]]["metadata"] == {"tunewright": record["key"]}
        assert {record["train"]["name"], record["validation"]["name"]} <= set(service.uploads())
        told = [row["id"] for row in files.whole_lines(run / "hosted" / "events.jsonl")]
        assert told == [event["id"] for event in service.events[record["job"]["id"]]]
        metrics = files.read_json(run / "systems" / "tuned" / "training_metrics.json")
        assert [row["step"] for row in metrics["steps"]] == [1, 2]
        assert (run / "systems" / "tuned" / "manifest.json").is_file()
    assert_no_key(room, done.stdout, done.stderr)


def test_nothing_is_sent_to_a_service_that_takes_no_new_jobs(
    service: FakeOpenAI, source: Path, tmp_path: Path, monkeypatch: Any
):
    monkeypatch.setattr(Openai, "closed", lambda self: "it takes no new jobs")
    with pytest.raises(HostedError, match="it takes no new jobs: nothing was sent"):
        job.run(recipe(service, source), runs=tmp_path / "runs", yes=True)
    assert service.files == service.jobs == {}


def test_openai_is_closed_from_a_day_on_and_others_are_not():
    days = [datetime.date(2027, 1, 5), datetime.date(2027, 1, 6)]
    assert [Openai("m", HostedOptions(), today=day).closed() is None for day in days] == [True, False]
    assert Openai("m", HostedOptions(base_url="https://else.example/v1"), today=days[1]).closed() is None


def test_the_job_may_end_while_nobody_watches(service: FakeOpenAI, source: Path, tmp_path: Path, monkeypatch: Any):
    run = job.run(recipe(service, source), runs=tmp_path / "runs", until="data").path

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hosted.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        job.go_on(Run.open(run), until="train", yes=True)
    assert "goes on without this process" in (run / "training.log").read_text()
    monkeypatch.undo()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    one = next(iter(service.jobs.values()))
    service.script = ("succeeded",)
    job.go_on(Run.open(run), until="train")
    assert service.sent("POST", "/fine_tuning/jobs") == 1
    assert files.read_json(run / "systems" / "tuned" / "manifest.json")["hosted"]["model"] == one["fine_tuned_model"]


# ---------------------------------------------------------------- failures


def test_a_failed_job_says_why_and_is_not_begun_again(service: FakeOpenAI, source: Path, tmp_path: Path):
    service.script = ("validating_files", "failed")
    asked = recipe(service, source)
    for _ in range(2):
        with pytest.raises(HostedError, match="the job failed: the file is not in order") as error:
            job.run(asked, runs=tmp_path / "runs", yes=True)
    assert "begin anew" in str(error.value.hint)
    assert len(service.jobs) == 1
    run = tmp_path / "runs" / "numbers"
    for path in sorted((run / "hosted").iterdir()):
        path.unlink()
    service.script = ("succeeded",)
    job.run(asked, runs=tmp_path / "runs", until="train", yes=True)
    assert len(service.jobs) == 2


def test_a_job_is_cancelled_from_elsewhere(service: FakeOpenAI, source: Path, tmp_path: Path, capfd: Any):
    asked = recipe(service, source)
    run = job.run(asked, runs=tmp_path / "runs", until="data").path
    with pytest.raises(RunError, match="no hosted job"):
        api.hosted_job(run)
    service.script = ("running",)
    service.fail("GET /fine_tuning/jobs/ftjob", *["500"] * 9)
    with pytest.raises(HostedError, match="fails"):
        job.go_on(Run.open(run), until="train", yes=True)
    service._faults.clear()
    assert api.hosted_job(run)["state"] == "running"
    assert invoke(["hosted", str(run), "--cancel"]) == 0
    assert "cancelled" in capfd.readouterr().out
    with pytest.raises(HostedError, match="was cancelled"):
        job.go_on(Run.open(run), until="train", yes=True)
    assert service.sent("POST", "/fine_tuning/jobs") == 1


def test_the_job_is_found_where_only_the_service_knows_of_it(service: FakeOpenAI, source: Path, tmp_path: Path):
    run = job.run(recipe(service, source), runs=tmp_path / "runs", until="data").path
    service.script = ("failed",)
    with pytest.raises(HostedError):
        job.go_on(Run.open(run), until="train", yes=True)
    record = files.read_json(run / "hosted" / "job.json")
    files.write_json(run / "hosted" / "job.json", {name: record[name] for name in record if name != "job"})
    assert api.hosted_job(run)["job"] == record["job"]["id"]


def test_files_that_changed_after_they_were_sent_are_refused(service: FakeOpenAI, source: Path, tmp_path: Path):
    service.script = ("failed",)
    asked = recipe(service, source)
    with pytest.raises(HostedError):
        job.run(asked, runs=tmp_path / "runs", yes=True)
    path = tmp_path / "runs" / "numbers" / "hosted" / "train.jsonl"
    path.write_text(path.read_text().replace("number", "word"))
    with pytest.raises(RunError, match="not what was sent"):
        job.run(asked, runs=tmp_path / "runs", yes=True)


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("GET /files", "echo"),
        ("POST /files", "401"),
        ("POST /fine_tuning/jobs", "echo"),
        ("GET /fine_tuning/jobs/ftjob", "echo"),
        ("POST /chat", "401"),
        ("POST /chat", "500"),
    ],
)
def test_no_key_is_left_anywhere_when_things_go_wrong(
    service: FakeOpenAI, source: Path, tmp_path: Path, capfd: Any, where: str, kind: str
):
    service.fail(where, *[kind] * 200)
    path = tmp_path / "numbers.yaml"
    path.write_text(recipe_file.resolved(recipe(service, source)))
    command = ["run", str(path), "--runs", str(tmp_path / "runs"), "--yes"]
    assert invoke(command) == 1
    with pytest.raises(HostedError) as error:
        invoke([*command, "--debug"])
    out, err = capfd.readouterr()
    assert "error:" in err
    assert_no_key(tmp_path, out, err, "".join(traceback.format_exception(error.value)))


def test_a_service_that_repeats_the_key_in_everything(service: FakeOpenAI, source: Path, tmp_path: Path):
    service.script = ("running", "succeeded")
    service.answers = lambda messages, model: f"Bearer {KEY}"
    original = service.tell
    service.tell = lambda id, message, data=None, level="info": original(id, f"{message} {KEY}", data, level)  # type: ignore[method-assign]
    run = job.run(recipe(service, source), runs=tmp_path / "runs", yes=True).path
    assert "Bearer …" in (run / "systems" / "base" / "predictions-free.jsonl").read_text()
    assert_no_key(run)


# ---------------------------------------------------------------- recipes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model=wren", "a name of one|'s name of one"),
        ("evaluate.folds=3", "without evaluate.folds"),
        ("evaluate.likelihood=true", "without evaluate.likelihood"),
        ("evaluate.ranking.distractors=2", "without evaluate.ranking"),
        ("decode.retry_temperatures=[0.5]", "without decode.retry_temperatures"),
        ("decode.candidates=3", "without decode.candidates"),
        ("train.over_length=truncate_tail", "refuse or drop"),
        ("hosted.suffix=a b", "suffix"),
        ("hosted.api_key=x", "unknown key"),
    ],
)
def test_what_does_not_go_with_a_hosted_model_is_refused(service: FakeOpenAI, source: Path, change: str, said: str):
    with pytest.raises(RecipeError, match=said):
        recipe(service, source, change)


@pytest.mark.parametrize(
    "change",
    [f"hosted.key_name={KEY}", f"hosted.base_url=https://x:{KEY}@a.b/v1", f"hosted.base_url=https://a.b/?k={KEY}"],
)
def test_a_key_in_the_wrong_place_is_not_told_again(service: FakeOpenAI, source: Path, change: str):
    with pytest.raises(RecipeError) as error:
        recipe(service, source, change)
    assert KEY not in str(error.value)
    assert "what stands there" in str(error.value)


def test_an_unknown_provider_gets_the_nearest_name(service: FakeOpenAI, source: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="no provider named 'opnai'") as error:
        job.run(recipe(service, source, "hosted.provider=opnai"), runs=tmp_path / "runs", yes=True)
    assert "openai" in str(error.value.hint)


def test_no_key_at_all_is_an_error_that_names_the_variable(
    service: FakeOpenAI, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(HostedError, match="OPENAI_API_KEY"):
        job.run(recipe(service, source), runs=tmp_path / "runs", yes=True)


def test_what_needs_weights_here_is_refused(service: FakeOpenAI, source: Path, tmp_path: Path):
    asked = recipe(service, source)
    run = job.run(asked, runs=tmp_path / "runs", yes=True, until="train").path
    for act in (
        lambda: api.benchmark(asked, runs=tmp_path),
        lambda: api.plan(asked, runs=tmp_path / "plan"),
        lambda: api.load(run),
        lambda: api.publish(run, repo="me/it", dry_run=True),
        lambda: api.merge(run),
        lambda: job.run(asked, runs=tmp_path / "two", processes=2),
    ):
        with pytest.raises((UsageError, RunError)):
            act()


@pytest.mark.parametrize("kind", ["filter", "500"])
def test_behind_answers_that_stand_nothing_is_judged_anew(service, source: Path, tmp_path: Path, kind: str) -> None:
    asked = recipe(service, source, "hosted.concurrency=1", "hosted.max_retries=0", "evaluate.systems=[base]")
    stand = 2 if kind == "filter" else 11
    seen: list[str] = []

    def answers(messages: list[dict[str, str]], model: str) -> str:
        text = messages[-1]["content"]
        if text not in seen:
            if len(seen) >= stand:
                raise Refused(400 if kind == "filter" else 500, "filtered")
            seen.append(text)
            if len(seen) == stand:
                service.fail("POST /chat", "401")
        return ANSWERS[text]

    service.answers = answers
    with pytest.raises(HostedError):
        job.run(asked, runs=tmp_path / "runs", until="evaluate", yes=True)
    (part,) = (tmp_path / "runs").rglob("predictions-free.part.jsonl")
    assert len(files.whole_lines(part)) == stand
    outcome = job.run(asked, runs=tmp_path / "runs", until="evaluate")
    assert outcome.value("exact_match", "base/free") == pytest.approx(stand / 12)
