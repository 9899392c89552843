"""tunewright report: the report of a run, written again."""

from __future__ import annotations

from pathlib import Path

import click

from tunewright.cli import _options as options


@click.command()
@options.run_argument
@options.as_json
@options.debug
def verb(run: str | None, root: str, as_json: bool) -> None:
    """Write report.html, the figures and the tables of RUN again from what its folder holds.

    RUN is a run folder, or that of a benchmark, a comparison of domains or a search, or its name below --runs;
    without it, the newest run. Of a run that is not finished the report shows what is there (after `tunewright
    train` the loss curve) and says what is missing.

    \b
      tunewright report
      tunewright report runs/invoices
      tunewright report runs/invoices-methods
    """
    from tunewright import api

    written = api.report(_study(run, root) or api.find_run(run, runs=root, done="data"))
    if as_json:
        options.print_json({name: str(path) for name, path in written.items()})
    else:
        click.echo(options.table([[name, str(path)] for name, path in written.items()]))


def _study(name: str | None, root: str) -> Path | None:
    """The folder of several runs (of a benchmark, of domains, of a search) that is meant, or None."""
    places = [] if name is None else [Path(name), Path(root) / name]
    marks = ("benchmark.json", "domains.json", "tune.json")
    return next((place for place in places if any((place / mark).is_file() for mark in marks)), None)
