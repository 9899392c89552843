"""tunewright ls: the runs of a folder."""

from __future__ import annotations

import time

import click

from tunewright.cli import _options as options


@click.command()
@options.runs
@options.as_json
@options.debug
def verb(root: str, as_json: bool) -> None:
    """List the runs below --runs, newest first: how far they are, and how well the tuned system does.

    \b
      tunewright ls
      tunewright ls --json
    """
    from tunewright import api
    from tunewright.cli import _screen as screen

    found = api.runs(root)
    if as_json:
        options.print_json([outcome.to_row() for outcome in found])
        return
    if not found:
        click.echo(f"no runs in {root}", err=True)
        click.echo("\nhint: tunewright run invoices", err=True)
        return
    rows = []
    for outcome in found:
        main = outcome.cells.get("test", {}).get(outcome.main)
        state = "done" if "report" in outcome.stages else f"{outcome.stages[-1]} done" if outcome.stages else "begun"
        rows.append(
            [
                outcome.path.name,
                time.strftime("%Y-%m-%d %H:%M", time.localtime(outcome.touched)),
                state + (f", {len(outcome.folds)} folds" if outcome.folds else ""),
                outcome.model,
                screen.scored(main["metrics"].get("exact_match")) if main else "-",
            ]
        )
    click.echo(options.table(rows, heads=["run", "last change", "stage", "model", "exact match"]))
