"""Wren's examination: `python benchmarks/wren.py [MODEL] [--count 1000] [--json FILE]`.

Greedy decoding, free (no grammar), of documents no pretraining step has seen: exact match of the whole JSON and share
of fields, by case and language, with 95 % Wilson intervals on the exact matches.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

from tunewright.data.corpus import mixture
from tunewright.data.corpus.exam import CASES, exam
from tunewright.data.corpus.values import Words
from tunewright.decode.engine import generate
from tunewright.evals.intervals import wilson
from tunewright.models.load import load
from tunewright.text.schema import leaves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="wren")
    parser.add_argument("--count", type=int, default=1000, help="documents of the case `flat`; a fifth of each other")
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    data = Path(os.environ.get("TUNEWRIGHT_DATA", "../shared/data"))
    here = (data / "prose_en").is_dir()
    words = mixture.read_prose([data / "prose_en", data / "prose_hi"]).words if here else Words.none()
    if not here:
        print("prose not found: values are made of syllables only", file=sys.stderr)
    loaded = load(options.model)
    table = []
    for case in options.cases:
        samples = list(exam(case, options.count if case == "flat" else max(1, options.count // 5), words))
        prompts = [loaded.chat.prompt_ids(sample.messages) for sample in samples]
        began = time.perf_counter()
        replies = list(generate(loaded, prompts, max_new_tokens=400, batch_size=32))
        seconds = time.perf_counter() - began
        tally: dict[str, list[tuple[bool, int, int]]] = defaultdict(list)
        for sample, reply in zip(samples, replies, strict=True):
            try:
                value = json.loads(loaded.chat.decode(reply.ids))
            except ValueError:
                value = None
            gold = leaves(sample.value)
            got = leaves(value) if isinstance(value, dict) else {}
            right = sum(path in got and got[path] == want for path, want in gold.items())
            for key in ("all", sample.language):
                tally[key].append((value == sample.value, right, len(gold)))
        for language, rows in sorted(tally.items()):
            exact = sum(row[0] for row in rows)
            low, high = wilson(exact / len(rows), len(rows), 0.95)
            line = {
                "case": case,
                "language": language,
                "n": len(rows),
                "exact_match": exact / len(rows),
                "low": low,
                "high": high,
                "fields": sum(row[1] for row in rows) / max(1, sum(row[2] for row in rows)),
                "prompt_tokens": sum(map(len, prompts)) / len(prompts),
                "seconds_per_document": seconds / len(samples),
            }
            table.append(line)
            print(
                f"{case:8} {language:4} n={line['n']:<5} exact {line['exact_match']:.1%} [{low:.1%}, {high:.1%}]  "
                f"fields {line['fields']:.1%}  {line['prompt_tokens']:.0f} prompt tokens  {line['seconds_per_document']:.3f} s",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
