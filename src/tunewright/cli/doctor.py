"""tunewright doctor: is this machine ready?"""

from __future__ import annotations

import click

from tunewright.cli import _options as options

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@options.runs
@options.as_json
@options.debug
def verb(root: str, as_json: bool) -> int:
    """Check what matters on this machine, each finding with its fix. Exits with 1 where something fails.

    \b
      tunewright doctor
      tunewright doctor --json
    """
    from tunewright import api

    checks = api.doctor(root)
    if as_json:
        options.print_json([check.to_row() for check in checks])
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            mark = click.style(check.status.ljust(4), fg=COLOURS[check.status])
            click.echo(f"{mark}  {check.name.ljust(width)}  {check.detail}", color=options.colour())
            if check.fix:
                click.echo(f"{'':4}  {'':{width}}  fix: {check.fix}")
    return 1 if any(check.status == "fail" for check in checks) else 0
