"""A hosted model as a system, and as a writer of texts: several requests at the same time, answers in their order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tunewright.core.contracts import Provider, Task
from tunewright.core.errors import HostedError
from tunewright.core.hosting import Reply
from tunewright.core.records import Example, Message, Prediction

ITS_OWN_FAULT = (200, 400, 413, 422)
"""Answers of HTTP that are about one request and say nothing of the next."""


class HostedSystem:
    """What a provider's model answers.

    A document that the service refuses, or fails at after all attempts, is a failure of that answer. Where the key, the
    model or the whole service is at fault, HostedError is raised: that is no answer. It is the service's fault where it
    fails at two documents in a row, or at the only one.
    """

    def __init__(
        self, name: str, provider: Provider, model: str, task: Task, *, max_tokens: int, seed: int, concurrency: int
    ):
        self.name = name
        self._provider = provider
        self._model = model
        self._task = task
        self._max_tokens = max_tokens
        self._seed = seed
        self._concurrency = concurrency

    def predict(self, examples: Sequence[Example]) -> Iterator[Prediction]:
        """Raises HostedError, and gives no answer, where the service fails."""
        failed: HostedError | None = None
        found: list[Prediction] = []
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="hosted") as pool:
            try:
                for answer in pool.map(self._answer, examples):
                    if not isinstance(answer, HostedError):
                        failed = None
                    elif failed is not None:
                        raise answer
                    else:
                        failed = answer
                        answer = Prediction(examples[len(found)].id, "", failure=failed.message, finish="error")
                    found.append(answer)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if failed is not None and len(found) == 1:
            raise failed
        yield from found

    def _answer(self, example: Example) -> Prediction | HostedError:
        """An answer, or the failure of the service that a later attempt might not meet."""
        began = time.perf_counter()
        try:
            reply = self._provider.generate(
                example.messages, model=self._model, max_tokens=self._max_tokens, seed=self._seed
            )
        except HostedError as error:
            if error.passing:
                return error
            if error.status not in ITS_OWN_FAULT:
                raise
            return Prediction(
                example.id, "", failure=error.message, finish="error", seconds=time.perf_counter() - began
            )
        value, failure = self._task.parse(reply.text, example)
        if reply.refusal is not None:
            value, failure = None, f"refused: {reply.refusal}"
        return Prediction(
            example.id,
            reply.text,
            value,
            failure,
            finish=reply.finish,
            seconds=time.perf_counter() - began,
            prompt_tokens=reply.prompt_tokens,
            tokens=reply.tokens,
        )


def drawn(
    provider: Provider,
    model: str,
    prompts: Sequence[Sequence[Message]],
    *,
    seeds: Sequence[int],
    max_tokens: int,
    temperature: float,
    top_p: float,
    concurrency: int,
) -> list[Reply]:
    """A text for each prompt, drawn with its own seed. What the service refuses is a reply without a text.

    Raises HostedError where the service fails after all attempts: a text that is missing would be no draw.
    """

    def ask(prompt: Sequence[Message], seed: int) -> Reply:
        try:
            return provider.generate(
                prompt, model=model, max_tokens=max_tokens, seed=seed, temperature=temperature, top_p=top_p
            )
        except HostedError as error:
            if error.passing or error.status not in ITS_OWN_FAULT:
                raise
            return Reply("", "error", 0, 0, error.message)

    with ThreadPoolExecutor(concurrency, thread_name_prefix="hosted") as pool:
        try:
            return list(pool.map(ask, prompts, seeds))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
