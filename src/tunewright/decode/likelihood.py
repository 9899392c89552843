"""How likely a model finds given replies: teacher-forced, in batches of like length.

Perplexity, bits per byte, ranking of candidate answers and what a model has forgotten all begin here.
"""

from __future__ import annotations

from collections import defaultdict
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


def of_candidates(
    loaded: Loaded, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], *, batch_tokens: int = BATCH_TOKENS
) -> list[Likelihood]:
    """As `likelihoods`, of pairs many of which have one prompt: a prompt that outweighs its replies is read once."""
    families: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, (prompt, _) in enumerate(pairs):
        families[tuple(prompt)].append(place)
    shared = {
        prompt: places
        for prompt, places in families.items()
        if len(prompt) > 1 and (len(places) - 1) * len(prompt) > sum(len(pairs[place][1]) for place in places)
    }
    found: dict[int, Likelihood] = {}
    for prompt, places in shared.items():
        found |= zip(places, _after(loaded, prompt, [pairs[place][1] for place in places]), strict=True)
    rest = [place for place in range(len(pairs)) if place not in found]
    found |= zip(rest, likelihoods(loaded, [pairs[place] for place in rest], batch_tokens=batch_tokens), strict=True)
    return [found[place] for place in range(len(pairs))]


def _after(loaded: Loaded, prompt: Sequence[int], replies: Sequence[Sequence[int]]) -> list[Likelihood]:
    """Replies to one prompt, which is read once. The prompt's last token stands before each: it predicts the first."""
    import torch
    from torch.nn import functional

    size, start = max(map(len, replies)), len(prompt) - 1
    ids = torch.zeros((len(replies), size), dtype=torch.long)
    for line, reply in enumerate(replies):
        ids[line, : len(reply)] = torch.tensor([prompt[-1], *reply[:-1]], dtype=torch.long)
    with torch.no_grad():
        head = torch.tensor([prompt[:-1]], dtype=torch.long, device=loaded.device)
        read = loaded.model(input_ids=head, use_cache=True, logits_to_keep=1)
        cache = read.past_key_values
        cache.batch_repeat_interleave(len(replies))
        places = torch.arange(start, start + size, device=loaded.device).expand(len(replies), size)
        # What stands behind a reply's end is nobody's past: a causal model needs no mask for it.
        logits = loaded.model(
            input_ids=ids.to(loaded.device), past_key_values=cache, position_ids=places, use_cache=True
        ).logits.float()
    made = []
    for line, reply in enumerate(replies):
        target = torch.tensor(reply, dtype=torch.long, device=loaded.device)
        own = logits[line, : len(reply)]
        nats = functional.cross_entropy(own, target, reduction="none").double().sum()
        made.append(Likelihood(float(nats), len(reply), int((own.argmax(-1) == target).sum())))
    return made
