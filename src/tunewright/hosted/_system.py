"""A hosted model as a system, and as a writer of texts: several requests at the same time.

Answers are paid for. So each is given out as soon as it and all before it are there, and where the service fails, those
that it still gives to what was already asked are given out before the failure is.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NamedTuple, TypeVar

from tunewright.core.contracts import Provider, Task
from tunewright.core.errors import HostedError
from tunewright.core.hosting import Reply
from tunewright.core.records import Example, Message, Prediction

ITS_OWN_FAULT = (200, 400, 413, 422)
"""Answers of HTTP that are about one request and say nothing of the next."""

AHEAD = 8
"""How many times as many requests as are under way may be ahead of the first of which nothing was heard yet."""

ALIKE = 10
"""So many refusals in the same words, before anything else was heard, are about all requests."""

T = TypeVar("T")
Given = TypeVar("Given")


class _Heard(NamedTuple):
    """What came of a request. began, ended: when, in seconds. fault: that of the service, or of this document alone."""

    began: float
    ended: float
    answer: Prediction
    fault: HostedError | None = None


class HostedSystem:
    """What a provider's model answers. answered: a document that an earlier process had an answer to.

    A document that the service refuses, or fails at after all attempts, is a failure of that answer. Where the key, the
    model or the whole service is at fault, HostedError is raised: that is no answer.

    A failure is the document's own once the service answers what was asked for after it. Where it does not answer that
    either, or nothing is left to ask, a document that it has answered is asked once more, and decides. Where it has
    answered none, the fault is the service's; the requests' own where the first ten are refused in the same words.
    """

    def __init__(
        self,
        name: str,
        provider: Provider,
        model: str,
        task: Task,
        *,
        max_tokens: int,
        seed: int,
        concurrency: int,
        answered: Example | None = None,
    ):
        self.name = name
        self._provider = provider
        self._model = model
        self._task = task
        self._max_tokens = max_tokens
        self._seed = seed
        self._concurrency = concurrency
        self._answered = answered
        self._well = -math.inf  # when the last request began that showed the service well
        self._said = Counter[str | None]([None] if answered is not None else [])

    def predict(self, examples: Sequence[Example]) -> Iterator[Prediction]:
        """In order, each when it and all before it are there. Raises HostedError where the service fails."""
        found = self._predict(examples)
        yield from unless_all_refused(found, lambda one: one.failure if _is_refused(one) else None, self._said)

    def _predict(self, examples: Sequence[Example]) -> Iterator[Prediction]:
        waiting: dict[int, _Heard] = {}
        following = 0
        down: HostedError | None = None

        def ask(example: Example) -> _Heard:
            if down is not None:
                raise down
            return self._ask(example, self._seed)

        def settled() -> Iterator[Prediction]:
            nonlocal following
            while following in waiting and not self._doubtful(waiting[following]):
                yield waiting.pop(following).answer
                following += 1

        def failing(until: float) -> HostedError | None:
            faults = (one.fault for one in waiting.values() if self._doubtful(one) and one.ended <= until)
            first = next(faults, None)
            return first and self._fails_again(first)

        for place, one in as_they_come(ask, examples, self._concurrency, ahead=AHEAD * self._concurrency):
            if not _is_refused(one.answer):
                self._answered = examples[place]
                self._well = max(self._well, one.began)
            else:
                if one.fault is None:
                    self._answered = self._answered or examples[place]  # better than none
                down = down or failing(one.began)
            waiting[place] = one
            yield from settled()
        if waiting:
            down = down or failing(math.inf)
            if down is not None:
                raise down
            yield from settled()

    def _doubtful(self, one: _Heard) -> bool:
        """Whether the service may be at fault: nothing was answered yet that was asked for afterwards."""
        return one.fault is not None and one.ended > self._well

    def _fails_again(self, fault: HostedError) -> HostedError | None:
        """By what the service fails at a document that it has answered; `fault` where there is none."""
        if self._answered is None:
            return fault
        try:
            again = self._ask(self._answered, self._seed ^ 1)  # what a proxy has kept would show nothing
        except HostedError as error:
            return error
        if again.fault is None:
            self._well = again.began
        return again.fault

    def _ask(self, example: Example, seed: int) -> _Heard:
        """Raises HostedError where every other document would meet the same."""
        began = time.perf_counter()
        try:
            reply = self._provider.generate(example.messages, model=self._model, max_tokens=self._max_tokens, seed=seed)
        except HostedError as error:
            if not error.passing and error.status not in ITS_OWN_FAULT:
                raise
            ended = time.perf_counter()
            failed = Prediction(example.id, "", failure=error.message, finish="error", seconds=ended - began)
            return _Heard(began, ended, failed, error if error.passing else None)
        value, failure = self._task.parse(reply.text, example)
        if reply.refusal is not None:
            value, failure = None, f"refused: {reply.refusal}"
        ended = time.perf_counter()
        answer = Prediction(
            example.id,
            reply.text,
            value,
            failure,
            finish=reply.finish,
            seconds=ended - began,
            prompt_tokens=reply.prompt_tokens,
            tokens=reply.tokens,
        )
        return _Heard(began, ended, answer)


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


def unless_all_refused(
    found: Iterator[T], words: Callable[[T], str | None], said: Counter[str | None] | None = None
) -> Iterator[T]:
    """All that is found. words: those of a refusal, None for an answer. said: what was heard before; goes on there.

    Refusals are held back until something else is heard. Raises HostedError where the first ten have the same words: a
    service that takes no such request, for the sake of an option say, has not judged a single document.
    """
    said = Counter() if said is None else said
    held: list[T] = []
    for one in found:
        said[words(one)] += 1
        held.append(one)
        if None not in said and len(said) == 1:
            if said.total() >= ALIKE:
                raise HostedError(
                    f"the service refused the first {ALIKE} requests alike: {words(one)}",
                    hint=f"the last {len(held)} of these are not counted as answers; mend the recipe's hosted: "
                    "options, then the same command goes on",
                )
            continue
        yield from held
        held.clear()
    yield from held


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
