"""Key-value memory in lanes: rows of one batch that stand at different places.

Slot and position are the same thing: the token at position p of a lane has its keys and values in slot p. A pass
writes whatever slots its positions name, so a rejected draft is simply overwritten, and a lane can be given to the
next prompt.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin


class _Layer(CacheLayerMixin):
    """One layer's keys and values, `[lanes, heads, slots, width]`, made when the first ones arrive."""

    def __init__(self, lanes: Lanes):
        super().__init__()
        self.lanes = lanes

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.keys = self._room(key_states)
        self.values = self._room(value_states)
        self.is_initialized = True

    def _room(self, states: torch.Tensor) -> torch.Tensor:
        _, heads, _, width = states.shape
        # zeros, not empty: a masked slot still enters the products, and NaN times zero is NaN
        return states.new_zeros(self.lanes.count, heads, self.lanes.slots, width)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        lanes = self.lanes
        rows, slots = lanes.rows[:, None], lanes.positions
        self.keys[rows, :, slots] = key_states.transpose(1, 2)
        self.values[rows, :, slots] = value_states.transpose(1, 2)
        keys, values = self.keys[:, :, : lanes.reach], self.values[:, :, : lanes.reach]
        if lanes.all_rows:
            return keys, values
        return keys[lanes.rows], values[lanes.rows]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.lanes.reach, 0

    def get_seq_length(self) -> int:
        return 0

    def get_max_length(self) -> int:
        return self.lanes.slots


class Lanes(Cache):
    """The memory of `count` lanes with `slots` slots each; the last slot takes what padding writes.

    `aim` says which lanes and positions the next pass writes.
    """

    def __init__(self, layers: int, count: int, slots: int, device: torch.device):
        super().__init__(layers=[_Layer(self) for _ in range(layers)])
        self.count, self.slots, self.device = count, slots, device
        self.rows = torch.arange(count, device=device)
        self.positions = torch.zeros(count, 1, dtype=torch.long, device=device)
        self.reach = slots
        self.all_rows = True

    def _all(self) -> list[Any]:
        return self.layers

    def aim(self, rows: Sequence[int], positions: torch.Tensor, reach: int) -> None:
        """rows: lanes of the next pass, in its order. positions: `[len(rows), width]`. reach: slots it looks at."""
        self.all_rows = len(rows) == self.count and list(rows) == list(range(self.count))
        self.rows = torch.tensor(list(rows), device=self.device)
        self.positions = positions
        self.reach = reach

    def copy_prefix(self, prefix: Sequence[tuple[torch.Tensor, torch.Tensor]], rows: Sequence[int]) -> None:
        """Write a prefix's keys and values, `[heads, length, width]` a layer, to the first slots of `rows`."""
        index = torch.tensor(list(rows), device=self.device)
        for layer, (keys, values) in zip(self._all(), prefix, strict=True):
            if not layer.is_initialized:
                layer.lazy_initialization(keys[None], values[None])
            length = keys.shape[1]
            layer.keys[index, :, :length] = keys
            layer.values[index, :, :length] = values

    def read_prefix(self, row: int, length: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """A copy of the first `length` slots of a lane, layer by layer."""
        return [(layer.keys[row, :, :length].clone(), layer.values[row, :, :length].clone()) for layer in self._all()]

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all lanes but `rows`, which become lanes 0, 1, 2 …"""
        index = torch.tensor(list(rows), device=self.device)
        for layer in self._all():
            if layer.is_initialized:
                layer.keys, layer.values = layer.keys[index], layer.values[index]
        self.count = len(rows)


class Reader:
    """A causal model as a function from tokens at positions to next-token scores, on ragged batches.

    Makes the attention masks itself (full and sliding), and projects to the vocabulary only where scores are wanted.
    """

    def __init__(self, model: Any):
        self.model = model
        self.config = model.config.get_text_config()
        self.layers: int = self.config.num_hidden_layers
        self.device = next(model.parameters()).device
        self.dtype = next(model.parameters()).dtype
        self.kinds = _kinds(self.config)
        self.window: int | None = getattr(self.config, "sliding_window", None)
        self._wanted: tuple[torch.Tensor, torch.Tensor] | None = None

    def slot_bytes(self) -> int:
        """Bytes that one slot of one lane takes, over all layers (from the config, before anything runs)."""
        config = self.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return 2 * self.layers * heads * width * self.dtype.itemsize

    @contextlib.contextmanager
    def ready(self) -> Iterator[Reader]:
        """While open, the output embedding sees only the rows that are wanted."""
        head = self.model.get_output_embeddings()

        def select(module: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            assert self._wanted is not None
            rows, columns = self._wanted
            return (inputs[0][rows, columns][None], *inputs[1:])

        handle = head.register_forward_pre_hook(select)
        try:
            with torch.inference_mode():
                yield self
        finally:
            handle.remove()

    def _mask(self, positions: torch.Tensor, reach: int) -> Any:
        slots = torch.arange(reach, device=self.device)
        full = slots <= positions[:, None, :, None]
        masks = {}
        for kind in self.kinds:
            mask = full
            if kind == "sliding_attention" and self.window is not None:
                mask = full & (slots > positions[:, None, :, None] - self.window)
            if self.config._attn_implementation != "sdpa":
                mask = torch.zeros(mask.shape, dtype=self.dtype, device=self.device).masked_fill_(
                    ~mask, torch.finfo(self.dtype).min
                )
            masks[kind] = mask
        return next(iter(masks.values())) if len(masks) == 1 else masks

    def __call__(
        self,
        lanes: Lanes,
        rows: Sequence[int],
        tokens: Sequence[Sequence[int]],
        starts: Sequence[int],
        wanted: Sequence[tuple[int, int]],
    ) -> torch.Tensor:
        """One forward pass.

        rows: the lanes it runs on. tokens: what each reads, of any length; an idle lane reads nothing.
        starts: each one's first position.
        wanted: (index into rows, index into its tokens) of the scores asked for.

        Returns scores `[len(wanted), vocabulary]`.
        """
        width = max(len(row) for row in tokens)
        padded = [[*row, *[row[-1] if row else 0] * (width - len(row))] for row in tokens]
        spare = lanes.slots - 1
        places = [
            [*range(start, start + len(row)), *[spare] * (width - len(row))]
            for start, row in zip(starts, tokens, strict=True)
        ]
        reach = max(start + len(row) for start, row in zip(starts, tokens, strict=True))
        ids = torch.tensor(padded, device=self.device)
        slots = torch.tensor(places, device=self.device)
        lanes.aim(rows, slots, reach)
        positions = slots.clamp(max=reach - 1)  # padding sits in the spare slot but needs a position the model knows
        columns = torch.tensor(wanted, dtype=torch.long, device=self.device).reshape(-1, 2).T
        self._wanted = (columns[0], columns[1])
        output = self.model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=self._mask(positions, reach),
            past_key_values=lanes,
            use_cache=True,
        )
        return output.logits[0]


_SUPPORTED = {"full_attention", "sliding_attention"}


def _kinds(config: Any) -> list[str]:
    kinds = list(dict.fromkeys(getattr(config, "layer_types", None) or ()))
    if not kinds:
        kinds = ["sliding_attention" if getattr(config, "sliding_window", None) else "full_attention"]
    return kinds


def turning_length(model: Any) -> int | None:
    """The length beyond which all positions of a sequence are turned by other angles (LongRoPE), or None.

    Keys from before that point no longer fit a sequence that has passed it.
    """
    config = model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = [rope] if "rope_type" in rope else [one for one in rope.values() if isinstance(one, dict)]
    turning = [one["original_max_position_embeddings"] for one in kinds if one.get("rope_type") == "longrope"]
    return min(turning, default=None)


def supported(model: Any, length: int | None = None) -> bool:
    """Whether ragged batches of sequences up to `length` tokens (None: of any length) are right for `model`: plain or
    sliding attention, positions given from outside and turned alike in every row.

    Recurrent layers, ALiBi biases and block masks are not; those models are decoded row by row (`engine.plain`).
    """
    config = model.config.get_text_config()
    turning = turning_length(model)
    if turning is not None and (length is None or length > turning):
        return False
    if (
        getattr(model, "_is_stateful", False)
        or config.model_type in ("bloom", "mpt")
        or getattr(config, "alibi", False)
    ):
        return False
    if getattr(config, "sliding_window", None) and not hasattr(config, "layer_types"):
        # Older configs carry a window that only some of their layers use.
        return config.model_type in ("mistral", "ministral3", "mixtral", "phi3", "starcoder2", "qwen2_moe")
    return set(_kinds(config)) <= _SUPPORTED
