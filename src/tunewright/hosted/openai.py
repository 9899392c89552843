"""OpenAI's fine-tuning, and that of services that speak as it does (`hosted.base_url`, `hosted.api_version`).

Through the official client, which is loaded when something is sent. Jobs and their events follow OpenAI's API reference
(fine_tuning.jobs, files); how many epochs it chooses by itself, its cookbook (Data preparation for chat fine-tuning).
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tunewright.core import files
from tunewright.core.errors import HostedError, MissingExtra
from tunewright.core.hosting import Asked, Checked, Estimate, Job, Price, Reply, State, Told
from tunewright.core.recipe import HostedOptions
from tunewright.core.records import JSON, Example, Message
from tunewright.hosted import _shared as shared

OWN = "https://api.openai.com/v1"
ENCODING = "o200k_base"
CLOSES = datetime.date(2027, 1, 6)
"""From this day on OpenAI takes no new fine-tuning jobs of anybody (its deprecations page, notice of 2026-05-07)."""

ENDS = dict.fromkeys(
    ("gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "gpt-4.1-2025-04-14", "gpt-4.1-mini-2025-04-14"),
    datetime.date(2027, 1, 14),
)
"""Model → the day from which it, and what was tuned from it, answers no more (the same page, notice of 2026-10-14)."""

ALTERNATIVES = (
    "a service that speaks as OpenAI does (hosted.base_url), or an open model of your own: the same recipe without "
    "`hosted:`, with `model: meta-llama/Llama-3.2-3B-Instruct`, say"
)

PRICES = {
    model: Price(training, base, tuned, "2026-11-23")
    for model, training, base, tuned in (
        ("gpt-4o-2024-08-06", 25.0, (2.5, 10.0), (3.75, 15.0)),
        ("gpt-4o-mini-2024-07-18", 3.0, (0.15, 0.6), (0.3, 1.2)),
        ("gpt-4.1-2025-04-14", 25.0, (2.0, 8.0), (3.0, 12.0)),
        ("gpt-4.1-mini-2025-04-14", 5.0, (0.4, 1.6), (0.8, 3.2)),
    )
}
"""What OpenAI asks (its pricing page, standard processing, without shared data)."""

LONGEST = 65_536
"""Tokens of an example of the models in PRICES."""

MOST_BYTES = 512 * 2**20
"""Of one file (API reference, files)."""

FEWEST = 10

STATES: dict[str, State] = {
    "validating_files": "validating",
    "queued": "queued",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    # Azure's and other services' words
    "pending": "queued",
    "notRunning": "queued",
    "created": "queued",
    "paused": "queued",
    "canceled": "cancelled",
}
UNREADY = ("pending", "running", "notRunning", "importing")
"""States of a file that Azure still looks at; a job on it would be refused."""

METRICS = {
    "train_loss": "loss",
    "valid_loss": "validation_loss",
    "full_valid_loss": "full_validation_loss",
    "train_mean_token_accuracy": "accuracy",
    "valid_mean_token_accuracy": "validation_accuracy",
    "full_valid_mean_token_accuracy": "full_validation_accuracy",
    "total_steps": "total_steps",
    "step": "step",
}
"""OpenAI's name of a metric → ours."""

MARK = "tunewright"
"""Key of a job's metadata that holds the run's own number."""

T = TypeVar("T")


class Openai:
    """The provider. model: the one that is tuned. today: for what is told and refused by date."""

    name = "openai"

    def __init__(
        self, model: str, options: HostedOptions, *, mask_history: bool = False, today: datetime.date | None = None
    ):
        self.model = model
        self.options = options
        self.longest = options.max_example_tokens or (LONGEST if model in PRICES else None)
        self._last_only = mask_history
        self._today = today or datetime.date.today()
        self._own = _openais(options.base_url or OWN)

    # ------------------------------------------------------------ without key and network

    def notices(self) -> list[str]:
        if not self._own:
            return []
        end = ENDS.get(self.model)
        told = (
            f"OpenAI takes no new fine-tuning jobs from {CLOSES} on, and since 2026-07-02 only those of organisations "
            f"that used a tuned model within 60 days. Afterwards: {ALTERNATIVES}"
        )
        return [told, *([f"{self.model} and what is tuned from it answer until {end}"] if end else [])]

    def closed(self) -> str | None:
        return f"OpenAI takes no new fine-tuning jobs since {CLOSES}" if self._own and self._today >= CLOSES else None

    def prepare(self, examples: Iterable[Example], path: Path) -> int:
        return files.write_lines(path, shared.rows(examples, last_only=self._last_only))

    def validate(self, path: Path, *, least: int = FEWEST) -> Checked:
        rules = shared.Rules(tokens=self.longest, bytes=MOST_BYTES)
        return shared.check(path, rules, *self._counter, least=least)

    def count(self, messages: Sequence[Message]) -> int:
        return shared.tokens_of(messages, self._counter[0])

    def estimate(self, checked: Checked, asked: Sequence[Asked] = ()) -> Estimate:
        chosen = self.options.epochs
        return Estimate(
            model=self.model,
            examples=checked.examples,
            tokens=checked.tokens.total,
            how=checked.tokens.how,
            epochs=_epochs(checked.examples) if chosen == "auto" else chosen,
            exact_epochs=chosen != "auto",
            price=PRICES.get(self.model) if self._own else None,
            asked=tuple(asked),
        )

    @cached_property
    def _counter(self) -> tuple[shared.Count, str]:
        return shared.counter(ENCODING)

    # ------------------------------------------------------------ with them

    def upload(self, path: Path, name: str) -> str:
        size = path.stat().st_size

        def look() -> str | None:
            for file in self._client.files.list(purpose="fine-tune"):
                if file.filename == name and file.bytes == size and file.status != "error":
                    return self._discreet.text(file.id)
            return None

        def send() -> str:
            with open(path, "rb") as content:
                sent = self._hasty.files.create(file=(name, content, "application/jsonl"), purpose="fine-tune")
            return self._discreet.text(sent.id)

        with self._understood("files"):
            return self._once(look, send)

    def start(self, key: str, training: str, validation: str | None = None) -> Job:
        def send() -> Job:
            if (why := self.closed()) is not None:
                raise HostedError(why, hint=ALTERNATIVES)
            for file in filter(None, (training, validation)):
                self._await(file)
            chosen = {
                "n_epochs": self.options.epochs,
                "batch_size": self.options.batch_size,
                "learning_rate_multiplier": self.options.learning_rate_multiplier,
            }
            asked: dict[str, Any] = {
                "model": self.model,
                "training_file": training,
                "validation_file": validation,
                "suffix": self.options.suffix,
                "method": {"type": "supervised", "supervised": {"hyperparameters": chosen}},
                "metadata": {MARK: key} if self.options.metadata else None,
            }
            given = {name: value for name, value in asked.items() if value is not None}
            return self._job(self._hasty.fine_tuning.jobs.create(**given))

        with self._understood("fine-tuning"):
            return self._once(lambda: self._find(key, training), send)

    def resume(self, key: str, training: str) -> Job | None:
        with self._understood("fine-tuning"):
            return self._find(key, training)

    def watch(self, job: str, after: str | None = None) -> tuple[Job, list[Told]]:
        with self._understood(job):
            # The job first: of one that has ended, all events are there.
            state = self._job(self._client.fine_tuning.jobs.retrieve(job))
            fresh: list[Told] = []
            for event in self._client.fine_tuning.jobs.list_events(job, limit=100):
                if event.id == after:
                    break
                fresh.append(self._told(event))
            return state, fresh[::-1]

    def cancel(self, job: str) -> Job:
        with self._understood(job):
            state = self._job(self._client.fine_tuning.jobs.retrieve(job))
            return state if state.ended else self._job(self._client.fine_tuning.jobs.cancel(job))

    def fetch(self, job: Job, folder: Path) -> list[dict[str, JSON]]:
        with self._understood(job.id):
            for number, id in enumerate(job.files, 1):
                files.write_bytes(folder / f"results-{number}.csv", self._discreet.content(self._content(id)))
            found = [
                {
                    "step": one.step_number,
                    "model": one.fine_tuned_model_checkpoint,
                    **_metrics(one.metrics.model_dump(exclude_none=True) if one.metrics else {}),
                }
                for one in self._client.fine_tuning.jobs.checkpoints.list(job.id, limit=100)
            ]
        return sorted(self._discreet.value(found), key=lambda row: row["step"])

    def generate(
        self,
        messages: Sequence[Message],
        *,
        model: str,
        max_tokens: int,
        seed: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
    ) -> Reply:
        limit: dict[str, Any] = {"max_completion_tokens" if self._own else "max_tokens": max_tokens}
        with self._understood(model):
            answer = self._client.chat.completions.create(
                model=model,
                messages=list(messages),
                temperature=temperature,
                top_p=top_p,
                seed=seed,
                **limit,
            )
            if not answer.choices:
                raise HostedError("the service gave no answer", where=model, status=200)
            choice = answer.choices[0]
            usage = answer.usage
            refusal = getattr(choice.message, "refusal", None)
            if choice.finish_reason == "content_filter":
                refusal = refusal or "a filter of the service"
            return Reply(
                self._discreet.text(choice.message.content or ""),
                "length" if choice.finish_reason == "length" else "stop",
                usage.prompt_tokens if usage else 0,
                usage.completion_tokens if usage else 0,
                self._discreet.text(refusal) if refusal else None,
            )

    # ------------------------------------------------------------ asking

    @cached_property
    def _key(self) -> str:
        return shared.key_of(self.options.key_name)

    @cached_property
    def _discreet(self) -> shared.Discretion:
        return shared.Discretion(self._key)

    @cached_property
    def _client(self) -> Any:
        """The official client, which tries again by itself what changes nothing."""
        try:
            import openai
        except ImportError:
            raise MissingExtra("the openai client", "hosted") from None
        common: dict[str, Any] = {
            "api_key": self._key,
            "max_retries": self.options.max_retries,
            "timeout": self.options.timeout_seconds,
        }
        if self.options.api_version is not None:
            if self.options.base_url is None:
                raise HostedError("hosted.api_version is set, and hosted.base_url is not", hint="set both")
            return openai.AzureOpenAI(
                azure_endpoint=self.options.base_url, api_version=self.options.api_version, **common
            )
        return openai.OpenAI(base_url=self.options.base_url or OWN, **common)

    @property
    def _hasty(self) -> Any:
        """The client that asks once: what makes something is looked for before it is asked for again."""
        return self._client.with_options(max_retries=0)

    def _once(self, look: Callable[[], T | None], send: Callable[[], T]) -> T:
        """What `look` finds, or what `send` makes: never both, whether or not an answer got lost on its way."""
        for attempt in range(self.options.max_retries + 1):
            found = look()
            if found is not None:
                return found
            try:
                return send()
            except Exception as error:
                if not _passing(error) or attempt == self.options.max_retries:
                    raise
                time.sleep(_pause(error, attempt))
        raise AssertionError("not reached")

    def _find(self, key: str, training: str) -> Job | None:
        """The job on a file of ours; where jobs carry our mark, the one with ours."""
        for job in self._client.fine_tuning.jobs.list(limit=100):
            mark = (job.metadata or {}).get(MARK)
            if job.training_file == training and mark in (None, key):
                return self._job(job)
        return None

    def _await(self, file: str) -> None:
        """Wait until the service has looked at a file. Raises HostedError where it does not take it."""
        while (found := self._client.files.retrieve(file)).status in UNREADY:
            time.sleep(self.options.poll_seconds)
        if found.status == "error":
            reason = self._discreet.text(found.status_details or "it gives no reason")
            raise HostedError(f"the service does not take {found.filename}: {reason}", where=file)

    def _content(self, id: str) -> bytes:
        """A file of results, whole."""
        expected = self._client.files.retrieve(id).bytes
        for attempt in range(self.options.max_retries + 1):
            content: bytes = self._client.files.content(id).content
            if not expected or len(content) == expected:
                break
            time.sleep(_pause(None, attempt))
        else:
            raise HostedError(
                f"the file {id} comes cut: {len(content):,} of {expected:,} bytes", hint="the same command tries again"
            )
        with contextlib.suppress(ValueError):  # OpenAI sends its tables as base64
            return base64.b64decode(content, validate=True)
        return content

    def _job(self, job: Any) -> Job:
        state = STATES.get(job.status)
        if state is None:
            raise HostedError(f"the service tells of a state '{self._discreet.text(str(job.status))}'", where=job.id)
        error = getattr(job.error, "message", None) if job.error else None
        method = getattr(getattr(job.method, "supervised", None), "hyperparameters", None) if job.method else None
        epochs = getattr(method or job.hyperparameters, "n_epochs", None)
        return Job(
            self._discreet.text(job.id),
            state,
            tuned=self._discreet.text(job.fine_tuned_model) if job.fine_tuned_model else None,
            error=self._discreet.text(error) if error else None,
            trained_tokens=job.trained_tokens,
            epochs=epochs if isinstance(epochs, int) else None,
            files=tuple(self._discreet.text(id) for id in job.result_files or ()),
        )

    def _told(self, event: Any) -> Told:
        data = event.data if isinstance(event.data, dict) else {}
        values = _metrics(data) if event.type == "metrics" else {}
        return Told(event.id, float(event.created_at), self._discreet.text(event.message), event.level, values)

    @contextlib.contextmanager
    def _understood(self, where: str) -> Iterator[None]:
        """Within, what the client raises becomes an error that says what to do, without the key."""
        client = self._client
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise self._refused(error, where) from None
        except openai.APIConnectionError as error:
            said = "does not answer in time" if isinstance(error, openai.APITimeoutError) else "cannot be reached"
            raise HostedError(
                f"{client.base_url.host} {said}",
                where=where,
                hint="look at the network and give the same command again: it goes on where it stopped",
                passing=True,
            ) from None
        except openai.OpenAIError as error:
            raise HostedError(self._discreet.text(str(error))[:300], where=where) from None
        except (AttributeError, TypeError):  # a page of some proxy in the place of an answer
            raise HostedError(
                f"{client.base_url.host} answers in a form that is not known here",
                where=where,
                hint="look at hosted.base_url, or give the same command again",
            ) from None

    def _refused(self, error: Any, where: str) -> HostedError:
        inner = _body(error)
        reason = self._discreet.text(str(inner.get("message") or error.message)).strip()[:300]
        status, code = error.status_code, str(inner.get("code") or "")
        again = "give the same command again: it goes on where it stopped"
        said, hint = {
            401: (f"the service does not accept the key in {self.options.key_name}", "look at it, or make a new one"),
            403: (f"the key may not do this: {reason}", ALTERNATIVES if where == "fine-tuning" else None),
            404: (f"is not there: {reason}", "look at the name, and at the project that the key belongs to"),
            429: (f"the service asks to wait: {reason}", f"wait a while, then {again}"),
        }.get(status, (f"the service refuses: {reason}", None))
        if code == "insufficient_quota":
            said, hint = "there is no credit left on the account", f"add some, then {again}"
        if status >= 500:
            said, hint = f"the service fails ({status}): {reason}", again
        return HostedError(said, where=where, hint=hint, status=status, passing=_passing(error))


def _openais(address: str) -> bool:
    """Whether an address is OpenAI's own, of the world or of a region (eu.api.openai.com)."""
    host, own = urlsplit(address).hostname or "", urlsplit(OWN).hostname
    return host == own or host.endswith(f".{own}")


def _body(error: Any) -> dict[str, Any]:
    """What a service says of an error: `error` of the answer, or the answer."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    return inner if isinstance(inner, dict) else body


def _passing(error: Exception) -> bool:
    """Whether the same request may well succeed later."""
    import openai

    if isinstance(error, openai.APIStatusError):
        spent = _body(error).get("code") == "insufficient_quota"
        return (error.status_code in (408, 409, 429) or error.status_code >= 500) and not spent
    return isinstance(error, openai.APIConnectionError)


def _pause(error: Exception | None, attempt: int) -> float:
    """Seconds before the next attempt: what the service asks for, else twice as long each time, and not in step."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        with contextlib.suppress(ValueError):
            if name in headers:
                return min(60.0, max(0.0, float(headers[name]) / unit))
    return min(30.0, 0.5 * 2**attempt) * random.uniform(0.75, 1.0)


def _metrics(data: dict[str, Any]) -> dict[str, Any]:
    """Numbers by our names."""
    return {
        METRICS[name]: value
        for name, value in data.items()
        if name in METRICS and isinstance(value, int | float) and not isinstance(value, bool)
    }


def _epochs(examples: int) -> int:
    """About how many epochs OpenAI chooses."""
    if examples * 3 < 100:
        return min(25, 100 // max(1, examples))
    return max(1, 25_000 // examples) if examples * 3 > 25_000 else 3
