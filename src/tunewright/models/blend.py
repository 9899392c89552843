"""Several adapters of one base model as one, without training (PEFT's `add_weighted_adapter`).

linear: the weighted mean of the factors, so that products of one adapter's A with another's B come in. cat: the exact
mean of what the adapters add to the weights, at the sum of their ranks. ties: small entries go, signs are voted on,
and those that agree are averaged (TIES, Yadav et al. 2023, arXiv 2306.01708), on the factors, too.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from tunewright.core.errors import ModelError
from tunewright.models.chat import FILE
from tunewright.models.load import load

Blend = Literal["linear", "cat", "ties"]

BLENDS: tuple[Blend, ...] = get_args(Blend)

DENSITY = 0.5
"""Share of an adapter's entries, the largest ones, that TIES keeps."""


def blend(name: str, adapters: Sequence[Path], folder: Path, how: Blend) -> Path:
    """Write the blend of some LoRA adapters of the model `name` into `folder`, each counting alike; returns `folder`.

    Raises ModelError where they cannot be blended: other kinds of adapters, or ranks that differ (linear, ties).
    """
    loaded = load(name, adapter=adapters[0], dtype="fp32", device="cpu")
    model, names = loaded.model, ["default"]
    try:
        for number, adapter in enumerate(adapters[1:], 2):
            names.append(f"adapter-{number}")
            model.load_adapter(str(adapter), adapter_name=names[-1])
        share = 1.0 if how == "ties" else 1 / len(names)
        density = {"density": DENSITY} if how == "ties" else {}
        model.add_weighted_adapter(names, [share] * len(names), "blend", combination_type=how, **density)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ModelError(
            f"the adapters cannot be blended: {error}", where=str(adapters[0]), hint="LoRA adapters of one rank can"
        ) from error
    made = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(made, ignore_errors=True)
    model.save_pretrained(str(made), selected_adapters=["blend"])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copyfile(adapters[0] / FILE, made / "blend" / FILE)
    (made / "blend").rename(folder)
    shutil.rmtree(made)
    return folder
