"""The page of several domains: every adapter on each of them, in the style of a run's report.

build(folder)   writes report.html into the folder of `tunewright domains`, from its matrix.json and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tunewright.core import files
from tunewright.core.errors import RunError
from tunewright.report import evidence, html
from tunewright.report.evidence import Evidence, mapping
from tunewright.report.figures import (
    NBSP,
    count,
    interval,
    level,
    number,
    p_value,
    plural,
    share,
    short_training,
    significant,
)

MARKS = {"base": "base", "joint": "few-shot"}
"""Adapters with the mark of a system; those of single domains have the tuned model's, blends one of their own."""

CONTENTS = [("domains", "Domains"), ("kept", "What was forgotten"), ("pairs", "Differences")]


def is_comparison(folder: Path | str) -> bool:
    """Whether a folder is that of `tunewright domains`."""
    return (Path(folder) / "domains.json").is_file()


def build(folder: Path | str) -> dict[str, Path]:
    """Writes the page of a comparison. Returns name → path. Raises RunError where the folder is none."""
    path = Path(folder)
    if not is_comparison(path):
        raise RunError("is no folder of a comparison of domains", where=str(path), hint="tunewright domains")
    found = Evidence(path=path, name=path.resolve().name)
    matrix = evidence.json_of(found, path / "matrix.json")
    if not matrix:
        found.missing.append("Nothing has been measured in this comparison yet.")
    page = path / "report.html"
    files.write_text(page, html.page("domains.html", view(found, matrix)))
    return {page.name: page}


def counted(domain: str, cell: dict[str, Any]) -> str:
    """How many documents stand behind a domain's numbers: `medical-qa 400 of 120 groups (2 do not fit)`."""
    n, asked, groups = (number(cell.get(key)) for key in ("n", "asked", "groups"))
    said = f"{domain} {count(asked or n)}" + (f" of {plural(int(groups), 'group')}" if groups else "")
    said = said.replace(NBSP, " ")
    lost = int(asked - n) if asked and n is not None else 0
    return f"{said} ({count(lost)} of them do not fit into the model, for bits per byte)" if lost else said


def joint(told: dict[str, Any]) -> str:
    """What the joint adapter is like beside those alone, in a sentence; from a matrix's "joint"."""
    if not told:
        return ""
    unlike = [name for name in told["unlike"] if name != "learning_rate"]
    more = (
        f". Where the recipes differ besides ({', '.join(unlike)}), it is trained as {told['as']} is" if unlike else ""
    )
    return (
        "The joint adapter saw each example as often as the adapter of its domain; its learning rate is the lowest of "
        f"theirs ({told['as']}'s), not searched anew{more}."
    )


def alone(told: dict[str, Any]) -> str:
    """How the adapters of single domains were trained, in a sentence or two; from a matrix's "alone"."""
    if not told:
        return ""
    trained = [
        f"{domain} {plural(one['steps'], 'step')} at a learning rate of {one['learning_rate']:g}"
        for domain, one in told.items()
    ]
    tried = [one["trial_steps"] for one in told.values()]
    chosen = f" The rates were chosen on validation {short_training(tried)}." if any(tried) else ""
    return f"Their own adapters: {', '.join(trained)}.{chosen}".replace(NBSP, " ")


def view(found: Evidence, matrix: dict[str, Any]) -> dict[str, Any]:
    """Everything the template shows."""
    domains, adapters = matrix.get("domains") or [], matrix.get("adapters") or []
    cells, general = mapping(matrix.get("cells")), mapping(matrix.get("general"))
    own = [one for one in matrix.get("pairs") or [] if one["b"] != "base"]
    sets = list(mapping(general.get("base")))

    def rows(values: Any) -> list[dict[str, Any]]:
        return [
            {"name": name, "system": MARKS.get(name, "tuned" if name in domains else "blend"), "main": False,
             "values": list(values(name))}
            for name in adapters
        ]  # fmt: skip

    def bits(adapter: str) -> Iterable[str]:
        for domain in domains:
            one = mapping(mapping(mapping(cells.get(adapter)).get(domain)).get("bits_per_byte"))
            between = f"{significant(one.get('low'))}–{significant(one.get('high'))}"
            yield f"{significant(one.get('bits_per_byte'))} ({between})"

    def scores(adapter: str) -> Iterable[str]:
        for domain in domains:
            one = mapping(mapping(mapping(cells.get(adapter)).get(domain)).get("token_f1"))
            yield f"{share(number(one.get('value')))} ({interval(number(one.get('low')), number(one.get('high')))})"

    def kept(adapter: str) -> Iterable[str]:
        for name in sets:
            one = mapping(mapping(general.get(adapter)).get(name))
            between = f"; {number(one.get('low')) or 0:+.3f} to {number(one.get('high')) or 0:+.3f}"
            change = "" if adapter == "base" else f" ({number(one.get('difference')) or 0:+.3f}{between})"
            yield significant(one.get("after")) + change.replace("-", "−")

    return {
        "name": found.name,
        "title": f"{found.name}: Tunewright report",
        "contents": CONTENTS if domains else [],
        "notices": [*found.missing, *found.faults],
        "level": level(number(matrix.get("level")) or 0.95),
        "domains": domains,
        "counted": ", ".join(counted(domain, mapping(mapping(cells.get("base")).get(domain))) for domain in domains),
        "alone": alone(mapping(matrix.get("alone"))),
        "joint": joint(mapping(matrix.get("joint"))),
        "sets": sets,
        "bits": rows(bits),
        "scores": rows(scores),
        "kept": rows(kept),
        "pairs": [
            {
                "domain": one["domain"],
                "adapter": one["b"],
                "difference": f"{one['difference']:+.3f}".replace("-", "−"),
                "between": f"{one['low']:+.3f} to {one['high']:+.3f}".replace("-", "−"),
                "p": p_value(one["p_holm"]),
                "verdict": one["verdict"],
            }
            for one in own
        ],
        "written": "",
        "shaping": "",
    }
