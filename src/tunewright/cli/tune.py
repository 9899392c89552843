"""tunewright tune: a search for better options."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@options.recipe
@click.option(
    "--name", metavar="NAME", help="The folder of the search below --runs; without it, the recipe's name and -tune."
)
@options.runs
@options.data
@options.code
@click.option("--trials", type=click.IntRange(1), metavar="N", help="How many sets of options are tried (tune.trials).")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="M",
    help="After so many minutes of search no further trial begins (tune.minutes).",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Processes that do trials side by side, each with its share of the cores.",
)
@click.option(
    "--storage",
    metavar="URL",
    envvar="TUNEWRIGHT_STORAGE",
    help="Optuna's storage, for searches on several machines: a database's URL; without it, study.db in the folder.",
)
@options.as_json
@options.quiet
@options.debug
def verb(
    recipe: str,
    sets: tuple[str, ...],
    root: str,
    name: str | None,
    data: str | None,
    trials: int | None,
    minutes: float | None,
    workers: int,
    storage: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Search for better options of RECIPE: learning rate, batch, rank … (tune.space), judged on validation.

    Bad trials are given up on the way. The best options are then trained with several seeds beside the recipe's own,
    and compared on test, which no trial sees. Resumes: what was killed goes on from its checkpoint. The same command
    on another terminal joins.

    \b
      tunewright tune invoices --trials 20
      tunewright tune receipts --minutes 60 --workers 2
      tunewright tune text-to-json --set tune.sampler=random --workers 2
      tunewright tune invoices --set "tune.space.num_train_epochs=[0.5, 1, 2]"
    """
    from tunewright import api
    from tunewright.core import files
    from tunewright.core.events import Progress

    folder = api.tune(
        recipe,
        trials=trials,
        minutes=minutes,
        workers=workers,
        storage=storage,
        sets=sets,
        runs=root,
        name=name,
        data=data,
        progress=Progress(quiet=quiet),
    )
    found = files.read_json(folder / "metrics_comparison.json")
    if as_json:
        options.print_json({"folder": str(folder), **found})
        return
    from tunewright.report import search

    tables = [search.searched(found), search.best(found), search.options_table(found)]
    tables += [search.test(found), search.recommendation(found)]
    click.echo("\n\n".join("\n".join(part) for part in tables))
    rows = [
        ["analysis", str(folder / "optimization_analysis.md")],
        ["numbers", str(folder / "metrics_comparison.json")],
        ["best options", str(folder / "best.yaml")],
    ]
    click.echo(f"\n{options.table(rows)}")
    click.echo(f"\nNext: {options.next_command('run', str(folder / 'best.yaml'))}")
