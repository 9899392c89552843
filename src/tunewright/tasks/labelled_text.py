"""Labelled text: a label in, a text that is like the label's out (a transcript of fluent or of disfluent speech).

A record's text is what is learnt, its target the label. Training shows the label's own role, one of several, or a
neutral one; what is asked for later, and what is measured, has a neutral role, so the label alone must do. Which role
that is, a hash of the record's id says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tunewright.core.errors import DataError, did_you_mean
from tunewright.core.recipe import TaskOptions
from tunewright.core.records import JSON, Example, Message, Record, number_of
from tunewright.tasks._shared import read_free, turn

TRAIN = "train"
SHOWN = 8
"""Labels that an error names."""


class LabelledText:
    """The task of writing a text of a label.

    options: roles, neutral_roles, neutral_share, request; `instruction`, where there is one, stands before every role.
    schemas: not used.
    """

    name = "labelled_text"

    def __init__(self, options: TaskOptions | None = None, schemas: Mapping[str, dict[str, JSON]] | None = None):
        self.options = options or TaskOptions.model_validate({"name": self.name})

    def example(self, record: Record, shots: Sequence[Record] = ()) -> Example:
        """The label and the length of the record's text as a request, the text as what is to be learnt.

        Records of train have a role of their label, all others a neutral one. Nothing of the request may be cut. A
        record without a label is asked with its text, as it is.
        """
        system = self._system(record)
        if record.target is None:
            return Example(record, (*system, turn("user", record.text)), "", document=(0, 0))
        messages = [*system]
        for shot in shots:
            messages += [self._request(str(shot.target), length(shot.text)), turn("assistant", shot.text)]
        messages.append(self._request(str(record.target), length(record.text)))
        return Example(record, tuple(messages), record.text, document=(0, 0))

    def prompt(self, id: str, label: str, words: int, *, own: bool = False) -> tuple[Message, ...]:
        """What is asked of a model for a text of a label, of about so many words. The role hangs on the id.

        own: the role is one of the label's own, where it has any, and not a neutral one.
        """
        roles = (own and self.options.roles.get(label)) or self.options.neutral_roles
        return (*self._said(roles, id), self._request(label, words))

    def _request(self, label: str, words: int) -> Message:
        return turn("user", self.options.request.replace("{words}", str(words)).replace("{label}", label))

    def _system(self, record: Record) -> list[Message]:
        options = self.options
        own = options.roles.get(str(record.target), ()) if record.split == TRAIN else ()
        if not own or number_of(f"neutral {record.id}") < options.neutral_share * 2**64:
            own = options.neutral_roles
        return self._said(own, record.id)

    def _said(self, roles: Sequence[str], id: str) -> list[Message]:
        said = f"{self.options.instruction}\n{_one_of(roles, id)}".strip()
        return [turn("system", said)] if said else []

    def parse(self, text: str, example: Example | None = None) -> tuple[JSON, str | None]:
        """The text as it is; a blank one is none."""
        return read_free(text, None)

    def check(
        self, sides: Mapping[str, Sequence[Record]], *, every: Sequence[str] = (TRAIN,), some: Sequence[str] = ()
    ) -> list[str]:
        """Look at the labels of a split before anything is learnt from it. Returns warnings.

        sides: train, validation, test → records. every: the sides that must have every label; some: those of which
        nobody expects it.
        Raises DataError where a target is no label, train has one label only, a side of `every` lacks one, and where
        roles and labels are not for each other.
        """
        for name, records in sides.items():
            wrong = next((one for one in records if not isinstance(one.target, str) or not one.target.strip()), None)
            if wrong is not None:
                raise DataError(
                    f"'{wrong.id}' of {name} has no label but {type(wrong.target).__name__}",
                    hint="name the column of labels: data.columns: {label: …}, and data.layout: labelled",
                )
        tables = {name: Counter(str(record.target) for record in records) for name, records in sides.items()}
        labels = sorted(set().union(*tables.values()))
        if len(labels) < 2:
            raise DataError(
                f"all texts have the label '{labels[0]}'" if labels else "there are no labels",
                hint="labelled_text needs two labels or more; data.columns: {label: …} names their column",
            )
        self._check_roles(labels)
        warnings = []
        for name, table in tables.items():
            lacking = [label for label in labels if not table[label]]
            if not lacking or name in some:
                continue
            said = f"{name} has no text of {_listed(lacking)}"
            if name in every:
                raise DataError(
                    f"{said}: it has {', '.join(f'{n:,} {label}' for label, n in sorted(table.items())) or 'none'}",
                    hint="participants stand on one side each; more of them, another --set seed=1, or other shares "
                    "(data.test_share, data.validation_documents) may give every side all labels",
                )
            warnings.append(f"warning: {said}")
        return warnings

    def _check_roles(self, labels: Sequence[str]) -> None:
        roles = self.options.roles
        if not roles:
            return
        unknown = [label for label in roles if label not in labels]
        without = [label for label in labels if label not in roles]
        if unknown:
            near = did_you_mean(unknown[0], labels)
            raise DataError(
                f"task.roles names {_listed(unknown)}, and no text has that label",
                hint=near or f"labels of the data: {_listed(labels)}",
            )
        if without:
            raise DataError(
                f"task.roles has no role for {_listed(without)}",
                hint="name roles for every label of the data, or for none",
            )


def length(text: str) -> int:
    """Words of a text as they are asked for: what stands between white space."""
    return len(text.split())


def _one_of(roles: Sequence[str], id: str) -> str:
    return roles[number_of(f"role {id}") % len(roles)]


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return ", ".join(f"'{label}'" for label in labels[:SHOWN]) + more
