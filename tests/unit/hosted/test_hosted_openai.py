"""The provider against a stand-in of its service: the whole life of a job, what goes wrong, what is sent once."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import ConfigDict, TypeAdapter, with_config

from fake_openai import KEY, FakeOpenAI
from tunewright.core.errors import HostedError
from tunewright.core.hosting import Checked, Job, Tokens
from tunewright.core.recipe import HostedOptions
from tunewright.hosted.openai import CLOSES, Openai

MODEL = "gpt-4o-mini-2024-07-18"
PASSING = ("429", "500", "503", "lost", "refuse", "cut")


@pytest.fixture
def service(service: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> FakeOpenAI:
    monkeypatch.setattr("tunewright.hosted.openai._pause", lambda error, attempt: 0.0)
    return service


def provider(service: FakeOpenAI, **options: Any) -> Openai:
    given = {"base_url": service.url, "poll_seconds": 0.01, "max_retries": 4, "timeout_seconds": 5.0} | options
    return Openai(MODEL, HostedOptions(**given))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text('{"messages": []}\n')
    return path


def started(service: FakeOpenAI, file: Path, **options: Any) -> tuple[Openai, str]:
    one = provider(service, **options)
    return one, one.start("key", one.upload(file, "own.jsonl"), None).id


def test_the_life_of_a_job(service: FakeOpenAI, file: Path, tmp_path: Path):
    one = provider(service, epochs=3, batch_size=2, learning_rate_multiplier=0.5, suffix="mine")
    training, validation = one.upload(file, "train.jsonl"), one.upload(file, "validation.jsonl")
    job = one.start("key", training, validation)
    states, events, last = [], [], None
    while not job.ended:
        job, fresh = one.watch(job.id, last)
        states.append(job.state)
        events += fresh
        last = events[-1].id if events else None
    assert states == ["validating", "queued", "running", "running", "succeeded"]
    assert len({event.id for event in events}) == len(events)
    assert [event.time for event in events] == sorted(event.time for event in events)
    steps = [event.values for event in events if event.values]
    assert [values["step"] for values in steps] == [1, 2, 3, 4]
    assert [values["loss"] for values in steps] == pytest.approx([2.0, 1.0, 2 / 3, 0.5])
    assert [values.get("validation_loss") for values in steps] == [None, 1.25, None, 0.625]
    assert job.tuned
    assert job.trained_tokens == 4242
    assert job.epochs == 3
    checkpoints = one.fetch(job, tmp_path)
    assert [row["step"] for row in checkpoints] == [2, 4]
    assert checkpoints[-1]["model"] == job.tuned
    assert (tmp_path / "results-1.csv").read_text().splitlines()[0] == "step,train_loss"
    reply = one.generate([{"role": "user", "content": "say hello"}], model=job.tuned, max_tokens=5, seed=1)
    assert (reply.text, reply.finish, reply.prompt_tokens, reply.tokens) == ("say hello", "stop", 2, 7)
    body = next(body for path, body in service.bodies if path == "/fine_tuning/jobs")
    assert body["method"]["supervised"]["hyperparameters"] == {
        "n_epochs": 3,
        "batch_size": 2,
        "learning_rate_multiplier": 0.5,
    }
    assert (body["suffix"], body["validation_file"]) == ("mine", validation)
    assert Job.from_row(job.to_row()) == job


@pytest.mark.parametrize("kind", PASSING)
def test_a_file_and_a_job_are_made_once_whatever_gets_lost(service: FakeOpenAI, file: Path, kind: str):
    service.fail("POST /files", kind, kind)
    service.fail("POST /fine_tuning/jobs", kind, kind)
    one = provider(service)
    one.start("key", one.upload(file, "own.jsonl"))
    assert service.uploads() == {"own.jsonl": 1}
    assert len(service.jobs) == 1


def test_a_slow_answer_is_no_reason_to_send_again(service: FakeOpenAI, file: Path):
    service.fail("POST /files", "slow")
    one = provider(service, timeout_seconds=0.3)
    one.upload(file, "own.jsonl")
    assert service.uploads() == {"own.jsonl": 1}


def test_another_process_finds_what_was_sent(service: FakeOpenAI, file: Path):
    for number in range(7):  # the lists have several pages
        provider(service).upload(file, f"other-{number}.jsonl")
    sent = provider(service).upload(file, "own.jsonl")
    job = provider(service).start("key", sent)
    other = provider(service)
    assert other.resume("key", "file-none") is None
    assert other.upload(file, "own.jsonl") == sent
    assert other.start("key", sent) == job
    assert other.resume("key", sent) == job
    assert len(service.jobs) == 1


def test_a_file_that_arrived_damaged_is_sent_again(service: FakeOpenAI, file: Path):
    first = provider(service).upload(file, "own.jsonl")
    service.files[first]["status"] = "error"
    assert provider(service).upload(file, "own.jsonl") != first
    service.files[first] |= {"status": "processed", "bytes": 3}
    assert provider(service).upload(file, "own.jsonl") != first


def test_a_job_of_another_run_on_the_same_file_is_not_ours(service: FakeOpenAI, file: Path):
    one = provider(service)
    training = one.upload(file, "own.jsonl")
    assert one.start("one", training).id != one.start("two", training).id


def test_services_without_metadata(service: FakeOpenAI, file: Path):
    service.knows_metadata = False
    one = provider(service, metadata=False)
    training = one.upload(file, "own.jsonl")
    assert one.start("key", training) == provider(service, metadata=False).start("key", training)
    with pytest.raises(HostedError, match="metadata"):
        provider(service).start("other", one.upload(file, "other.jsonl"))


def test_a_job_waits_for_its_files(service: FakeOpenAI, file: Path):
    one = provider(service)
    training = one.upload(file, "own.jsonl")
    service.file_states = ["pending", "running", "processed"]
    one.start("key", training)
    assert service.asked.index(("POST", "/fine_tuning/jobs")) > service.asked.index(("GET", f"/files/{training}")) + 2
    again = one.upload(file, "bad.jsonl")
    service.file_states = ["error"]
    with pytest.raises(HostedError, match="does not take"):
        one.start("other", again)


@pytest.mark.parametrize("kind", [*PASSING, "malformed"])
def test_looking_tries_again(service: FakeOpenAI, file: Path, kind: str):
    one, id = started(service, file)
    service.fail("GET /fine_tuning/jobs/", kind)
    if kind == "malformed":
        with pytest.raises(HostedError, match="form that is not known"):
            one.watch(id)
        return
    job, _ = one.watch(id)
    assert job.state in ("validating", "queued")


def test_a_failed_job_says_why(service: FakeOpenAI, file: Path):
    service.script = ("validating_files", "failed")
    service.error = {"code": "x", "message": f"line 3 is wrong, says {KEY}", "param": None}
    one, id = started(service, file)
    one.watch(id)
    job, events = one.watch(id)
    assert job.state == "failed"
    assert job.error == "line 3 is wrong, says …"
    assert [event.level for event in events][-1] == "error"


def test_cancelling(service: FakeOpenAI, file: Path):
    one, id = started(service, file)
    assert one.cancel(id).state == "cancelled"
    assert one.cancel(id).state == "cancelled"
    assert service.sent("POST", f"/fine_tuning/jobs/{id}/cancel") == 1


def test_an_unknown_state_is_told(service: FakeOpenAI, file: Path):
    service.script = ("dreaming",)
    one, id = started(service, file)
    with pytest.raises(HostedError, match="dreaming"):
        one.watch(id)


def test_results_that_come_cut_are_fetched_again(service: FakeOpenAI, file: Path, tmp_path: Path):
    service.script = ("succeeded",)
    one, id = started(service, file)
    job, _ = one.watch(id)
    service.fail(f"GET /files/{job.files[0]}/content", "cut", "lost")
    one.fetch(job, tmp_path)
    assert (tmp_path / "results-1.csv").read_text().startswith("step,")
    service.contents[job.files[0]] = service.contents[job.files[0]][:10]
    with pytest.raises(HostedError, match="comes cut"):
        one.fetch(job, tmp_path)


@pytest.mark.parametrize(
    ("kind", "said", "status"),
    [
        ("401", "does not accept the key", 401),
        ("quota", "no credit left", 429),
        ("echo", "refuses", 400),
        ("500", "fails", 500),
    ],
)
def test_errors_say_what_to_do_and_never_the_key(
    service: FakeOpenAI, file: Path, kind: str, said: str, status: int, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    service.fail("GET /files", *[kind] * 9)
    with pytest.raises(HostedError, match=said) as error:
        provider(service).upload(file, "own.jsonl")
    assert error.value.status == status
    assert error.value.passing == (kind == "500")
    assert error.value.__suppress_context__
    told = f"{error.value} {error.value.hint} {caplog.text}"
    assert KEY not in told
    assert KEY[:20] not in told


def test_a_service_that_is_not_there(service: FakeOpenAI, file: Path):
    one = provider(service, base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(HostedError, match="cannot be reached") as error:
        one.upload(file, "own.jsonl")
    assert error.value.passing


def test_a_refused_job_is_not_asked_for_again(service: FakeOpenAI, file: Path):
    one = provider(service)
    training = one.upload(file, "own.jsonl")
    service.fail("POST /fine_tuning/jobs", "echo")
    with pytest.raises(HostedError):
        one.start("key", training)
    assert service.sent("POST", "/fine_tuning/jobs") == 1


def test_services_like_azures(service: FakeOpenAI, file: Path):
    one, id = started(service, file, base_url=service.azure_url, api_version="2024-10-21")
    assert one.watch(id)[0].state == "validating"
    assert one.generate([{"role": "user", "content": "hello"}], model="mine", max_tokens=5, seed=0).text == "hello"
    assert service.sent("POST", "/chat/completions") == 1
    with pytest.raises(HostedError, match="base_url"):
        Openai(MODEL, HostedOptions(api_version="2024-10-21")).upload(file, "own.jsonl")


def test_another_variable_may_hold_the_key(service: FakeOpenAI, file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    monkeypatch.setenv("MY_KEY", KEY)
    assert provider(service, key_name="MY_KEY").upload(file, "own.jsonl")


# ---------------------------------------------------------------- dates


def test_the_end_of_new_jobs_is_told_by_date_and_refused_after(
    service: FakeOpenAI, file: Path, monkeypatch: pytest.MonkeyPatch
):
    assert datetime.date(2027, 1, 6) == CLOSES
    monkeypatch.setattr("tunewright.hosted.openai.OWN", service.url)
    before = Openai(MODEL, HostedOptions(poll_seconds=0.01), today=CLOSES - datetime.timedelta(days=1))
    told = " ".join(before.notices())
    assert "2027-01-06" in told
    assert "2027-01-14" in told
    assert "base_url" in told
    training = before.upload(file, "own.jsonl")
    job = before.start("key", training)
    after = Openai(MODEL, HostedOptions(poll_seconds=0.01), today=CLOSES)
    assert after.start("key", training) == job  # what runs goes on
    with pytest.raises(HostedError, match="no new fine-tuning jobs since 2027-01-06") as error:
        after.start("another", training)
    assert "base_url" in str(error.value.hint)
    assert len(service.jobs) == 1


def test_other_services_have_no_such_end(service: FakeOpenAI, file: Path):
    one = Openai(MODEL, HostedOptions(base_url=service.url), today=datetime.date(2030, 1, 1))
    assert one.notices() == []
    assert one.start("key", one.upload(file, "own.jsonl")).id


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("https://eu.api.openai.com/v1", True),
        ("https://US.api.openai.com/v1/", True),
        ("https://api.openai.com", True),
        ("https://api.openai.com.elsewhere.example/v1", False),
        ("https://notapi.openai.com.example/v1", False),
        ("https://mine.openai.azure.com", False),
    ],
)
def test_openai_is_known_in_every_region(address: str, own: bool):
    one = Openai(MODEL, HostedOptions(base_url=address), today=CLOSES)
    assert (one.closed() is not None, bool(one.notices())) == (own, own)
    assert (one.estimate(Checked("", 10, 0, Tokens("counted"))).price is not None) == own


# ---------------------------------------------------------------- shapes


def strict(kind: Any) -> TypeAdapter[Any]:
    """A type of the official client, which is generated from OpenAI's description, that takes no unknown fields."""
    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(kind))


def test_requests_have_the_shapes_of_openais_description(service: FakeOpenAI, file: Path):
    from openai.types.fine_tuning.job_create_params import JobCreateParams

    one, id = started(service, file, epochs=2, suffix="mine")
    service.script = ("succeeded",)
    job, _ = one.watch(id)
    one.generate([{"role": "user", "content": "hello"}], model=str(job.tuned), max_tokens=5, seed=0)
    bodies = dict(service.bodies)
    strict(JobCreateParams).validate_python(bodies["/fine_tuning/jobs"])
    with pytest.raises(ValueError, match="extra"):
        strict(JobCreateParams).validate_python(bodies["/fine_tuning/jobs"] | {"epochs": 1})


def test_the_stand_in_answers_in_openais_shapes(service: FakeOpenAI, file: Path):
    client = openai.OpenAI(base_url=service.url, api_key=KEY, _strict_response_validation=True)
    service.script = ("running", "succeeded")
    one, id = started(service, file)
    one.watch(id)
    one.watch(id)
    assert client.fine_tuning.jobs.retrieve(id).status == "succeeded"
    assert len(list(client.fine_tuning.jobs.list_events(id))) == 4
    assert len(list(client.fine_tuning.jobs.checkpoints.list(id))) == 2
    assert len(list(client.files.list())) == 2
    assert len(list(client.fine_tuning.jobs.list())) == 1
    messages: Any = [{"role": "user", "content": "hello"}]
    assert client.chat.completions.create(model="m", messages=messages).choices[0].message.content == "hello"
