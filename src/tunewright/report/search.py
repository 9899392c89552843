"""What a search found, in words and pictures, from its metrics_comparison.json and from nothing else.

build(folder)  writes optimization_analysis.md and tune_history.png, tune_importance.png, tune_costs.png

Every sentence is said by a function that looks at the numbers first and says nothing where they do not carry it;
`analysis` only puts them in order.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from math import log, sqrt
from pathlib import Path
from typing import Any

from tunewright.core import files
from tunewright.core.errors import RunError
from tunewright.report import search_pictures
from tunewright.report.figures import (
    count,
    duration,
    level,
    metric_name,
    p_value,
    plural,
    points,
    share,
    significant,
    size,
)

LOSS = "validation_loss"
BITS = "bits_per_byte"
NUMBERS = "metrics_comparison.json"
Found = dict[str, Any]

COSTS = {
    "peak_memory_bytes": ("memory", "less memory", size),
    "train_seconds": ("time", "less time to train", duration),
    "saved_bytes": ("size", "fewer bytes of saved weights", size),
}
"""What a trial costs: its name, what is said of a smaller one, how it is written."""

TELLING = 0.1
"""Costs that differ by a smaller share are called alike: time and memory vary by themselves."""

EDGE = 0.03
"""Part of a range, at either end, that counts as its end."""


def is_search(folder: Path | str) -> bool:
    """Whether a folder is that of `tunewright tune`."""
    return (Path(folder) / "tune.json").is_file()


def build(folder: Path | str) -> dict[str, Path]:
    """Writes every derived view of a search. Returns name → path. Raises RunError where it has not ended."""
    folder = Path(folder)
    if not (folder / NUMBERS).is_file():
        raise RunError("the search has not ended", where=str(folder), hint="the command that began it goes on with it")
    found: Found = files.read_json(folder / NUMBERS)
    written: dict[str, Path] = {}
    for name, draw in search_pictures.PICTURES.items():
        drawn = draw(found)
        if drawn is not None:
            written[name] = folder / name
            files.write_bytes(written[name], drawn)
    written["optimization_analysis.md"] = folder / "optimization_analysis.md"
    files.write_text(written["optimization_analysis.md"], analysis(found, pictures=tuple(written)))
    return written


def analysis(found: Found, *, pictures: Sequence[str] = ()) -> str:
    """The page in Markdown. pictures: names of those that stand beside it."""

    def picture(name: str, words: str) -> list[str]:
        return [f"![{words}]({name})"] if name in pictures else []

    parts = [
        [f"# What the search {found['name']} found"],
        searched(found),
        ["## The best trial"],
        best(found),
        options_table(found),
        picture("tune_history.png", "Every trial in its order, and the best so far"),
        ["## What mattered"],
        importance(found),
        importance_table(found),
        picture("tune_importance.png", "The share of every option, with its interval and with what chance gives"),
        ["## Quality against memory, time and size"],
        costs(found),
        picture("tune_costs.png", "Every completed trial: quality against memory, time and size"),
        ["## On test"],
        test(found),
        test_table(found),
        ["## Recommendation"],
        recommendation(found),
        ["## What this cannot tell"],
        [f"- {one}" for one in limits(found)],
        ["## All trials"],
        trials_table(found),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


# ---------------------------------------------------------------- reading


def completed(found: Found) -> list[Found]:
    return [row for row in found["trials"] if row["state"] == "complete"]


def trial(found: Found, number: int | None) -> Found | None:
    return next((row for row in found["trials"] if row["number"] == number), None)


def chosen(found: Found) -> Found:
    return next(row for row in found["trials"] if row["number"] == found["best"])


def worse(found: Found, one: float, other: float) -> bool:
    """Whether the first value of the searched metric is worse than the second."""
    return one > other if found["direction"] == "minimize" else one < other


def value(found: Found, number: float) -> str:
    return significant(number, 4) if found["metric"] == LOSS else share(number)


def metric(found: Found) -> str:
    return "validation loss" if found["metric"] == LOSS else f"{metric_name(found['metric'])} on validation"


def _is_share(row: Found) -> bool:
    return row["metric"] != BITS


def score(row: Found, number: float | None) -> str:
    """A score on test: a share, or bits per byte."""
    return share(number) if _is_share(row) else significant(number, 4)


def change(row: Found, number: float, *, sign: bool = True) -> str:
    """A difference of two scores: points, or bits per byte."""
    if _is_share(row):
        return points(number, sign=sign)
    return ("+" if sign and number > 0 else "") + significant(number)


def option(given: Any) -> str:
    return significant(given) if isinstance(given, float) else str(given)


def front(found: Found, cost: str) -> list[Found]:
    """The completed trials that no other is at once as good and as cheap as, the best first (the Pareto front)."""
    rows = [row for row in completed(found) if row.get(cost) is not None]
    kept = [
        row
        for row in rows
        if not any(
            not worse(found, other["value"], row["value"])
            and other[cost] <= row[cost]
            and (other["value"], other[cost]) != (row["value"], row[cost])
            for other in rows
        )
    ]
    return sorted(kept, key=lambda row: row["value"] if found["direction"] == "minimize" else -row["value"])


def spread(found: Found) -> float | None:
    """How much another seed changes the validation loss: the standard deviation over the finals of the best options."""
    losses = [row["best_loss"] for row in found["finals"] if row["which"] == "best"]
    return statistics.stdev(losses) if len(losses) > 1 else None


# ---------------------------------------------------------------- sentences


def searched(found: Found) -> list[str]:
    """What was done."""
    rows = found["trials"]
    ends = {state: sum(row["state"] == state for row in rows) for state in dict.fromkeys(row["state"] for row in rows)}
    said = [f"{plural(len(rows), 'trial')} of {found['recipe']} ({found['model']}): "
            + ", ".join(f"{count(number)} {state}" for state, number in ends.items()) + "."]  # fmt: skip
    if len(rows) < found["planned"]:
        said.append(f"{count(found['planned'])} were planned; the time was up before.")
    said.append(f"{who_chose(found)}; the {metric(found)} decided. No trial saw the test documents.")
    return [" ".join(said)]


def who_chose(found: Found) -> str:
    """Who drew the options of the trials: TPE begins with some that are drawn at random."""
    if found["sampler"] != "tpe":
        return "A grid chose them" if found["sampler"] == "grid" else "Chance chose them"
    first = found.get("n_startup_trials", 0)
    own = ", the recipe's own options aside" if found["own"] is not None else ""
    if len(found["trials"]) <= first:
        return f"Chance chose them{own}"
    return f"Chance chose the first {count(first)}{own}, and TPE the others" if first else "TPE chose them"


def best(found: Found) -> list[str]:
    """Which trial is best, and how it stands to the recipe's own options."""
    row, own = chosen(found), trial(found, found["own"])
    said = [f"Trial {row['number']} is best: {metric(found)} {value(found, row['value'])}."]
    if found["best_is_own"]:
        said.append("Its options are the recipe's own: no trial did better on validation.")
    elif own is not None and own["state"] == "complete":
        said.append(f"The recipe's own options (trial {own['number']}) came to {value(found, own['value'])}.")
    elif own is not None:
        said.append(f"The recipe's own options (trial {own['number']}) were not completed: {own['state']}.")
    for line in (luck(found), later(found), *edges(found)):
        if line:
            said.append(line)
    return [" ".join(said)]


def luck(found: Found) -> str | None:
    """Trained again with other seeds, is it as good?"""
    again = [row["best_loss"] for row in found["finals"] if row["which"] == "best"]
    first = chosen(found).get("best_loss")
    if len(again) < 2 or first is None:
        return None
    mean, low, high = statistics.mean(again), min(again), max(again)
    shown = f"{significant(mean, 4)} on average ({significant(low, 4)} to {significant(high, 4)})"
    said = f"Trained again with {len(again)} other seeds the same options come to a loss of {shown}"
    if first < low:
        said += f", each above the trial's {significant(first, 4)}"
        if found["metric"] == LOSS:  # which it was picked by
            said += ": the lowest of many is partly luck"
    return f"{said}."


def later(found: Found) -> str | None:
    """Whether the search had stopped finding better ones."""
    done = sorted(row["number"] for row in completed(found))
    if len(done) < 10:
        return None
    after = [number for number in done if number > found["best"]]
    pruned = sum(row["state"] == "pruned" and row["number"] > found["best"] for row in found["trials"])
    if not after and not pruned:
        return "It is the last trial: more of them may find better ones."
    if len(after) + pruned < len(found["trials"]) / 2:
        return None
    gone = f"{count(pruned)} of those after it were given up on the way" if pruned else ""
    if not after:
        return f"{gone}, and none was completed."
    said = f"None of the {plural(len(after), 'completed trial')} after it was better"
    return f"{said}; {gone}." if gone else f"{said}."


def apart(found: Found, cost: str) -> float:
    """By what share a cost differs at most among trainings of the same options; 0 where none were trained again."""
    again = [
        [row[cost] for row in found["finals"] if row["which"] == which and row.get(cost)] for which in ("best", "own")
    ]
    return max((1 - min(each) / max(each) for each in again if each), default=0.0)


def edges(found: Found) -> list[str]:
    """Options of the best trial that stand at an end of what was searched."""
    said = []
    for key, axis in found["space"].items():
        given = chosen(found)["options"].get(key)
        if given is None or isinstance(given, bool | str):
            continue
        if isinstance(axis, dict):
            low, high = axis["low"], axis["high"]
            place = log(given / low) / log(high / low) if axis["log"] else (given - low) / (high - low)
        else:
            numbers = sorted(one for one in axis if isinstance(one, int | float) and not isinstance(one, bool))
            if len(numbers) < 3:
                continue
            place = numbers.index(given) / (len(numbers) - 1)
        if place <= EDGE and given != 0:  # nothing stands below none of it
            said.append(f"Its {key} stands at the lower end of what was searched: lower ones were not tried.")
        elif place >= 1 - EDGE:
            said.append(f"Its {key} stands at the upper end of what was searched: higher ones were not tried.")
    return said


def importance(found: Found) -> list[str]:
    """Which options had to do with how good a trial was."""
    rows = [row for row in found["importance"] if row["share"] is not None]
    few = [row["option"] for row in found["importance"] if row["share"] is None]
    if not rows:
        done = plural(len(completed(found)), "trial was", "trials were")
        least = "a share is told from 10 that have the option and differ in it"
        return [f"Too few trials to tell: {done} completed, and {least}."]
    said = []
    matter = [row for row in rows if row["matters"]]
    for row in matter:
        said.append(
            f"{row['option']} matters: alone it explains {share(row['share'], digits=0)} "
            f"({share(row['low'], digits=0)} to {share(row['high'], digits=0)} over bootstrapped trials) of how the "
            f"{metric(found)} varies; by chance it would be below {share(row['chance'], digits=0)} ({_p(row)})."
        )
    for row in matter:
        below = [key for key in row["beats"] if key in {one["option"] for one in rows}]
        if below:
            said.append(f"{row['option']} explains more than {_and(below)}.")
    if not matter:
        said.append(
            f"No option explains more than chance would in {count(rows[0]['n'])} trials: which of them mattered is not "
            "shown."
        )
    elif len(matter) < len(rows):
        others = [row["option"] for row in rows if not row["matters"]]
        said.append(f"Of {_and(others)} it is not shown that {'it matters' if len(others) == 1 else 'they matter'}.")
    if few:
        said.append(f"Too few completed trials have {_and(few)}, or differ in it, to tell.")
    return [" ".join(said)]


def costs(found: Found) -> list[str]:
    """Cheaper trials and what they give up."""
    said = []
    top = chosen(found)
    for key, (name, less, write) in COSTS.items():
        kept = front(found, key)
        if top.get(key) is None or len(completed(found)) < 2:
            continue
        cheaper = [row for row in kept if row[key] <= (1 - TELLING) * top[key]]
        if not cheaper:
            said.append(
                f"- {name.capitalize()}: no completed trial needs {share(TELLING, digits=0)} {less} than the best one "
                f"({write(top[key])})."
            )
            continue
        row = cheaper[0]
        saved, same = 1 - row[key] / top[key], apart(found, key)
        lost = abs(row["value"] - top["value"])
        lost_shown = significant(lost, 2) if found["metric"] == LOSS else f"{points(lost, sign=False)} points"
        line = (
            f"- {name.capitalize()}: trial {row['number']} needs {share(saved, digits=0)} {less} ({write(row[key])} "
            f"instead of {write(top[key])}{_no_more(saved, same)}), and its {metric(found)} is worse by {lost_shown}"
        )
        line += f" ({value(found, row['value'])})"
        noise = spread(found)
        if found["metric"] == LOSS and noise is not None and lost <= 2 * sqrt(2) * noise:
            line += f", which is no more than another seed does (standard deviation {significant(noise, 2)})"
        said.append(line + ".")
        if len(cheaper) > 1:
            last = cheaper[-1]
            said.append(
                f"  The cheapest on the front is trial {last['number']}: {write(last[key])}, "
                f"{metric(found)} {value(found, last['value'])}."
            )
    return said or ["Fewer than two trials were completed: there is nothing to weigh."]


def _no_more(saved: float, same: float) -> str:
    if saved > same:
        return ""
    return f", which is no more than trainings of the same options differ by: up to {share(same, digits=0)}"


def test(found: Found) -> list[str]:
    """The best options against the recipe's own on documents that nothing was chosen by."""
    if found["best_is_own"]:
        return ["The best options are the recipe's own: there is nothing to compare."]
    if not found["pairs"]:
        return ["Nothing was measured on test (tune.seeds is 0)."]
    one = found["pairs"][0]
    seeds = f"{one['seeds']} trainings each, with the same seeds"
    if one["seeds"] == 1:
        seeds = "one training each, with the same seed"
    head = (
        f"The best options against the recipe's own, {seeds}, on {plural(one['n'], 'test document')}, "
        f"{level(found['level'])} intervals over documents{' and seeds' if one['seeds'] > 1 else ''}:"
    )
    lines = [head, ""]
    for row in found["pairs"]:
        verdict = {"better": "better", "worse": "worse"}.get(row["verdict"], "no difference shown")
        line = (
            f"- {metric_name(row['metric'])}: {score(row, row['a_value'])} → {score(row, row['b_value'])}, "
            f"{change(row, row['difference'])}{' points' if _is_share(row) else ''} "
            f"({change(row, row['low'])} to {change(row, row['high'])}), {_p(row)}: {verdict}"
        )
        if row["n"] != one["n"]:
            line += f" (n = {count(row['n'])})"
        signs = [one for one in row["by_seed"] if one]
        if row["seeds"] > 1 and min(row["by_seed"]) < 0 < max(row["by_seed"]):
            up = sum(one > 0 for one in signs)
            line += f"; higher with {up} of {row['seeds']} seeds"
        lines.append(line + ".")
    return lines


def recommendation(found: Found) -> list[str]:
    """What follows from all that, and no more."""
    if found["best_is_own"]:
        return ["Keep the recipe's own options."]
    if not found["pairs"]:
        why = "None: the best trial is best on validation, by which it was chosen, and nothing was measured on test."
        return [f"{why} With `--set tune.seeds=3` the same command goes on."]
    better = [row["metric"] for row in found["pairs"] if row["verdict"] == "better"]
    down = [row["metric"] for row in found["pairs"] if row["verdict"] == "worse"]
    cheaper, dearer = _cheaper(found, "best", "own"), _cheaper(found, "own", "best")
    own = [f"They also need {one}." for one in cheaper]
    own += [f"They cost more, though: the recipe's own need {one}." for one in dearer]
    if better and not down:
        return [
            " ".join([f"Take the best trial's options (best.yaml): better on test in {_and(_names(better))}.", *own])
        ]
    if down and not better:
        return [f"Keep the recipe's own options: the best trial's are worse on test in {_and(_names(down))}."]
    if better:
        both = f"better on test in {_and(_names(better))}, and worse in {_and(_names(down))}"
        return [f"It depends: the best trial's options are {both}."]
    if cheaper and not dearer:
        need = f"the best trial's options (best.yaml) need {_and(cheaper)}. Take them where that counts."
        return [f"On test no difference in quality was shown, and {need}"]
    return ["Keep the recipe's own options: on test no difference was shown."]


def _cheaper(found: Found, which: str, other: str) -> list[str]:
    """Costs of the finals that are lower for one in every training than for the other in any, by what is telling."""
    said = []
    for key, (_, less, write) in COSTS.items():
        mine, theirs = ([row[key] for row in found["finals"] if row["which"] == one and row.get(key) is not None]
                        for one in (which, other))  # fmt: skip
        if mine and theirs and max(mine) <= (1 - TELLING) * min(theirs):
            said.append(f"{less} ({write(statistics.mean(mine))} instead of {write(statistics.mean(theirs))})")
    return said


def limits(found: Found) -> list[str]:
    """What the evidence cannot tell."""
    rows, said = found["trials"], []
    states = [row["state"] for row in rows]
    if "pruned" in states:
        were = plural(states.count("pruned"), "trial was", "trials were")
        said.append(
            f"{were} given up on the way: how good they would have become is not known, and importance is told without "
            "them."
        )
    for state, what in (("diverged", "diverged"), ("out of memory", "did not fit into memory"), ("failed", "failed")):
        if state in states:
            many = plural(states.count(state), "trial")
            said.append(f"{many} {what}: the best of what works here need not be the best of all.")
    if found["sampler"] == "tpe" and len(rows) > max(1, found.get("n_startup_trials", 0)):
        said.append("TPE tries more where it found good ones, so what lies elsewhere was seen less.")
    met = {key: {str(row["options"][key]) for row in rows if key in row["options"]} for key in found["space"]}
    unseen = [key for key, values in met.items() if len(values) < 2]
    if unseen:
        said.append(f"All trials had the same {_and(unseen)}.")
    if len(completed(found)) > 1:
        side = "low" if found["direction"] == "minimize" else "high"
        said.append(
            f"All {len(completed(found))} completed trials were measured on the same validation records and trained "
            f"with the same seed, and the best was picked by that: on new ones its value is likely not so {side}."
        )
    if found["pairs"]:
        seeds = found["pairs"][0]["seeds"]
        if seeds == 1:
            said.append("One seed was trained: whether the difference on test holds with others is not known.")
        elif seeds < 5:
            said.append(f"{seeds} seeds say little about how much another seed changes; the intervals are wide for it.")
        undecided = [row for row in found["pairs"] if row["verdict"] not in ("better", "worse")]
        if undecided:
            row = next((row for row in undecided if row["a_value"] or row["b_value"]), undecided[0])
            least = change(row, row["minimum_detectable_effect"], sign=False) + (" points" if _is_share(row) else "")
            said.append(
                f"A difference in {metric_name(row['metric'])} of about {least} would have been found in four of five "
                "such comparisons, were it the only one made; a smaller one less often."
            )
    if completed(found):
        said.append(
            "Time and memory are this machine's: memory is that of the whole process, and another one's work beside it "
            "makes a trial slower."
        )
    said.append("Other data, another model or a longer training may have other best options: none was tried.")
    return said


# ---------------------------------------------------------------- tables


def options_table(found: Found) -> list[str]:
    row, own = chosen(found), found["own_options"]
    lines = ["| option | best trial | recipe's own |", "|---|---|---|"]
    for key in found["space"]:
        mine = option(row["options"][key]) if key in row["options"] else "not read"
        theirs = option(own[key]) if key in own else "not read"
        lines.append(f"| {key} | {mine} | {theirs} |")
    return lines


def importance_table(found: Found) -> list[str]:
    rows = [row for row in found["importance"] if row["share"] is not None]
    if not rows:
        return []
    lines = ["| option | trials | share | interval | by chance below | p (Holm) |", "|---|---|---|---|---|---|"]
    return lines + [
        f"| {row['option']} | {row['n']} | {share(row['share'], digits=0)} "
        f"| {share(row['low'], digits=0)} to {share(row['high'], digits=0)} | {share(row['chance'], digits=0)} "
        f"| {_p(row)} |"
        for row in rows
    ]


def test_table(found: Found) -> list[str]:
    if not found["finals"]:
        return []
    names = [row["metric"] for row in found["pairs"]]
    heads = ["options", "seed", "validation loss", *map(metric_name, names), "memory", "time", "size"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in found["finals"]:
        cells = [row["which"], str(row["seed"]), significant(row["best_loss"], 4)]
        cells += [score({"metric": name}, row["metrics"].get(name)) for name in names]
        cells += [write(row.get(key)) for key, (_, _, write) in COSTS.items()]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def trials_table(found: Found) -> list[str]:
    keys = list(found["space"])
    heads = ["trial", "state", metric(found), *keys, "memory", "time"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in found["trials"]:
        got = "" if row["value"] is None else value(found, row["value"])
        options = [option(row["options"][key]) if key in row["options"] else "" for key in keys]
        memory = "" if row.get("peak_memory_bytes") is None else size(row["peak_memory_bytes"])
        lines.append(
            f"| {' | '.join([str(row['number']), row['state'], got, *options, memory, duration(row['seconds'])])} |"
        )
    return lines


def _names(metrics: Sequence[str]) -> list[str]:
    return [metric_name(name) for name in metrics]


def _and(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _p(row: Found) -> str:
    return p_value(row["p_holm"])
