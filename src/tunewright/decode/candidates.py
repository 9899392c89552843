"""Which other replies to a prompt are worth writing: those that part from the greedy one where the model doubted.

Greedy decoding may take a wrong way at one token and be unlikely all the way behind it. Limited discrepancy search
(Harvey & Ginsberg 1995, IJCAI) looks at the replies that leave the greedy way once, those first that leave it where the
other token was most likely; what counts in the end is the probability of the whole reply.

Probabilities are those among what the schema and the document allow. The model's own would favour short replies: a copy
costs a little with every token, however little there is to choose.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.decode.engine import Reply


@dataclass(frozen=True)
class Parting:
    """A reply's beginning: that of another one and a token beside its own.

    logprobs: of these tokens, as the engine tells them. chance: log-probability of all of it among what was allowed.
    """

    ids: list[int]
    logprobs: list[float]
    chance: float

    def of(self, reply: Reply) -> Reply:
        """`reply`, which this begins, with what its first tokens cost: the engine was not asked for them."""
        reply.logprobs = self.logprobs + (reply.logprobs or [])[len(self.ids) :]
        return reply


def partings(reply: Reply, words: Sequence[bytes], count: int) -> list[Parting]:
    """At most `count` beginnings that part from a reply, decoded with `logprobs` and `others`.

    words: every token's bytes. Left out is what cannot lead to a likelier reply: nothing can where this one has more
    than half of all probability, or where the beginning is less likely than the whole of it.
    """
    chosen, others = _allowed(reply, words)
    whole = sum(chosen)
    if whole > math.log(0.5):
        return []
    begun = [0.0, *itertools.accumulate(chosen)]
    told = reply.logprobs or []
    likeliest = sorted(others, key=lambda other: -other[2])
    found = (
        Parting([*reply.ids[:place], token], [*told[:place], own], begun[place] + chance)
        for place, token, chance, own in likeliest
        if begun[place] + chance > whole
    )
    return list(itertools.islice(found, count))


def likelihood(reply: Reply, words: Sequence[bytes]) -> float:
    """Log-probability of a reply among what was allowed, behind what it was opened with; of one that was closed at its
    budget, of what was written till then.

    The reply is decoded with `logprobs` and `others`; words: every token's bytes.
    """
    return sum(_allowed(reply, words)[0])


def _allowed(reply: Reply, words: Sequence[bytes]) -> tuple[list[float], list[tuple[int, int, float, float]]]:
    """Log-probabilities among the likely tokens that were allowed: of each token of a reply, and of the others as
    (place, token, among the allowed, among all). The same text in other tokens is no other."""
    assert reply.logprobs is not None
    assert reply.others is not None
    beside: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for place, token, chance in reply.others:
        if not _reads(reply.ids[place:], words, words[token]):
            beside[place].append((token, chance))
    chosen, others = [0.0] * len(reply.ids), []
    for place, found in beside.items():
        total = math.log(math.fsum(math.exp(chance) for chance in (reply.logprobs[place], *(own for _, own in found))))
        chosen[place] = reply.logprobs[place] - total
        others += [(place, token, own - total, own) for token, own in found]
    return chosen, others


def _reads(ids: Sequence[int], words: Sequence[bytes], text: bytes) -> bool:
    """Whether tokens begin with a text."""
    said = b""
    for token in ids:
        said += words[token]
        if len(said) >= len(text):
            break
    return said.startswith(text)
