"""tunewright verify: does a recipe work here?"""

from __future__ import annotations

import click

from tunewright.cli import _options as options

COLOURS = {"pass": "green", "skip": "yellow", "fail": "red"}


@click.command()
@options.recipe
@click.option(
    "--model", metavar="MODEL", help="Try the recipe on this model instead: a folder, an id, or an embedded one."
)
@click.option(
    "--steps", type=click.IntRange(min=4), default=20, show_default=True, metavar="N", help="Optimiser steps to train."
)
@options.data
@options.code
@options.as_json
@options.quiet
@options.debug
def verb(
    recipe: str, sets: tuple[str, ...], model: str | None, steps: int, data: str | None, as_json: bool, quiet: bool
) -> int:
    """Try RECIPE with its real model for a few steps, and check everything that usually goes wrong.

    Loss, stop token, memory against the plan, resuming, reading the saved weights back, merging, speed. Takes minutes,
    writes into a folder of its own that it removes. Exits with 1 where a check fails.

    \b
      tunewright verify llama-3.2-1b-qlora
      tunewright verify invoices --steps 8
      tunewright verify llama-3.1-8b-qlora --model path/to/the/model --json
    """
    from tunewright import api
    from tunewright.core.events import Progress

    found = api.verify(
        recipe, sets=sets, model=model, steps=steps, data=data, progress=Progress(quiet=quiet or as_json)
    )
    if as_json:
        options.print_json(found.to_row())
    else:
        width = max(len(check.name) for check in found.checks)
        for check in found.checks:
            mark = click.style(check.status.ljust(4), fg=COLOURS[check.status])
            click.echo(f"{mark}  {check.name.ljust(width)}  {check.detail}", color=options.colour())
        verdict = "works" if found.passed else "does not work"
        click.echo(f"\n{found.recipe} on {found.model} ({found.device}) {verdict}; looked at in {found.seconds:.0f} s")
    return 0 if found.passed else 1
