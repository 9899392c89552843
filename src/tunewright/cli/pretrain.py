"""tunewright pretrain: an embedded base model from scratch."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--recipe", metavar="FILE", help="Pretraining recipe; without it, the shipped one of MODEL.")
@click.option("--folder", metavar="DIR", help="Where checkpoints stand; without it, pretraining/MODEL.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="M",
    help="Stop after so many minutes, with a checkpoint.",
)
@options.data
@options.debug
def verb(model: str, recipe: str | None, folder: str | None, minutes: float | None, data: str | None) -> None:
    """Train the embedded base model MODEL from scratch. The same command goes on from its last checkpoint.

    Several processes, one thread each, are started by torchrun.

    \b
      tunewright pretrain wren --minutes 120
      torchrun --nproc-per-node 2 -m tunewright pretrain wren
    """
    from tunewright import api
    from tunewright.core.events import Progress

    api.pretrain(model, recipe=recipe, folder=folder, minutes=minutes, data=data, progress=Progress())
