"""Documents a second of the synthesis: `python -m benchmarks synth [--documents N] [--rounds N] [--json]`.

Ours: whole records (text, answer, spans, provenance) in one process, and in as many as there are cores. The peer is what a
notebook does: Faker's names, companies and dates in one template per language, with the answer and no spans. Peak
memory is that of a process that writes N documents, and of one that writes five times as many.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from tunewright.core import meter
from tunewright.data.synth import documents

TEMPLATES = {
    "en_IN": "Invoice No: {number}\nCustomer: {name}\nSeller: {company}\nDate: {date}\nTotal: Rs {total}",
    "hi_IN": "बिल संख्या: {number}\nग्राहक: {name}\nविक्रेता: {company}\nतारीख: {date}\nकुल राशि: ₹{total}",
}
PEAK = """
import sys
from tunewright.core import meter
from tunewright.data.synth import documents
for record in documents.generate("invoices", int(sys.argv[1]), seed=1, workers=1):
    record.to_row()
print(meter.peak_memory())
"""


def ours(count: int, workers: int) -> int:
    return sum(1 for _ in documents.generate("invoices", count, seed=1, workers=workers))


def faker(count: int) -> int:
    import faker as library

    makers = {name: library.Faker(name) for name in TEMPLATES}
    draw = random.Random(1)
    for name in makers:
        makers[name].seed_instance(1)
    made = 0
    for i in range(count):
        name = ("en_IN", "hi_IN")[i % 2]
        maker = makers[name]
        value = {
            "number": f"INV-{draw.randint(1, 99999)}",
            "name": maker.name(),
            "company": maker.company(),
            "date": maker.date("%d/%m/%Y"),
            "total": f"{draw.randint(100, 99999)}.00",
        }
        made += bool(json.dumps({"text": TEMPLATES[name].format(**value), "json": value}, ensure_ascii=False))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cores = math.ceil(meter.cores())
    sides: dict[str, Callable[[int], int]] = {
        "tunewright, one process": lambda count: ours(count, 1),
        f"tunewright, {cores} processes": lambda count: ours(count, cores),
    }
    if importlib.util.find_spec("faker"):
        sides["Faker, one template"] = faker
    for side in sides.values():
        side(64)  # pools are read once
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, side in sides.items():
            began = time.perf_counter()
            made = side(options.documents)
            times[name].append(time.perf_counter() - began)
            assert made == options.documents, (name, made)
    found: dict[str, Any] = {
        "documents": options.documents,
        "rounds": options.rounds,
        "python": platform.python_version(),
        "cores": cores,
        "documents_per_second": {name: options.documents / statistics.median(each) for name, each in times.items()},
        "peak_memory_bytes": {
            count: int(subprocess.run([sys.executable, "-c", PEAK, str(count)], check=True, capture_output=True).stdout)
            for count in (options.documents, 5 * options.documents)
        },
    }
    if options.json:
        print(json.dumps(found, indent=1))
        return
    first = found["documents_per_second"]["tunewright, one process"]
    print(f"{options.documents:,} documents, median of {options.rounds} rounds in turn, {cores} cores")
    for name, speed in found["documents_per_second"].items():
        print(f"{name:28} {speed:8,.0f} documents/s   {speed / first:.2f} ×")
    if "Faker, one template" not in sides:
        print("Faker is not installed: no peer (pip install faker)")
    for count, size in found["peak_memory_bytes"].items():
        print(f"peak memory of {count:,} documents: {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
