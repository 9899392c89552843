"""tunewright hosted: the job that a provider does for a run."""

from __future__ import annotations

import time

import click

from tunewright.cli import _options as options


@click.command()
@options.run_argument
@click.option("--cancel", is_flag=True, help="End the job. What it has cost so far stays spent.")
@options.as_json
@options.debug
def verb(run: str | None, root: str, cancel: bool, as_json: bool) -> None:
    """Ask the provider that tunes the model of RUN how its job is: state, events, checkpoints.

    RUN is a run folder or its name below --runs; without it, the newest run. A process that watches the job (tunewright
    run) is not needed for this, nor disturbed by it.

    \b
      tunewright hosted
      tunewright hosted runs/gpt-4o-augmentation --cancel
    """
    from tunewright import api

    found = api.hosted_job(api.find_run(run, runs=root), cancel=cancel)
    if as_json:
        options.print_json(found)
        return
    head = [
        ["run", found["run"]],
        ["job", f"{found['job']} at {found['provider']}"],
        ["model", found["model"]],
        ["state", f"{found['state']}: {found['said']}"],
        *([name, found[name]] for name in ("tuned", "error") if found[name]),
    ]
    click.echo(options.table(head))
    rows = [[time.strftime("%Y-%m-%d %H:%M", time.localtime(row["time"])), row["message"]] for row in found["events"]]
    if rows:
        click.echo(f"\n{options.table(rows)}")
    checkpoints = [[str(one["step"]), one["model"]] for one in found["checkpoints"]]
    if checkpoints:
        click.echo(f"\n{options.table(checkpoints, heads=('step', 'checkpoint'))}")
    if found["state"] not in ("failed", "cancelled"):
        click.echo(f"\nNext: {options.next_command('run', found['run'])}")
