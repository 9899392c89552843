"""tunewright init: a job of one's own."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@click.argument("name")
@options.debug
def verb(name: str) -> None:
    """Make a folder NAME with a commented recipe, a JSON Schema and twenty sample rows that run as they are.

    \b
      tunewright init my-job
      tunewright run my-job/recipe.yaml
    """
    from tunewright import api

    written = api.init(name)
    for path, what in written.items():
        click.echo(f"{path}  {what}")
    click.echo(f"\nNext: put your rows into {next(iter(written)).parent}/data.jsonl, then")
    click.echo(f"  tunewright run {next(iter(written))}")
