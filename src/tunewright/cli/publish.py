"""tunewright publish: a run on the Hugging Face Hub."""

from __future__ import annotations

import sys
from typing import Any

import click

from tunewright.cli import _options as options


@click.command()
@options.run_argument
@options.code
@click.option("--repo", metavar="OWNER/NAME", help="Where it goes; without it, your account and the run's name.")
@click.option("--data/--no-data", "with_data", default=True, help="Push the data set.  [default: yes]")
@click.option("--model/--no-model", "with_model", default=True, help="Push the adapter or the model.  [default: yes]")
@click.option("--merged", is_flag=True, help="Push the adapter folded into its base, as one model.")
@click.option("--base", metavar="OWNER/NAME", help="Where the adapter's base is on the Hub, or where wren is to go.")
@click.option("--licence", metavar="ID", help="Your word that the data may go, and under which licence: cc-by-4.0.")
@click.option("--public", is_flag=True, help="For everybody to see. Without --public, the repositories are private.")
@click.option("--replace", is_flag=True, help="Overwrite files in the repository that this run did not put there.")
@click.option("--yes", is_flag=True, help="Do not ask before something becomes public.")
@click.option("--dry-run", is_flag=True, help="Show what would go, file by file, and push nothing.")
@click.option("--cards", is_flag=True, help="With --dry-run: the text of the cards, too.")
@options.as_json
@options.quiet
@options.debug
def verb(
    run: str | None,
    root: str,
    with_data: bool,
    with_model: bool,
    yes: bool,
    dry_run: bool,
    cards: bool,
    as_json: bool,
    quiet: bool,
    **wishes: Any,
) -> None:
    """Push RUN's data set and its adapter or model to the Hugging Face Hub, each with its card.

    Private unless --public is given. The token is that of HF_TOKEN or of `hf auth login`. Keys and paths of this
    machine are looked for before anything goes. A push that was stopped goes on with the same command. RUN is a run
    folder or its name below --runs; without it, the newest trained run.

    \b
      tunewright publish runs/invoices --dry-run
      tunewright publish runs/invoices --repo me/invoices
      tunewright publish runs/invoices --merged --no-data --public
    """
    from tunewright import api
    from tunewright.core.events import Progress

    found = api.find_run(run, runs=root, done="train" if with_model else "data")
    wishes |= {"data": with_data, "model": with_model}
    if wishes["public"] and not yes and not dry_run:
        _confirm(str(found.path))
    progress = Progress(quiet=quiet or as_json)
    told = api.publish(found, dry_run=dry_run, progress=progress, **wishes)
    if as_json:
        options.print_json(told)
    elif dry_run:
        _planned(told, cards)
    else:
        for row in told["repos"]:
            made = "published" if row["made"] else "already published"
            click.echo(f"{made}, {told['visibility']}: {row['url']} ({row['revision'][:12]})")
        click.echo(f"\nNoted in {found.path / 'published.json'}")


def _confirm(path: str) -> None:
    from tunewright.core.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("what is made public needs --yes where nobody can be asked", hint="--dry-run shows what goes")
    click.confirm(f"Make {path} public on the Hugging Face Hub?", abort=True, err=True)


def _planned(told: dict[str, Any], cards: bool) -> None:
    from tunewright.core.meter import size

    for row in told["repos"]:
        listed = [[path, size(number)] for path, number in row["files"].items()]
        listed.append([f"{len(row['files'])} files", size(sum(row["files"].values()))])
        click.echo(f"{row['kind']} {row['repo']}, {told['visibility']}\n{options.table(listed)}\n")
        if cards:
            click.echo(f"{row['card']}\n")
    click.echo("Nothing was pushed.")
