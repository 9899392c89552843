"""What the docs say about recipes and commands is what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tunewright.core import recipe_file
from tunewright.core.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["recipes.md", "data.md", "cli.md", "python.md", "models.md"])
def test_generated_parts_are_up_to_date(generate, name):
    page = (DOCS / name).read_text(encoding="utf-8")
    assert DOCS / name in generate.pages(), "the page has lost its generated part"
    assert generate.renewed(page) == page, "behind the code: make docs"


def test_what_is_generated_does_not_depend_on_the_moment(generate):
    for make in generate.PARTS.values():
        text = make()
        assert make() == text
        assert not re.search(r"0x[0-9a-f]{6}", text)


def test_every_recipe_key_is_in_the_table_with_a_meaning(generate):
    rows = [line.split("|") for line in generate.recipe_keys().splitlines() if line.startswith("| `")]
    assert sorted(row[1].strip(" `") for row in rows) == sorted(key.split(".")[-1] for key in recipe_file.keys())  # noqa: SIM118


def test_a_changed_default_would_be_noticed(generate):
    page = generate.renewed((DOCS / "recipes.md").read_text(encoding="utf-8"))
    default = Recipe(name="x").train.learning_rate
    changed = page.replace(f"| `learning_rate` | `{default}` |", "| `learning_rate` | `0.123` |")
    assert changed != page
    assert generate.renewed(changed) == page


def test_recipes_in_the_pages_are_valid():
    """Every YAML block that begins with `name:` and could be a recipe, as it is printed."""
    count = 0
    for path in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for block in re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            if re.search(r"^name:", block, re.MULTILINE):
                block = re.sub(r"json_schema: \S+\.json$", "json_schema: {type: object}", block, flags=re.MULTILINE)
                assert recipe_file.parse(block, str(path), environment={}).name
                count += 1
    assert count >= 2
