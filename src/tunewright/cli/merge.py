"""tunewright merge: an adapter and its base as one model."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@options.run_argument
@options.code
@click.option("--into", metavar="DIR", help="The folder of the merged model; without it, one below the run.")
@click.option(
    "--dtype",
    type=click.Choice(["bf16", "fp32"]),
    default="bf16",
    show_default=True,
    help="Number format of the merged weights.",
)
@options.as_json
@options.quiet
@options.debug
def verb(run: str | None, root: str, into: str | None, dtype: str, as_json: bool, quiet: bool) -> None:
    """Fold RUN's adapter into its base model and check the result on the validation records.

    An adapter trained over 4-bit weights is folded into the original weights and into the 4-bit ones written out; the
    better of the two is kept. RUN is a run folder or its name below --runs; without it, the newest trained run.

    \b
      tunewright merge
      tunewright merge runs/invoices --into invoices-model
    """
    from tunewright import api
    from tunewright.core import files
    from tunewright.core.events import Progress

    folder = api.merge(
        api.find_run(run, runs=root, done="train"), into=into, dtype=dtype, progress=Progress(quiet=quiet or as_json)
    )
    row = files.read_json(folder / "merge.json")
    if as_json:
        options.print_json({"folder": str(folder), **row})
        return
    rows = [[name, f"{value:.4f}"] for name, value in row["validation_loss"].items()]
    click.echo(options.table(rows, heads=["weights", "validation loss"]))
    click.echo(f"\nkept: {row['base']}, in {row['dtype']}: {folder}")
    click.echo(f"\nNext: {options.next_command('extract', '--model', str(folder), 'letter.txt')}")
