"""A model by its name: embedded, a folder, or a Hugging Face id; with or without an adapter.

Only safetensors are read, never pickle. Downloaded configs lose `auto_map` and private keys, so a model folder
cannot make code run unless the user passes `trust_remote_code`.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tunewright.core.errors import ModelError, nearest
from tunewright.core.recipe import Quantisation
from tunewright.models import embedded
from tunewright.models.chat import Chat

DTYPES = {
    "fp32": torch.float32,
    "float32": torch.float32,
    "bf16": torch.bfloat16,
    "bfloat16": torch.bfloat16,
    "fp16": torch.float16,
    "float16": torch.float16,
}

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_WEIGHTS = "*.safetensors"
_FILES = ["*.json", _WEIGHTS, "*.model", "*.jinja", "*.txt"]


@dataclass(slots=True)
class Loaded:
    """A model ready for use, in evaluation mode.

    name: as given ("wren-1", a folder, a hub id). path: the folder its files came from.
    parameters: how many, an adapter's included. bytes: what they take in memory.
    adapter: the adapter's folder, or None.
    """

    model: Any
    tokenizer: Any
    chat: Chat
    name: str
    parameters: int
    bytes: int
    path: Path
    adapter: Path | None = None

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.model.parameters()).dtype

    @property
    def context(self) -> int:
        """The longest prompt + reply the model was made for, in tokens."""
        config = self.model.config.get_text_config()
        for key in ("max_position_embeddings", "n_positions", "n_ctx"):
            value = getattr(config, key, None)
            if isinstance(value, int) and value > 0:
                return value
        return 2048


def locate(name: str, *, weights: bool = True) -> Path:
    """The folder that holds a model's files; downloads a hub id that is not in the cache, with its weights or without.

    Raises ModelError where nothing of that name can be had, with near names.
    """
    versions = embedded.embedded()
    if embedded.pinned(name) in versions:
        return embedded.EMBEDDED / embedded.pinned(name)
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            adapter = (folder / "adapter_config.json").is_file()
            raise ModelError(
                "the folder holds an adapter, not a model" if adapter else "the folder has no config.json",
                where=str(folder),
                hint="name its base model, and this folder as the adapter" if adapter else "name a model's folder",
            )
        return folder
    if not _HUB_ID.fullmatch(name) or re.fullmatch(r"wren(-.*)?", name) or name.startswith((".", "/", "~")):
        raise _missing(name, versions)
    return _from_hub(name, versions, _FILES if weights else [kind for kind in _FILES if kind != _WEIGHTS])


def _missing(name: str, versions: list[str]) -> ModelError:
    known = [*dict.fromkeys(version.split("-")[0] for version in versions), *versions]
    near = nearest(name, known)
    gone = re.fullmatch(r"([a-z]+)-(\d+)", name)
    if gone and gone[1] in known and any(int(gone[2]) < int(version.split("-")[1]) for version in versions):
        hint = f"this installation has {', '.join(versions)}; an older tunewright has it"
    elif near:
        hint = f"did you mean '{near[0]}'?"
    elif known:
        hint = f"embedded models: {', '.join(known)}; else a model's folder or a Hugging Face id"
    else:
        hint = "no model is embedded in this installation; name a model's folder or a Hugging Face id"
    return ModelError(f"there is no model '{name}'", hint=hint)


def _from_hub(name: str, versions: list[str], files: list[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}
    try:
        return Path(snapshot_download(name, allow_patterns=files, local_files_only=offline))
    except GatedRepoError:
        raise ModelError(
            f"'{name}' asks for its licence to be accepted", hint="accept it on the Hub, then `hf auth login`"
        ) from None
    except RepositoryNotFoundError:
        raise _missing(name, versions) from None
    except LocalEntryNotFoundError:
        why = "HF_HUB_OFFLINE is set" if offline else "no network"
        if near := nearest(name, [*{v.split("-")[0] for v in versions}, *versions]):
            hint = f"did you mean '{near[0]}'?"
        else:
            hint = "use the embedded model 'wren', a model's folder, or fetch it once where there is a network"
        raise ModelError(f"'{name}' is not in the cache and cannot be fetched ({why})", hint=hint) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"'{name}' cannot be fetched: {error}", hint="check the name and the network") from error


def cached(name: str) -> Path | None:
    """The folder of a hub model whose config and tokenizer are here already, or None. Never asks the network."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json")
    folder = Path(config).parent if isinstance(config, str) else None
    known = ("tokenizer.json", "tokenizer.model", "vocab.json")
    return folder if folder is not None and any((folder / file).is_file() for file in known) else None


def chat_of(name: str) -> Chat:
    """A model's tokenizer with its chat template, without its weights. Raises ModelError where it is not to be had."""
    from transformers import AutoTokenizer

    folder = locate(name, weights=False)
    return Chat.load(folder, _tokenizer(AutoTokenizer, folder, False), stop_ids=_extra_stops(folder))


def best_dtype(device: str | torch.device = "cpu") -> torch.dtype:
    """bf16 where the hardware computes faster in it (GPUs, processors with AMX), fp16 on GPUs without, else fp32.

    AVX512-bf16 alone is no reason: there oneDNN's bf16 products run at about 0.6 times the speed of fp32. A GPU that
    only emulates bf16 (T4, V100) is several times slower in it than in fp16.
    """
    kind = torch.device(device).type
    if kind == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    fast = kind != "cpu" or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32


def config_of(folder: Path) -> Any:
    """The model's config without anything that names code or private switches."""
    from transformers import CONFIG_MAPPING, AutoConfig

    try:
        stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"config.json is not JSON: {error}", where=str(folder)) from None
    kind = stored.pop("model_type", None)
    if kind not in CONFIG_MAPPING:
        raise ModelError(
            f"the architecture '{kind}' is not known to transformers",
            where=str(folder),
            hint="models.load.load(..., trust_remote_code=True) runs the code that came with it; no recipe does",
        )
    return AutoConfig.for_model(kind, **_clean(stored))


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items() if k != "auto_map" and not k.startswith("_")}
    return value


def _extra_stops(folder: Path) -> list[int]:
    path = folder / "generation_config.json"
    if not path.is_file():
        return []
    try:
        eos = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
    except ValueError:
        return []
    return [i for i in (eos if isinstance(eos, list) else [eos]) if isinstance(i, int)]


def load(
    name: str,
    *,
    adapter: Path | str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    quantisation: Quantisation | None = None,
    keep_4bit: bool = True,
    trust_remote_code: bool = False,
) -> Loaded:
    """A model with its tokenizer and chat template.

    name: "wren" (the newest embedded), "wren-1", a folder, or a Hugging Face id.
    adapter: a PEFT folder; its chat template and serialisation, stored beside it, replace the model's own.
    dtype: "bf16", "fp16", "fp32" or "auto" (`best_dtype`). device: "cpu", "cuda" or "auto".
    quantisation: keep the linear layers in 4 bits, (data type, double quantisation); dtype is what they compute in.
    keep_4bit: False writes the 4-bit weights out in full: the same values, faster on a processor, in more memory.

    Raises ModelError for a name that cannot be had, weights that are not safetensors, or an adapter that does not fit.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # small models load in an instant, and the screen is ours
    folder = locate(name)
    where = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    if dtype != "auto" and dtype not in DTYPES:
        raise ModelError(f"there is no dtype '{dtype}'", hint="auto, bf16, fp16 or fp32")
    precision = best_dtype(where) if dtype == "auto" else DTYPES[dtype]
    if not list(folder.glob("*.safetensors")):
        raise ModelError(
            "the model has no safetensors weights",
            where=str(folder),
            hint="convert it to safetensors; pickled weights are not read",
        )

    def read(dtype: torch.dtype, **more: Any) -> Any:
        own = {"trust_remote_code": True} if trust_remote_code else {"config": config_of(folder)}
        return AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, **own, **more
        )

    try:
        if quantisation is None:
            model = read(precision)
        else:
            # The 4-bit numbers are those of the stored weights, whatever is computed in.
            placed = {} if where == "cpu" else {"device_map": {"": where}}
            model = read(torch.float32, quantization_config=_four_bits(quantisation, precision), **placed)
            if keep_4bit:
                _compute_in(model, precision)
            else:
                coarse, model = model, read(precision)
                _write_out(coarse, model)
                del coarse
        tokenizer = _tokenizer(AutoTokenizer, folder, trust_remote_code)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"the model cannot be loaded: {error}", where=str(folder)) from error
    stops = _extra_stops(folder)
    if adapter is not None:
        adapter = Path(adapter)
        model = _with_adapter(model, adapter)
        chat = Chat.load(adapter, tokenizer, stop_ids=stops)
    else:
        chat = Chat.load(folder, tokenizer, stop_ids=stops)  # a model tuned whole has its file beside the weights
    model = _placed(model, where)
    weights = list(model.parameters())
    return Loaded(
        model=model,
        tokenizer=tokenizer,
        chat=chat,
        name=folder.name if folder.parent == embedded.EMBEDDED else name,
        parameters=sum(p.numel() for p in weights),
        bytes=sum(p.numel() * p.element_size() for p in weights),
        path=folder,
        adapter=adapter,
    )


def _four_bits(quantisation: Quantisation, precision: torch.dtype) -> Any:
    """Raises ModelError where bitsandbytes is not installed."""
    import importlib.util

    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            "weights in 4 bits need bitsandbytes, which is not installed", hint="pip install 'tunewright[qlora]'"
        )
    kind, twice = quantisation
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=kind,
        bnb_4bit_use_double_quant=twice,
        bnb_4bit_compute_dtype=precision,
    )


def _compute_in(model: Any, precision: torch.dtype) -> None:
    """Put what is not in 4 bits into `precision`, and what 4-bit weights are written out in for a product."""
    for weight in model.parameters():
        if getattr(weight, "quant_state", None) is not None:
            weight.quant_state.dtype = precision
        elif weight.is_floating_point():
            weight.data = weight.data.to(precision)


def _write_out(coarse: Any, model: Any) -> None:
    """Put the weights of a 4-bit model into the same model in full."""
    from bitsandbytes.functional import dequantize_4bit
    from transformers.pytorch_utils import Conv1D

    with torch.no_grad():
        for path, module in coarse.named_modules():
            state = getattr(getattr(module, "weight", None), "quant_state", None)
            if state is not None:
                ours, full = model.get_submodule(path), dequantize_4bit(module.weight.data, state)
                ours.weight.copy_(full.T if isinstance(ours, Conv1D) else full)


def _placed(model: Any, where: str) -> Any:
    if getattr(model, "is_loaded_in_4bit", False):
        for module in model.modules():
            # On some processors bitsandbytes reorders the weights at the first answer, and training, merging and
            # saving then read them wrong. Nothing that we do afterwards would notice.
            if hasattr(module, "support_avx512bf16_for_cpu"):
                module.support_avx512bf16_for_cpu = False
        return model.eval()
    try:
        return model.to(where).eval()
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"the model cannot be put on '{where}': {error}", hint="device auto, cpu or cuda") from error


def _tokenizer(auto: Any, folder: Path, trust_remote_code: bool) -> Any:
    try:
        return auto.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise ModelError(f"the tokenizer cannot be loaded: {error}", where=str(folder)) from error


def _with_adapter(model: Any, folder: Path) -> Any:
    """`model` under a PEFT adapter, whose weights keep the model's precision."""
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(
            "there is no adapter (adapter_config.json)", where=str(folder), hint="name the adapter's folder"
        )
    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError("the adapter has no safetensors weights", where=str(folder))
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, str(folder), is_trainable=False, autocast_adapter_dtype=False)
    except Exception as error:
        raise ModelError(
            f"the adapter does not fit the model: {error}",
            where=str(folder),
            hint="name the base model it was trained on",
        ) from error
