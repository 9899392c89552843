"""How a pretraining document looks: functions from labelled values to text.

A layout takes pairs of (label, printed value) and returns text in which every value stands verbatim. Those in HELD
are never seen in pretraining; Wren's examination uses them. None of the shipped generators' layouts is used here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Pair = tuple[str, str]
Layout = Callable[[random.Random, Sequence[Pair], str], str]

LINKS = {
    "en": [": ", ": ", ": ", " : ", " - ", " = ", ":", " ", "  ", " – ", " => ", ": -", "\t", " is "],
    "hi": [": ", ": ", ": ", " : ", " - ", " – ", ":- ", " ", "  ", " = ", "\t", " है "],
}
STATEMENTS = {
    "en": [
        "The {l} is {v}.", "{l}: {v}.", "Its {l} reads {v}.", "{v} is the {l}.", "We have {v} as the {l}.", "For {l} please note {v}.",
        "The {l} given to us was {v}.", "According to the papers, the {l} is {v}.", "{l} stands at {v}.", "They wrote {v} under {l}.",
        "Kindly record the {l} as {v}.", "As {l} we find {v}.", "The {l} ({v}) has been checked.", "with {l} {v},", "{v} ({l})",
    ],
    "hi": [
        "{l} {v} है।", "{l} : {v}।", "इसका {l} {v} है।", "{v} {l} है।", "हमारे पास {l} {v} दर्ज है।", "कृपया {l} {v} नोट करें।",
        "कागज़ों के अनुसार {l} {v} है।", "{l} में {v} लिखा है।", "{l} ({v}) की जाँच हो गई है।", "{l} के रूप में {v} मिला।", "{v} ({l})", "{l} {v} तथा",
    ],
}  # fmt: skip
HELD_STATEMENTS = {
    "en": ["On checking, {l} turned out to be {v}.", "Someone noted {v} for the {l}.", "Please treat {v} as {l}."],
    "hi": ["जाँच में {l} {v} निकला।", "{l} के लिए {v} लिखा गया।", "कृपया {v} को {l} मानें।"],
}
GREETINGS = {
    "en": ["Dear Sir,", "Hello,", "Dear Madam,", "Hi team,", "To whom it may concern,"],
    "hi": ["महोदय,", "नमस्ते,", "प्रिय महोदया,", "मान्यवर,"],
}
CLOSINGS = {
    "en": ["Regards,", "Yours faithfully,", "Thanks,", "Sincerely,"],
    "hi": ["धन्यवाद", "भवदीय,", "सादर,", "आपका,"],
}


def lines(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    link = rng.choice(LINKS[lang])
    return "\n".join(label + link + value for label, value in pairs)


def mixed_lines(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    return "\n".join(label + rng.choice(LINKS[lang]) + value for label, value in pairs)


def inline(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    link, between = rng.choice(LINKS[lang][:8]), rng.choice((", ", " | ", "; ", ". ", " / ", " * ", " ~ "))
    return between.join(label + link + value for label, value in pairs)


def squeezed(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    """Two or three pairs to a line with nothing between them, as scanned columns come out."""
    link, out, i = rng.choice((" ", ": ", " ", "  ", " - ")), [], 0
    while i < len(pairs):
        width = rng.choice((1, 2, 2, 3))
        out.append(rng.choice((" ", "  ", "    ")).join(label + link + value for label, value in pairs[i : i + width]))
        i += width
    return "\n".join(out)


def running(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    """Everything in one line with nothing between."""
    link = rng.choice((" ", ": ", "-", " - "))
    return " ".join(label + link + value for label, value in pairs)


def pipe_rows(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    edge = rng.random() < 0.5
    rows = [f"{label} | {value}" for label, value in pairs]
    return "\n".join(f"| {row} |" if edge else row for row in rows)


def pipe_table(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    bar = rng.choice((" | ", "|", " ; ", "\t", ","))
    head = bar.join(label for label, _ in pairs)
    row = bar.join(value for _, value in pairs)
    rule = bar.join("---" for _ in pairs) + "\n" if bar == " | " and rng.random() < 0.5 else ""
    return f"{head}\n{rule}{row}"


def aligned(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    width = max(len(label) for label, _ in pairs) + rng.randint(1, 6)
    return "\n".join(label.ljust(width) + value for label, value in pairs)


def right_aligned(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    width = max(len(label) + len(value) for label, value in pairs) + rng.randint(2, 8)
    return "\n".join(label + " " * (width - len(label) - len(value)) + value for label, value in pairs)


def prose(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    return " ".join(rng.choice(STATEMENTS[lang]).format(l=label, v=value) for label, value in pairs)


def letter(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    cut = rng.randrange(len(pairs)) if len(pairs) > 2 and rng.random() < 0.5 else 0
    head = mixed_lines(rng, pairs[:cut], lang) + "\n\n" if cut else ""
    return f"{head}{rng.choice(GREETINGS[lang])}\n{prose(rng, pairs[cut:], lang)}\n{rng.choice(CLOSINGS[lang])}"


def numbered(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    form, link = rng.choice(("{}. ", "{}) ", "({}) ", "{} ", "{}.")), rng.choice(LINKS[lang][:8])
    return "\n".join(
        form.format(i) + label + link + value for i, (label, value) in enumerate(pairs, rng.choice((1, 1, 1, 4)))
    )


def leaders(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    mark = rng.choice("._-")
    return "\n".join(f"{label} {mark * rng.randint(3, 12)} {value}" for label, value in pairs)


def below(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    gap = rng.choice(("\n", "\n\n"))
    return gap.join(f"{label}{rng.choice(('', ':'))}\n{value}" for label, value in pairs)


def bracketed(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    form = rng.choice(
        ("[{l}] {v}", "({l}) {v}", "<{l}> {v}", "{l}=[{v}]", "{l}: ({v})", "{{{l}}} {v}", "{l} → {v}", '{l}="{v}"')
    )
    return rng.choice(("\n", " ", "; ")).join(form.format(l=label, v=value) for label, value in pairs)


def value_first(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    form = rng.choice(
        ("{v} ({l})", "{v} - {l}", "{v} : {l}", "{v} as {l}" if lang == "en" else "{v} ({l})", "{v} [{l}]", "{v}, {l}", "{v} = {l}", "{v} {l}", "{v}\n({l})", "{v}\n{l}")
    )  # fmt: skip
    return rng.choice(("\n", "\n", ", ", "; ", " | ", "\n\n")).join(
        form.format(l=label, v=value) for label, value in pairs
    )


def bullets(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    mark, link = rng.choice(("- ", "* ", "• ", "+ ", "> ", "– ", "· ")), rng.choice(LINKS[lang][:8])
    bold = rng.random() < 0.2
    return "\n".join(mark + (f"**{label}**" if bold else label) + link + value for label, value in pairs)


def markup(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    form = rng.choice(
        ("<{t}>{v}</{t}>", "<td>{l}</td><td>{v}</td>", "{t}: {v}", '"{t}": "{v}",', "<b>{l}</b> {v}<br>", "{t}={v}")
    )
    return "\n".join(form.format(l=label, t=label.replace(" ", "_"), v=value) for label, value in pairs)


def chat(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    who = rng.choice(("A", "B", "Me", "Ravi", "Office", "मैं", "ग्राहक"))
    stamp = rng.random() < 0.5
    out = []
    for label, value in pairs:
        head = f"[{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}] " if stamp else ""
        ask = rng.random() < 0.3
        out.append(f"{head}{who}: {label}?\n{head}{value}" if ask else f"{head}{who}: {label} {value}")
    return "\n".join(out)


def uppercase_labels(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    link = rng.choice((":", ": ", " ", " # "))
    return "\n".join(" " * rng.choice((0, 0, 2, 6)) + label.upper() + link + value for label, value in pairs)


MARKS = (
    ":", "::", "=", "==", "~", "|", "||", "->", "-->", "=>", ">>", ">", "--", "-", "..", "...", "#", "@", "*", "+", "^", "&", "_", ";", "!",
    "—", "·", "•", "|:", "›", "≈", "→", ":-", "-:", "=:", "/", "\\", "%", "?", ",", "¦", "∷",
)  # fmt: skip
BRACKETS = (("[", "]"), ("(", ")"), ("{", "}"), ("<", ">"), ("*", "*"), ("'", "'"), ('"', '"'), ("„", "“"), ("_", "_"), ("|", "|"), ("~", "~"), ("[[", "]]"), ("**", "**"), ("<<", ">>"), ("{{", "}}"), ("`", "`"), ("‹", "›"), ("“", "”"), ("#", "#"), ("__", "__"), ("((", "))"), ("|", ""), ("(", ".)"), ("†", "†"), ("=", "="))  # fmt: skip
SIGNS = "!#$%&*+,-./:;<=>?@^_|~¦§¶°±×÷¬¤†‡•·…‣※⁂→⇒⟶▪▫◆◇○●◦☐★☆✓✗➤►│┃║═─━∙∘≡≈≠∷№"
"""What a separator nobody has seen may be made of."""
LEADS = ("- ", "> ", "# ", "@", "+ ", "§ ", "o ", "~ ", "* ", ">> ", ". ", "_ ", "| ", "-> ", "=")
BETWEEN = (
    "\n",
    "\n",
    "\n",
    "\n\n",
    "  ",
    ", ",
    "; ",
    " | ",
    " + ",
    "\n---\n",
    " ~~ ",
    ". ",
    " & ",
    " ++ ",
    "\n\n\n",
    "   ",
    " .. ",
    " >> ",
)


def _sign(rng: random.Random) -> str:
    """One to three signs, often the same; none that the examination's layouts have."""
    one = rng.choice(SIGNS)
    made = one * rng.choice((1, 1, 2, 3)) if rng.random() < 0.7 else one + rng.choice(SIGNS)
    return one if any(kept in made for kept in ("//", "###", "<-")) else made


def invented(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    """A form that nobody may ever have used: marks, brackets and order by the dice, the same for every pair.

    Who has read a thousand of these finds label and value in the next one too.
    """
    mark = rng.choice(MARKS) if rng.random() < 0.6 else _sign(rng)
    link = rng.choice((f" {mark} ", f" {mark} ", f"{mark} ", mark, f" {mark}", "\n", f"{mark}\n", " ", "\t"))
    around_label, around_value, around_both = ("", ""), ("", ""), ("", "")
    r = rng.random()
    brackets = rng.choice(BRACKETS) if rng.random() < 0.7 else (_sign(rng), _sign(rng))
    if r < 0.3:
        around_label = brackets
    elif r < 0.5:
        around_value = brackets
    elif r < 0.6:
        around_both = brackets
    lead = rng.choice(LEADS) if rng.random() < 0.3 else ""
    backwards = rng.random() < 0.1
    out = []
    for label, value in pairs:
        first, second = label.join(around_label), value.join(around_value)
        out.append(lead + (f"{second}{link}{first}" if backwards else f"{first}{link}{second}").join(around_both))
    return rng.choice(BETWEEN).join(out)


TOLD = {
    "en": (
        ("", "", "As of today ", "In our file ", "Kindly note, ", "Sir, ", "For your record, ", "FYI ", "As agreed, ", "Also, ", "Yes, ", "I see that ", "It says ", "By the way, "),
        ("{l} is {v}", "the {l} was {v}", "{v} is the {l}", "{l} comes to {v}", "the {l} should be {v}", "{v} as {l}", "we put {v} under {l}", "take {v} as the {l}",
         "the {l} has been given as {v}", "my {l} is {v}", "your {l} will be {v}", "{l} got changed to {v}", "{l} remains {v}", "you will find {v} beside {l}", "{l} of {v}", "the form shows {v} in the box {l}"),
        (".", ".", ".", ", please check.", " as discussed.", " only.", "!", ", ok?", " (confirmed).", " -", ";"),
    ),
    "hi": (
        ("", "", "आपको बता दें कि ", "हमारे रिकॉर्ड में ", "जानकारी हेतु ", "कृपया ध्यान दें, ", "सर, ", "जी हाँ, ", "साथ ही ", "फ़ाइल के अनुसार ", "जैसा तय हुआ, "),
        ("{l} {v} है", "{l} {v} रखा गया है", "{v} {l} के रूप में दर्ज किया", "{l} {v} बताया गया", "{l} अब {v} रहेगा", "मेरा {l} {v} है", "आपका {l} {v} होगा", "{v} ही {l} है",
         "{l} की जगह {v} भरा है", "{l} तो {v} ही था", "{l} {v} तय हुआ", "{l} के आगे {v} दिखता है", "{l}, यानी {v}"),
        ("।", "।", "।", ", कृपया देख लें।", " जी।", "!", " (पक्का)।", ";", " -"),
    ),
}  # fmt: skip


def told(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    """Sentences put together from an opening, a statement and an end."""
    openings, statements, ends = TOLD[lang]
    return rng.choice((" ", " ", "\n")).join(
        rng.choice(openings) + rng.choice(statements).format(l=label, v=value) + rng.choice(ends)
        for label, value in pairs
    )


GLUE = {
    "en": "and so the then with from now here at last under our your his her this that by order of desk copy file book who has had was were be being given taken got kept shown read sent put set down up only also still again later before after since about near against upon".split(),
    "hi": "और तो फिर साथ अब यहाँ से में पर का की के को ने यह वह इस उस हमारे आपके उनके दिया लिया रखा बताया पाया मिला था थी थे हुआ हुई रहा कर केवल भी आज कल बाद पहले ऊपर नीचे पास द्वारा हेतु तथा अतः वाले".split(),
}  # fmt: skip


def glued(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    """Label and value in either order among words that say nothing; one form for all pairs, or a new one for each."""

    def few(least: int, most: int) -> str:
        return " ".join(rng.choice(GLUE[lang]) for _ in range(rng.randint(least, most)))

    def form() -> tuple[bool, str, str, str]:
        end = rng.choice((".", ".", ",", ";", " -", "!", "।" if lang == "hi" else "."))
        return rng.random() < 0.5, few(0, 3), few(1, 3), few(0, 2) + end

    same = form() if rng.random() < 0.5 else None
    out = []
    for label, value in pairs:
        backwards, before, between, after = same or form()
        first, second = (value, label) if backwards else (label, value)
        sentence = " ".join(part for part in (before, first, between, second) if part)
        out.append(sentence + (after if after[0] in ".,;!।" else f" {after}"))
    return rng.choice((" ", " ", "\n")).join(out)


def slashes(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    return rng.choice(("\n", "  ")).join(f"{label} // {value}" for label, value in pairs)


def arrows(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    return "\n".join(f"{value} <- {label}" for label, value in pairs)


def hashes(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    return "\n".join(f"### {label}\n{value}\n" for label, value in pairs).rstrip()


def quoted(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    return ", ".join(f"«{label}» {value}" for label, value in pairs)


def other_prose(rng: random.Random, pairs: Sequence[Pair], lang: str) -> str:
    return " ".join(rng.choice(HELD_STATEMENTS[lang]).format(l=label, v=value) for label, value in pairs)


SEEN: list[Layout] = [
    lines, lines, mixed_lines, inline, inline, squeezed, squeezed, running, pipe_rows, pipe_table, aligned, right_aligned, prose, prose,
    letter, numbered, leaders, below, bracketed, value_first, bullets, markup, chat, uppercase_labels,
    *[invented] * 12, *[told] * 5, *[glued] * 3,
]  # fmt: skip
HELD: list[Layout] = [slashes, arrows, hashes, quoted, other_prose]
