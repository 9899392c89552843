"""The report of a run: a page, a picture, a table and cards, made from the run folder and from nothing else.

build(run)   writes report.html, benchmark_results.csv, benchmark_results.png, experiment_metadata.json and the
             cards of trained weights, each whole and atomically; a run that is not finished says what is missing.
"""

from __future__ import annotations

from pathlib import Path

from tunewright.core import files
from tunewright.report import cards, evidence, html, picture, tables


def build(run: Path | str) -> dict[str, Path]:
    """Writes every derived view of a run folder. Returns name → path of what was written.

    The picture is left out where nothing has been measured. Raises RunError where there is no such folder.
    """
    found = evidence.read(run)
    written: dict[str, Path] = {}

    def place(name: str) -> Path:
        written[name] = found.path / name
        return written[name]

    files.write_text(place("benchmark_results.csv"), tables.benchmark(found))
    drawn = picture.draw(found)
    if drawn is not None:
        files.write_bytes(place("benchmark_results.png"), drawn)
    for system, training in found.trainings.items():
        if training.weights is not None:
            name = f"systems/{system}/{training.weights.name}/README.md"
            files.write_text(place(name), cards.model_card(found, training))
    page = html.render(found)
    # Examples are read while the page is made, so faults in predictions are known only now.
    files.write_json(place("experiment_metadata.json"), tables.metadata(found))
    files.write_text(place("report.html"), page)
    return written
