"""Guesses of the next tokens, to be verified in one pass: copies from the prompt (prompt lookup).

Source: A. Saxena, "Prompt Lookup Decoding" (2023). A wrong guess costs time and never changes the reply.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_MATCH = 4
"""Tokens of context compared when several places of the prompt could go on."""

MOST_PLACES = 12
"""A token that stands in more places than this says too little on its own."""


class Lookup:
    """Where a reply's last tokens stand in the prompt, and what follows there.

    source: the tokens to copy from.
    """

    __slots__ = ("places", "source", "used")

    def __init__(self, source: Sequence[int]):
        self.source = list(source)
        self.places: dict[int, list[int]] = {}
        for place, token in enumerate(self.source[:-1]):
            self.places.setdefault(token, []).append(place)
        self.used = -1

    def propose(self, context: Sequence[int], count: int) -> list[int]:
        """At most `count` tokens that may follow `context`: after the longest match, at a place not yet used."""
        if not context or count < 1:
            return []
        places = self.places.get(context[-1])
        if not places:
            return []
        best, best_place = (0, False), -1
        for place in places:
            match = 1
            while (
                match < LONGEST_MATCH
                and match < len(context)
                and place >= match
                and self.source[place - match] == context[-1 - match]
            ):
                match += 1
            rank = (match, place > self.used)
            if rank > best:
                best, best_place = rank, place
        if best[0] == 1 and len(places) > MOST_PLACES:
            return []
        self.used = best_place
        return self.source[best_place + 1 : best_place + 1 + count]
