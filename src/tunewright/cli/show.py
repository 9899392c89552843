"""tunewright show: one run."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@options.run_argument
@options.as_json
@options.debug
def verb(run: str | None, root: str, as_json: bool) -> None:
    """Show RUN: its stages, data, scores, comparisons and files.

    RUN is a run folder or its name below --runs; without it, the newest run.

    \b
      tunewright show
      tunewright show runs/invoices --json
    """
    from tunewright import api
    from tunewright.cli import _screen as screen

    outcome = api.outcome(api.find_run(run, runs=root))
    if as_json:
        options.print_json(outcome.to_row())
        return
    counts = ", ".join(f"{count:,} {split}" for split, count in outcome.counts.items())
    head = [["recipe", outcome.recipe], ["model", outcome.model], ["stages done", ", ".join(outcome.stages) or "none"]]
    if counts:
        head.append(["records", counts])
    if outcome.folds:
        head.append(["folds", screen.dealt(outcome)])
    click.echo(options.table(head))
    click.echo()
    click.echo(screen.ending(outcome, root))
