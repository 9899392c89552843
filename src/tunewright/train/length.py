"""Examples that are too long: refused, dropped, or their documents cut; counted in every case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from tunewright.core.recipe import TrainOptions
from tunewright.core.records import Example
from tunewright.models.length import TRUNCATIONS, Truncation, fit

if TYPE_CHECKING:
    from tunewright.models.load import Loaded


@dataclass
class Lengths:
    """What became of examples that were too long.

    limit: most tokens of prompt and reply. truncated: examples whose document was cut, by `truncated_tokens` in all.
    dropped: examples that were left out; with truncation those that do not even fit without their document.
    """

    examples: int
    limit: int
    dropped: int = 0
    truncated: int = 0
    truncated_tokens: int = 0

    def sentences(self, what: str, how: str) -> list[str]:
        """For the screen. what: "examples"; how: the recipe's `over_length`."""
        said = []
        if self.truncated:
            said.append(
                f"{self.truncated} of {self.examples} {what} are over {self.limit} tokens: their documents were cut "
                f"({how}) by {self.truncated_tokens:,} tokens in all"
            )
        if self.dropped:
            why = " with hardly any document left" if how in TRUNCATIONS else ""
            said.append(f"{self.dropped} of {self.examples} {what} are over {self.limit} tokens{why} and were dropped")
        return said

    def to_row(self) -> dict[str, Any]:
        return {
            "limit": self.limit,
            "dropped": self.dropped,
            "truncated": self.truncated,
            "truncated_tokens": self.truncated_tokens,
        }


def limit(loaded: Loaded, options: TrainOptions) -> int:
    """Most tokens of an example: the recipe's, or the model's context where that is shorter."""
    return min(options.max_length, loaded.context)


def fitted(loaded: Loaded, examples: Sequence[Example], options: TrainOptions) -> tuple[list[Example], Lengths]:
    """The examples with their documents cut where the recipe says so and that makes them fit, and what was done."""
    lengths = Lengths(len(examples), limit(loaded, options))
    if options.over_length not in TRUNCATIONS:
        return list(examples), lengths
    how, made = cast(Truncation, options.over_length), []
    for example in examples:
        room = lengths.limit - len(loaded.chat.reply_ids(example.completion))
        found = fit(loaded.chat, example.messages, room, how, example.document)
        if found is not None and found.cut:
            lengths.truncated += 1
            lengths.truncated_tokens += found.cut
            example = replace(example, messages=found.messages, document=None)
        made.append(example)
    return made, lengths
