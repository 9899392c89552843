"""A local model as a System: examples in, predictions out, free or held to the schema's grammar."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, cast, get_args

from tunewright.core.contracts import Task
from tunewright.core.errors import UsageError
from tunewright.core.recipe import DecodeOptions
from tunewright.core.records import JSON, Example, Prediction, Record, Span, number_of
from tunewright.decode import engine
from tunewright.decode.candidates import likelihood, partings
from tunewright.decode.grammar import Grammar, vocabulary
from tunewright.decode.sampling import Sampling
from tunewright.decode.source import Source
from tunewright.models.length import TRUNCATIONS, Prompt, Truncation, fit
from tunewright.models.load import Loaded
from tunewright.text.align import locate
from tunewright.text.schema import key_of, leaves, path_of, validate
from tunewright.text.serialise import dumps

Decoding = Literal["free", "progressive", "grammar"]

CHARACTERS_PER_TOKEN = 8
"""A string without a bound of its own may have as many characters as the budget's tokens could hardly write."""


class LocalSystem:
    """A model on this machine.

    name: what the results are filed under (base, few-shot, tuned). decoding: "free", "grammar" to hold every reply to
    its example's schema, or "progressive": free, and where the reply is no valid answer drawn again, ever warmer
    (`decode.retry_temperatures`); one that is still none is a failure. With `decode.candidates` the grammar's answer is
    the likeliest of so many replies (`candidates`).
    shots: records shown as earlier turns; of these, the ones of the example's own type.
    over_length, max_length: as in training (`train.over_length`). Where that cuts documents, prompts over `max_length`
    tokens, and those that leave no room for a reply in the model's context, are cut here in the same way; otherwise
    those that the context has no room for are answered with an error.

    `predict` raises GrammarError where a schema cannot be enforced.
    """

    def __init__(
        self,
        name: str,
        loaded: Loaded,
        task: Task,
        decoding: Decoding = "free",
        options: DecodeOptions | None = None,
        shots: Sequence[Record] = (),
        over_length: str = "refuse",
        max_length: int | None = None,
    ):
        if decoding not in get_args(Decoding):
            raise UsageError(f"there is no decoding '{decoding}'", hint=" or ".join(get_args(Decoding)))
        self.name, self.loaded, self.task, self.decoding = name, loaded, task, decoding
        self.options = options or DecodeOptions.model_validate({})
        self.shots = tuple(shots)
        self.over_length, self.max_length = over_length, max_length
        self._grammars: dict[str, Grammar] = {}

    def grammar(self, schema: dict[str, JSON] | None) -> Grammar | None:
        """The grammar of a schema, made once; None for free decoding or no schema."""
        if self.decoding != "grammar" or schema is None:
            return None
        key = dumps(schema)
        if key not in self._grammars:
            longest = CHARACTERS_PER_TOKEN * self.options.max_new_tokens
            chat = self.loaded.chat
            self._grammars[key] = Grammar(
                self.loaded.tokenizer, schema, stop_ids=chat.stop_ids, longest=longest, head=chat.head
            )
        return self._grammars[key]

    def _source(self, example: Example) -> Source | None:
        grammar = self.grammar(example.schema) if self.options.verbatim else None
        return Source(example.record.text) if grammar is not None and grammar.verbatim else None

    def _shown(self, example: Example) -> Example:
        if not self.shots:
            return example
        own = [shot for shot in self.shots if shot.doc_type == example.record.doc_type]
        return self.task.example(example.record, own or self.shots)

    def predict(self, examples: Sequence[Example], opening: str = "") -> Iterator[Prediction]:
        """One prediction per example, in the order given. A reply that isn't JSON has its reason in `failure`.

        opening: what every reply begins with, whatever the model would say.
        """
        examples = [self._shown(example) for example in examples]
        prompts = [self._prompt(example) for example in examples]
        begun = self.loaded.chat.opening_ids(opening) if opening else []
        if self.decoding == "progressive":
            yield from self._progressive(examples, prompts, begun)
        elif self.options.candidates > 1 and all(self.grammar(example.schema) for example in examples):
            size = engine.WINDOW * self.options.batch_size
            for first in range(0, len(examples), size):
                yield from self._likeliest(examples[first : first + size], prompts[first : first + size], begun)
        else:
            yield from self._answers(examples, prompts, begun)

    def _likeliest(
        self, examples: Sequence[Example], prompts: Sequence[Prompt], begun: list[int]
    ) -> Iterator[Prediction]:
        """Of the greedy reply to each example and those that part from it, the one that the model finds likeliest."""
        words = vocabulary(self.loaded.tokenizer, self.loaded.chat.stop_ids).bytes
        greedy = list(self._replies(examples, prompts, [begun] * len(examples), others=True))
        best = [(likelihood(reply, words), reply) for reply in greedy]
        spent, given = [[reply] for reply in greedy], [0] * len(greedy)
        ways = [
            (place, parting)
            for place, reply in enumerate(greedy)
            if reply.finish != "error"
            for parting in partings(reply, words, self.options.candidates - 1)
        ]
        others = self._replies(
            [examples[place] for place, _ in ways],
            [prompts[place] for place, _ in ways],
            [parting.ids for _, parting in ways],
            others=True,
            floors=[best[place][0] - parting.chance for place, parting in ways],
        )
        for (place, parting), reply in zip(ways, others, strict=True):
            chance = parting.chance + likelihood(reply, words)
            if reply.finish == "stop" and chance > best[place][0]:
                best[place] = chance, parting.of(reply)
            spent[place].append(reply)
            given[place] += len(parting.ids)
        for place, (example, prompt, (_, reply)) in enumerate(zip(examples, prompts, best, strict=True)):
            own = spent[place]
            costs = {name: sum(getattr(one, name) for one in own) for name in ("seconds", "prompt_tokens", "passes")}
            costs["tokens"] = sum(len(one.ids) for one in own) - given[place]
            yield replace(self.prediction(example, reply), cut=prompt.cut, **costs)

    def _progressive(
        self, examples: Sequence[Example], prompts: Sequence[Prompt], begun: list[int]
    ) -> Iterator[Prediction]:
        found = list(self._answers(examples, prompts, begun))
        wrong = {place: why for place, one in enumerate(found) if (why := _invalid(one, examples[place]))}
        for attempt, temperature in enumerate(self.options.retry_temperatures, 2):
            again = [place for place in wrong if found[place].finish != "error"]
            drawn = self._answers(
                [examples[place] for place in again],
                [prompts[place] for place in again],
                begun,
                Sampling(temperature, seed=attempt),
            )
            for place, one in zip(again, drawn, strict=True):
                before = found[place]
                costs = ("seconds", "prompt_tokens", "tokens", "passes")
                spent = {name: getattr(before, name) + getattr(one, name) for name in costs}
                why = _invalid(one, examples[place])
                found[place] = replace(before if why else one, **spent, attempts=attempt)
                if why is None:
                    del wrong[place]
        for place, one in enumerate(found):
            if place in wrong and one.finish != "error":
                of = f"no valid answer in {one.attempts} attempts, the first: {wrong[place]}"
                one = replace(one, value=None, failure=of, spans=(), confidence={})
            yield one

    def _answers(
        self,
        examples: Sequence[Example],
        prompts: Sequence[Prompt],
        begun: list[int],
        sampling: Sampling | None = None,
    ) -> Iterator[Prediction]:
        replies = self._replies(examples, prompts, [begun] * len(examples), sampling)
        for example, prompt, reply in zip(examples, prompts, replies, strict=True):
            yield replace(self.prediction(example, reply), cut=prompt.cut)

    def _replies(
        self,
        examples: Sequence[Example],
        prompts: Sequence[Prompt],
        openings: Sequence[list[int]],
        sampling: Sampling | None = None,
        *,
        others: bool = False,
        floors: Sequence[float] | None = None,
    ) -> Iterator[engine.Reply]:
        return engine.generate(
            self.loaded,
            [prompt.ids for prompt in prompts],
            max_new_tokens=self.options.max_new_tokens,
            grammars=[self.grammar(example.schema) for example in examples],
            sources=[self._source(example) for example in examples],
            batch_size=self.options.batch_size,
            logprobs=True,
            others=others,
            sampling=sampling,
            numbers=[number_of(example.id) for example in examples],
            openings=openings,
            floors=floors,
        )

    def _prompt(self, example: Example) -> Prompt:
        """An example's prompt, its document cut where the recipe says so; as it is where that is not enough."""
        chat = self.loaded.chat
        if self.over_length in TRUNCATIONS:
            room = self.loaded.context - self.options.max_new_tokens
            room = room if self.max_length is None else min(room, self.max_length)
            found = fit(chat, example.messages, room, cast(Truncation, self.over_length), example.document)
            if found is not None:
                return found
        return Prompt(chat.prompt_ids(example.messages), example.messages)

    def prediction(self, example: Example, reply: engine.Reply) -> Prediction:
        """A reply as a prediction: parsed, with each value's place in the document and its probability."""
        if reply.finish == "error":
            value, failure = None, reply.failure
        else:
            value, failure = self.task.parse(reply.text, example)
        good = failure is None
        return Prediction(
            id=example.id,
            text=reply.text,
            value=value,
            failure=failure,
            finish=reply.finish,
            spans=tuple(spans(value, example.record.text)) if good else (),
            confidence=confidence(reply, self.loaded) if good else {},
            seconds=reply.seconds,
            prompt_tokens=reply.prompt_tokens,
            tokens=len(reply.ids),
            passes=reply.passes,
        )


def _invalid(prediction: Prediction, example: Example) -> str | None:
    """Why a prediction is no valid answer, or None."""
    if prediction.failure is not None or example.schema is None:
        return prediction.failure
    return next(iter(validate(prediction.value, example.schema)), None)


def spans(value: JSON, text: str) -> list[Span]:
    """Where the scalars of `value` stand in `text`; those that are nowhere are left out.

    Values of one array are looked for one after the other, so equal ones get places of their own.
    """
    found: list[Span] = []
    last: dict[str, int] = {}
    for path, scalar in leaves(value).items():
        if scalar is None or isinstance(scalar, bool):
            continue
        family = key_of(path)
        place = locate(scalar, text, after=last.get(family, 0)) or locate(scalar, text)
        if place is not None:
            found.append(Span(path, *place))
            last[family] = place[1]
    return found


def confidence(reply: engine.Reply, loaded: Loaded) -> dict[str, float]:
    """Path → the probability that the model gave to all of a value's tokens together, quotes included.

    Tokens that the grammar forced count as certain; values written by closing at the budget get 0. Empty where the
    reply is no JSON or log-probabilities were not asked for. These are the model's own odds, not calibrated ones.
    """
    if reply.logprobs is None:
        return {}
    places = value_places(reply.text)
    words = vocabulary(loaded.tokenizer, loaded.chat.stop_ids).bytes
    pieces = [words[token] if token < len(words) else b"" for token in reply.ids]
    written, text = b"".join(pieces), reply.text.encode("utf-8", "surrogatepass")
    before, _, after = written.partition(text)  # white space that belongs to the template, not to the reply
    if not places or before.strip() or after.strip() or len(before) + len(text) + len(after) != len(written):
        return {}
    ends: list[int] = []
    for piece in pieces:
        ends.append((ends[-1] if ends else 0) + len(piece))
    sums = dict.fromkeys(places, 0.0)
    bounds = [
        (path, len(before) + len(reply.text[:start].encode()), len(before) + len(reply.text[:end].encode()))
        for path, (start, end) in places.items()
    ]
    token = 0
    for path, start, end in bounds:  # places come in the order of the text
        while token and ends[token - 1] > start:
            token -= 1
        while ends[token] <= start:
            token += 1
        while token < len(ends) and (ends[token - 1] if token else 0) < end:
            sums[path] += reply.logprobs[token]
            token += 1
        token = min(token, len(ends) - 1)
    return {path: math.exp(min(0.0, total)) for path, total in sums.items()}


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ATOM = re.compile(r"[^\s,\[\]{}:\"]+")


def value_places(text: str) -> dict[str, tuple[int, int]]:
    """Where every scalar of a JSON text stands in it: path → (start, end) in characters; {} where it is cut off."""
    places: dict[str, tuple[int, int]] = {}
    steps: list[str | int] = []
    kinds: list[str] = []
    expects_key = False
    at = 0
    while at < len(text):
        c = text[at]
        if c in "{[":
            kinds.append(c)
            steps.append("" if c == "{" else 0)
            expects_key = c == "{"
            at += 1
        elif c in "}]":
            if not kinds:
                return {}
            kinds.pop()
            steps.pop()
            expects_key = False
            at += 1
        elif c == ",":
            if not kinds:
                return {}
            expects_key = kinds[-1] == "{"
            if not expects_key:
                steps[-1] = int(steps[-1]) + 1
            at += 1
        elif c == ":" or c.isspace():
            at += 1
        else:
            match = (_STRING if c == '"' else _ATOM).match(text, at)
            if match is None or (expects_key and c != '"'):
                return {}
            if expects_key:
                try:
                    steps[-1] = json.loads(match.group(), strict=False)
                except ValueError:  # an escape that there is not: a free reply may hold anything
                    return {}
                expects_key = False
            else:
                places[path_of(steps)] = match.span()
            at = match.end()
    return places if not kinds else {}
