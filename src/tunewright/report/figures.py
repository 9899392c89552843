"""How numbers are written for people: shares, points, p values, times, bytes, counts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NBSP = "\u00a0"
MINUS = "\u2212"
NONE = "–"

POINT_METRICS = frozenset({"bleu", "chrf", "chrf++", "chrf_pp"})
"""Metrics that their makers give on a scale of 0 to 100."""

METRIC_NAMES = {
    "exact_match": "Exact match",
    "field_accuracy": "Field accuracy",
    "field_precision": "Field precision",
    "field_recall": "Field recall",
    "field_f1": "Field F1",
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "correct": "Correct",
    "omitted": "Omitted",
    "hallucinated": "Hallucinated",
    "substituted": "Substituted",
    "token_f1": "Token F1",
    "normalised_match": "Match, normalised",
    "numeric_match": "Numbers right",
    "bits_per_byte": "Bits per byte",
    "right_answer_first": "Right answer first",
    "rouge_l": "ROUGE-L",
    "bleu": "BLEU",
    "chrf": "chrF++",
    "json_validity": "JSON valid",
    "json_validity_cleaned": "JSON after cleaning",
    "structure_keys": "Keys in place",
    "structure_similarity": "Structure",
    "structure_ordered": "Structure, in order",
    "schema_adherence": "Schema kept",
    "semantic_accuracy": "Right by meaning",
    "semantic_f1": "F1 by meaning",
    "semantic_similarity": "Likeness",
    "semantic_ambiguous": "Ambiguous",
    "semantic_embedding": "Cosine of texts",
    "overall": "Overall",
}

SPELT = ("rouge_l", "chrf", "f1")
"""Scores of single fields whose names are spelt in a way of their own: `authors_f1`."""

OUTCOMES = ("correct", "omitted", "hallucinated", "substituted")

LANGUAGES = {
    "en": ("English", "English"),
    "hi": ("Hindi", "हिन्दी"),
    "bn": ("Bengali", "বাংলা"),
    "mr": ("Marathi", "मराठी"),
    "ta": ("Tamil", "தமிழ்"),
    "te": ("Telugu", "తెలుగు"),
    "de": ("German", "Deutsch"),
    "fr": ("French", "français"),
    "es": ("Spanish", "español"),
}


def number(value: Any) -> float | None:
    """`value` as a finite float, or None for anything else (JSON from other hands holds all sorts)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score as a share of 0..1 with its interval. low, high: None where no interval was measured. n: documents."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None

    @classmethod
    def read(cls, metric: str, entry: Any, n: Any = None) -> Estimate | None:
        """From `{"value", "low", "high", "n"}` or a bare number; None where there is no number."""
        fields = entry if isinstance(entry, dict) else {"value": entry}
        value, low, high = (number(fields.get(key)) for key in ("value", "low", "high"))
        if value is None:
            return None
        scale = 100.0 if metric in POINT_METRICS and max(value, high or 0.0) > 1.0 else 1.0
        count = number(fields.get("n")) if fields.get("n") is not None else number(n)
        return cls(
            value / scale,
            None if low is None else low / scale,
            None if high is None else high / scale,
            None if count is None else int(count),
        )


def metric_name(metric: str) -> str:
    """A score's name for people; those of one field begin with the field's."""
    for score in SPELT:
        if metric.endswith(f"_{score}") and metric not in METRIC_NAMES:
            return f"{metric_name(metric.removesuffix(f'_{score}'))} {METRIC_NAMES[score]}"
    return METRIC_NAMES.get(metric, metric.replace("_", " ").capitalize())


def field_name(path: str) -> str:
    """A field's path; the empty one is the answer itself (an empty object, a bare value)."""
    return path or "(whole answer)"


def language_name(code: str, *, native: bool = False) -> str:
    english, own = LANGUAGES.get(code, (code, code))
    return f"{english} · {own}" if native and own != english else english


def share(value: float | None, *, digits: int = 1) -> str:
    """0.9641 → "96.4 %". What is not quite all never reads as 100 %, nor a trace as 0 %."""
    if value is None:
        return NONE
    return f"{_bounded(value, digits)}{NBSP}%"


def level(value: float) -> str:
    """A confidence level, whole: 0.95 → "95 %", 0.975 → "97.5 %"."""
    return share(value, digits=len(f"{100 * value:.6g}".partition(".")[2]))


def _bounded(value: float, digits: int) -> str:
    shown = f"{100 * value:.{digits}f}"
    step = 10.0**-digits
    if value < 1 and float(shown) >= 100:
        shown = f"{100 - step:.{digits}f}"
    elif value > 0 and float(shown) <= 0:
        shown = f"{step:.{digits}f}"
    if float(shown) in (0.0, 100.0):
        shown = f"{abs(float(shown)):.0f}"
    return shown.replace("-", MINUS)


def interval(low: float | None, high: float | None) -> str:
    """(0.954, 0.972) → "95.4–97.2"; empty where there is none."""
    if low is None or high is None:
        return ""
    return f"{_bounded(low, 1)}–{_bounded(high, 1)}"


def points(value: float | None, *, sign: bool = True) -> str:
    """A difference of shares in percentage points: 0.925 → "+92.5"."""
    if value is None:
        return NONE
    rounded = round(100 * value, 1) + 0.0
    text = f"{rounded:+.1f}" if sign and rounded else f"{rounded:.1f}"
    return text.replace("-", MINUS)


def p_value(value: float | None) -> str:
    if value is None:
        return ""
    if value < 0.001:
        return f"p{NBSP}<{NBSP}0.001"
    return f"p{NBSP}={NBSP}{value:.3f}" if value < 0.1 else f"p{NBSP}={NBSP}{value:.2f}"


def count(value: Any) -> str:
    """12345 → "12,345"."""
    read = number(value)
    if read is None:
        return NONE
    return f"{read:,.0f}" if read == int(read) else f"{read:,.2f}"


FEW_STEPS = 10
"""Steps below which a short training says little about a learning rate."""


def short_training(steps: Iterable[int | None]) -> str:
    """After what rates were chosen, with a word where that is too little; without a number where none is known.

    >>> short_training([34, None]).replace(NBSP, " ")
    'after short trainings of 34 steps'
    """
    known = sorted({one for one in steps if one})
    if not known:
        return "after a short training"
    first = f"{count(known[0])} to " if len(known) > 1 else ""
    said = f"after short trainings of {first}{plural(known[-1], 'step')}"
    few = known[0] < FEW_STEPS
    return said + (", too few to tell rates apart (`benchmark.search_share` makes them longer)" if few else "")


def plural(value: int, one: str, many: str | None = None) -> str:
    return f"{count(value)}{NBSP}{one if value == 1 else many or one + 's'}"


def significant(value: Any, digits: int = 3) -> str:
    """A small number with `digits` significant ones, without an exponent where that can be read."""
    read = number(value)
    if read is None:
        return NONE
    if read == 0:
        return "0"
    if abs(read) >= 10**digits:
        return f"{read:,.0f}".replace("-", MINUS)
    if abs(read) < 1e-4:
        return f"{read:.{digits - 1}e}".replace("e-0", "e-").replace("-", MINUS)
    places = max(0, digits - 1 - math.floor(math.log10(abs(read))))
    return f"{read:.{places}f}".replace("-", MINUS)


def duration(seconds: Any) -> str:
    """Seconds as people say them: "43 ms", "5.2 s", "7 min 05 s", "2 h 31 min"."""
    read = number(seconds)
    if read is None:
        return NONE
    if read < 0:
        return NONE
    if read < 0.001:
        return f"{1e6 * read:.0f}{NBSP}µs"
    if read < 1:
        return f"{1000 * read:.3g}{NBSP}ms" if read < 0.9995 else f"1.0{NBSP}s"
    if read < 59.95:
        return f"{read:.1f}{NBSP}s"
    whole = round(read)
    if whole < 3600:
        return f"{whole // 60}{NBSP}min{NBSP}{whole % 60:02d}{NBSP}s"
    minutes = round(read / 60)
    return f"{minutes // 60}{NBSP}h{NBSP}{minutes % 60:02d}{NBSP}min"


def size(amount: Any) -> str:
    """Bytes in decimal units: "24.1 MB"."""
    read = number(amount)
    if read is None:
        return NONE
    if read < 1000:
        return f"{read:.0f}{NBSP}B"
    for unit in ("kB", "MB", "GB", "TB"):
        read /= 1000
        if read < 999.5 or unit == "TB":
            return f"{read:.3g}{NBSP}{unit}" if read < 100 else f"{read:.0f}{NBSP}{unit}"
    return NONE


def short_count(value: Any) -> str:
    """Parameters and tokens: 5712384 → "5.71 M"."""
    read = number(value)
    if read is None:
        return NONE
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(read) >= limit:
            return f"{read / limit:.3g}{NBSP}{unit}"
    return f"{read:.0f}"
