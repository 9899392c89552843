"""tunewright synth: synthetic documents in a folder."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@options.recipe
@click.option("--out", required=True, metavar="DIR", help="The folder to write; it must not hold anything yet.")
@click.option(
    "--documents", type=click.IntRange(1), metavar="N", help="How many in all; without it, the recipe's number."
)
@options.as_json
@options.quiet
@options.debug
def verb(recipe: str, sets: tuple[str, ...], out: str, documents: int | None, as_json: bool, quiet: bool) -> None:
    """Write the synthetic documents of RECIPE with gold JSON, spans and provenance to a folder.

    The folder loads with datasets.load_dataset. The same seed gives the same bytes.

    \b
      tunewright synth invoices --out documents
      tunewright synth invoices --documents 1000000 --set seed=7 --out million
    """
    from tunewright import api
    from tunewright.core.events import Progress

    if documents:
        sets = (*sets, f"data.documents={documents}")
    written = api.synthesise(recipe, out, sets=sets, progress=Progress(quiet=quiet))
    if as_json:
        options.print_json(written)
    else:
        rows = [[split, f"{count:,}"] for split, count in written["counts"].items()]
        click.echo(options.table([*rows, ["folder", str(written["folder"])]]))
