"""A stand-in for OpenAI's API on this machine: files, fine-tuning jobs with their events and checkpoints, chat.

with FakeOpenAI() as service:             service.url is for hosted.base_url, service.key for the key
    service.files, service.jobs           what was sent, by id
    service.fail("POST /files", "lost")   what goes wrong with the next such request (FAULTS)
    service.script = [...]                what a job goes through, one step for each time it is looked at
    service.answers                       prompt's last text, model → reply

It is strict: a field or a query that OpenAI does not know is refused, as is a file that it would not take. A path below
/azure is answered as Azure does: `api-key` in the head, `api-version` in the query.
"""

from __future__ import annotations

import base64
import email.parser
import email.policy
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "sk-planted-" + "0aB1cD2eF3" * 4

FAULTS = ("429", "500", "503", "lost", "refuse", "cut", "echo", "401", "quota", "slow", "malformed")
"""A status; lost: done, and the connection closed before the answer; refuse: closed before anything is done; cut: half
of the answer; echo: an error that repeats the key; quota: no credit; slow: no answer in time; malformed: no JSON."""

RUNNING = ("validating_files", "queued", "running", "running", "succeeded")
JOB_FIELDS = {
    "model", "training_file", "validation_file", "method", "hyperparameters", "metadata", "suffix", "seed",
    "integrations",
}  # fmt: skip
CHAT_FIELDS = {"model", "messages", "temperature", "top_p", "seed", "max_completion_tokens", "max_tokens"}
HYPER = {"n_epochs", "batch_size", "learning_rate_multiplier"}


class Refused(Exception):
    def __init__(self, status: int, message: str, code: str | None = None):
        super().__init__(message)
        self.status, self.code = status, code


class FakeOpenAI:
    """url, azure_url, key; files, jobs, contents by id; asked: (method, path) of every request, in order.

    bodies: (path, JSON) of those that make something. raw: (method, target, content type, content) of every request.
    told: (method, path, content) of every good answer.
    page: how many entries a page of a list has at most.
    """

    def __init__(self, *, key: str = KEY) -> None:
        self.key = key
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.checkpoints: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[tuple[str, dict[str, Any]]] = []
        self.raw: list[tuple[str, str, str, bytes]] = []
        self.told: list[tuple[str, str, bytes]] = []
        self.answers: Callable[[list[dict[str, str]], str], str] = lambda messages, model: messages[-1]["content"]
        self.script: tuple[str, ...] = RUNNING
        self.error = {"code": "invalid_training_file", "message": "the file is not in order", "param": None}
        self.page = 3
        self.knows_metadata = True
        self.file_states: list[str] = []
        self.open = 0
        self.most_open = 0
        self._faults: list[tuple[str, str]] = []
        self._stages: dict[str, int] = {}
        self._number = 0
        self._clock = 1_790_000_000
        self.lock = threading.RLock()

    def __enter__(self) -> FakeOpenAI:
        service = self

        class Bound(Handler):
            fake = service

        self._server = Server(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        place = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url, self.azure_url = f"{place}/v1", f"{place}/azure"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    # ------------------------------------------------------------ what tests set

    def fail(self, where: str, *kinds: str) -> None:
        """The next requests whose `METHOD /path` begins so fail, one after the other."""
        assert set(kinds) <= set(FAULTS)
        self._faults += [(where, kind) for kind in kinds]

    def sent(self, method: str, path: str) -> int:
        """How many such requests there were."""
        return sum(one == (method, path) for one in self.asked)

    def uploads(self) -> Counter[str]:
        """Names of files that were sent → how often."""
        return Counter(file["filename"] for file in self.files.values() if file["purpose"] == "fine-tune")

    # ------------------------------------------------------------ the service

    def fault(self, method: str, path: str) -> str | None:
        with self.lock:
            for place, (where, kind) in enumerate(self._faults):
                if f"{method} {path}".startswith(where):
                    del self._faults[place]
                    return kind
        return None

    def id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._number:06d}"

    def now(self) -> int:
        self._clock += 1
        return self._clock

    def create_file(self, fields: dict[str, Any]) -> dict[str, Any]:
        if set(fields) != {"purpose", "file"}:
            raise Refused(400, f"unknown fields: {sorted(set(fields) ^ {'purpose', 'file'})}")
        name, content = fields["file"]
        if fields["purpose"] != "fine-tune" or not name.endswith(".jsonl"):
            raise Refused(400, "a file for fine-tune is .jsonl")
        return self.store(name, content, "fine-tune")

    def store(self, name: str, content: bytes, purpose: str) -> dict[str, Any]:
        id = self.id("file")
        self.contents[id] = content
        self.files[id] = {
            "id": id, "object": "file", "bytes": len(content), "created_at": self.now(), "filename": name,
            "purpose": purpose, "status": "processed", "expires_at": None, "status_details": None,
        }  # fmt: skip
        return self.files[id]

    def create_job(self, body: dict[str, Any]) -> dict[str, Any]:
        if unknown := set(body) - JOB_FIELDS:
            raise Refused(400, f"unrecognized request argument supplied: {', '.join(sorted(unknown))}")
        if "metadata" in body and not self.knows_metadata:
            raise Refused(400, "unrecognized request argument supplied: metadata")
        for name in ("training_file", "validation_file"):
            if name in body and body[name] not in self.files:
                raise Refused(400, f"there is no file {body[name]}", "invalid_file")
        if not isinstance(body.get("model"), str) or "training_file" not in body:
            raise Refused(400, "model and training_file are required")
        method = body.get("method", {})
        if set(method) - {"type", "supervised"} or method.get("type") != "supervised":
            raise Refused(400, f"unknown method {method}")
        hyper = method.get("supervised", {}).get("hyperparameters", {})
        if set(hyper) - HYPER or any(not (value == "auto" or value > 0) for value in hyper.values()):
            raise Refused(400, f"unknown hyperparameters {hyper}")
        metadata = body.get("metadata")
        if metadata is not None and not all(
            isinstance(text, str) and len(text) <= size
            for pair in metadata.items()
            for text, size in zip(pair, (64, 512), strict=True)
        ):
            raise Refused(400, "metadata is text of 64 and 512 characters")
        id = self.id("ftjob")
        self.jobs[id] = {
            "id": id, "object": "fine_tuning.job", "created_at": self.now(), "error": None, "fine_tuned_model": None,
            "finished_at": None, "hyperparameters": hyper, "model": body["model"], "organization_id": "org-1",
            "result_files": [], "seed": 1, "status": "validating_files", "trained_tokens": None,
            "training_file": body["training_file"], "validation_file": body.get("validation_file"),
            "estimated_finish": None, "integrations": [], "metadata": metadata, "method": method,
            "user_provided_suffix": body.get("suffix"),
        }  # fmt: skip
        self.events[id], self.checkpoints[id], self._stages[id] = [], [], 0
        self.tell(id, "Created fine-tuning job")
        return self.jobs[id]

    def tell(self, id: str, message: str, data: dict[str, Any] | None = None, level: str = "info") -> None:
        self.events[id].append(
            {
                "id": self.id("ftevent"), "object": "fine_tuning.job.event", "created_at": self.now(), "level": level,
                "message": message, "data": data or {}, "type": "metrics" if data else "message",
            }
        )  # fmt: skip

    def look(self, id: str) -> dict[str, Any]:
        """A job; each look takes it one step further."""
        job = self.jobs[id]
        if job["status"] in ("succeeded", "failed", "cancelled"):
            return job
        stage = min(self._stages[id], len(self.script) - 1)
        self._stages[id] += 1
        job["status"] = self.script[stage]
        if job["status"] == "running":
            done = sum(bool(event["data"]) for event in self.events[id])
            for step in range(done + 1, done + 3):
                values = {"step": step, "train_loss": 2.0 / step, "total_steps": 4, "train_mean_token_accuracy": 0.5}
                if step % 2 == 0:
                    values |= {"valid_loss": 2.5 / step}
                self.tell(id, f"Step {step}/4: training loss={2.0 / step:.2f}", values)
        elif job["status"] == "succeeded":
            self.succeed(job)
        elif job["status"] == "failed":
            job["error"] = self.error
            self.tell(id, "The job failed", level="error")
        return job

    def succeed(self, job: dict[str, Any]) -> None:
        suffix = job["user_provided_suffix"] or ""
        tuned = f"ft:{job['model']}:org:{suffix}:{job['id'][-4:]}"
        for step in (2, 4):
            model = tuned if step == 4 else f"{tuned}:ckpt-step-{step}"
            self.checkpoints[job["id"]].append(
                {
                    "id": self.id("ftckpt"), "object": "fine_tuning.job.checkpoint", "created_at": self.now(),
                    "fine_tuned_model_checkpoint": model, "fine_tuning_job_id": job["id"], "step_number": step,
                    "metrics": {"step": step, "train_loss": 2.0 / step, "full_valid_loss": 2.5 / step},
                }
            )  # fmt: skip
        table = "step,train_loss\n" + "".join(f"{step},{2.0 / step}\n" for step in range(1, 5))
        file = self.store("step_metrics.csv", base64.b64encode(table.encode()), "fine-tune-results")
        job |= {
            "fine_tuned_model": tuned,
            "trained_tokens": 4242,
            "result_files": [file["id"]],
            "finished_at": self.now(),
        }
        self.tell(job["id"], "The job has successfully completed")

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        if unknown := set(body) - CHAT_FIELDS:
            raise Refused(400, f"unrecognized request argument supplied: {', '.join(sorted(unknown))}")
        known = {job["fine_tuned_model"] for job in self.jobs.values()}
        if body["model"].startswith("ft:") and body["model"] not in known:
            raise Refused(404, f"the model {body['model']} does not exist", "model_not_found")
        roles = [message["role"] for message in body["messages"]]
        if roles[-1] != "user" or any(set(message) != {"role", "content"} for message in body["messages"]):
            raise Refused(400, "messages are not in order")
        text = self.answers(body["messages"], body["model"])
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if text.startswith("REFUSE"):
            message |= {"content": None, "refusal": "I cannot help with that"}
        if text.startswith("FILTER"):
            raise Refused(400, "the prompt was filtered", "content_filter")
        read = sum(len(message["content"].split()) for message in body["messages"])
        return {
            "id": self.id("chatcmpl"), "object": "chat.completion", "created": self.now(), "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": {"prompt_tokens": read, "completion_tokens": 7, "total_tokens": read + 7},
        }  # fmt: skip


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error of the service."""


class Handler(BaseHTTPRequestHandler):
    fake: FakeOpenAI
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer is one packet: two would wait for each other
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        fake = self.fake
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/v1")
        azure = path.startswith("/azure/openai")
        if azure:
            path = re.sub(r"^/deployments/[^/]+", "", path.removeprefix("/azure/openai"))
        with fake.lock:
            fake.asked.append((method, path))
            target = self.path.removeprefix("/v1")
            fake.raw.append((method, target, self.headers.get("Content-Type", ""), content))
            fake.open += 1
            fake.most_open = max(fake.most_open, fake.open)
        try:
            kind = fake.fault(method, path)
            if kind in ("refuse", "slow"):
                if kind == "slow":
                    time.sleep(0.6)
                self._close()
                return
            if kind is not None and kind not in ("lost", "cut", "malformed"):
                self._error(kind)
                return
            try:
                given = self.headers.get("api-key") if azure else (self.headers.get("Authorization") or "")[7:]
                if given != fake.key:
                    raise Refused(401, f"Incorrect API key provided: {given}", "invalid_api_key")
                if azure and not query.pop("api-version", None):
                    raise Refused(404, "Resource not found")
                with fake.lock:
                    answer = self._answer(method, path, query, content)
                    fake.told.append((method, path, answer))
            except Refused as refused:
                body = {"message": str(refused), "type": "invalid_request_error", "param": None, "code": refused.code}
                self._send(refused.status, json.dumps({"error": body}).encode())
                return
            if kind == "lost":
                self._close()
            elif kind == "malformed":
                self._send(200, b"<html>busy</html>", kind="text/html")
            else:
                self._send(200, answer, cut=kind == "cut")
        finally:
            with fake.lock:
                fake.open -= 1

    def _answer(self, method: str, path: str, query: dict[str, str], content: bytes) -> bytes:
        fake = self.fake
        match = re.fullmatch(r"/files/([\w-]+)(/content)?", path)
        if (method, path) == ("POST", "/files"):
            return self._json(fake.create_file(self._form(content)))
        if (method, path) == ("GET", "/files"):
            self._known(query, {"purpose", "after", "limit", "order"})
            found = [file for file in fake.files.values() if file["purpose"] == query.get("purpose", file["purpose"])]
            return self._list(found[::-1], {"limit": "10000"} | query)
        if method == "GET" and match:
            if match[1] not in fake.files:
                raise Refused(404, "no such file")
            if match[2]:
                return fake.contents[match[1]]
            states = fake.file_states
            return self._json(fake.files[match[1]] | ({"status": states.pop(0)} if states else {}))
        if (method, path) == ("POST", "/fine_tuning/jobs"):
            body = json.loads(content)
            fake.bodies.append((path, body))
            return self._json(fake.create_job(body))
        if (method, path) == ("GET", "/fine_tuning/jobs"):
            self._known(query, {"after", "limit"})
            return self._list(list(fake.jobs.values())[::-1], query)
        match = re.fullmatch(r"/fine_tuning/jobs/([\w-]+)(/\w+)?", path)
        if match:
            id, what = match[1], match[2]
            if id not in fake.jobs:
                raise Refused(404, "no such job")
            if method == "GET" and what is None:
                return self._json(fake.look(id))
            if method == "POST" and what == "/cancel":
                fake.jobs[id]["status"] = "cancelled"
                fake.tell(id, "The job was cancelled")
                return self._json(fake.jobs[id])
            if method == "GET" and what in ("/events", "/checkpoints"):
                self._known(query, {"after", "limit"})
                found = fake.events[id] if what == "/events" else fake.checkpoints[id]
                return self._list(found[::-1], query)
        if (method, path) == ("POST", "/chat/completions"):
            body = json.loads(content)
            fake.bodies.append((path, body))
            return self._json(fake.chat(body))
        raise Refused(404, f"there is no {method} {path}")

    def _known(self, query: dict[str, str], known: set[str]) -> None:
        if unknown := set(query) - known:
            raise Refused(400, f"unknown query parameters: {', '.join(sorted(unknown))}")

    def _list(self, found: list[dict[str, Any]], query: dict[str, str]) -> bytes:
        ids = [one["id"] for one in found]
        first = ids.index(query["after"]) + 1 if "after" in query else 0
        size = min(self.fake.page, int(query.get("limit", 20)))
        part = found[first : first + size]
        more = first + size < len(found)
        return self._json(
            {
                "object": "list",
                "data": part,
                "has_more": more,
                "first_id": None,
                "last_id": part[-1]["id"] if part else None,
            }
        )

    def _form(self, content: bytes) -> dict[str, Any]:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + content)
        fields: dict[str, Any] = {}
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            body = part.get_payload(decode=True)
            fields[str(name)] = (part.get_filename(), body) if part.get_filename() else body.decode()
        return fields

    def _json(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def _error(self, kind: str) -> None:
        status, message, code = {
            "429": (429, "Rate limit reached", "rate_limit_exceeded"),
            "quota": (429, "You exceeded your current quota", "insufficient_quota"),
            "401": (401, f"Incorrect API key provided: {self.fake.key}", "invalid_api_key"),
            "echo": (400, f"bad request with {self.fake.key} and Bearer {self.fake.key[:20]}", None),
        }.get(kind, (int(kind) if kind.isdigit() else 500, f"The server had an error ({self.fake.key})", None))
        body = {"message": message, "type": "error", "param": None, "code": code}
        self._send(status, json.dumps({"error": body}).encode(), extra={"retry-after-ms": "1"})

    def _send(
        self,
        status: int,
        body: bytes,
        *,
        cut: bool = False,
        kind: str = "application/json",
        extra: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(extra or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self._close()

    def _close(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
