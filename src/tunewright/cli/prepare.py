"""tunewright prepare: only the data of a job."""

from __future__ import annotations

from pathlib import Path

import click

from tunewright.cli import _options as options


@click.command()
@options.recipe
@options.place
@options.data
@options.code
@options.as_json
@options.quiet
@options.debug
def verb(
    recipe: str, sets: tuple[str, ...], root: str, name: str | None, data: str | None, as_json: bool, quiet: bool
) -> None:
    """Read or synthesise the data of RECIPE, clean it, split it, and look for leaks between the splits.

    Rows that cannot be used stand in data/rejected.jsonl with their line and reason.

    \b
      tunewright prepare invoices
      tunewright prepare my-job/recipe.yaml --json
    """
    from tunewright import api
    from tunewright.core import files
    from tunewright.core.events import Progress

    outcome = api.run(recipe, sets=sets, runs=root, name=name, data=data, until="data", progress=Progress(quiet=quiet))
    if as_json:
        options.print_json({"run": str(outcome.path), **files.read_json(outcome.path / "data" / "manifest.json")})
        return
    rows = [
        [split, f"{count:,}", str(outcome.path / "data" / f"{split}.jsonl")] for split, count in outcome.counts.items()
    ]
    for row in outcome.fold_rows():
        rows += [
            [f"fold {row['fold']}, {split}", f"{count:,}", str(Path(row["path"]) / "data" / f"{split}.jsonl")]
            for split, count in row["counts"].items()
            if split != "rejected"
        ]
    click.echo(options.table(rows, heads=["split", "records", "file"]))
    click.echo(f"\nNext: {options.next_command('train', str(outcome.path))}")
