"""How likely a model finds given replies: teacher-forced, in batches of like length.

Perplexity, bits per byte, ranking of candidate answers and what a model has forgotten all begin here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.models.load import Loaded
from tunewright.models.rows import by_tokens, only_rows

BATCH_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Likelihood:
    """One reply. nats: -log of its probability given its prompt. tokens: how many it has, of which `right` are the
    model's first choice where they stand."""

    nats: float
    tokens: int
    right: int


def likelihoods(
    loaded: Loaded, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], *, batch_tokens: int = BATCH_TOKENS
) -> list[Likelihood]:
    """One `Likelihood` per (prompt ids, reply ids), in order; computed in the model's own precision, summed in fp32.

    Raises ValueError for a prompt without a token: nothing would predict the reply's first one.
    """
    import torch
    from torch.nn import functional

    if any(not prompt for prompt, _ in pairs):
        raise ValueError("a prompt needs at least one token")
    found: list[Likelihood | None] = [None] * len(pairs)
    for chosen in by_tokens([len(prompt) + len(reply) for prompt, reply in pairs], batch_tokens):
        time = max(len(pairs[i][0]) + len(pairs[i][1]) for i in chosen)
        ids = torch.zeros((len(chosen), time), dtype=torch.long)
        rows: list[int] = []
        wanted: list[int] = []
        for line, i in enumerate(chosen):
            prompt, reply = pairs[i]
            ids[line, : len(prompt) + len(reply)] = torch.tensor([*prompt, *reply], dtype=torch.long)
            rows += range(line * time + len(prompt) - 1, line * time + len(prompt) + len(reply) - 1)
            wanted += reply
        target = torch.tensor(wanted, dtype=torch.long, device=loaded.device)
        places = torch.tensor(rows, dtype=torch.long, device=loaded.device)
        with torch.no_grad(), only_rows(loaded.model, places):
            logits = loaded.model(input_ids=ids.to(loaded.device), use_cache=False).logits[0].float()
        nats = functional.cross_entropy(logits, target, reduction="none").double().cpu()
        right = (logits.argmax(-1) == target).cpu()
        start = 0
        for i in chosen:
            end = start + len(pairs[i][1])
            found[i] = Likelihood(float(nats[start:end].sum()), end - start, int(right[start:end].sum()))
            start = end
    return [one for one in found if one is not None]
