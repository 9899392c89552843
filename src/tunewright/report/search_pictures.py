"""The pictures of a search: its history, what mattered, and quality against what it costs."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tunewright.report import fonts
from tunewright.report.figures import metric_name
from tunewright.report.picture import COLOURS, INK, PAPER, QUIET, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Found = dict[str, Any]
BEST, OTHER, GONE = COLOURS["tuned"], COLOURS["base"], "#c2410c"
COSTS = (
    ("peak_memory_bytes", "memory, MB", 1e6),
    ("train_seconds", "training, seconds", 1.0),
    ("saved_bytes", "saved weights, MB", 1e6),
)


def _figure(width: float, height: float, panels: int) -> tuple[Any, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    found = figure.subplots(1, panels, squeeze=False)[0]
    for axes in found:
        axes.grid(color=RULE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
    return figure, list(found)


def _drawn(draw: Callable[[], Any], title: str) -> bytes:
    import matplotlib

    style: Any = {
        "font.family": fonts.family(),
        "font.size": 10,
        "axes.edgecolor": RULE,
        "axes.labelcolor": QUIET,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "text.color": INK,
        "xtick.color": QUIET,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "legend.frameon": False,
        "legend.fontsize": 9,
    }
    with matplotlib.rc_context(style):
        figure = draw()
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None, "Title": f"Tunewright: {fonts.latin(title)}"})
    return out.getvalue()


def _metric(found: Found) -> str:
    return (
        "validation loss" if found["metric"] == "validation_loss" else f"{metric_name(found['metric'])} on validation"
    )


def _limits(values: Sequence[float], lower: bool) -> tuple[float, float] | None:
    """The part of a scale that most values stand in, where a few far on the bad side would press them together."""
    ordered = sorted(values, reverse=not lower)
    middle, last = ordered[(3 * len(ordered)) // 4], ordered[-1]
    reach = abs(middle - ordered[0])
    if len(values) < 5 or reach == 0 or abs(last - ordered[0]) < 4 * reach:
        return None
    far = ordered[0] + (2.5 * reach if lower else -2.5 * reach)
    near = ordered[0] - (0.2 * reach if lower else -0.2 * reach)
    return (min(near, far), max(near, far))


def history(found: Found) -> bytes | None:
    """Every trial's value in its order, what became of those without one, and the best so far."""
    done = [row for row in found["trials"] if row["state"] == "complete"]
    if not done:
        return None
    from matplotlib.ticker import MaxNLocator

    lower = found["direction"] == "minimize"

    def draw() -> Any:
        figure, (axes,) = _figure(8.6, 3.6, 1)
        best, steps = None, []
        for row in done:
            best = row["value"] if best is None else (min if lower else max)(best, row["value"])
            steps.append((row["number"], best))
        end = found["trials"][-1]["number"]
        axes.step(
            [number for number, _ in steps] + [end], [one for _, one in steps] + [steps[-1][1]],
            where="post", color=BEST, linewidth=1.6, label="best so far",
        )  # fmt: skip
        axes.plot([row["number"] for row in done], [row["value"] for row in done], "o", color=OTHER, markersize=5,
                  label="completed")  # fmt: skip
        limits = _limits([row["value"] for row in done], lower)
        if limits:
            axes.set_ylim(*limits)
            outside = [row for row in done if not limits[0] <= row["value"] <= limits[1]]
            edge = limits[1] if lower else limits[0]
            axes.plot([row["number"] for row in outside], [edge] * len(outside), "^" if lower else "v", color=OTHER,
                      clip_on=False, label="completed, off the scale")  # fmt: skip
        pruned = [row for row in found["trials"] if row["state"] == "pruned" and row["validations"]]
        low, high = axes.get_ylim()
        if lower and pruned:
            lowest = [min(high, *(loss for _, loss in row["validations"])) for row in pruned]
            axes.plot([row["number"] for row in pruned], lowest, "x", color=QUIET, markersize=5,
                      label="given up (its lowest loss till then)")  # fmt: skip
        elif pruned:
            axes.plot([row["number"] for row in pruned], [low] * len(pruned), "x", color=QUIET, clip_on=False,
                      label="given up")  # fmt: skip
        gone = [row for row in found["trials"] if row["state"] in ("diverged", "out of memory", "failed")]
        if gone:
            edge = high if lower else low
            axes.plot([row["number"] for row in gone], [edge] * len(gone), "x", color=GONE, clip_on=False,
                      label="diverged, out of memory or failed")  # fmt: skip
        axes.set_ylim(low, high)
        chosen = next(row for row in done if row["number"] == found["best"])
        axes.plot([chosen["number"]], [chosen["value"]], "o", color=BEST, markersize=9)
        axes.annotate(f"trial {chosen['number']}", (chosen["number"], chosen["value"]), xytext=(8, 8 if lower else -12),
                      textcoords="offset points", color=BEST, fontsize=9)  # fmt: skip
        axes.set_title(f"{_metric(found).capitalize()} by trial")
        axes.set_xlabel("trial", loc="right")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return figure

    return _drawn(draw, f"{found['name']}, history")


def importance(found: Found) -> bytes | None:
    """The share of every option: bar, interval over bootstraps, and a mark below which chance alone stays."""
    rows = [row for row in found["importance"] if row["share"] is not None]
    if not rows:
        return None

    def draw() -> Any:
        figure, (axes,) = _figure(8.6, 1.2 + 0.42 * len(rows), 1)
        for place, row in enumerate(rows):
            colour = BEST if row["matters"] else OTHER
            axes.barh(place, 100 * row["share"], height=0.5, color=colour, alpha=0.85 if row["matters"] else 0.5)
            axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color=INK, linewidth=1.4)
            axes.plot([100 * row["chance"]], [place], "|", color=GONE, markersize=16, markeredgewidth=2)
        axes.plot([], [], "-", color=INK, label="over bootstrapped trials")
        axes.plot([], [], "|", color=GONE, markersize=12, markeredgewidth=2, label="chance stays below")
        axes.set_yticks(range(len(rows)), [f"{row['option']} (n = {row['n']})" for row in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.grid(axis="y", visible=False)
        axes.set_title(f"What explains the {_metric(found)}")
        axes.set_xlabel("per cent of its variance", loc="right")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return figure

    return _drawn(draw, f"{found['name']}, importance")


def costs(found: Found) -> bytes | None:
    """Completed trials by quality and cost, one panel a cost, with the front that no other trial beats in both."""
    from tunewright.report import search

    done = [row for row in found["trials"] if row["state"] == "complete"]
    panels = [one for one in COSTS if sum(row.get(one[0]) is not None for row in done) > 1]
    if not panels:
        return None
    lower = found["direction"] == "minimize"

    def draw() -> Any:
        figure, every = _figure(4.1 * len(panels) + 0.6, 3.6, len(panels))
        for axes, (key, name, unit) in zip(every, panels, strict=True):
            rows = [row for row in done if row.get(key) is not None]
            front = sorted(search.front(found, key), key=lambda row: row[key])
            limits = _limits([row["value"] for row in rows], lower)
            if limits:
                axes.set_ylim(*limits)
                kept = [row for row in rows if limits[0] <= row["value"] <= limits[1]]
                off = len(rows) - len(kept)
                if off:
                    axes.annotate(f"{off} off the scale", (0.98, 0.97 if lower else 0.03), xycoords="axes fraction",
                                  ha="right", va="top" if lower else "bottom", fontsize=8, color=QUIET)  # fmt: skip
            axes.plot([row[key] / unit for row in rows], [row["value"] for row in rows], "o", color=OTHER, markersize=5,
                      alpha=0.8, label="completed")  # fmt: skip
            axes.plot([row[key] / unit for row in front], [row["value"] for row in front], "-o", color=BEST,
                      markersize=5, linewidth=1.2, label="front")  # fmt: skip
            for row in front:
                if not limits or limits[0] <= row["value"] <= limits[1]:
                    axes.annotate(str(row["number"]), (row[key] / unit, row["value"]), xytext=(5, 4),
                                  textcoords="offset points", fontsize=8, color=BEST)  # fmt: skip
            axes.margins(x=0.12)
            axes.set_xlabel(name, loc="right")
        every[0].set_title(f"{_metric(found).capitalize()} against cost (front numbered)")
        return figure

    return _drawn(draw, f"{found['name']}, costs")


PICTURES: dict[str, Callable[[Found], bytes | None]] = {
    "tune_history.png": history,
    "tune_importance.png": importance,
    "tune_costs.png": costs,
}
