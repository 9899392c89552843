"""What goes over the wire, held to the description of OpenAI's API in tests/openai.yaml, and that to the client's types.

Where `@stdy/cli` is installed, its server takes every request too, by that description or by OpenAI's whole one
(TUNEWRIGHT_OPENAI_SPEC), and the official client reads what it answers.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import parse_qs, urlsplit

import openai
import pytest
import typing_extensions
import yaml
from jsonschema import Draft202012Validator
from openai.types import CompletionUsage, FileObject, FilePurpose
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.file_create_params import FileCreateParams
from openai.types.file_list_params import FileListParams
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.job_create_params import JobCreateParams, Method
from openai.types.fine_tuning.job_list_events_params import JobListEventsParams
from openai.types.fine_tuning.job_list_params import JobListParams
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint
from openai.types.fine_tuning.jobs.checkpoint_list_params import CheckpointListParams
from openai.types.fine_tuning.jobs.fine_tuning_job_checkpoint import Metrics
from openai.types.fine_tuning.supervised_hyperparameters_param import SupervisedHyperparametersParam
from openai.types.fine_tuning.supervised_method_param import SupervisedMethodParam

from fake_openai import KEY, FakeOpenAI
from tunewright.core.recipe import HostedOptions
from tunewright.hosted.openai import Openai

DESCRIPTION = Path(__file__).parents[2] / "openai.yaml"
API = yaml.safe_load(DESCRIPTION.read_text())
SCHEMAS = API["components"]["schemas"]


@pytest.fixture
def lived(service: FakeOpenAI, tmp_path: Path) -> FakeOpenAI:
    """The service after all that a provider ever asks of it, with every option of ours."""
    page = HostedOptions(
        base_url=service.url, poll_seconds=0.01, epochs=2, batch_size=4, learning_rate_multiplier=0.5, suffix="mine"
    )
    one = Openai("gpt-4o-mini-2024-07-18", page)
    file = tmp_path / "train.jsonl"
    file.write_text('{"messages": []}\n')
    service.file_states = ["uploaded"]
    job = one.start("key", one.upload(file, "own.jsonl"), one.upload(file, "validation.jsonl"))
    service.script = ("running", "succeeded")
    one.watch(job.id)
    job, _ = one.watch(job.id)
    one.fetch(job, tmp_path)
    one.generate(
        [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], model="m", max_tokens=5, seed=0
    )
    plain = Openai("gpt-4o-mini-2024-07-18", HostedOptions(base_url=service.url, metadata=False))
    plain._own = True  # what OpenAI itself is asked for
    plain.generate(
        [{"role": "user", "content": "hello"}], model=str(job.tuned), max_tokens=5, seed=2**31 - 1, top_p=0.9
    )
    service.script = ("failed",)
    failed = plain.start("another", plain.upload(file, "another.jsonl"))
    plain.watch(failed.id)
    service.script = ("running",)
    one.cancel(one.start("third", one.upload(file, "third.jsonl")).id)
    return service


# ---------------------------------------------------------------- the description and the client


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("FileCreate", FileCreateParams),
        ("JobCreate", JobCreateParams),
        ("Method", Method),
        ("Supervised", SupervisedMethodParam),
        ("Hyperparameters", SupervisedHyperparametersParam),
        ("ChatCreate", CompletionCreateParamsNonStreaming),
    ],
)
def test_what_is_sent_is_described_as_the_client_types_it(name: str, kind: Any):
    hints = get_type_hints(kind, include_extras=True)
    required = {key for key, hint in hints.items() if get_origin(hint) in (typing.Required, typing_extensions.Required)}
    assert set(SCHEMAS[name]["properties"]) <= set(hints)
    assert set(SCHEMAS[name].get("required", ())) == required
    assert SCHEMAS[name]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("File", FileObject),
        ("Job", FineTuningJob),
        ("Event", FineTuningJobEvent),
        ("Checkpoint", FineTuningJobCheckpoint),
        ("Metrics", Metrics),
        ("Chat", ChatCompletion),
        ("Choice", Choice),
        ("Usage", CompletionUsage),
    ],
)
def test_what_is_answered_is_described_as_the_client_types_it(name: str, kind: Any):
    fields = kind.model_fields
    assert set(SCHEMAS[name]["properties"]) <= set(fields)
    assert {key for key, field in fields.items() if field.is_required()} <= set(SCHEMAS[name].get("required", ()))
    for key, schema in SCHEMAS[name]["properties"].items():
        literals = [one for one in (fields[key].annotation, *get_args(fields[key].annotation)) if _literal(one)]
        if "enum" in schema or "const" in schema:
            assert set(schema.get("enum", [schema.get("const")])) == set(get_args(literals[0])), key


def _literal(kind: Any) -> bool:
    return get_origin(kind) in (typing.Literal, typing_extensions.Literal)


def test_small_parts_are_described_as_the_client_types_them():
    assert set(SCHEMAS["FileCreate"]["properties"]["purpose"]["enum"]) == set(get_args(FilePurpose))
    message = SCHEMAS["Choice"]["properties"]["message"]
    assert set(message["properties"]) <= set(ChatCompletionMessage.model_fields)
    for path, kind in {
        "/files": FileListParams,
        "/fine_tuning/jobs": JobListParams,
        "/fine_tuning/jobs/{job}/events": JobListEventsParams,
        "/fine_tuning/jobs/{job}/checkpoints": CheckpointListParams,
    }.items():
        assert set(queries(API["paths"][path]["get"])) <= set(get_type_hints(kind)), path


# ---------------------------------------------------------------- requests, answers, and the description


def operation(method: str, path: str) -> dict[str, Any]:
    for pattern, operations in API["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path) and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    raise AssertionError(f"{method} {path} is not described")


def queries(described: dict[str, Any]) -> dict[str, Any]:
    """Names of an operation's query parameters → their schemas."""
    shared = API["components"]["parameters"]
    given = [shared[one["$ref"].rsplit("/", 1)[1]] if "$ref" in one else one for one in described.get("parameters", ())]
    return {one["name"]: one["schema"] for one in given if one["in"] == "query"}


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": API["components"]}
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(whole).iter_errors(value)]


def test_every_request_is_described(lived: FakeOpenAI):
    met = set()
    for method, target, kind, content in lived.raw:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        described = operation(method, path)
        met.add(described["operationId"])
        assert set(query) <= set(queries(described)), target
        for name, (value,) in query.items():
            assert not faults(queries(described)[name], int(value) if value.isdigit() else value), target
        sent = described.get("requestBody", {}).get("content", {})
        if not content:
            assert not sent, target
        elif kind == "application/json":
            assert faults(sent[kind]["schema"], json.loads(content)) == [], target
        else:
            assert list(sent) == [kind.split(";")[0]]
            names = re.findall(rb'name="(\w+)"', content)
            assert faults(sent["multipart/form-data"]["schema"], {name.decode(): "fine-tune" for name in names}) == []
    assert met == {one["operationId"] for path in API["paths"].values() for one in path.values() if "responses" in one}


def test_every_answer_of_the_stand_in_is_described(lived: FakeOpenAI):
    for method, path, content in lived.told:
        ((kind, answer),) = operation(method, path)["responses"]["200"]["content"].items()
        if kind == "application/json":
            assert faults(answer["schema"], json.loads(content)) == [], path
    states = {json.loads(content)["status"] for _, path, content in lived.told if path.startswith("/fine_tuning/jobs/ft")
              and path.count("/") == 3}  # fmt: skip
    assert states == {"running", "succeeded", "failed"}


# ---------------------------------------------------------------- a server by the description


@pytest.fixture
def described(tmp_path: Path) -> Iterator[int]:
    """The port of a server that takes the requests of a description of OpenAI's API and refuses all others."""
    steady, description = shutil.which("steady"), os.environ.get("TUNEWRIGHT_OPENAI_SPEC", str(DESCRIPTION))
    if steady is None:
        pytest.skip("@stdy/cli is not installed (npm install -g @stdy/cli)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with open(tmp_path / "steady.log", "w") as log:
        server = subprocess.Popen(
            [steady, "--host", "127.0.0.1", "--port", str(port), description], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            until = time.monotonic() + 60
            while "Ready" not in (tmp_path / "steady.log").read_text():
                assert server.poll() is None, (tmp_path / "steady.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.1)
            yield port
        finally:
            server.terminate()
            server.wait()


def answered(port: int, method: str, target: str, kind: str, content: bytes) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    heads = {"Authorization": f"Bearer {KEY}"} | ({"Content-Type": kind} if kind else {})
    connection.request(method, target, content, heads)
    response = connection.getresponse()
    return response.status, response.read().decode()


WRONG: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "/fine_tuning/jobs", {"model": "m", "training_file": 3}),
    ("POST", "/fine_tuning/jobs", {"model": "m"}),
    ("POST", "/chat/completions", {"model": "m", "messages": [{"role": "nobody", "content": "a"}]}),
    ("POST", "/chat/completions", {"messages": [{"role": "user", "content": "a"}]}),
    ("GET", "/fine_tuning/jobs?limit=many", None),
    ("GET", "/fine_tuned/jobs", None),
]


def test_a_server_by_the_description_takes_every_request_and_no_other(lived: FakeOpenAI, described: int):
    assert len(lived.raw) > 20
    for request in lived.raw:
        status, said = answered(described, *request)
        assert status < 400, f"{request[0]} {request[1]}: {said}"
    for method, target, body in WRONG:
        kind, content = ("application/json", json.dumps(body).encode()) if body is not None else ("", b"")
        assert answered(described, method, target, kind, content)[0] >= 400, target


def test_the_client_reads_what_a_server_by_the_description_answers(described: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = openai.OpenAI(
        base_url=f"http://127.0.0.1:{described}", api_key=KEY, max_retries=0, _strict_response_validation=True
    )
    jobs = client.fine_tuning.jobs
    messages: Any = [{"role": "user", "content": "hello"}]
    assert client.files.create(file=("a.jsonl", b"{}\n", "application/jsonl"), purpose="fine-tune").object == "file"
    assert client.files.retrieve("file-1").object == "file"
    assert jobs.create(model="m", training_file="file-1").object == "fine_tuning.job"
    assert jobs.retrieve("ftjob-1").object == jobs.cancel("ftjob-1").object == "fine_tuning.job"
    assert jobs.list(limit=100).data[0].object == "fine_tuning.job"
    assert jobs.list_events("ftjob-1", limit=100).data[0].object == "fine_tuning.job.event"
    assert jobs.checkpoints.list("ftjob-1", limit=100).data[0].object == "fine_tuning.job.checkpoint"
    assert client.chat.completions.create(model="m", messages=messages).choices[0].message.role == "assistant"
