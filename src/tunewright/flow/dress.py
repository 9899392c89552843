"""Records as they are used: schemas narrowed, documents cut, more records made, each with its prompt; and as they are
compared with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tunewright.core.contracts import Task
from tunewright.core.errors import DataError
from tunewright.core.recipe import Recipe
from tunewright.core.records import JSON, Record, number_of
from tunewright.flow import prepared

CUT = "cut"
"""In a record's provenance: tokens that its document lost."""


def closed(schemas: Mapping[str, dict[str, JSON]], known: Sequence[Record]) -> dict[str, dict[str, JSON]]:
    """The schemas narrowed to what answers of train and validation are like. Those of test are not looked at."""
    from tunewright.data import infer

    of = {name: [one for one in known if one.doc_type == name or len(schemas) == 1] for name in schemas}
    return {
        name: infer.closed(schema, ((one.target, one.text) for one in of[name])) for name, schema in schemas.items()
    }


def dressed(
    recipe: Recipe, schemas: dict[str, dict[str, JSON]], parts: dict[str, list[Record]], say: Callable[[str], None]
) -> dict[str, list[Record]]:
    """The sides of a split as they are used: documents cut to `data.max_document_tokens`; train, or a share of it, with
    the records made of it; each with the prompt it is asked with.

    Ways of augmentation that the task knows nothing of are left out, with a word.
    """
    from tunewright.data.augment import ASKING, augment

    task = prepared.make_task(recipe.task, schemas)
    asked, asks = getattr(task, "asked", None), getattr(task, "asks", ())
    if recipe.data.max_document_tokens:
        parts = {name: shortened(recipe, part, name, say) for name, part in parts.items()}
    options, train = recipe.data.augment, _share(parts["train"], recipe.data.train_share, say)
    parts = {**parts, "train": train}
    if options.copies and train:
        if not schemas and not any("schema" in record.provenance for record in train):
            raise DataError("data.augment makes more of answers in JSON", hint="--set data.augment.copies=0")
        ways = {way: share for way, share in options.ways.items() if way in asks or way not in ASKING}
        if lost := [way for way in options.ways if way not in ways]:
            say(f"data.augment: the task's prompts do not go with {' and '.join(lost)}, which are left out")
        if sum(ways.values()):
            made = augment(train, schemas, options.model_copy(update={"ways": ways}), recipe.seed)
            say(made.note())
            askable = getattr(task, "askable", lambda record: True)
            fitting = [record for record in made.records if askable(record)]
            if len(fitting) < len(made.records):
                say(f"{len(made.records) - len(fitting)} of them are left out: no prompt of the task fits them")
            if recipe.data.max_document_tokens:  # what was made of them may be longer again
                fitting = shortened(recipe, fitting, "train", say)
            parts = {**parts, "train": train + fitting}
    return {name: [asked(record) for record in part] for name, part in parts.items()} if asked else parts


def _share(records: list[Record], share: float, say: Callable[[str], None]) -> list[Record]:
    if share == 1:
        return records
    kept = [record for record in records if number_of(f"share {record.id}") < share * 2**64]
    say(f"data.train_share: {len(kept):,} of {len(records):,} records of train are used")
    return kept


def shortened(recipe: Recipe, found: Sequence[Record], on: str, say: Callable[[str], None]) -> list[Record]:
    """The records with documents of at most `data.max_document_tokens`, what was cut said and kept in the provenance.

    A record of train or validation whose answer is then no longer said where it was is left out; one of a test stays.
    """
    from tunewright.data.cut import cut
    from tunewright.models.load import chat_of
    from tunewright.text.schema import leaves

    options = recipe.data
    assert options.max_document_tokens is not None
    places = chat_of(recipe.model).places
    made: list[Record] = []
    lost = tokens = unsaid = 0
    for record in found:
        left = cut(record.text, places, options.max_document_tokens, options.keep_lines)
        text, gone = left.text, left.lost
        before, after = (" ".join(one.split()) for one in (record.text, text))
        said = (" ".join(value.split()) for value in leaves(record.target).values() if isinstance(value, str))
        missing = gone > 0 and any(value in before and value not in after for value in said)
        lost, tokens, unsaid = lost + (gone > 0), tokens + gone, unsaid + missing
        if gone:
            record = record.replace(text=text, spans=(), provenance={**record.provenance, CUT: gone})
        if not missing or on not in prepared.LEARNT:
            made.append(record)
    if lost:
        kept = "are left out" if on in prepared.LEARNT else "stay, and count"
        more = f"; {unsaid} of them no longer say all of their answer and {kept}" if unsaid else ""
        say(
            f"{on}: {lost} of {len(found)} documents are over {options.max_document_tokens} tokens and were cut by "
            f"{tokens:,} in all (data.max_document_tokens){more}"
        )
    return made


def reads_turns(task: Task) -> bool:
    """Whether earlier turns of a record are part of what the task asks."""
    return bool(getattr(task, "reads_turns", False))


def asks_of_contexts(task: Task) -> bool:
    """Whether what a record asks stands at the end of its text, behind a context that others may share."""
    return bool(getattr(task, "asks_of_contexts", False))


def compared_by(task: Task) -> Callable[[Sequence[Record]], list[Record]]:
    """What makes records of what duplicates are judged by."""
    if reads_turns(task):
        return _with_turns
    return _with_questions if asks_of_contexts(task) else list


def grouped(record: Record) -> Record:
    """The record with a group, its own or that of all conversations whose turns, or questions whose contexts, have the
    same words.
    """
    from tunewright.data.leakage import text_key

    if record.group is not None:
        return record
    return record.replace(group=f"{text_key(record.context or _with_turns([record])[0].text):016x}")


def _with_questions(found: Sequence[Record]) -> list[Record]:
    """The records with questions among their targets: two of one context and one answer ask different things."""
    return [record.replace(target=[record.question, record.target]) if record.context else record for record in found]


def _with_turns(found: Sequence[Record]) -> list[Record]:
    """The records with all that was said in their texts, so that "yes, please" is not the same everywhere.

    System messages are left out: all records may have the same.
    """

    def said(record: Record) -> str:
        before = record.provenance.get("before", ())
        return "\n".join([*(turn["content"] for turn in before if turn["role"] != "system"), record.text])

    return [record.replace(text=said(record)) for record in found]
