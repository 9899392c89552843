"""Drawing the next token instead of taking the best, so that a reply still hangs on nothing but its seed.

A token drawn from softmax(scores / T) is the best one of scores + T · g, with g drawn from the standard Gumbel
distribution for every token (Gumbel 1954; Maddison et al. 2014, "A* Sampling", section 2). With g a function of
(seed, reply, place), drawing is taking the best of other scores: drafts are verified, and grammars obeyed, as in greedy
decoding, and one token a pass draws what many tokens a pass draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tunewright.core.errors import UsageError

FAR = 1e4
"""How far below the others a score is put that is left out: it is drawn where a grammar refuses all others."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    temperature: above 0; below 1 the likely ones become likelier. top_k: only so many of the likeliest; 0: all.
    top_p: only the likeliest that together have this probability (Holtzman et al. 2020). min_p: only those at least
    this share as likely as the likeliest (Nguyen et al. 2024). All three are taken at the temperature, and a token is
    always left. seed: the same seed, prompt and number give the same reply, whatever else is decoded beside it.
    repetition_penalty: how much less a token counts that the reply has already (Keskar et al. 2019, CTRL, section 4.1);
    1: as much. no_repeat_ngram_size: so many tokens never stand in one reply twice (Paulus et al. 2017, section 2.5);
    0: they may. Both look at the reply alone, never at the prompt.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0

    def __post_init__(self) -> None:
        fits = self.temperature > 0 and self.top_k >= 0 and 0 < self.top_p <= 1 and 0 <= self.min_p <= 1
        if not fits:
            raise UsageError(
                f"sampling with temperature {self.temperature:g}, top_k {self.top_k}, top_p {self.top_p:g}, "
                f"min_p {self.min_p:g}",
                hint="temperature above 0, top_k from 0, top_p above 0 and up to 1, min_p from 0 to 1",
            )
        if self.repetition_penalty <= 0 or self.no_repeat_ngram_size < 0:
            raise UsageError(
                f"sampling with repetition_penalty {self.repetition_penalty:g}, "
                f"no_repeat_ngram_size {self.no_repeat_ngram_size}",
                hint="repetition_penalty above 0, no_repeat_ngram_size from 0",
            )

    def drawn(self, scores: torch.Tensor, replies: list[int], said: Sequence[Sequence[int]]) -> torch.Tensor:
        """Scores `[n, vocabulary]` with noise, in fp32: the best of a row is the token drawn.

        replies: `[n]` which reply a row of scores is for. said: `[n]` the tokens that it has so far.
        """
        scores = self.unrepeated(scores.float(), said) / self.temperature
        scores = scores - FAR * self.left_out(scores)
        noise = [self._gumbel(reply, len(own), scores.shape[-1]) for reply, own in zip(replies, said, strict=True)]
        return scores + torch.from_numpy(np.stack(noise)).to(scores.device)

    def unrepeated(self, scores: torch.Tensor, said: Sequence[Sequence[int]]) -> torch.Tensor:
        """Scores `[n, vocabulary]` with what each reply has already, `said`, made less likely or left out."""
        size = self.no_repeat_ngram_size
        if self.repetition_penalty == 1 and not size:
            return scores
        scores = scores.clone()
        for row, own in zip(scores, said, strict=True):
            if self.repetition_penalty != 1 and own:
                met = torch.tensor(sorted(set(own)), device=row.device)
                row[met] = torch.where(
                    row[met] > 0, row[met] / self.repetition_penalty, row[met] * self.repetition_penalty
                )
            if size and len(own) >= size:
                last = tuple(own[len(own) - size + 1 :])
                again = [
                    own[at + size - 1] for at in range(len(own) - size + 1) if tuple(own[at : at + size - 1]) == last
                ]
                if again:
                    row[torch.tensor(again, device=row.device)] -= 2 * FAR  # below what the others leave out
        return scores

    def left_out(self, scores: torch.Tensor) -> torch.Tensor:
        """Which tokens top_k, top_p and min_p leave out, each by itself: bool, like scores."""
        out = torch.zeros_like(scores, dtype=torch.bool)
        if 0 < self.top_k < scores.shape[-1]:
            out |= scores < scores.topk(self.top_k, dim=-1).values[..., -1:]
        if self.min_p > 0:
            out |= scores < scores.amax(-1, keepdim=True) + math.log(self.min_p)
        if self.top_p < 1:
            ordered, order = scores.sort(dim=-1, descending=True)
            chances = ordered.softmax(-1)
            beyond = chances.cumsum(-1) - chances >= self.top_p  # what stands before it is enough
            out |= beyond.scatter(-1, order, beyond)
        return out

    def _gumbel(self, reply: int, place: int, size: int) -> NDArray[np.float32]:
        stream = np.random.Philox(key=np.array([self.seed, reply], dtype=np.uint64), counter=[0, 0, 0, place])
        return np.random.Generator(stream).gumbel(size=size).astype(np.float32)
