"""benchmark_results.png: the run in one picture, for a README or a slide."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunewright.report import charts, fonts, sentences
from tunewright.report.evidence import Evidence
from tunewright.report.figures import OUTCOMES, Estimate, count, field_name, interval, language_name, metric_name, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET, RULE, PAPER = "#1b2026", "#59626d", "#e1e4e8", "#ffffff"
COLOURS = {"tuned": "#0b63b0", "base": "#737c88", "few-shot": "#b35c00", "rules": "#6a4c9f"}
MARKERS = {"tuned": "o", "base": "o", "few-shot": "D", "rules": "s"}
OUTCOME_LOOKS = {
    "correct": ("#2c8a7e", ""),
    "omitted": ("#d5d9de", "////"),
    "hallucinated": ("#c2410c", ""),
    "substituted": ("#dd9a00", "...."),
}
OTHER_COLOUR = "#00736a"

MARGIN, LABELS, VALUES, PANEL_HEIGHT = 0.3, 2.4, 1.5, 3.5
"""Inches: around a panel, for its labels, for its values, of its height with title and axis."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One part of the picture. wide: its axes need no room for labels and values beside them."""

    title: str
    draw: Callable[[Axes], None]
    wide: bool = False


def draw(evidence: Evidence) -> bytes | None:
    """The PNG's bytes, 2,640 pixels wide; None where nothing has been measured."""
    panels = [panel for make in (_systems, _slices, _fields, _loss) if (panel := make(evidence))]
    if not panels:
        return None
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: Any = {
        "font.family": fonts.family(),
        "font.size": 10,
        "axes.edgecolor": RULE,
        "axes.labelcolor": QUIET,
        "text.color": INK,
        "xtick.color": QUIET,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "hatch.linewidth": 0.8,
        "axes.unicode_minus": True,
    }
    with matplotlib.rc_context(style):
        rows = (len(panels) + 1) // 2
        width, height = 13.2, 1.0 + PANEL_HEIGHT * rows
        figure = Figure(figsize=(width, height), dpi=200, facecolor=PAPER)
        FigureCanvasAgg(figure)
        for index, panel in enumerate(panels):
            left = MARGIN + (index % 2) * (width / 2)
            top = height - 0.85 - PANEL_HEIGHT * (index // 2)
            # Labels stand left of the axes and values right of them, so all panels keep the same columns.
            labels, values = (0.6, 0.3) if panel.wide else (LABELS, VALUES)
            alone = index == len(panels) - 1 and index % 2 == 0  # in its row, which is all its own
            across = (width if alone else width / 2) - MARGIN - labels - values
            place = (left + labels, top - PANEL_HEIGHT + 0.95, across, PANEL_HEIGHT - 1.4)
            axes = figure.add_axes((place[0] / width, place[1] / height, place[2] / width, place[3] / height))
            panel.draw(axes)
            figure.text(left / width, (top - 0.2) / height, panel.title, fontsize=11, fontweight="bold")
        figure.text(MARGIN / width, 1 - 0.48 / height, _title(evidence), fontsize=15, fontweight="bold")
        out = io.BytesIO()
        figure.savefig(
            out, format="png", metadata={"Software": None, "Title": f"Tunewright: {fonts.latin(evidence.name)}"}
        )
    return out.getvalue()


def _title(evidence: Evidence) -> str:
    head = sentences.headline(evidence)
    name = fonts.label(evidence.name)
    if head is None or head.after is None:
        return name
    if head.before is None:
        return f"{name}: {sentences.lower(head.metric)} {share(head.after.value)}"
    verdict = "" if head.direction or not head.paired else " (no difference shown)"
    title = f"{name}: {sentences.lower(head.metric)} {share(head.before.value)} → {share(head.after.value)}{verdict}"
    return title + (f", {count(head.n)} test documents" if head.n else "")


def _colour(system: str) -> str:
    return COLOURS.get(system, OTHER_COLOUR)


def _rows(axes: Axes, labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _value(axes: Axes, y: float, words: str) -> None:
    axes.annotate(words, (1.035, y), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=INK)


def _shares(axes: Axes, low: float, high: float) -> None:
    axes.set_xlim(low, high)
    ticks = charts.scale_ticks(low, high)
    axes.set_xticks(ticks, [f"{100 * tick:g}" for tick in ticks])
    axes.set_xlabel("per cent", fontsize=9, loc="right")
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _dot(axes: Axes, y: float, system: str, estimate: Estimate, *, text: bool = False) -> None:
    colour = _colour(system)
    if estimate.low is not None and estimate.high is not None:
        axes.plot(
            [estimate.low, estimate.high],
            [y, y],
            color=colour,
            alpha=0.35,
            linewidth=5,
            solid_capstyle="round",
            clip_on=False,
        )
    axes.plot(
        [estimate.value], [y], marker=MARKERS.get(system, "^"), color=colour, markersize=7.5, clip_on=False,
        markerfacecolor=PAPER if system == "base" else colour, markeredgewidth=1.8,
    )  # fmt: skip
    if text:
        between = interval(estimate.low, estimate.high)
        _value(axes, y, share(estimate.value) + (f"  ({between})" if between else ""))


def _systems(evidence: Evidence) -> Panel | None:
    scored = [(cell, e) for cell in evidence.on() if (e := cell.metric(evidence.metric))]
    if not scored:
        return None

    def draw(axes: Axes) -> None:
        for index, (cell, estimate) in enumerate(scored):
            _dot(axes, index, cell.system, estimate, text=True)
        _rows(axes, [f"{sentences.cell_name(cell.name)} (n = {count(cell.n)})" for cell, _ in scored])
        _shares(axes, *charts.scale_from([e for _, e in scored]))

    return Panel(f"{metric_name(evidence.metric)} by system", draw)


def _slices(evidence: Evidence) -> Panel | None:
    """Languages, types, and the two-by-two of seen and unseen; the baseline beside the main system."""
    main, base = evidence.main(), evidence.baseline()
    cells = [cell for cell in (base, main) if cell is not None]
    found = [
        (_slice_label(kind, label), cell, metrics[evidence.metric])
        for cell in (cells if base is not main else cells[:1])
        for kind in ("language", "doc_type", "cell")
        for label, metrics in cell.slices(kind).items()
        if evidence.metric in metrics
    ]
    labels = list(dict.fromkeys(label for label, _, _ in found))[:12]
    if main is None or len(labels) < 2:
        return None

    def draw(axes: Axes) -> None:
        for label, cell, estimate in found:
            if label in labels:
                _dot(axes, labels.index(label), cell.system, estimate, text=cell is main)
        _rows(axes, labels)
        _shares(axes, 0.0, 1.0)

    beside = f" (hollow: {sentences.cell_name(base.name)})" if base and base is not main else ""
    return Panel(f"By slice, {sentences.cell_name(main.name)}{beside}", draw)


def _slice_label(kind: str, label: str) -> str:
    if kind == "language":
        return fonts.label(language_name(label, native=fonts.devanagari() is not None))
    return fonts.label(label.replace("_", " "))


def _fields(evidence: Evidence) -> Panel | None:
    main = evidence.main()
    fields = [
        (path, metrics)
        for path, metrics in (main.slices("field").items() if main else ())
        if "correct" in metrics or "accuracy" in metrics
    ]
    if main is None or not fields:
        return None
    shown = fields[:14]

    def draw(axes: Axes) -> None:
        for index, (_, metrics) in enumerate(shown):
            right = metrics.get("correct") or metrics["accuracy"]
            start = 0.0
            for name in OUTCOMES:
                estimate = right if name == "correct" else metrics.get(name)
                if estimate is not None and estimate.value > 0:
                    colour, hatch = OUTCOME_LOOKS[name]
                    axes.barh(
                        index, estimate.value, left=start, height=0.56, color=colour, hatch=hatch, edgecolor=PAPER,
                        linewidth=0.6,
                    )  # fmt: skip
                    start += estimate.value
            _value(axes, index, share(right.value))
        _rows(axes, [fonts.label(field_name(path)) for path, _ in shown])
        _shares(axes, 0.0, 1.0)
        keys = [
            Patch(facecolor=OUTCOME_LOOKS[n][0], hatch=OUTCOME_LOOKS[n][1], edgecolor=PAPER, label=n) for n in OUTCOMES
        ]
        axes.legend(
            handles=keys, loc="upper right", bbox_to_anchor=(1.4, -0.17), ncols=4, frameon=False, fontsize=9,
            handlelength=1.3, columnspacing=1.2,
        )  # fmt: skip

    from matplotlib.patches import Patch

    more = f" ({len(shown)} of {len(fields)} fields)" if len(fields) > len(shown) else ""
    return Panel(f"What became of each field, {sentences.cell_name(main.name)}{more}", draw)


def _loss(evidence: Evidence) -> Panel | None:
    found = [training for training in evidence.trainings.values() if len(training.curve("loss")) > 1]
    if not found:
        return None
    training = next((one for one in found if one.system == "tuned"), found[-1])
    steps, _ = charts.thinned(training.curve("loss"))
    validations = training.curve("loss", of="validations")
    values = [y for _, y in [*steps, *validations]]
    log = min(values) > 0 and max(values) / min(values) > 20

    def draw(axes: Axes) -> None:
        axes.plot(*zip(*steps, strict=True), color=COLOURS["base"], linewidth=1.2, label="training")
        if validations:
            axes.plot(
                *zip(*validations, strict=True), color=COLOURS["tuned"], linewidth=1.8, marker="o", markersize=4.5,
                label="validation",
            )  # fmt: skip
        if log:
            ticks = charts.log_ticks(min(values), max(values))
            axes.set_yscale("log")
            axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
            axes.set_ylim(ticks[0], ticks[-1])
        axes.grid(axis="y", color=RULE, linewidth=0.8)
        axes.tick_params(length=0, which="both")
        axes.set_xlabel("optimiser step", fontsize=9, loc="right")
        axes.set_xlim(left=0)
        axes.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=2)  # on no curve

    unit = "" if training.metrics.get("hosted") else ", nats per token"
    return Panel(f"Loss{unit}{', logarithmic scale' if log else ''}", draw, wide=True)
