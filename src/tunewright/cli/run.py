"""tunewright run: the whole job."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@options.recipe
@options.folds
@options.place
@options.data
@options.code
@options.processes
@options.yes
@click.option("--dry-run", is_flag=True, help="Tell bytes, memory, steps and time; write nothing, load no weights.")
@options.fail_under
@options.as_json
@options.quiet
@options.debug
def verb(
    recipe: str,
    sets: tuple[str, ...],
    root: str,
    name: str | None,
    data: str | None,
    processes: int,
    yes: bool,
    dry_run: bool,
    floors: dict[str, float],
    as_json: bool,
    quiet: bool,
) -> None:
    """Do the whole job of RECIPE: data, training, evaluation, comparison, report.

    RECIPE is a shipped recipe's name (tunewright recipes), a YAML file, or a run folder. Finished stages are kept;
    after an interruption the same command goes on where it stopped and ends with the same result.

    \b
      tunewright run invoices
      tunewright run invoices --dry-run
      tunewright run my-job/recipe.yaml --set train.num_train_epochs=2 --name two
      tunewright run receipts --folds 5 --name receipts-folds
    """
    from tunewright import api
    from tunewright.cli import _screen as screen
    from tunewright.core.events import Progress
    from tunewright.core.processes import first

    if dry_run:
        plan = api.plan(recipe, sets=sets, runs=root, name=name, data=data)
        if as_json:
            options.print_json(plan.to_row())
        else:
            click.echo(plan.text())
        return
    api.check_metrics(floors)
    outcome = api.run(
        recipe, sets=sets, runs=root, name=name, data=data, processes=processes, yes=yes, progress=Progress(quiet=quiet)
    )
    if not first():
        return
    if as_json:
        options.print_json(outcome.to_row())
    else:
        click.echo(screen.ending(outcome, root))
    outcome.check(floors)
