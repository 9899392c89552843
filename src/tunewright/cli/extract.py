"""tunewright extract: documents in, JSON lines out."""

from __future__ import annotations

import sys

import click

from tunewright.cli import _options as options


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE|FOLDER|-]...")
@click.option("--run", metavar="RUN", help="The run whose tuned model answers; without it, the newest trained one.")
@options.runs
@click.option("--model", metavar="MODEL", help="A model in place of a run's: embedded, a folder or a Hugging Face id.")
@click.option("--adapter", metavar="DIR", help="An adapter (PEFT folder) in place of a run's.")
@click.option("--schema", metavar="FILE", help="JSON Schema of the answer, in place of the run's own.")
@click.option("--doc-type", metavar="TYPE", help="Which of the run's schemas; without it, the one that fits best.")
@click.option("--free", is_flag=True, help="Let the model write freely, not held to the schema's grammar.")
@click.option("--values", is_flag=True, help="Print the answers alone, without ids, places and confidence.")
@options.code
@options.quiet
@options.debug
def verb(
    paths: tuple[str, ...],
    run: str | None,
    root: str,
    model: str | None,
    adapter: str | None,
    schema: str | None,
    doc_type: str | None,
    free: bool,
    values: bool,
    quiet: bool,
) -> int:
    """Answer documents with a tuned model, one JSON line each.

    Documents are text and PDF files, all files of a folder, the rows of .jsonl, .json, .csv or .parquet, or stdin (-).
    Each line holds id, value, where each value stands in the text (spans) and how sure the model is (confidence). Exits
    with 1 where a document could not be read; the others are answered all the same.

    \b
      tunewright extract letter.txt
      tunewright extract paper.pdf --run runs/paper-metadata
      tunewright extract inbox/ --run runs/invoices > found.jsonl
      cat letter.txt | tunewright extract - --values
      tunewright extract inbox/ --model wren --schema order.schema.json
    """
    from tunewright import api
    from tunewright.core import files

    if not paths:
        if sys.stdin.isatty():
            raise click.UsageError("there are no documents\nname a file, a folder, or - for stdin")
        paths = ("-",)

    def say(text: str) -> None:
        if not quiet:
            click.echo(text, err=True)

    chosen = api.load(run, model=model, adapter=adapter, schema=schema, runs=root)
    say(f"answered by {chosen.what}")
    answered = failed = 0
    for found in api.extract(paths, chosen, doc_type=doc_type, free=free, say=say):
        row = found.to_row()
        click.echo(files.line(row["value"] if values else row), nl=False)
        answered += 1
        if found.failure is not None:
            failed += 1
            say(f"{found.id}: {found.failure}")
    say(f"{answered - failed} of {answered} documents answered")
    return 1 if failed else 0
