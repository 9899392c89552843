"""Drawing the next token instead of taking the best, so that a reply still hangs on nothing but its seed.

A token drawn from softmax(scores / T) is the best one of scores + T · g, with g drawn from the standard Gumbel
distribution for every token (Gumbel 1954; Maddison et al. 2014, "A* Sampling", section 2). With g a function of
(seed, reply, place), drawing is taking the best of other scores: drafts are verified, and grammars obeyed, as in greedy
decoding, and one token a pass draws what many tokens a pass draw.
"""

from __future__ import annotations

import math
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
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        fits = self.temperature > 0 and self.top_k >= 0 and 0 < self.top_p <= 1 and 0 <= self.min_p <= 1
        if not fits:
            raise UsageError(
                f"sampling with temperature {self.temperature:g}, top_k {self.top_k}, top_p {self.top_p:g}, "
                f"min_p {self.min_p:g}",
                hint="temperature above 0, top_k from 0, top_p above 0 and up to 1, min_p from 0 to 1",
            )

    def drawn(self, scores: torch.Tensor, replies: list[int], places: list[int]) -> torch.Tensor:
        """Scores `[n, vocabulary]` with noise, in fp32: the best of a row is the token drawn.

        replies, places: `[n]` which reply a row of scores is for, and for which of its tokens.
        """
        scores = scores.float() / self.temperature
        scores = scores - FAR * self.left_out(scores)
        noise = [self._gumbel(reply, place, scores.shape[-1]) for reply, place in zip(replies, places, strict=True)]
        return scores + torch.from_numpy(np.stack(noise)).to(scores.device)

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
