"""tunewright domains: an adapter for each domain, one for all, blends, and each on every domain."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE RECIPE…")
@options.changes
@click.option(
    "--name", default="domains", show_default=True, metavar="NAME", help="The folder of the comparison below --runs."
)
@options.runs
@options.data
@options.code
@click.option(
    "--blends",
    default="linear,ties",
    show_default=True,
    metavar="LIST",
    help="How to blend: linear, cat, ties (PEFT's names), with commas between.",
)
@options.as_json
@options.quiet
@options.debug
def verb(
    recipes: tuple[str, ...],
    sets: tuple[str, ...],
    root: str,
    name: str,
    data: str | None,
    blends: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train an adapter for each RECIPE, one for all of them, and blend the first ones; measure all on every domain.

    One matrix: bits per byte of the right answers, token F1, and what was forgotten of general text. Resumes.

    \b
      tunewright domains medical-qa finance-qa
      tunewright domains medical-qa finance-qa reading-qa --blends linear,cat,ties
    """
    from tunewright import api
    from tunewright.core import files
    from tunewright.core.events import Progress

    folder = api.domains(
        recipes,
        blends=[how for how in blends.split(",") if how],
        sets=sets,
        runs=root,
        name=name,
        data=data,
        progress=Progress(quiet=quiet),
    )
    if as_json:
        options.print_json({"folder": str(folder), **files.read_json(folder / "matrix.json")})
        return
    click.echo((folder / "matrix.md").read_text(encoding="utf-8"))
    click.echo(f"page    {folder / 'report.html'}\nmatrix  {folder / 'matrix.json'}")
    click.echo(f"\nNext: {options.next_command('ls', '--runs', str(folder / 'alone'))}")
