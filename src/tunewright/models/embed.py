"""Texts as vectors by a sentence-embedding model, for comparing them by what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tunewright.core.errors import ModelError
from tunewright.models.load import cached, config_of


class Embedder:
    """A model that was made for embedding sentences: its last layer, averaged over a text's tokens.

    name: a folder, or a Hugging Face id whose files are on this machine. Raises ModelError where it is not there:
    nothing is downloaded.
    """

    def __init__(self, name: str):
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        folder = Path(name).expanduser()
        found = folder if (folder / "config.json").is_file() else cached(name)
        if found is None or not list(found.glob("*.safetensors")):
            raise ModelError(
                f"the embedding model '{name}' is not on this machine, and none is downloaded unasked",
                hint=f"name a model's folder, or fetch it once: hf download {name}",
            )
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(found, local_files_only=True)
            self.model: Any = AutoModel.from_pretrained(
                found, config=config_of(found), dtype=torch.float32, use_safetensors=True, local_files_only=True
            ).eval()
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(f"the embedding model cannot be loaded: {error}", where=str(found)) from error
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self._known: dict[str, torch.Tensor] = {}

    def vectors(self, texts: list[str]) -> torch.Tensor:
        """`[texts, width]`, each of length 1; texts that were asked for before are not computed again."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for start in range(0, len(new), 32):
            part = new[start : start + 32]
            batch = self.tokenizer(part, return_tensors="pt", padding=True, truncation=True, max_length=512)
            with torch.inference_mode():
                last = self.model(**{key: batch[key] for key in ("input_ids", "attention_mask")}).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            pooled = (last * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
            self._known |= dict(zip(part, torch.nn.functional.normalize(pooled, dim=-1), strict=True))
        return torch.stack([self._known[text] for text in texts])

    def likeness(self, one: str, other: str) -> float:
        """The cosine of two texts, 0 where it is below; 1 where they are the same."""
        first, second = self.vectors([one, other])
        return 1.0 if one == other else min(1.0, max(0.0, float(first @ second)))
