"""tunewright compare: paired tests and quality gates."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@options.run_argument
@options.code
@options.fail_under
@options.as_json
@options.debug
def verb(run: str | None, root: str, floors: dict[str, float], as_json: bool) -> None:
    """Which of RUN's systems is better, on the same documents, with intervals and paired tests.

    RUN is a run folder or its name below --runs; without it, the newest evaluated run. Exits with 3 where the tuned
    system is below a floor of --fail-under or of the recipe's evaluate.gates.

    \b
      tunewright compare
      tunewright compare runs/invoices --fail-under exact_match=0.9
    """
    from tunewright import api
    from tunewright.cli import _screen as screen
    from tunewright.core.events import Progress

    evaluated = api.find_run(run, runs=root, done="evaluate")
    outcome = api.resume(evaluated, until="compare", progress=Progress(quiet=as_json))
    if as_json:
        options.print_json(
            {"run": str(outcome.path), "level": outcome.level, "pairs": outcome.pairs, "gates": outcome.gates}
        )
    else:
        click.echo(screen.comparison(outcome))
    outcome.check(floors)
