"""tunewright train: a job up to the trained adapter."""

from __future__ import annotations

from pathlib import Path

import click

from tunewright.cli import _options as options


@click.command()
@options.recipe
@options.place
@options.data
@options.code
@options.processes
@options.yes
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
    as_json: bool,
    quiet: bool,
) -> None:
    """Fine-tune the model of RECIPE, after preparing its data where that is not done.

    Goes on from the newest checkpoint that passes its checksums.

    \b
      tunewright train invoices
      tunewright train invoices --set method.lora_r=8 --name small
      tunewright train invoices --processes 2
    """
    from tunewright import api
    from tunewright.core import files
    from tunewright.core.events import Progress
    from tunewright.core.processes import first

    outcome = api.run(
        recipe,
        sets=sets,
        runs=root,
        name=name,
        data=data,
        until="train",
        processes=processes,
        yes=yes,
        progress=Progress(quiet=quiet),
    )
    if not first():
        return
    folds = [Path(row["path"]) for row in outcome.fold_rows()]
    written = [folder / "systems" / "tuned" / "training_metrics.json" for folder in folds or [outcome.path]]
    if not all(path.is_file() for path in written):
        raise click.UsageError("the recipe trains nothing: 'tuned' is not among its evaluate.systems")
    every = [files.read_json(path) for path in written]
    if as_json:
        own = {"folds": every} if folds else every[0]
        options.print_json({"run": str(outcome.path), **own})
        return
    shown = ("total_steps", "total_seconds", "best_step", "best_loss", "trainable_parameters", "stopped")
    if folds:
        heads = ["fold", *(name.replace("_", " ") for name in shown)]
        rows = [[path.name, *(str(m.get(name, "-")) for name in shown)] for path, m in zip(folds, every, strict=True)]
        click.echo(options.table(rows, heads=heads))
        click.echo(f"\nNext: {options.next_command('evaluate', str(outcome.path))}")
        return
    metrics = every[0]
    rows = [[name.replace("_", " "), str(metrics[name])] for name in shown if metrics.get(name) is not None]
    rows += [[name.split("/")[-1], str(path)] for name, path in outcome.files.items() if name.startswith("systems/")]
    click.echo(options.table(rows))
    click.echo(f"\nNext: {options.next_command('evaluate', str(outcome.path))}")
