"""One prompt on its way to a reply: its tokens, its grammar's state, its budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from llguidance import LLMatcher

from tunewright.decode.drafts import LONGEST_MATCH, Lookup
from tunewright.decode.grammar import Grammar, Strings, closing
from tunewright.decode.source import Source, Verbatim

BESIDE = 4
"""How many of a place's likeliest tokens are looked at for others than the one chosen."""

LIKELY = 0.01
"""Probability from which another token is told. Where all that is likelier is refused, what is chosen counts as
certain: to weigh it among what is left, however unlikely, found names a little worse on papers kept for validation.
"""


@dataclass(slots=True)
class Reply:
    """What a model wrote after one prompt.

    ids: the reply's tokens without the stop token; text: what they read.
    finish: "stop" (the model ended, or the grammar had nothing left), "length" (cut at the budget; under a grammar the
    text is still a whole answer, closed from token `closed` on), "error" (`failure` says why; other prompts go on).
    logprobs: the model's log-probability of every token, before any mask, and 0.0 where the grammar left no choice;
    None unless asked for.
    others: (place in `ids`, token, its log-probability) of tokens that were allowed there beside the one chosen, and
    likely: what a reply that parts from this one could go on with. None unless asked for.
    passes: forward passes this row took part in. seconds: its share of the time.
    """

    ids: list[int] = field(default_factory=list)
    text: str = ""
    finish: str = "stop"
    failure: str | None = None
    logprobs: list[float] | None = None
    others: list[tuple[int, int, float]] | None = None
    closed: int | None = None
    prompt_tokens: int = 0
    passes: int = 0
    seconds: float = 0.0


class Row:
    """One prompt on its way to a reply."""

    def __init__(
        self,
        index: int,
        prompt: Sequence[int],
        budget: int,
        grammar: Grammar | None,
        stops: frozenset[int],
        source: Source | None = None,
    ):
        self.index, self.prompt, self.budget, self.grammar, self.stops = index, list(prompt), budget, grammar, stops
        self.number = index
        self.floor, self.chance = -math.inf, 0.0
        self.reply = Reply(prompt_tokens=len(self.prompt))
        self.ids = self.reply.ids
        self.done = False
        self.matcher: LLMatcher | None = grammar.matcher() if grammar else None
        self.strings = Strings()
        self.verbatim = Verbatim(grammar.schema, source) if grammar and source else None
        self.plan: list[int] | None = None
        self.lookup: Lookup | None = None
        self.prefix = 0
        self.shared = 0  # tokens of the prompt that others begin with too: nothing is copied from them
        self.lane = -1
        self.known = 0
        self.drafts: list[int] = []

    # -- one pass

    def unread(self) -> list[int]:
        """Tokens whose keys and values the lane does not hold yet."""
        length = len(self.prompt)
        return self.prompt[self.known :] + self.ids if self.known < length else self.ids[self.known - length :]

    def begin(self, known: int, lookup: bool) -> None:
        """Take a lane that holds the first `known` tokens of the prompt."""
        self.known = self.prefix = known
        self.lookup = Lookup(self.prompt[self.shared :]) if lookup else None
        self.force()

    def open(self, tokens: Sequence[int]) -> None:
        """Begin the reply with these tokens."""
        for token in tokens:
            if self.matcher is not None and self.matcher.validate_tokens([token]) != 1:
                self.fail("what the reply should begin with begins no answer of the schema")
            if self.done:
                return
            self.push(token, None if self.reply.logprobs is None else 0.0)

    def draft(self, count: int) -> None:
        """Guess at most `count` next tokens from the prompt."""
        self.drafts = []
        count = min(count, self.budget - len(self.ids) - 1)
        if self.lookup is None or not self.ids or count < 1:
            return
        copied = self.lookup.propose(self.ids[-LONGEST_MATCH:], count)
        for place, token in enumerate(copied):
            if token in self.stops:
                copied = copied[:place]
                break
        if copied and self.matcher is not None:
            copied = copied[: self.matcher.validate_tokens(copied)]
            if self.verbatim is not None and self.grammar is not None:
                ahead, words = self.verbatim.copy(), self.grammar.vocabulary
                held = next((place for place, id in enumerate(copied) if not ahead.feed(words.bytes[id])), len(copied))
                copied = copied[:held]
        self.drafts = copied

    def absorb(
        self,
        read: int,
        best: Sequence[int],
        scores: torch.Tensor,
        exact: torch.Tensor,
        chances: Sequence[float] | None,
    ) -> int:
        """Take the drafts that the pass confirms, and the token after them. Returns how many drafts held.

        read: how many tokens it read before the drafts. best: the highest-scoring token after the last of these and
        after every draft; chances: their log-probabilities. scores: those places' scores, `[1 + drafts, vocabulary]`;
        exact: the model's own, without what drawing adds.
        """
        self.known += read
        for place in range(len(self.drafts) + 1):
            draft = self.drafts[place] if place < len(self.drafts) else None
            token = best[place]
            if self.matcher is not None:
                if place and self.matcher.compute_ff_tokens():  # the draft ran into what the grammar forces
                    self.force()
                    return place
                if token != draft and not self._allowed(token):
                    token = self.best_allowed(scores[place])
                    if token < 0:
                        self.fail(f"the grammar has no way on: {self.matcher.get_error() or 'no token is allowed'}")
                        return place
            if token in self.stops:
                self.done = True
                return place
            chance = None
            if chances is not None:
                chance = chances[place] if token == best[place] else log_chance(exact[place], token)
            self.weigh(exact[place], token)
            if self.done:
                return place
            self.push(token, chance)
            if token != draft or self.done:
                self.force()
                return place
            self.known += 1
        return len(self.drafts)

    def force(self) -> None:
        """Write what the grammar leaves no choice about. (Its mask then holds that one token.)"""
        while self.matcher is not None and not self.done:
            forced = self.matcher.compute_ff_tokens()
            if not forced:
                return
            self.push(forced[0], None if self.reply.logprobs is None else 0.0)

    def _allowed(self, token: int) -> bool:
        assert self.matcher is not None
        assert self.grammar is not None
        if token in self.stops:
            return self.matcher.is_accepting()
        words = self.grammar.vocabulary
        if token >= words.size or self.matcher.validate_tokens([token]) != 1:
            return False
        return self.verbatim is None or self.verbatim.copy().feed(words.bytes[token])

    def best_allowed(self, scores: torch.Tensor) -> int:
        """The highest-scoring token that may be written next; -1 where there is none. scores: `[vocabulary]`."""
        assert self.matcher is not None
        assert self.grammar is not None
        words = self.grammar.vocabulary
        mask = words.mask(self.matcher)
        if self.matcher.is_error() or not mask.any():
            return -1
        if self.verbatim is not None:
            kept = self.verbatim.mask(words, mask)
            if kept.any():
                mask = kept
            else:  # the schema's own bounds leave no verbatim way on
                self.verbatim.release()
        scores = scores[: words.size]
        allowed = torch.from_numpy(mask[: len(scores)]).to(scores.device)
        return int(scores.masked_fill(~allowed, -torch.inf).argmax())

    def weigh(self, scores: torch.Tensor, chosen: int) -> None:
        """Tell, where that is asked for, which others could have come next. scores: the model's, `[vocabulary]`.

        A reply that is less likely among these than it has to be goes no further.
        """
        if self.reply.others is None:
            return
        chances = scores.float().log_softmax(-1)
        beside = 0.0
        for chance, token in zip(*(told.tolist() for told in chances.topk(min(BESIDE, len(scores)))), strict=True):
            if chance < math.log(LIKELY):
                break
            if token != chosen and token not in self.stops and (self.matcher is None or self._allowed(token)):
                self.reply.others.append((len(self.ids), token, chance))
                beside += 0.0 if self._alike(token, chosen) else math.exp(chance)
        if beside:
            own = float(chances[chosen])
            self.chance += own - math.log(math.exp(own) + beside)
        if self.chance < self.floor:
            self.reply.finish, self.done = "length", True
            self._forget()

    def _forget(self) -> None:
        """Drop what stood beside a token that is not written after all."""
        if self.reply.others is not None:
            self.reply.others = [other for other in self.reply.others if other[0] < len(self.ids)]

    def _alike(self, one: int, other: int) -> bool:
        """Whether two tokens may be the beginning of one text."""
        if self.grammar is None:
            return False
        one_says, other_says = self.grammar.vocabulary.bytes[one], self.grammar.vocabulary.bytes[other]
        return one_says.startswith(other_says) or other_says.startswith(one_says)

    def push(self, token: int, logprob: float | None) -> None:
        room = self.budget - len(self.ids) - 1
        if self.matcher is not None and self.grammar is not None:
            words = self.grammar.vocabulary
            if not self.matcher.consume_token(token):
                self.fail(f"the grammar failed: {self.matcher.get_error()}")
                return
            before = self.strings.copy()
            self.strings.feed(words.bytes[token])
            if self.verbatim is not None:
                self.verbatim.feed(words.bytes[token])
            if self.plan and self.plan[0] == token:
                self.plan = self.plan[1:]
            elif room < self.grammar.reserve:
                plan = closing(self.matcher, words, self.strings, limit=room)
                if plan is None:  # from here on the budget would not do: close from the state before
                    self.matcher.rollback(1)
                    plan = self.plan if self.plan is not None else closing(self.matcher, words, before, limit=room + 1)
                    self._close(plan)
                    return
                self.plan = plan
            else:
                self.plan = None
        self.ids.append(token)
        if logprob is not None:
            assert self.reply.logprobs is not None
            self.reply.logprobs.append(logprob)
        if self.matcher is not None and self.matcher.is_stopped():
            if self.matcher.is_error():
                self.fail(f"the grammar failed: {self.matcher.get_error()}")
            self.done = True
        elif len(self.ids) >= self.budget:
            self.reply.finish, self.done = "length", True

    def _close(self, plan: list[int] | None) -> None:
        self.reply.finish, self.done, self.reply.closed = "length", True, len(self.ids)
        self._forget()
        self.ids += plan or []
        if self.reply.logprobs is not None:
            self.reply.logprobs += [-float("inf")] * len(plan or [])

    def fail(self, why: str) -> None:
        self.reply.finish, self.reply.failure, self.done = "error", why, True
        self._forget()


def log_chance(scores: torch.Tensor, token: int) -> float:
    """The log-probability of `token` under scores `[vocabulary]`."""
    return float(scores[token].float() - scores.float().logsumexp(-1))
