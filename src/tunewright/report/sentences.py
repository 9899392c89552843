"""What may be said of a run, in sentences made from its numbers and from nothing else.

A difference is claimed only where the paired test and its interval show it; a difference inside its interval is called
"no difference shown". Slices are not paired: there a difference is claimed only where the intervals are apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tunewright.core.recipe import MODEL_FREE
from tunewright.report import augmentation, likely
from tunewright.report.evidence import TEST, Cell, Evidence, Pair
from tunewright.report.figures import (
    NBSP,
    OUTCOMES,
    Estimate,
    count,
    field_name,
    interval,
    language_name,
    level,
    metric_name,
    number,
    p_value,
    plural,
    points,
    share,
)

FEW, ENOUGH = 100, 20
"""Documents below which a slice is called small; values from which a field can be called the hardest."""


@dataclass(frozen=True, slots=True)
class Headline:
    """before, after: the two numbers of the picture, on the same documents where `paired`."""

    sentence: str
    metric: str
    before: Estimate | None
    after: Estimate | None
    before_name: str
    after_name: str
    direction: int
    paired: bool
    n: int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """title: a few words. text: one or two sentences."""

    title: str
    text: str


def headline(evidence: Evidence, on: str = TEST, metric: str | None = None) -> Headline | None:
    """The base against the main system, in one sentence. None where nothing has been measured on `on`."""
    metric = metric or evidence.metric
    main, base = evidence.main(on), evidence.baseline(on)
    if main is None:
        return None
    name = metric_name(metric)
    after = main.metric(metric)
    if base is None or base.name == main.name:
        said = f"{lower(name)} {_with_interval(evidence, after)} on {documents_of(on, main.n)}"
        if main.system in ("base", *MODEL_FREE):
            sentence = f"No tuned model has been measured yet; {system_name(main)}: {said}."
        else:
            sentence = f"{system_name(main).capitalize()}: {said}. The base was not measured, so nothing is compared."
        return Headline(sentence, name, None, after, "", system_name(main), 0, False, main.n)
    pair = evidence.pair(base.name, main.name, on, metric)
    before = base.metric(metric)
    if pair is None:
        sentence = (
            f"{name}: {system_name(base)} {_with_interval(evidence, before)} on {documents_of(on, base.n)}, "
            f"{system_name(main)} {_with_interval(evidence, after)} on {documents_of(on, main.n)}. "
            "No paired test was computed, so no difference is claimed."
        )
        return Headline(sentence, name, before, after, system_name(base), system_name(main), 0, False, main.n)
    a = Estimate(pair.a_value, n=pair.n) if pair.a_value is not None else before
    b = Estimate(pair.b_value, n=pair.n) if pair.b_value is not None else after
    return Headline(
        comparison(evidence, pair), name, a, b, system_name(base), system_name(main), pair.direction, True, pair.n
    )


def ahead(evidence: Evidence, on: str = TEST) -> str:
    """The best system that was shown to be better than the tuned one without any tuning; empty where none was."""
    main = evidence.main(on)
    if main is None or main.system != "tuned":
        return ""
    others = [cell.name for cell in evidence.on(on) if cell.system != main.system]
    pairs = [p for other in others if (p := evidence.pair(main.name, other, on)) and p.direction == 1]
    best = max(pairs, key=lambda p: p.b_value or 0.0, default=None)
    if best is None:
        return ""
    return (
        f"Without tuning, {cell_name(best.b)} did better on the same documents: {share(best.b_value)}, "
        f"{points(best.difference)} points ({_evidence(evidence, best)})."
    )


def comparison(evidence: Evidence, pair: Pair, *, subject: str | None = None) -> str:
    """One honest sentence about a paired comparison: n, both values, the difference, its interval, the test."""
    name, where = metric_name(pair.metric), f"On the same {documents_of(pair.on, pair.n)}"
    values = f"{share(pair.a_value)} → {share(pair.b_value)}"
    evidence_text = _evidence(evidence, pair)
    who = f"{subject}: " if subject else ""
    if not pair.shown:
        difference = f"{points(pair.difference)} points; {evidence_text}"
        text = f"{who}No difference shown. {where} {lower(name)} was {values} ({difference})."
        if pair.detectable:
            smallest = points(pair.detectable, sign=False)
            text += f" With so many documents, one of {smallest} points would be found in 80 of 100 such tests"
            text += ", each taken alone."
        return text
    verb = "rose" if (pair.difference or 0) > 0 else "fell"
    if subject:
        return f"{who}{where} {lower(name)} {verb} {values}: {points(pair.difference)} points ({evidence_text})."
    change = f"from {share(pair.a_value)} to {share(pair.b_value)}: {points(pair.difference)} points"
    return f"{where}, {lower(name)} {verb} {change} ({evidence_text})."


def learnt(evidence: Evidence) -> list[Finding]:
    """What the numbers of this run show, strongest first."""
    main = evidence.main()
    if main is None:
        return []
    found = [
        *_against_others(evidence, main),
        *_grammar(evidence, main),
        *_seen(evidence, main),
        *_languages(evidence, main),
    ]
    found += [Finding(title, text) for title, text in likely.findings(evidence)]
    found += [Finding(title, text) for title, text in augmentation.findings(evidence)]
    found += [*_fields(main), *_exam_gap(evidence, main), *_training(evidence)]
    return found


def limits(evidence: Evidence) -> list[Finding]:
    """What the numbers of this run cannot show, and why."""
    return list(_limits(evidence))


def folds(evidence: Evidence) -> list[str]:
    """How a cross-validation was made and how its numbers are to be read."""
    groups, main = number(evidence.manifest.get("groups")), evidence.main()
    made = f"The records were dealt into {count(len(evidence.folds))} folds"
    made += f" by whole groups ({count(groups)} of them)" if groups else ""
    made += "; each fold was answered by a model trained on the others. "
    made += "Every score on this page is of the pooled answers"
    said = [f"{made}, and its interval and paired test draw whole groups, not documents." if groups else f"{made}."]
    values = [e.value for m in (main.slices("fold") if main else {}).values() if (e := m.get(evidence.metric))]
    if main and len(values) > 1:
        name = lower(metric_name(evidence.metric))
        said.append(
            f"{sentence(cell_name(main.name))}, {name} of single folds: {share(min(values))} to {share(max(values))}. "
            "Folds share most of their training records, so their scores are not independent and no test is made "
            "over them (Bengio & Grandvalet 2004)."
        )
    return said


def _against_others(evidence: Evidence, main: Cell) -> Iterator[Finding]:
    for system, title in (
        ("base", "What tuning gave"),
        ("few-shot", "Against showing examples"),
        ("rules", "Against plain rules"),
        ("classical", "Against words alone"),
    ):
        if system == main.system:
            continue
        pairs = [p for c in evidence.on() if c.system == system and (p := evidence.pair(c.name, main.name))]
        if system == "base":
            pairs = [p for p in pairs if (base := evidence.baseline()) and p.a == base.name]
        best = max(pairs, key=lambda p: p.a_value or 0.0, default=None)
        if best is not None:
            yield Finding(title, comparison(evidence, best, subject=f"{cell_name(best.a)} → {cell_name(best.b)}"))


def _grammar(evidence: Evidence, main: Cell) -> Iterator[Finding]:
    for system in ("tuned", "base"):
        pair = evidence.pair(f"{system}/free", f"{system}/grammar")
        if pair:
            title = (
                "What the grammar gave the tuned model" if system == "tuned" else "What the grammar gave the base model"
            )
            yield Finding(title, comparison(evidence, pair, subject="Free → grammar"))


def _seen(evidence: Evidence, main: Cell) -> Iterator[Finding]:
    for kind in main.slice_kinds():
        slices = main.slices(kind)
        seen, unseen = slices.get("seen", {}).get(evidence.metric), slices.get("unseen", {}).get(evidence.metric)
        if seen and unseen:
            yield Finding(
                f"New {kind}",
                _apart(evidence, f"{kind} never met in training", unseen, f"{kind} met in training", seen),
            )


def _languages(evidence: Evidence, main: Cell) -> Iterator[Finding]:
    scored = [(code, m[evidence.metric]) for code, m in main.slices("language").items() if evidence.metric in m]
    if len(scored) > 1:
        (best, high), (worst, low) = max(scored, key=lambda s: s[1].value), min(scored, key=lambda s: s[1].value)
        if best != worst:
            yield Finding("Languages", _apart(evidence, language_name(worst), low, language_name(best), high))


def _apart(evidence: Evidence, one: str, a: Estimate, other: str, b: Estimate) -> str:
    """Two slices of one cell. They are not paired, so only intervals that do not touch show a difference."""
    intervals = a.low is not None and a.high is not None and b.low is not None and b.high is not None
    apart = intervals and (a.high < b.low or b.high < a.low)  # type: ignore[operator]
    name = lower(metric_name(evidence.metric))
    both = f"{one}: {_numbers(a)}; {other}: {_numbers(b)}"
    if apart:
        word = "lower" if a.value < b.value else "higher"
        return (
            f"{name.capitalize()} is {word} by {points(abs(a.value - b.value), sign=False)} points. {sentence(both)}."
        )
    why = "the intervals overlap" if intervals else "no intervals were computed"
    return f"No difference shown in {name}: {why}. {sentence(both)}."


def _fields(main: Cell) -> Iterator[Finding]:
    scored = [
        (path, metrics)
        for path, metrics in main.slices("field").items()
        if "correct" in metrics or "accuracy" in metrics
    ]
    if not scored:
        return

    def value(entry: tuple[str, dict[str, Estimate]]) -> Estimate:
        return entry[1].get("accuracy") or entry[1]["correct"]

    # A field with a handful of values would be the worst, or the best, by chance.
    enough = [entry for entry in scored if (value(entry).n or 0) >= ENOUGH] or scored
    path, metrics = min(enough, key=lambda entry: value(entry).value)
    worst = value((path, metrics))
    of = f"of its {plural(worst.n, 'value')}" if worst.n else "of its values"
    text = f"“{field_name(path)}” is right least often: {_numbers(worst)} {of}."
    wrong = {name: e.value for name in OUTCOMES[1:] if (e := metrics.get(name)) and e.value > 0}
    if wrong:
        most = max(wrong, key=lambda name: wrong[name])
        text += f" Its most common fault is “{most}” ({share(wrong[most])})."
    yield Finding("The hardest field", text)
    all_wrong = {name: e.value for name in OUTCOMES[1:] if (e := main.metric(name)) and e.value > 0}
    if len(all_wrong) > 1:
        order = sorted(all_wrong, key=lambda name: -all_wrong[name])
        listed = ", ".join(f"{name} {share(all_wrong[name], digits=2)}" for name in order)
        yield Finding("Kinds of fault", f"Over all fields: {listed}.")


def _exam_gap(evidence: Evidence, main: Cell) -> Iterator[Finding]:
    for exam in evidence.exams:
        cell = evidence.cell(main.system, main.decoding, exam)
        metric = "field_accuracy" if cell and cell.metric("field_accuracy") else evidence.metric
        test, taken = main.metric(metric), cell.metric(metric) if cell else None
        if test and taken:
            yield Finding(
                f"From the test to {exam_name(exam)}",
                f"{metric_name(metric)} is {_numbers(test)} on the test documents and {_numbers(taken)} on "
                f"{documents_of(exam, taken.n)}, which stand apart from the training data. "
                "These are other documents: the gap says how like its training the test is, not which model is better.",
            )


def _training(evidence: Evidence) -> Iterator[Finding]:
    for name, training in evidence.trainings.items():
        validations = training.curve("loss", of="validations")
        if len(validations) < 3:
            continue
        best_step, best = min(validations, key=lambda point: point[1])
        last_step, last = validations[-1]
        title = "Training" if name == "tuned" else f"Training of {name}"
        if best_step == last_step:
            text = (
                f"The lowest validation loss ({best:.4f}) was the last one measured, at step {count(best_step)}: "
                "it was still falling when training ended."
            )
        else:
            where = f"step {count(best_step)} of {count(last_step)}"
            text = f"Validation loss was lowest ({best:.4f}) at {where}, and {last:.4f} at the end."
        yield Finding(title, text)


def _limits(evidence: Evidence) -> Iterator[Finding]:
    source = str(evidence.setting("data.source") or evidence.manifest.get("source") or "")
    if source.startswith("synth:"):
        outside = (
            f" The exam ({', '.join(map(exam_name, evidence.exams))}) stands outside it." if evidence.exams else ""
        )
        yield Finding(
            "Synthetic test documents",
            "Training and test documents come from one generator: layouts, wordings and entities are split, its habits "
            f"are not. The test numbers hold for such documents.{outside}",
        )
    for exam in evidence.exams:
        yield from _small_exam(evidence, exam)
    sampled = [cell for cell in evidence.on() if cell.sampled and cell.n]
    if sampled:
        of = max((cell.of or 0 for cell in sampled), default=0)
        sizes = _range({cell.n or 0 for cell in sampled})
        yield Finding(
            "Samples",
            f"{plural(len(sampled), 'cell was', 'cells were')} measured on a stratified sample of {sizes}"
            f"{f' of {count(of)}' if of else ''} test documents; paired comparisons use only the documents that both "
            "sides answered.",
        )
    yield from _small_slices(evidence)
    if evidence.folds and any(training.metrics for training in evidence.trained):
        yield Finding(
            "Pooled folds",
            f"{count(len(evidence.folds))} models answered, none of which is for use: the score is that of the way "
            "they were made. Its interval tells how it varies with the groups that are tested, not with those that "
            "were trained on, and can be too narrow for a new set of data (Bates, Hastie & Tibshirani 2024).",
        )
    elif evidence.recipe and any(training.metrics for training in evidence.trainings.values()):
        seed = evidence.setting("seed")
        yield Finding(
            "One training run",
            "The intervals tell how the score varies with the documents, not with the seed "
            f"({seed if seed is not None else 'default'}): another training run may differ by more.",
        )
    for on, row in evidence.overlaps.items():
        hits, records = number(row.get("hits")), number(row.get("records"))
        if hits and records:
            yield Finding(
                "Met in pretraining",
                f"{count(hits)} of {documents_of(on, int(records))} share text with what the base was pretrained on.",
            )
    yield from _unread(evidence)
    provider = evidence.setting("hosted.provider")
    if provider is not None:
        yield Finding(
            "A hosted model",
            f"The weights stand at {provider}: nobody else can look at them, and they answer as long as the base is "
            "offered. Times are those of answers over the network, with others' requests beside them.",
        )
    elif any(cell.cost("seconds_per_document") is not None for cell in evidence.cells):
        yield Finding(
            "Times",
            "Seconds and memory were measured once, on the machine named below, with whatever else it was doing.",
        )


def _small_exam(evidence: Evidence, exam: str) -> Iterator[Finding]:
    n = max((cell.n or 0 for cell in evidence.on(exam)), default=0)
    main, base = evidence.main(exam), evidence.baseline(exam)
    pairs = (
        [evidence.pair(base.name, main.name, exam, m) for m in (evidence.metric, "field_accuracy")]
        if main and base
        else []
    )
    parts = [
        f"{points(pair.detectable, sign=False)} points in {lower(metric_name(pair.metric))}"
        for pair in dict.fromkeys(pairs)
        if pair is not None and pair.detectable
    ]
    if parts:
        smallest = " or ".join(parts)
        text = f"against the base, a difference of {smallest} would be found in 80 of 100 such tests, each taken alone."
        yield Finding("Size of the exam", f"{documents_of(exam, n)}: {text}")
    elif 0 < n < FEW:
        yield Finding("Size of the exam", f"{documents_of(exam, n)} only: read the intervals, not the points.")


def _small_slices(evidence: Evidence) -> Iterator[Finding]:
    main = evidence.main()
    small = [
        f"{kind.replace('_', ' ')} “{label}”"
        for kind in (main.slice_kinds() if main else ())
        for label, metrics in (main.slices(kind).items() if main and kind not in ("field", "fold") else ())
        if any(e.n is not None and e.n < FEW for e in metrics.values())
    ]
    if small:
        more = f" and {count(len(small) - 8)} more" if len(small) > 8 else ""
        yield Finding("Small slices", f"Fewer than {FEW} documents: {', '.join(small[:8])}{more}.")


def _unread(evidence: Evidence) -> Iterator[Finding]:
    for cell in evidence.on():
        valid = cell.metric("json_validity")
        if cell.system == "tuned" and valid and valid.value < 1:
            yield Finding(
                "Replies that are not JSON",
                f"{cell_name(cell.name)}: {share(1 - valid.value)} of replies could not be parsed; "
                "they count as wrong in every field.",
            )


def system_name(cell: Cell) -> str:
    return cell_name(cell.name)


def cell_name(name: str) -> str:
    """ "tuned/grammar" → "tuned with grammar", "tuned/progressive" → "tuned with retries", "tuned/free" → "tuned"."""
    system, _, decoding = name.partition("/")
    if decoding in ("", "free"):
        return system
    known = {"grammar": " with grammar", "progressive": " with retries"}
    return system + known.get(decoding, f", {decoding}")


def documents_of(on: str, n: int | None) -> str:
    """ "400 test documents", "60 handwritten documents", "30 documents of real bills"."""
    words = "test documents" if on == TEST else exam_name(on)
    if on != TEST and not words.endswith("documents"):
        words = f"documents of {words}"
    return f"{count(n)}{NBSP}{words}" if n else words


def exam_name(exam: str) -> str:
    return exam.replace("_", " ")


def lower(name: str) -> str:
    """ "Exact match" → "exact match"; names that are written in capitals stay."""
    first = name.split(" ")[0].split("-")[0]
    return name if first.isupper() or first.startswith("chrF") else name[:1].lower() + name[1:]


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _numbers(estimate: Estimate) -> str:
    between = interval(estimate.low, estimate.high)
    return share(estimate.value) + (f" ({between})" if between else "")


def _with_interval(evidence: Evidence, estimate: Estimate | None) -> str:
    if estimate is None:
        return "not measured"
    between = interval(estimate.low, estimate.high)
    return share(estimate.value) + (f" ({level(evidence.level)} interval {between})" if between else "")


def _evidence(evidence: Evidence, pair: Pair) -> str:
    parts = []
    if pair.low is not None and pair.high is not None:
        parts.append(f"{level(evidence.level)} interval {points(pair.low)} to {points(pair.high)}")
    p = pair.p_holm if pair.p_holm is not None else pair.p
    if p is not None:
        corrected = pair.p_holm is not None and not pair.primary
        parts.append(f"{pair.test}, {p_value(p)}{' after Holm' if corrected else ''}")
    return "; ".join(parts) or "no test was computed"


def _range(sizes: set[int]) -> str:
    low, high = min(sizes), max(sizes)
    return count(low) if low == high else f"{count(low)}–{count(high)}"


def gate_rows(evidence: Evidence) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for gate in evidence.gates:
        value, floor = number(gate.get("value")), number(gate.get("floor"))
        rows.append(
            {
                "metric": metric_name(str(gate["metric"])),
                "floor": share(floor),
                "value": share(value),
                "met": gate.get("met") is True,
            }
        )
    return rows
