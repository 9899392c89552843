"""`tunewright synth`: synthetic documents as a data set of their own, with its card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tunewright import __version__
from tunewright.core import files, recipe_file
from tunewright.core.errors import UsageError, did_you_mean
from tunewright.core.events import Progress
from tunewright.core.recipe import Recipe
from tunewright.core.records import JSON, Record

FIELDS = {
    "id": "name of the document, the same for the same seed",
    "text": "the document as text",
    "json": "what stands in it: the gold answer, keys in the order of the schema, null where the document is silent",
    "language": "en or hi",
    "doc_type": "which schema of schema.json the answer obeys",
    "split": "train or test",
    "spans": "where each value is printed: path in the answer, first character, one past the last",
    "provenance": "layout, wordings, entities, noise and seed it was composed from; slice: seen or unseen in train",
}


def synthesise(recipe: Recipe, folder: Path | str, *, progress: Progress | None = None) -> dict[str, Any]:
    """Write train.jsonl, test.jsonl, schema.json, recipe.yaml and README.md (the card) to `folder`, in constant memory.

    `datasets.load_dataset(folder)` reads it, and so does a recipe with `data: {source: folder}`.
    Returns {"folder", "counts", "sha256"}. Raises UsageError where the recipe's data is not synthetic or the folder
    holds something.
    """
    from tunewright.data.synth import documents
    from tunewright.data.synth.schemas import SCHEMAS

    options, folder = recipe.data, Path(folder)
    if options.sample:
        raise UsageError("what is synthesised has no small sample", hint="--documents 200 makes fewer")
    name = options.source.removeprefix("synth:")
    if name == options.source or name not in SCHEMAS:
        raise UsageError(
            f"the recipe's data is '{options.source}', which is not synthesised",
            hint=did_you_mean(name, SCHEMAS) or f"recipes with data.source: {', '.join(f'synth:{n}' for n in SCHEMAS)}",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("is there already and holds something", where=str(folder), hint="name a new folder with --out")
    train, test = options.synthetic
    counted: dict[str, Counter[str]] = {}
    counts = {}
    done = 0
    if progress is not None:
        progress.start("synth", train + test, unit="documents")
    for split, count in (("train", train), ("test", test)):
        found = documents.generate(
            name, count, seed=recipe.seed, split=split, workers=options.workers, noise=options.noise
        )
        rows = _counting(found, counted.setdefault(split, Counter()), done, progress)
        counts[split] = files.write_lines(folder / f"{split}.jsonl", rows)
        done += count
    if progress is not None:
        progress.finish()
    files.write_json(folder / "schema.json", SCHEMAS[name])
    files.write_text(folder / "recipe.yaml", recipe_file.resolved(recipe))
    hashes = {f"{split}.jsonl": files.sha256(folder / f"{split}.jsonl") for split in counts}
    first: dict[str, JSON] = next(iter(files.read_lines(folder / "train.jsonl")), {})
    files.write_text(folder / "README.md", card(recipe, name, counts, counted, SCHEMAS[name], first, hashes))
    return {"folder": str(folder), "counts": counts, "sha256": hashes}


def _counting(
    records: Iterable[Record], counted: Counter[str], done: int, progress: Progress | None
) -> Iterator[dict[str, JSON]]:
    for number, record in enumerate(records, 1):
        counted[f"{record.language} {record.doc_type}"] += 1
        if progress is not None and number % 100 == 0:
            progress.update(done + number)
        yield record.to_row()


def card(
    recipe: Recipe,
    name: str,
    counts: dict[str, int],
    counted: dict[str, Counter[str]],
    schemas: dict[str, dict[str, JSON]],
    first: dict[str, JSON],
    hashes: dict[str, str],
) -> str:
    """The data card (README.md): front matter as the Hugging Face hub reads it, then what, how and what it is not."""
    total = sum(counts.values())
    sizes = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    size = next((word for limit, word in sizes if total < limit), "1M<n<10M")
    front = {
        "language": sorted({key.split()[0] for table in counted.values() for key in table}),
        "license": "apache-2.0",
        "task_categories": ["text-generation"],
        "tags": ["synthetic", "information-extraction", "documents"],
        "size_categories": [size],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"{split}.jsonl"} for split in counts if counts[split]],
            }
        ],
    }
    kinds = sorted({key for table in counted.values() for key in table})
    rows = [[kind, *(f"{counted[split][kind]:,}" for split in counts)] for kind in kinds]
    noise = ", ".join(f"{grade} {share:g}" for grade, share in recipe.data.noise.items())
    return f"""\
---
{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---

# Synthetic documents: {name}

{total:,} documents with gold JSON, composed by Tunewright {__version__} from the recipe `{recipe.name}`, seed
{recipe.seed} (recipe sha256 `{recipe_file.content_hash(recipe)[:16]}`). No document is real: people, companies, numbers
and addresses are drawn from pools, and any likeness is chance.

## Documents

{_table(["language and type", *counts], rows)}

Test documents come in four equal parts: layouts and label wordings seen or unseen in train × names, companies and
places seen or unseen in train. `provenance.slice` says which.

## Columns

{_table(["column", "meaning"], [[f"`{key}`", meaning] for key, meaning in FIELDS.items()])}

## Keys of the answers

{_table(["type", "keys"], [[kind, _keys(schema)] for kind, schema in schemas.items()])}

Names, ids, dates and phones stand as printed; amounts in ASCII digits without symbol or grouping. OCR noise (shares:
{noise}) touches the text around the values; at times it misreads a character of a name, id, date or phone as well, and
the answer is then what is printed. Sums are never misread.

## One record

```json
{json.dumps(first, ensure_ascii=False, indent=2)}
```

## Limits

A score on these documents says how well a model does on documents composed like these. Real ones vary in ways no
generator knows: test on some of your own.

## Make it again

```bash
tunewright synth recipe.yaml --out FOLDER
```

{_table(["file", "sha256"], [[f"`{file}`", f"`{value}`"] for file, value in hashes.items()])}
"""


def _keys(schema: dict[str, JSON]) -> str:
    return ", ".join(f"`{key}`" for key in schema.get("properties", {}))


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
