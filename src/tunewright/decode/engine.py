"""Decoding of many prompts at once, greedy or drawn, free or under a grammar, several tokens per pass.

What comes out is plain decoding, token for token: `plain` is that plain way, one row and one token at a time, and the
tests hold the two against each other. What makes `generate` faster changes none of it:

- prompts stand in lanes of one batch, and a lane whose reply is done takes the next prompt;
- a prefix that prompts share is read once;
- where the grammar leaves one token it is written without asking the model, and read with the next pass;
- tokens copied from the prompt are drafts, verified together in one pass (speculative decoding with deterministic
  drafts: Leviathan et al. 2023, arXiv 2211.17192, section 2);
- under a grammar the best token is tested first, and a mask is made only where the grammar refuses it.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from tunewright.core.errors import UsageError
from tunewright.decode.grammar import Grammar
from tunewright.decode.lanes import Lanes, Reader, supported, turning_length
from tunewright.decode.row import Reply, Row, log_chance
from tunewright.decode.sampling import Sampling
from tunewright.decode.source import Source
from tunewright.models.load import Loaded

WINDOW = 8
"""Prompts are sorted by length within windows of so many batches; replies leave a window together."""

MEMORY = 2 << 30
"""Bytes that the lanes' keys and values may take; fewer lanes are used where they would take more."""

PASS_TOKENS = 16384
"""Most prompt tokens read in one pass."""

SHORTEST_PREFIX = 16
"""Tokens from which sharing a prefix pays."""

AGAIN = 512
"""Tokens of a prompt, for each further row that has it, from which these rows are read by themselves."""

FREE_WIDTH = 128
"""Tokens whose computing costs as much as a pass costs by itself: what weighs a draft against its padding."""

COPIED = 8
"""Most drafts in one pass."""


def _rows(
    loaded: Loaded,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    grammars: Grammar | Sequence[Grammar | None] | None,
    sources: Sequence[Source | None] | None,
    first: int,
    logprobs: bool,
    others: bool,
    numbers: Sequence[int] | None = None,
    openings: Sequence[Sequence[int]] | None = None,
    floors: Sequence[float] | None = None,
) -> list[Row]:
    """Rows of a window; those that cannot be decoded are done already."""
    stops, context = loaded.chat.stop_ids, loaded.context
    rows = []
    for offset, prompt in enumerate(prompts):
        index = first + offset
        grammar = grammars if grammars is None or isinstance(grammars, Grammar) else grammars[index]
        budget = min(max_new_tokens, context - len(prompt))
        row = Row(index, prompt, max(budget, 0), grammar, stops, sources[index] if sources is not None else None)
        if numbers is not None:
            row.number = numbers[index]
        if logprobs:
            row.reply.logprobs = []
        if others:
            row.reply.others = []
        if floors is not None:
            row.floor = floors[index]
        if not prompt:
            row.fail("the prompt is empty")
        elif budget < 1:
            row.fail(f"the prompt has {len(prompt)} tokens; the model's context of {context} has no room for a reply")
        elif grammar is not None and len(grammar.shortest) > budget:
            row.fail(f"the shortest answer has about {len(grammar.shortest)} tokens, and {budget} may be written")
        elif openings is not None:
            row.open(openings[index])
        rows.append(row)
    return rows


def generate(
    loaded: Loaded,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    grammars: Grammar | Sequence[Grammar | None] | None = None,
    sources: Sequence[Source | None] | None = None,
    batch_size: int = 64,
    drafts: bool = True,
    logprobs: bool = False,
    others: bool = False,
    sampling: Sampling | None = None,
    numbers: Sequence[int] | None = None,
    openings: Sequence[Sequence[int]] | None = None,
    floors: Sequence[float] | None = None,
) -> Iterator[Reply]:
    """Replies to `prompts`, in their order.

    prompts: token ids, from `Chat.prompt_ids`. max_new_tokens: most tokens of a reply, less where the context ends.
    grammars: one for all, or one (or None) for each. sources: the document that each reply's verbatim values come from,
    where its grammar's schema marks any. drafts: verify several tokens per pass; the replies are the same.
    logprobs: ask for every token's log-probability. others: ask for likely tokens beside those chosen.
    sampling: draw tokens; None: always the best one.
    numbers: of the replies, for what is drawn; None: 0, 1, 2 …
    openings: token ids that a reply begins with, whatever the model would say; they are part of it.
    floors: with `others`, a `candidates.likelihood` for each reply; one that cannot reach it any more is given up, with
    finish "length".

    A prompt that cannot be decoded (empty, longer than the context) is a Reply with finish "error"; the others go on.
    """
    if max_new_tokens < 1 or batch_size < 1:
        raise UsageError("max_new_tokens and batch_size must be at least 1")
    if grammars is not None and not isinstance(grammars, Grammar) and len(grammars) != len(prompts):
        raise UsageError(f"{len(prompts)} prompts but {len(grammars)} grammars")
    if sources is not None and len(sources) != len(prompts):
        raise UsageError(f"{len(prompts)} prompts but {len(sources)} sources")

    def rows_of(some: Sequence[Sequence[int]], first: int) -> list[Row]:
        return _rows(
            loaded, some, max_new_tokens, grammars, sources, first, logprobs, others, numbers, openings, floors
        )

    if not supported(loaded.model, max(map(len, prompts), default=0) + max_new_tokens):
        for row in rows_of(prompts, 0):
            if not row.done:
                _plain(loaded, row, sampling)
            yield _finished(loaded, row)
        return
    reader = Reader(loaded.model)
    for first in range(0, len(prompts), WINDOW * batch_size):
        rows = rows_of(prompts[first : first + WINDOW * batch_size], first)
        with reader.ready():
            _Batch(reader, [row for row in rows if not row.done], batch_size, drafts, logprobs, sampling).run()
        for row in rows:
            yield _finished(loaded, row)


def _finished(loaded: Loaded, row: Row) -> Reply:
    row.reply.text = loaded.chat.decode(row.ids)
    return row.reply


class _Batch:
    """The rows of a window, going through lanes until all are done."""

    def __init__(
        self,
        reader: Reader,
        rows: list[Row],
        batch_size: int,
        drafts: bool,
        logprobs: bool,
        sampling: Sampling | None,
    ):
        self.reader, self.drafts, self.logprobs, self.sampling = reader, drafts, logprobs, sampling
        self.queue = _in_clusters(rows)
        slots = max((len(row.prompt) + row.budget for row in rows), default=0) + COPIED + 1
        count = max(1, min(batch_size, len(rows), MEMORY // max(1, slots * reader.slot_bytes())))
        self.lanes = Lanes(reader.layers, count, slots, reader.device)
        self.active: list[Row | None] = [None] * count
        self.prefixes: dict[tuple[int, ...], list[tuple[torch.Tensor, torch.Tensor]]] = {}
        self.tried, self.held = 8, 6  # copies proposed and confirmed so far, with a modest start

    def run(self) -> None:
        refill = max(1, self.lanes.count // 8)
        while True:
            free = [lane for lane, row in enumerate(self.active) if row is None]
            if self.queue and (len(free) >= refill or len(free) == len(self.active)):
                self._admit(free)
                continue
            rows = [row for row in self.active if row is not None]
            if not rows:
                return
            if not self.queue and len(rows) * 2 <= self.lanes.count:
                self.lanes.keep([row.lane for row in rows])
                for lane, row in enumerate(rows):
                    row.lane = lane
                self.active = list(rows)
            self._pass(rows)

    def _admit(self, free: list[int]) -> None:
        """Read the prompts of the next rows into free lanes: as many as share a prefix and fit one pass."""
        head = self.queue[0]
        rows: list[Row] = []
        longest = 0
        while self.queue and len(rows) < len(free):
            row = self.queue[0]
            shares = row.prefix == head.prefix and row.prompt[: row.prefix] == head.prompt[: head.prefix]
            longest = max(longest, len(row.prompt) + len(row.ids) - row.prefix)
            if not shares or (rows and longest * (len(rows) + 1) > PASS_TOKENS):
                break
            row.lane = free[len(rows)]
            rows.append(self.queue.pop(0))
        if head.prefix:
            self._share(head, rows)
        for row in rows:
            self.active[row.lane] = row
            row.begin(row.prefix, self.drafts)
        self._pass(rows, fresh=True)

    def _share(self, head: Row, rows: list[Row]) -> None:
        key = tuple(head.prompt[: head.prefix])
        if key not in self.prefixes:
            started = time.perf_counter()
            self.reader(self.lanes, [rows[0].lane], [list(key)], [0], [(0, 0)])
            self.prefixes = {key: self.lanes.read_prefix(rows[0].lane, len(key))}  # the queue comes prefix by prefix
            rows[0].reply.passes += 1
            rows[0].reply.seconds += time.perf_counter() - started
        self.lanes.copy_prefix(self.prefixes[key], [row.lane for row in rows])

    def _pass(self, rows: list[Row], *, fresh: bool = False) -> None:
        started = time.perf_counter()
        unread = [row.unread() for row in rows]
        width = max(len(tokens) for tokens in unread) if fresh else self._draft(rows, unread)
        lanes = [row.lane for row in rows]
        # A long run of forced tokens may need more than one pass: the row then has nothing to decide in this one.
        reads = [
            tokens[:width] + (row.drafts if len(tokens) <= width else [])
            for row, tokens in zip(rows, unread, strict=True)
        ]
        deciding = [len(tokens) <= width for tokens in unread]
        starts = [row.known for row in rows]
        wanted = [
            (place, step)
            for place, (tokens, read) in enumerate(zip(unread, reads, strict=True))
            if deciding[place]
            for step in range(len(tokens) - 1, len(read))
        ]
        drawing = self.sampling if wanted else None
        if drawing is not None:
            owners = [(rows[place], step - len(unread[place]) + 1) for place, step in wanted]
        if not fresh:
            lanes, reads, starts, wanted = self._with_idle(lanes, reads, starts, wanted)
        exact = self.reader(self.lanes, lanes, reads, starts, wanted)
        scores = exact
        if drawing is not None:
            said = [[*row.ids, *row.drafts[:ahead]] for row, ahead in owners]
            scores = drawing.drawn(exact, [row.number for row, _ in owners], said)
        places = scores.argmax(-1)
        best = places.tolist()
        chances: list[float] | None = None
        if self.logprobs:
            chances = (exact.gather(-1, places[:, None])[:, 0].float() - exact.float().logsumexp(-1)).tolist()
        first = 0
        for row, tokens, decides in zip(rows, unread, deciding, strict=True):
            if not decides:
                row.known += width
                continue
            last = first + len(row.drafts) + 1
            its = None if chances is None else chances[first:last]
            held = row.absorb(len(tokens), best[first:last], scores[first:last], exact[first:last], its)
            if row.drafts:
                self.tried += min(held + 1, len(row.drafts))
                self.held += held
            first = last
        share = (time.perf_counter() - started) / len(rows)
        for row in rows:
            row.reply.passes += 1
            row.reply.seconds += share
            if row.done:
                self.active[row.lane] = None

    def _with_idle(
        self, lanes: list[int], tokens: list[list[int]], starts: list[int], wanted: list[tuple[int, int]]
    ) -> tuple[list[int], list[list[int]], list[int], list[tuple[int, int]]]:
        """All lanes in order, the idle ones reading a token into the spare slot: cheaper than gathering the others."""
        if len(lanes) == self.lanes.count and lanes == list(range(len(lanes))):
            return lanes, tokens, starts, wanted
        place = {lane: i for i, lane in enumerate(lanes)}
        every = range(self.lanes.count)
        wanted = [(lanes[i], step) for i, step in wanted]
        return (
            list(every),
            [tokens[place[lane]] if lane in place else [] for lane in every],
            [starts[place[lane]] if lane in place else 0 for lane in every],
            wanted,
        )

    def _draft(self, rows: list[Row], unread: list[list[int]]) -> int:
        """Let every row guess, then choose the width at which a pass reads the most useful tokens for its cost.

        Drafts beyond the width are dropped. Returns the width.
        """
        rate = self.held / self.tried
        useful = [0.0] * (max(len(tokens) for tokens in unread) + COPIED)
        for row, tokens in zip(rows, unread, strict=True):
            row.draft(COPIED if self.drafts else 0)
            for place in range(len(tokens)):
                useful[place] += 1
            chance = 1.0
            for place in range(len(tokens), len(tokens) + len(row.drafts)):
                chance *= rate
                useful[place] += chance
        best, width, total = 0.0, 1, 0.0
        for place, more in enumerate(useful):
            total += more
            value = total / (FREE_WIDTH + self.lanes.count * (place + 1))
            if value > best:
                best, width = value, place + 1
        for row, tokens in zip(rows, unread, strict=True):
            row.drafts = row.drafts[: max(0, width - len(tokens))]
        return width


def _in_clusters(rows: list[Row]) -> list[Row]:
    """Rows in the order they are read: those that share a prefix together, and among these the longest first."""
    clusters: list[tuple[int, list[Row]]] = []
    several, rows = _asked_again(rows)
    for row in rows:
        if clusters:
            length, members = clusters[-1]
            common = _common(members[0].prompt, row.prompt, min(length, len(row.prompt) - 1))
            # A cluster takes a row as long as most of what its members share stays shared.
            if common >= SHORTEST_PREFIX and (len(members) == 1 or common * 2 >= length):
                members.append(row)
                clusters[-1] = (common, members)
                continue
        clusters.append((len(row.prompt) - 1, [row]))
    ordered = []
    for length, members in clusters:
        for row in members:
            row.prefix = row.shared = length if len(members) > 1 else 0
        ordered += sorted(members, key=lambda row: (-len(row.prompt), row.index))
    for same in several:
        for row in same:
            row.prefix = len(row.prompt) - 1
        ordered += same
    return ordered


def _asked_again(rows: list[Row]) -> tuple[list[list[Row]], list[Row]]:
    """Rows of one prompt, where reading it once saves more than a pass costs; and the others, sorted by prompt."""
    several, others = [], []
    for _, same in itertools.groupby(sorted(rows, key=lambda row: row.prompt), key=lambda row: row.prompt):
        own = list(same)
        if (len(own) - 1) * len(own[0].prompt) > AGAIN:
            several.append(own)
        else:
            others += own
    return several, others


def _common(a: Sequence[int], b: Sequence[int], limit: int) -> int:
    for place in range(max(limit, 0)):
        if a[place] != b[place]:
            return place
    return max(limit, 0)


def plain(
    loaded: Loaded,
    prompt: Sequence[int],
    *,
    max_new_tokens: int,
    grammar: Grammar | None = None,
    source: Source | None = None,
    logprobs: bool = False,
    others: bool = False,
    sampling: Sampling | None = None,
    number: int = 0,
    opening: Sequence[int] = (),
    floor: float = -math.inf,
) -> Reply:
    """Decoding as the definition has it: one row, one token a pass, the mask applied to every score.

    The measure for `generate`, and the way for models whose attention knows no ragged batches. number: of the
    reply, for what is drawn.
    """
    [row] = _rows(
        loaded, [prompt], max_new_tokens, grammar, [source], 0, logprobs, others, [number], [opening], [floor]
    )
    if not row.done:
        _plain(loaded, row, sampling)
    return _finished(loaded, row)


def _plain(loaded: Loaded, row: Row, sampling: Sampling | None) -> None:
    started = time.perf_counter()
    memory: Any = None
    read = [*row.prompt, *row.ids]
    turning = turning_length(loaded.model)
    with torch.inference_mode():
        while not row.done:
            ids = torch.tensor([read], device=loaded.device)
            past = {} if memory is None else {"past_key_values": memory}
            output = loaded.model(input_ids=ids, use_cache=True, **past)
            memory, exact = getattr(output, "past_key_values", None), output.logits[0, -1]
            scores = exact if sampling is None else sampling.drawn(exact[None], [row.number], [row.ids])[0]
            row.reply.passes += 1
            if row.matcher is not None and row.matcher.compute_ff_tokens():
                token, free = row.best_allowed(scores), False
            elif row.matcher is not None:
                token, free = row.best_allowed(scores), True
            else:
                token, free = int(scores.argmax()), True
            if token < 0:
                row.fail("the grammar has no way on: no token is allowed")
            elif token in row.stops:
                row.done = True
            else:
                chosen = log_chance(exact, token) if free else 0.0
                if free:
                    row.weigh(exact, token)
                    if row.done:
                        break
                row.push(token, chosen if row.reply.logprobs is not None else None)
            if turning is not None and len(row.prompt) + len(row.ids) == turning + 1:
                memory = None
            # A recurrent model that keeps its state elsewhere reads everything again: slow, and right.
            read = row.ids[-1:] if memory is not None else [*row.prompt, *row.ids]
    row.reply.seconds = time.perf_counter() - started
