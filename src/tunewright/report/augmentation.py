"""The judgement of synthetic texts, for the page and the screen: sentences that its numbers carry, tables, a plot."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunewright.report.charts import Lane
from tunewright.report.evidence import Evidence, json_of, mapping
from tunewright.report.figures import (
    Estimate,
    count,
    interval,
    level,
    number,
    p_value,
    plural,
    points,
    share,
    significant,
)

PARTS = ("utility", "agreement", "fidelity", "variety", "privacy")

CLASSIFIERS = {"words": "words and pairs", "disfluency": "disfluencies"}
RATES = {
    "utterance_length": "words per utterance",
    "moving_average_type_token_ratio": "type–token ratio, moving average",
    "subordination": "subordinators per utterance",
}
ALTERNATIVES = {
    "real + oversampling": "real + real ones again",
    "real + edits": "real + edited real ones",
    "real + ngrams": "real + n-grams of the part",
    "real + ngrams of all": "real + n-grams of all of train",
}
REAL, SYNTHETIC = "real", "synthetic"
NONE_SHOWN = "no difference shown"

NEAR_COPIES = "Near-copies of train"


def told(part: str, found: Mapping[str, Any]) -> list[str]:
    """What a file of downstream/ says, as sentences; none for what is not there."""
    return [sentence for sentence in _TOLD[part](found) if sentence]


def _refusals(found: Mapping[str, Any], what: str) -> list[str]:
    why = dict.fromkeys(str(one["refused"]) for one in found.values() if mapping(one).get("refused"))
    return [f"{what}: not measured, for {reason}." for reason in why]


def _fidelity(found: Mapping[str, Any]) -> list[str]:
    beyond = 1 - (number(found.get("level")) or 0.95)
    said = []
    for name, one in mapping(found.get("classifier")).items():
        if "accuracy" in one:
            verdict = "they are told apart" if one["p"] <= beyond else "they are not shown to be told apart"
            said.append(
                f"By {CLASSIFIERS.get(name, name)}, {share(one['accuracy'])} of {count(one['n'])} real and synthetic "
                f"texts are called what they are (half by chance; {p_value(one['p'])}): {verdict}.{_of_train(one)}"
            )
    return said + _refusals(mapping(found.get("classifier")), "Two-sample test")


def _of_train(one: Mapping[str, Any]) -> str:
    other = mapping(one.get("of_train"))
    if "accuracy" not in other:
        return ""
    return f" With real texts of train in their place it is {share(other['accuracy'])} ({p_value(other['p'])})."


def _variety(found: Mapping[str, Any]) -> list[str]:
    said = [
        f"Distinct {one['n']}-grams are {share(one['ratio'])} of train’s among {count(one['words'])} words "
        f"({interval(one['low'], one['high'])} over draws)."
        for one in found.get("distinct", [])
        if one.get("n") == 2
    ]
    return [*said, str(found.get("mauve") or "")]


def _privacy(found: Mapping[str, Any]) -> list[str]:
    one = mapping(found.get("disclosed"))
    said = []
    if "share" in one:
        verdict = (
            "more than chance gives: the texts give away whom they were learnt from"
            if one["low"] > 0.5
            else "nothing is shown to be given away"
        )
        if one.get("in_folds"):
            said.append(
                f"Of {plural(one['n'], 'text')} of train, {share(one['share'])} ({interval(one['low'], one['high'])}; "
                f"{p_value(one['p'])}) are nearer to what their fold’s generator wrote than a text of somebody whom it "
                f"was not shown ({plural(one['people'], 'pair')} of people): {verdict}."
            )
        else:
            said.append(
                f"Of {plural(one['n'], 'drawn text')}, {share(one['share'])} ({interval(one['low'], one['high'])}; "
                f"{p_value(one['p'])}) are nearer to people of train than to as many others ({count(one['people'])} on "
                f"each side): {verdict}."
            )
    said += _refusals({"disclosed": one}, "Disclosure")
    sides = {
        "drawn": ("copied_drawn", "drawn"),
        "kept": ("copied_kept", "drawn"),
        "real held-out": ("copied_kept", "held"),
    }
    shares = [(name, mapping(mapping(found.get(key)).get(side))) for name, (key, side) in sides.items()]
    told = [f"{share(one['share'])} of {count(one['n'])} {name} texts" for name, one in shares if one.get("n")]
    return [*said, f"{NEAR_COPIES}: {', '.join(told)}." if told else ""]


def _agreement(found: Mapping[str, Any]) -> list[str]:
    said = []
    for side in ("drawn", "kept"):
        for name, one in mapping(found.get(side)).items():
            if "difference" in one:
                far = points(one["margin"], sign=False)
                verdict = {
                    "close": f"no more than {far} points below",
                    "below": f"more than {far} points below",
                }.get(one["verdict"], f"whether it is more than {far} points below is not settled")
                passed = " that pass the same filter of labels" if found.get("filtered") and side == "kept" else ""
                said.append(
                    f"A classifier of {CLASSIFIERS.get(name, name)} that learnt from train agrees with the labels "
                    f"of {share(one['synthetic'])} of {side} synthetic texts and of {share(one['real'])} of other "
                    f"people’s of the same lengths{passed}: {_between(one)} points; {verdict}."
                )
        said += _refusals(mapping(found.get(side)), f"Agreement of {side} texts")
    return said


def _utility(found: Mapping[str, Any]) -> list[str]:
    if found.get("refused"):
        return _refusals({"utility": found}, "What they are worth")
    rows = [row for row in found.get("comparisons", []) if row.get("chief", row.get("b") == found.get("chief"))]
    main = [row for row in rows if row.get("primary")]
    fewest = [row for row in rows if row["amount"] == min(row["amount"] for row in rows) and row not in main]
    said = [f"Named beforehand: {verdict(row, found)}" for row in main]
    of_one = [row for row in fewest if row["classifier"] == (main or fewest)[0]["classifier"]] if fewest else []
    return said + [verdict(row, found) for row in of_one]


_TOLD = {
    "fidelity": _fidelity,
    "variety": _variety,
    "privacy": _privacy,
    "agreement": _agreement,
    "utility": _utility,
}


def verdict(row: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What one comparison shows, and what its interval rules out."""
    where = f"With {_amount(row, found)}, by {CLASSIFIERS.get(row['classifier'], row['classifier'])}"
    pair = f"{arm_name(row['b'])} against {arm_name(row['a'])}: {_between(row)} points of macro F1"
    sure = level(number(found.get("level")) or 0.95)
    if row["verdict"] == "better":
        return f"{where}, {pair}, {p_value(row['p_holm'])}: a gain is shown{_given(row)}."
    if row["verdict"] == "worse":
        return f"{where}, {pair}, {p_value(row['p_holm'])}: a loss is shown{_given(row)}."
    if row["low"] > 0 or row["high"] < 0:
        return f"{where}, {pair}, {p_value(row['p_holm'])} after Holm’s correction: {NONE_SHOWN}."
    most = f"; a gain above {points(row['high'], sign=False)} is ruled out at {sure}" if row["high"] > 0 else ""
    detectable = points(row["minimum_detectable_effect"], sign=False)
    said = f"{where}, {pair}: {NONE_SHOWN}{most}{_given(row)}."
    return f"{said} A true {detectable} would be found in 80 of 100 such tests."


def _given(row: Mapping[str, Any]) -> str:
    """What an interval takes as given that has the same real texts in every draw."""
    return ", given these people of train and this generator" if row["amount"] == 1 else ""


def arm_name(name: str) -> str:
    """What a classifier was trained on, for people."""
    return ALTERNATIVES.get(name, name)


def _amount(row: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    own = [c for c in found.get("cells", []) if (c["amount"], c["arm"]) == (row["amount"], REAL)]
    return (
        f"{_count(own[0]['people'])} people ({_count(own[0]['real'])} texts)" if own else f"{row['amount']:g} of train"
    )


def _count(mean: float) -> str:
    return count(round(mean))


def _between(row: Mapping[str, Any]) -> str:
    return f"{points(row['difference'])} ({points(row['low'])} to {points(row['high'])})"


# ---------------------------------------------------------------- the page


def augmentation(evidence: Evidence) -> dict[str, Any] | None:
    """The section's sentences and tables; None where nothing was judged."""
    read = {part: json_of(evidence, evidence.path / "downstream" / f"{part}.json") for part in PARTS}
    if not any(read.values()):
        return None
    return {
        "sentences": {part: told(part, found) for part, found in read.items()},
        "tables": _tables(read["utility"]),
        "comparisons": [_compared(row, read["utility"]) for row in read["utility"].get("comparisons", [])],
        "n": count(read["utility"].get("n")),
        "people": count(read["utility"].get("people")),
        "folds": read["utility"].get("folds") or 0,
        "left_out": [str(one) for one in read["utility"].get("left_out", [])],
        "whole": any(row["amount"] == 1 for row in read["utility"].get("comparisons", [])),
        "partial": any(row["amount"] < 1 for row in read["utility"].get("comparisons", [])),
        "tests": _tests(read["fidelity"]),
        "agreement": _agreements(read["agreement"]),
        "filtered": bool(read["agreement"].get("filtered")),
        "profile": _profile(read["fidelity"]),
        "variety": _varieties(read["variety"]),
    }


def _tables(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One table for every amount and classifier, a row for every arm."""
    cells = found.get("cells", [])
    against = {
        (row["amount"], row["classifier"], row["b"]): row for row in found.get("comparisons", []) if row["a"] == REAL
    }
    estimates = [Estimate(cell["value"], cell["low"], cell["high"]) for cell in cells]
    # Marks, not bars: the scale need not begin at 0. Five parts of it are whole points.
    low = math.floor(20 * min((one["low"] for one in cells), default=0.0)) / 20
    high = math.ceil(20 * max((one["high"] for one in cells), default=1.0)) / 20
    tables: dict[tuple[float, str], dict[str, Any]] = {}
    for cell, estimate in zip(cells, estimates, strict=True):
        key = (cell["amount"], cell["classifier"])
        table = tables.setdefault(
            key,
            {
                "title": f"{_amount(cell, found).capitalize()}, by {CLASSIFIERS.get(key[1], key[1])}.",
                "low": low,
                "high": high,
                "rows": [],
            },
        )
        row = against.get((*key, cell["arm"]))
        table["rows"].append(
            {
                "name": arm_name(cell["arm"]),
                "system": _shape(cell["arm"]),
                "added": _count(cell["added"]) if cell["added"] else "",
                "scarce": bool(cell.get("scarce")),
                "estimate": estimate,
                "lanes": [Lane(_shape(cell["arm"]), estimate)],
                "difference": points(row["difference"]) if row else "",
                "between": f"{points(row['low'])} to {points(row['high'])}" if row else "",
                "verdict": row["verdict"] if row else "",
                "main": bool(row and row.get("primary")),
            }
        )
    return list(tables.values())


def _shape(arm: str) -> str:
    """Which marker an arm has: those of the systems, by what it is to the comparison."""
    if arm == REAL:
        return "base"
    return "rules" if arm in ALTERNATIVES else "few-shot" if arm == SYNTHETIC else "tuned"


def _compared(row: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "names": f"{arm_name(row['a'])} → {arm_name(row['b'])}",
        "where": f"{_amount(row, found)}, {CLASSIFIERS.get(row['classifier'], row['classifier'])}",
        "primary": bool(row.get("primary")),
        "both": f"{share(row['a_value'])} → {share(row['b_value'])}",
        "difference": points(row["difference"]),
        "between": f"{points(row['low'])} to {points(row['high'])}",
        "p": p_value(row["p_holm"]),
        "verdict": row["verdict"],
        "detectable": points(row["minimum_detectable_effect"], sign=False),
    }


def _tests(found: Mapping[str, Any]) -> list[dict[str, str]]:
    rows = []
    for name, one in mapping(found.get("classifier")).items():
        if "accuracy" in one:
            rows.append(_test(f"Classifier, {CLASSIFIERS.get(name, name)}", "accuracy", share, 0.5, one))
    for one in mapping(found.get("discrepancy")).values():
        if "mmd2" in one:
            rows.append(_test(f"MMD², {one['kernel']}", "mmd2", significant, one["expected"], one))
    return rows


def _test(
    name: str, key: str, write: Callable[[float], str], by_chance: float, one: Mapping[str, Any]
) -> dict[str, str]:
    other = mapping(one.get("of_train"))
    return {
        "name": name,
        "value": write(one[key]),
        "by_chance": write(by_chance),
        "p": p_value(one["p"]),
        "of_train": write(other[key]) if key in other else "",
        "p_of_train": p_value(other.get("p")),
        "n": count(one["n"]),
        "people": count(one["people"]),
    }


def _agreements(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for side in ("drawn", "kept"):
        for name, one in mapping(found.get(side)).items():
            if "difference" not in one:
                continue
            labels = {"all labels": one | {"n": mapping(one.get("n")).get(SYNTHETIC)}} | mapping(one.get("labels"))
            for label, own in labels.items():
                rows.append(
                    {
                        "name": f"{side}, {CLASSIFIERS.get(name, name)}",
                        "label": label,
                        "n": count(own.get("n")),
                        "real": share(own["real"]),
                        "synthetic": share(own["synthetic"]),
                        "difference": points(own["synthetic"] - own["real"]),
                        "between": f"{points(own['low'])} to {points(own['high'])}" if "low" in own else "",
                        "verdict": own.get("verdict", ""),
                    }
                )
    return rows


def _profile(found: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "label": str(row["label"]),
            "rate": RATES.get(row["rate"], str(row["rate"]).replace("_", " ")),
            "real": significant(row["real"]["value"]),
            "of_real": _range(row["real"]),
            "synthetic": significant(row["synthetic"]["value"]),
            "of_synthetic": _range(row["synthetic"]),
            "verdict": row["verdict"],
            "p": p_value(row.get("p_holm")),
        }
        for row in found.get("profile", [])
    ]


def _range(one: Mapping[str, Any]) -> str:
    return f"{significant(one['low'])} to {significant(one['high'])}"


def _varieties(found: Mapping[str, Any]) -> list[dict[str, str]]:
    rows = [
        {
            "name": f"Distinct {one['n']}-grams of all",
            "real": share(one["real"]),
            "synthetic": share(one["synthetic"]),
            "of": f"{count(one['words'])} words of each",
        }
        for one in found.get("distinct", [])
    ]
    if bleu := mapping(found.get("self_bleu")):
        rows.append(
            {
                "name": "Self-BLEU (less is more varied)",
                "real": share(bleu["real"]),
                "synthetic": share(bleu["synthetic"]),
                "of": f"{count(bleu['n'])} texts of each, of the same lengths",
            }
        )
    rows += [
        {
            "name": f"Other people’s {one['n']}-grams that stand in them",
            "real": share(one["train"]),
            "synthetic": share(one["synthetic"]),
            "of": f"{count(one['words'])} words of each",
        }
        for one in found.get("coverage", [])
    ]
    return rows


def findings(evidence: Evidence) -> list[tuple[str, str]]:
    """(title, sentence) of what the judgement shows, for what was learnt."""
    found = json_of(evidence, evidence.path / "downstream" / "utility.json")
    return [("What synthetic texts are worth", sentence) for sentence in told("utility", found)[:1]] if found else []


def legend() -> Sequence[tuple[str, str]]:
    """(system of the marker, what it stands for)."""
    return (
        ("base", "real texts alone"),
        ("tuned", "real + synthetic"),
        ("few-shot", "synthetic alone"),
        ("rules", "real + a cheap alternative"),
    )
