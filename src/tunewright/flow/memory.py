"""How much memory a training takes, without weights and before it begins.

The method is put on the model's bare shape (torch's meta device), so its trainable weights are counted, not guessed.
What the way back keeps is counted, too: our own loss runs over the longest batch on fake tensors, which have shapes and
no numbers, and every tensor that autograd keeps is added up once, however many operations keep it. `docs/memory.md` has
the comparison with measured peaks.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from tunewright.core.errors import ModelError, TunewrightError
from tunewright.core.recipe import MethodOptions, TrainOptions

CARDS = {
    "T4": 15.0,
    "L4, RTX 4090": 23.0,
    "A100 40 GB": 39.5,
    "A100 80 GB, H100": 79.0,
    "H200": 139.5,
}
"""Common cards and what a program may use of them, in units of 2³⁰ bytes."""

FLOOR = {"cpu": 800_000_000, "cuda": 900_000_000}
"""Memory of Python, torch and the data on a processor; of the driver's context and cuBLAS on a card."""

LOST = {"cpu": 1.25, "cuda": 1.1}
"""What allocators lose between tensors of changing sizes, as a factor on all that comes and goes."""

LOGITS = {"cpu": 4, "cuda": 10}
"""Bytes that cross entropy takes for a logit, beside what ours keeps of it on a processor: a gradient there; two in
fp32 where torch's stands in, which also keeps fp32."""

BLOCK = 64
"""Weights in 4 bits that share a constant (bitsandbytes)."""


@dataclass(frozen=True)
class Batch:
    """The largest micro-batch. prompt, reply: tokens of each row; shared: of the prompt, computed once for all rows."""

    rows: int
    prompt: int
    reply: int
    shared: int = 0


@dataclass(frozen=True)
class Need:
    """Bytes of a training. weights: the model's, as they are held; adapter: what is trained beside it.

    gradients, optimiser: of what is trained; best: the best weights so far, kept for the end. activations: what the way
    back keeps, with what it takes on the way. floor: of the process before any model. peak: of all of it together.
    """

    weights: int
    adapter: int
    gradients: int
    optimiser: int
    best: int
    activations: int
    floor: int
    peak: int

    def to_row(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True)
class Trainable:
    """A bare model with its method on it. model: on the meta device. linears: path → (in, out) of the base's layers.

    fakes: what makes fake tensors of it; one for all passes, since layers may keep some of them.
    """

    model: Any
    linears: dict[str, tuple[int, int]]
    options: MethodOptions
    saved_as: str
    fakes: Any

    @classmethod
    def of(cls, skeleton: Any, options: MethodOptions) -> Trainable:
        """The method on a skeleton, which is changed. Raises ModelError where it does not fit the model."""
        import torch
        from torch._subclasses.fake_tensor import FakeTensorMode

        from tunewright.models import methods

        found = linears(skeleton)
        # PiSSA would take the weights apart; its adapter has the same shape.
        shaped = options.model_copy(update={"init_lora_weights": "default"})
        try:
            with torch.device("meta"), _quiet():
                attached = methods.attach(skeleton, shaped, 0)
        except TunewrightError:
            raise
        except Exception as error:
            raise ModelError(f"method '{options.name}' cannot be planned on this model: {error}") from error
        return cls(attached.model, found, options, attached.saved_as, FakeTensorMode())

    @property
    def parameters(self) -> list[Any]:
        """The weights that are trained."""
        return [weight for weight in self.model.parameters() if weight.requires_grad]

    @property
    def count(self) -> int:
        return sum(weight.numel() for weight in self.parameters)

    def held(self) -> int:
        """Bytes of all weights; of those in 4 bits with their constants."""
        total = sum(weight.numel() * weight.element_size() for weight in self.model.parameters())
        if self.options.quantisation is None:
            return total
        size = next(w.element_size() for w in self.model.parameters() if not w.requires_grad)
        rate = four_bits(double=self.options.bnb_4bit_use_double_quant)
        return total - round(sum(a * b for a, b in self.linears.values()) * (size - rate))


def linears(model: Any) -> dict[str, tuple[int, int]]:
    """Path → its two sizes, of every linear layer but the output head."""
    from tunewright.models.methods._shared import linears as found

    return {path: (module.weight.shape[1], module.weight.shape[0]) for path, module in found(model).items()}


def four_bits(*, double: bool) -> float:
    """Bytes of a weight in 4 bits with its share of the constants (Dettmers et al. 2023, section 3)."""
    constant = 1 / BLOCK + 4 / (BLOCK * 256) if double else 4 / BLOCK
    return 0.5 + constant


def need(
    trainable: Trainable, options: TrainOptions, batch: Batch, *, mixed: bool, device: str, held_out: bool
) -> Need:
    """What training takes on a device ("cpu" or "cuda"). mixed: under bf16 autocast. held_out: it is validated."""
    count = trainable.count
    adapter = 4 * count if trainable.saved_as == "adapter" else 0
    weights = trainable.held() - adapter
    gradients = 4 * count
    states = _states(trainable, options, device)
    best = 4 * count if held_out and options.load_best_model_at_end else 0
    again = options.gradient_checkpointing
    kept = kept_for_the_way_back(trainable, batch, mixed=mixed, checkpointing=again, device=device)
    vocabulary = trainable.model.get_output_embeddings().weight.shape[0]
    work = batch.rows * batch.reply * vocabulary * LOGITS[device]
    if trainable.options.quantisation is not None:
        work += 2 * max(a * b for a, b in trainable.linears.values()) * (2 if mixed else 4)
    activations = kept + work
    # Gradients come while activations go; of earlier micro-batches they are there already.
    passing = activations + gradients if options.gradient_accumulation_steps > 1 else max(activations, gradients)
    peak = FLOOR[device] + weights + adapter + states + best + round(passing * LOST[device])
    return Need(weights, adapter, gradients, states, best, activations, FLOOR[device], peak)


def _states(trainable: Trainable, options: TrainOptions, device: str) -> int:
    """Bytes of the optimiser's states, and of the scores by which AdaLoRA prunes."""
    import torch

    tables = [module for module in trainable.model.modules() if isinstance(module, torch.nn.Embedding)]
    outer = {id(weight) for table in tables for weight in table.parameters()}
    outer.add(id(trainable.model.get_output_embeddings().weight))
    total = 0.0
    for weight in trainable.parameters:
        if options.optim == "muon" and weight.ndim == 2 and id(weight) not in outer:
            each = 4.0
        elif options.optim.endswith("8bit") and device != "cpu" and weight.numel() >= 4096:
            each = 2 + 8 / 256  # two bytes, and two constants a block of 256
        else:
            each = 8.0
        total += each * weight.numel()
    if trainable.options.adapter == "adalora":
        total += 12 * trainable.count
    return round(total)


def kept_for_the_way_back(
    trainable: Trainable, batch: Batch, *, mixed: bool, checkpointing: bool = False, device: str = "cpu"
) -> int:
    """Bytes that autograd keeps of one pass over a batch on a device ("cpu" or "cuda").

    checkpointing: only what enters a layer is kept, and one layer's own activations at a time.
    """
    import torch

    from tunewright.train import fused
    from tunewright.train.batch import Tokens, collate
    from tunewright.train.loss import loss_sum

    model, mode = trainable.model, trainable.fakes
    alike, own = [0] * batch.shared, batch.prompt - batch.shared + batch.reply
    examples = [Tokens((*alike, *itertools.repeat(row + 1, own)), batch.prompt) for row in range(batch.rows)]
    quick = fused.quick(model) if fused.pays(device) else nullcontext()
    with _quiet(), quick, _unpacked(), _faked(model, mode), mode:
        weights = {weight.untyped_storage()._cdata for weight in model.parameters()}
        seen: dict[int, tuple[int, tuple[int, int] | None]] = {}
        alive: list[Any] = []

        def note(tensor: Any) -> Any:
            storage = tensor.untyped_storage()
            if storage._cdata not in weights and storage._cdata not in seen:
                seen[storage._cdata] = (storage.nbytes(), watch.at)
                alive.append(tensor)  # or its address would be given again
            return tensor

        model.train()
        hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
        with _Watch(model) as watch, hooks, torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            loss_sum(model, collate(examples, 0, share_prefix=batch.shared > 0))
    total = sum(size for size, _ in seen.values())
    if not checkpointing:
        return total
    # A shared prefix goes through first, and its layers keep all of theirs.
    last = [at for at in watch.inputs if at[0] == watch.passes]
    by_layer = [sum(size for size, where in seen.values() if where == at) for at in last]
    return min(total, total - sum(by_layer) + max(by_layer, default=0) + sum(watch.inputs[at] for at in last))


class _Watch:
    """Within, `at` is the (pass, decoder layer) that runs; `inputs`: bytes that entered each of them."""

    def __init__(self, model: Any):
        from tunewright.models.methods._shared import layers

        self.at: tuple[int, int] | None = None
        self.passes = 0
        self.inputs: dict[tuple[int, int], int] = {}
        paths = layers(path for path, _ in model.named_modules())
        self._modules = [model.get_submodule(path) for path in paths]
        self._handles: list[Any] = []

    def __enter__(self) -> _Watch:
        for number, module in enumerate(self._modules):
            self._handles.append(module.register_forward_pre_hook(self._enter(number), with_kwargs=True))
            self._handles.append(module.register_forward_hook(self._leave))
        return self

    def __exit__(self, *_: Any) -> None:
        for handle in self._handles:
            handle.remove()

    def _enter(self, number: int) -> Any:
        def hook(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            hidden = args[0] if args else kwargs["hidden_states"]
            self.passes += number == 0
            self.at = (self.passes, number)
            self.inputs[self.at] = hidden.numel() * hidden.element_size()

        return hook

    def _leave(self, *_: Any) -> None:
        self.at = None


@contextmanager
def _faked(model: Any, mode: Any) -> Iterator[None]:
    """Within, the model's weights are fake tensors that say they are on a processor, so autocast sees them."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensor

    before: list[tuple[dict[str, Any], str, Any]] = []
    made: dict[int, Any] = {}
    for module in model.modules():
        for store in (module._parameters, module._buffers):
            for name, tensor in store.items():
                if tensor is None:
                    continue
                if id(tensor) not in made:
                    fake = FakeTensor(mode, tensor.detach().to("meta"), torch.device("cpu"))
                    weight = torch.nn.Parameter(fake, requires_grad=tensor.requires_grad)
                    made[id(tensor)] = weight if store is module._parameters else fake
                before.append((store, name, tensor))
                store[name] = made[id(tensor)]
    try:
        yield
    finally:
        for store, name, tensor in before:
            store[name] = tensor


@contextmanager
def _unpacked() -> Iterator[None]:
    """Within, no row is taken for several packed ones: transformers would look at numbers that are not there, give up,
    and build a mask that the training itself does without."""
    from transformers import masking_utils

    before = masking_utils.find_packed_sequence_indices
    masking_utils.find_packed_sequence_indices = lambda *_, **__: None
    try:
        yield
    finally:
        masking_utils.find_packed_sequence_indices = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of libraries that meet a model of no weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class Card:
    """Whether a training fits on a card. usable, needs: bytes; needs_at_most: with examples of train.max_length."""

    name: str
    usable: int
    needs: int
    needs_at_most: int

    @property
    def fits(self) -> bool:
        return self.needs <= self.usable

    @property
    def fits_at_most(self) -> bool:
        return self.needs_at_most <= self.usable

    def to_row(self) -> dict[str, Any]:
        return {**asdict(self), "fits": self.fits, "fits_at_most": self.fits_at_most}


def cards(data: Need, at_most: Need) -> list[Card]:
    """Every common card, smallest first."""
    return [Card(name, int(size * 2**30), data.peak, at_most.peak) for name, size in CARDS.items()]
