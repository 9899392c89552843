"""tunewright recipes: the shipped recipes."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@click.argument("recipe", required=False)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change a key before printing RECIPE.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of recipes, for editors.")
@options.as_json
@options.debug
def verb(recipe: str | None, sets: tuple[str, ...], schema: bool, as_json: bool) -> None:
    """List the shipped recipes, or print RECIPE with every default spelled out.

    \b
      tunewright recipes
      tunewright recipes invoices > my-recipe.yaml
      tunewright recipes --schema > recipe.schema.json
    """
    from tunewright.core import recipe_file

    if schema:
        options.print_json(recipe_file.json_schema())
    elif recipe:
        found = recipe_file.read(recipe, sets)
        if as_json:
            options.print_json(recipe_file.plain(found))
        else:
            click.echo(recipe_file.resolved(found), nl=False)
    else:
        from tunewright import api

        shipped = api.recipes()
        if as_json:
            options.print_json([{"name": name, "description": description} for name, description in shipped.items()])
        else:
            own = {name for name in shipped if recipe_file.read(name, environment={}).model == "wren"}
            for title, names in (("With the embedded Wren:", own), ("Published set-ups:", shipped.keys() - own)):
                click.echo(f"{title}\n{options.table([[f'  {n}', shipped[n]] for n in shipped if n in names])}\n")
            click.echo("What one takes: tunewright run NAME --dry-run. Whether it works here: tunewright verify NAME")
