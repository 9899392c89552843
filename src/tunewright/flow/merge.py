"""An adapter folded into its base, and looked at: which base to fold it into, and what that costs.

    runs/<name>/systems/tuned/merged/   weights, tokenizer, task.json, merge.json

Never in 4 bits. An adapter that was trained over 4-bit weights is folded into the original weights and into the 4-bit
ones written out in full; both are asked for the validation examples, and the one that finds their replies likelier is
kept. merge.json has the losses of both, and of the adapter as it was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from tunewright.core import files
from tunewright.core.errors import RunError
from tunewright.core.events import Progress
from tunewright.core.records import Example
from tunewright.core.run import Run
from tunewright.flow import answer, prepared
from tunewright.models.load import DTYPES, Loaded
from tunewright.models.merge import Base

MERGED = "systems/tuned/merged"


def merge(job: Run, *, into: Path | str | None = None, dtype: str = "bf16", progress: Progress | None = None) -> Path:
    """Write the tuned model of a run as a whole model; returns its folder. Does nothing where it is there already.

    into: the folder; None: the run's own. dtype: of the weights that are written, "bf16" or "fp32".
    Raises RunError where there is no adapter, or nothing to validate with.
    """
    folder = Path(into) if into is not None else job.path / MERGED
    adapter = job.path / "systems" / "tuned" / "adapter"
    if job.done("systems/tuned") and not adapter.is_dir():
        raise RunError("has no adapter: its model is whole already", where=str(job.path / "systems" / "tuned"))
    weights = adapter / "adapter_model.safetensors"
    sha256 = files.sha256(weights) if weights.is_file() else None
    if (folder / "merge.json").is_file() and files.read_json(folder / "merge.json").get("adapter_sha256") == sha256:
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError("is there already and holds something else", where=str(folder), hint="give another --into")
    with job.writing():
        task = prepared.task_of(job)
        examples = [task.example(record) for record in prepared.records(job, "validation")]
        if not examples:
            raise RunError(
                "has no validation records: nobody could tell whether the merged model is right",
                where=str(job.path),
                hint="data.validation_documents",
            )
        losses = {"adapter": loss(answer.load_tuned(job), examples)}
        best: tuple[float, Base, Loaded] | None = None
        for base in bases(job):
            whole = candidate(job, adapter, base, dtype)
            losses[base] = loss(whole, examples)
            if progress is not None:
                progress.say(f"merged into the {base} weights: validation loss {losses[base]:.4f}")
            if best is None or losses[base] < best[0]:
                best = losses[base], base, whole
        assert best is not None
        found, base, whole = best
        with files.replacing_folder(folder) as target:
            whole.model.save_pretrained(str(target), safe_serialization=True)
            whole.tokenizer.save_pretrained(str(target))
            whole.chat.save(target)
            prepared.describe_task(job, target)
            row = {
                "base": base,
                "adapter_sha256": sha256,
                "dtype": dtype,
                "validation_loss": losses,
                "n": len(examples),
                "cost": found - losses["adapter"],
            }
            files.write_json(target / "merge.json", row)
    return folder


def bases(job: Run) -> Sequence[Base]:
    """What an adapter can be folded into: what it was trained over, and where that was in 4 bits the original, too."""
    return get_args(Base) if job.recipe.method.quantisation is not None else ("original",)


def candidate(job: Run, adapter: Path, base: Base, dtype: str) -> Loaded:
    """The merged model in the precision that is written."""
    from tunewright.models.merge import merged

    whole = merged(job.recipe.model, adapter, base=base, quantisation=job.recipe.method.quantisation)
    whole.model = whole.model.to(DTYPES[dtype])
    return whole


def loss(loaded: Loaded, examples: Sequence[Example]) -> float:
    """Mean loss of the replies (nats per token)."""
    from tunewright.decode.likelihood import likelihoods

    chat = loaded.chat
    found = likelihoods(loaded, [(chat.prompt_ids(one.messages), chat.reply_ids(one.completion)) for one in examples])
    return sum(one.nats for one in found) / sum(one.tokens for one in found)
