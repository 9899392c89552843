"""A hosted model as a system, and as a writer of texts: several requests at the same time.

Answers are paid for. So each is given out as soon as it is there, and where the service fails, those that it still
gives to what was already asked are given out before the failure is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from tunewright.core.contracts import Provider, Task
from tunewright.core.errors import HostedError
from tunewright.core.hosting import Reply
from tunewright.core.records import Example, Message, Prediction

ITS_OWN_FAULT = (200, 400, 413, 422)
"""Answers of HTTP that are about one request and say nothing of the next."""

AHEAD = 8
"""How many times as many requests as are under way may be ahead of the first that has no answer yet."""

ALIKE = 10
"""So many refusals in the same words, before anything else was heard, are about all requests."""

T = TypeVar("T")
Given = TypeVar("Given")


class HostedSystem:
    """What a provider's model answers.

    A document that the service refuses, or fails at after all attempts, is a failure of that answer. Where the key, the
    model or the whole service is at fault, HostedError is raised: that is no answer. It is the service's fault where it
    fails at two documents in a row, or at the only one; the requests' own, where the first ten are refused in the same
    words.
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
        """In order, each when it and all before it are there. Raises HostedError where the service fails."""
        yield from unless_all_refused(self._predict(examples), lambda one: one.failure if _is_refused(one) else None)

    def _predict(self, examples: Sequence[Example]) -> Iterator[Prediction]:
        failed: tuple[HostedError, Prediction, float] | None = None
        held: list[Prediction] = []
        given = 0
        for example, (began, answer, ended) in zip(examples, self._in_order(examples), strict=True):
            if isinstance(answer, HostedError):
                if failed is not None:
                    raise answer
                failed = answer, Prediction(example.id, "", failure=answer.message, finish="error"), ended
                continue
            given += 1
            if failed is not None and began < failed[2]:
                held.append(answer)  # asked for before the failure was there: it does not show that the service is well
                continue
            if failed is not None:
                yield failed[1]
                yield from held
                failed, held = None, []
            yield answer
        if failed is not None:
            if not given:
                raise failed[0]
            yield failed[1]
            yield from held

    def _in_order(self, examples: Sequence[Example]) -> Iterator[tuple[float, Prediction | HostedError, float]]:
        """Answers, each with when it was asked for and when it was there."""
        early: dict[int, tuple[float, Prediction | HostedError, float]] = {}
        following = 0
        for place, answer in as_they_come(self._timed, examples, self._concurrency, ahead=AHEAD * self._concurrency):
            early[place] = answer
            while following in early:
                yield early.pop(following)
                following += 1

    def _timed(self, example: Example) -> tuple[float, Prediction | HostedError, float]:
        began = time.perf_counter()
        return began, self._answer(example), time.perf_counter()

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


def _is_refused(one: Prediction) -> bool:
    return one.finish == "error"


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
) -> Iterator[tuple[int, Reply]]:
    """A text for each prompt, drawn with its own seed: (place of the prompt, text), as they come.

    What the service refuses is a reply without a text. Raises HostedError where the service fails after all attempts:
    a text that is missing would be no draw; and where it refuses the first ten in the same words.
    """

    def ask(given: tuple[Sequence[Message], int]) -> Reply:
        prompt, seed = given
        try:
            return provider.generate(
                prompt, model=model, max_tokens=max_tokens, seed=seed, temperature=temperature, top_p=top_p
            )
        except HostedError as error:
            if error.passing or error.status not in ITS_OWN_FAULT:
                raise
            return Reply("", "error", 0, 0, error.message)

    replies = as_they_come(ask, list(zip(prompts, seeds, strict=True)), concurrency)
    yield from unless_all_refused(replies, lambda one: one[1].refusal if one[1].finish == "error" else None)


def unless_all_refused(found: Iterator[T], words: Callable[[T], str | None]) -> Iterator[T]:
    """All that is found. words: those of a refusal, None for an answer.

    Refusals are held back until something else is heard. Raises HostedError where the first ten have the same words: a
    service that takes no such request, for the sake of an option say, has not judged a single document.
    """
    held: list[T] = []
    said: set[str | None] = set()
    for one in found:
        said.add(words(one))
        if None in said or len(said) > 1:
            yield from held
            yield one
            break
        held.append(one)
        if len(held) == ALIKE:
            raise HostedError(
                f"the service refused the first {ALIKE} requests alike: {said.pop()}",
                hint="nothing of these is counted as an answer; mend the recipe's hosted: options, then the same "
                "command goes on",
            )
    else:
        yield from held
    yield from found


def as_they_come(
    ask: Callable[[Given], T], given: Sequence[Given], concurrency: int, *, ahead: int | None = None
) -> Iterator[tuple[int, T]]:
    """(place, what `ask` makes of what is given there), as they come; so many are asked at the same time.

    ahead: how far beyond the first that is not there yet others are asked; None: as far as there are any. Where one
    raises HostedError no more are asked, those under way are waited for, and then it is raised.
    """
    under_way: dict[Future[T], int] = {}
    asked, failed = 0, None
    with ThreadPoolExecutor(concurrency, thread_name_prefix="hosted") as pool:
        while True:
            first = min(under_way.values(), default=asked)
            most = len(given) if ahead is None else min(len(given), first + ahead)
            while failed is None and asked < most and len(under_way) < concurrency:
                under_way[pool.submit(ask, given[asked])] = asked
                asked += 1
            if not under_way:
                break
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                place = under_way.pop(future)
                try:
                    found = future.result()
                except HostedError as error:
                    failed = failed or error
                    continue
                yield place, found
    if failed is not None:
        raise failed
