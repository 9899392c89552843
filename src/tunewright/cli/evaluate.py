"""tunewright evaluate: the scores of every system of a run."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@options.run_argument
@options.data
@options.code
@options.as_json
@options.quiet
@options.debug
def verb(run: str | None, root: str, data: str | None, as_json: bool, quiet: bool) -> None:
    """Let every system of RUN answer the test documents and the exams, and score the answers.

    RUN is a run folder or its name below --runs; without it, the newest run with data. Answers that are there are
    kept.

    \b
      tunewright evaluate
      tunewright evaluate runs/invoices --json
    """
    from tunewright import api
    from tunewright.cli import _screen as screen
    from tunewright.core.events import Progress

    folder = api.find_run(run, runs=root, done="data")
    outcome = api.resume(folder, data=data, until="evaluate", progress=Progress(quiet=quiet))
    if as_json:
        options.print_json(outcome.to_row())
        return
    click.echo(screen.scores(outcome))
    click.echo(f"\nNext: {options.next_command('compare', str(outcome.path))}")
