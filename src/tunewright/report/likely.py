"""What models find likely, for the page: bits per byte before and after, rankings, and what prompts were answered."""

from __future__ import annotations

from typing import Any

from tunewright.report.evidence import Evidence, mapping
from tunewright.report.figures import count, interval, language_name, number, p_value, points, share, significant

PARTS = {"answers": "Right answers", "everything": "Prompts and answers", "general text": "General text",
         "examination": "Wren’s examination"}  # fmt: skip

SHOWN = 2000
"""Characters of a reply to a prompt that are shown."""


def likelihood(evidence: Evidence) -> dict[str, Any] | None:
    """Rows of bits per byte, base and tuned, with what the change shows; None where it was not measured."""
    found = mapping(evidence.compared.get("likelihood"))
    systems = mapping(found.get("systems"))
    if not systems:
        return None
    changes = mapping(found.get("change"))
    rows = [_row(PARTS.get(name, name), mapping(change)) for name, change in changes.items()]
    rows += [
        _row(PARTS.get(name, name), mapping(one)) for name, one in mapping(evidence.compared.get("general")).items()
    ]
    slices = [
        _row(
            f"Fold {value}"
            if dimension == "fold"
            else f"{language_name(value) if dimension == 'language' else value} ({dimension.replace('_', ' ')})",
            mapping(one),
        )
        for dimension, values in mapping(found.get("slices")).items()
        for value, one in mapping(values).items()
    ]
    perplexity = [
        (name, significant(mapping(mapping(one).get("answers")).get("perplexity"))) for name, one in systems.items()
    ]
    return {
        "n": count(found.get("n")),
        "groups": count(found.get("groups")),
        "left_out": count(found["left_out"]) if number(found.get("left_out")) else "",
        "sentence": fall_sentence(evidence),
        "rows": rows,
        "slices": slices,
        "perplexity": perplexity,
        "alone": []
        if rows
        else [(name, significant(mapping(one["answers"])["bits_per_byte"])) for name, one in systems.items()],
    }


def fall_sentence(evidence: Evidence) -> str:
    """By how much bits per byte of the right answers fell, or that they are not shown to; empty if not measured."""
    found = mapping(evidence.compared.get("likelihood"))
    change = mapping(mapping(found.get("change")).get("answers"))
    if not change:
        return ""
    where = f"On {count(found.get('n'))} test documents of {count(found.get('groups'))} groups"
    values = f"from {significant(change['before'])} to {significant(change['after'])}"
    if change["verdict"] == "no difference shown":
        return f"{where} no difference is shown in bits per byte of the right answers ({values})."
    verb = "fell" if change["difference"] < 0 else "rose"
    between = f"{share(abs(change['fall']))}, interval {_shares(change)}"
    return f"{where} bits per byte of the right answers {verb} {values}: by {between} ({p_value(change['p'])})."


def _shares(change: dict[str, Any]) -> str:
    low, high = sorted((abs(change["fall_low"]), abs(change["fall_high"])))
    return interval(low, high)


def _row(label: str, change: dict[str, Any]) -> dict[str, str]:
    low, high = number(change.get("low")), number(change.get("high"))
    between = "" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    difference = f"{number(change.get('difference')) or 0:+.3f}"
    return {
        "label": label,
        "n": count(change.get("n")) if change.get("n") else "",
        "before": significant(change.get("before")),
        "after": significant(change.get("after")),
        "difference": difference.replace("-", "−"),
        "between": between.replace("-", "−"),
        "verdict": str(change.get("verdict") or _outside(low, high)),
    }


def _outside(low: float | None, high: float | None) -> str:
    if low is None or high is None or low <= 0 <= high:
        return "no difference shown"
    return "worse" if low > 0 else "better"


def ranking(evidence: Evidence) -> dict[str, Any] | None:
    """Rankers with their accuracy, and what pairs of them show; None where nothing was ranked."""
    found = mapping(evidence.compared.get("ranking"))
    rankers = mapping(found.get("rankers"))
    if not rankers:
        return None
    subject = found.get("subject") or "context or group"
    return {
        "n": count(found.get("n")),
        "groups": count(found.get("groups")),
        "lede": f"{count(found.get('n'))} questions, each with its right answer and up to "
        f"{count(found.get('distractors'))} answers to other questions about the same subject "
        f"({str(subject).replace('_', ' ')}). By chance {share(number(found.get('chance')))} would be right."
        + (f" {count(left)} more do not fit into the model." if (left := number(found.get("left_out"))) else ""),
        "sentence": ranking_sentence(evidence),
        "rows": [
            {"name": _ranker(name), "value": share(one["value"]), "between": interval(one["low"], one["high"])}
            for name, one in rankers.items()
        ],
        "pairs": [
            {
                "names": f"{_ranker(one['a'])} → {_ranker(one['b'])}",
                "difference": points(one["difference"]),
                "between": f"{points(one['low'])} to {points(one['high'])}",
                "p": p_value(one["p_holm"]),
                "verdict": one["verdict"],
            }
            for one in found.get("pairs", [])
        ],
    }


def ranking_sentence(evidence: Evidence) -> str:
    """Whether the tuned model ranks better than words do; empty where it was not measured."""
    found = mapping(evidence.compared.get("ranking"))
    pair = next((one for one in found.get("pairs", []) if (one["a"], one["b"]) == ("words", "tuned")), None)
    if pair is None:
        return ""
    said = {"better": "above", "worse": "below"}.get(pair["verdict"])
    numbers = f"{points(pair['difference'])} points, interval {points(pair['low'])} to {points(pair['high'])}"
    if said is None:
        return f"The tuned model is not shown to rank right answers better or worse than word overlap does ({numbers})."
    return f"The tuned model ranks right answers {said} word overlap ({numbers}, {p_value(pair['p_holm'])} after Holm)."


def _ranker(name: str) -> str:
    return "word overlap" if name == "words" else name


def prompts(evidence: Evidence) -> list[dict[str, Any]]:
    """The recipe's prompts with what each system replied, in order; what stands before a question apart from it."""
    found: dict[str, dict[str, str]] = {}
    for system in ("base", "tuned"):
        for row in evidence.rows(evidence.path / "systems" / system / "prompts.jsonl"):
            reply = str(row.get("reply", ""))
            cut = " …" if row.get("finish") == "length" or len(reply) > SHOWN else ""
            found.setdefault(str(row.get("prompt")), {})[system] = reply[:SHOWN] + cut
    shown = []
    for prompt, own in found.items():
        context, _, question = prompt.rpartition("\n\n")
        replies = [("before" if name == "base" else "after", text) for name, text in own.items()]
        shown.append({"context": context, "prompt": question, "replies": replies})
    return shown


def findings(evidence: Evidence) -> list[tuple[str, str]]:
    """(title, sentence) of what this shows."""
    said = [("What became likelier", fall_sentence(evidence)), ("Against word overlap", ranking_sentence(evidence))]
    general = mapping(evidence.compared.get("general"))
    for name, one in general.items():
        row = _row(name, mapping(one))
        word = {"worse": "was forgotten", "better": "was gained"}.get(row["verdict"], "no difference is shown")
        change = f"{row['before']} → {row['after']} ({row['difference']}; {row['between']})"
        said.append(("What else it knew", f"Bits per byte of {name}: {change}: {word}."))
    return [(title, text) for title, text in said if text]
