"""A run on the Hugging Face Hub: its data as a data set, its weights as an adapter or a model, each with its card.

    owner/name                 model     the adapter or the model, task.json, tunewright.json, README.md
    datasets/owner/name        dataset   data/train.jsonl …, schemas.json, README.md
    owner/wren-8               model     the embedded base, where an adapter stands on it: nobody else could load it

Nothing goes that the licence does not allow, that names a file of this machine, or that looks like a key. What was
published stands in `published.json` of the run.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunewright.core import files
from tunewright.core.errors import DataError, RunError, UsageError
from tunewright.core.events import Progress
from tunewright.core.private import Watch, name_of
from tunewright.core.records import JSON, Message, Record
from tunewright.core.run import Run
from tunewright.flow import answer, folds, generation, hub, prepared
from tunewright.models import embedded
from tunewright.report import cards, evidence
from tunewright.text.serialise import dumps

PUBLISHED = "published.json"
CARD = "README.md"
TUNED = "systems/tuned"
WEIGHTS = (".safetensors", ".model")
KINDS = (*WEIGHTS, ".json", ".jinja", ".txt")
"""What is pushed of a folder of weights: what loading reads, and nothing else that lies there."""
OF_A_BASE = re.compile(
    r"(config|generation_config|tokenizer.*|pretraining)\.json|.*\.(safetensors|jinja|model)|README\.md"
)
ON_THE_HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
"""Names of models there; every other name is a folder's."""
SOMEBODY = "YOUR-NAME"
"""The owner that a dry run shows where no token tells it."""


@dataclass(frozen=True)
class Wishes:
    """What is to be published. repo: `owner/name` or `name`; None: the run's. data, model: whether they go.

    merged: an adapter goes folded into its base. base: the base's id on the Hub, or the one that it gets.
    licence: of the data, as the publisher states it. replace: overwrite files that others put there.
    """

    repo: str | None = None
    data: bool = True
    model: bool = True
    merged: bool = False
    base: str | None = None
    licence: str | None = None
    public: bool = False
    replace: bool = False


@dataclass(frozen=True)
class Parcel:
    """What goes to one repository. content: path there → file here. origin: path there → what a reader should look at
    when something is wrong with it. shared: it belongs to no run, and the same serves many."""

    repo: str
    kind: hub.Kind
    title: str
    content: dict[str, Path]
    origin: dict[str, Path] = field(default_factory=dict)
    shared: bool = False

    @property
    def key(self) -> str:
        return f"{self.kind}s/{self.repo}"

    def to_row(self) -> dict[str, JSON]:
        return {
            "repo": self.repo,
            "kind": self.kind,
            "files": {path: file.stat().st_size for path, file in self.content.items()},
        }


# ---------------------------------------------------------------- the two things to do


def look(job: Run, wishes: Wishes) -> dict[str, JSON]:
    """What `publish` would push: {"visibility", "repos": [{repo, kind, files: {path: bytes}, card}]}. Pushes nothing.

    Raises as `publish` does, save for the network: without a token the owner is shown as YOUR-NAME.
    """
    with packed(job, wishes, _repo(job, wishes, asking=hub.token() is not None)) as parcels:
        rows = [one.to_row() | {"card": one.content[CARD].read_text(encoding="utf-8")} for one in parcels]
    return {"visibility": _visibility(wishes), "repos": rows}


def publish(job: Run, wishes: Wishes, progress: Progress | None = None) -> dict[str, JSON]:
    """Push a run to the Hub, or what is missing of it: {"visibility", "repos": [{repo, kind, url, revision, made}]}.

    made: False where the repository held all of it already. Raises RunError where the run is not so far, DataError
    where its data may not go or something in it must not, HubError where the Hub refuses or cannot be reached.
    """
    folds.refuse(job)
    repo = _repo(job, wishes, asking=True)
    if wishes.model and wishes.merged and (job.path / TUNED / "adapter").is_dir():
        from tunewright.flow.merge import merge

        merge(job, progress=progress)
    with packed(job, wishes, repo) as parcels, job.writing():
        rows: list[dict[str, JSON]] = []
        for parcel in parcels:
            done = published(job).get(parcel.key, {})
            pushed = hub.push(
                parcel.repo,
                parcel.kind,
                parcel.content,
                public=wishes.public,
                title=parcel.title,
                own=done.get("sha256", {}),
                replace=wishes.replace and not parcel.shared,
                progress=progress,
            )
            _note(job, parcel, pushed, wishes)
            told = {"url": pushed.url, "revision": pushed.revision, "made": pushed.made}
            rows.append({"repo": parcel.repo, "kind": parcel.kind, **told})
    return {"visibility": _visibility(wishes), "repos": rows}


def published(job: Run) -> dict[str, Any]:
    """What was pushed of a run: `models/owner/name` → {revision, url, time, visibility, sha256 by path}."""
    path = job.path / PUBLISHED
    return dict(files.read_json(path)) if path.is_file() else {}


def _note(job: Run, parcel: Parcel, pushed: hub.Pushed, wishes: Wishes) -> None:
    before = published(job)
    same = before.get(parcel.key, {})
    if same.get("revision") == pushed.revision and same.get("sha256") == pushed.sha256:
        return
    row = {
        "url": pushed.url,
        "revision": pushed.revision,
        "visibility": _visibility(wishes),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": pushed.sha256,
    }
    files.write_json(job.path / PUBLISHED, before | {parcel.key: row})


def _visibility(wishes: Wishes) -> str:
    return "public" if wishes.public else "private"


def _repo(job: Run, wishes: Wishes, *, asking: bool) -> str:
    """`owner/name` of the data and the model; the account is asked for its name where `asking` and it is not given."""
    name = wishes.repo or re.sub(r"[^\w.-]+", "-", job.path.resolve().name, flags=re.ASCII).strip("-.")
    repo = name if "/" in name else f"{hub.account() if asking else SOMEBODY}/{name}"
    hub.check_name(repo)
    return repo


# ---------------------------------------------------------------- what goes


@contextlib.contextmanager
def packed(job: Run, wishes: Wishes, repo: str) -> Iterator[list[Parcel]]:
    """What goes, repository by repository, in the order it must: a base before what stands on it.

    What is written for it stands in a temporary folder until the block ends. Raises as `publish`.
    """
    if not (wishes.data or wishes.model):
        raise UsageError("neither data nor model is to go", hint="leave out --no-data or --no-model")
    if wishes.model and job.recipe.hosted.provider is not None:
        where = job.recipe.hosted.provider
        raise RunError(f"its tuned model stands at {where}, not here", where=str(job.path), hint="--no-model")
    watch = Watch(job.path, job.path.resolve().parent, secrets=filter(None, [hub.token()]))
    found = evidence.read(job.path)
    with tempfile.TemporaryDirectory(prefix="tunewright-") as room:
        about = _about(job, wishes, repo, watch)
        parcels = []
        if wishes.model:
            parcels += _weights(job, found, about, watch, Path(room))
        if wishes.data:
            parcels.append(_records(job, found, about, watch, Path(room) / "data"))
        _search(parcels, watch)
        yield parcels


def _about(job: Run, wishes: Wishes, repo: str, watch: Watch) -> cards.Published:
    """What the cards say of where things are and come from."""
    name, owner = job.recipe.model, repo.split("/")[0]
    inside = embedded.is_embedded(name)
    # A folder that is gone since is a folder still: its path is nobody's concern.
    local = not inside and (Path(name).expanduser().exists() or ON_THE_HUB.fullmatch(name) is None)
    adapter = (job.path / TUNED / "adapter").is_dir() and not wishes.merged
    if wishes.model and adapter and not wishes.base and embedded.is_gone(name):
        raise RunError(
            f"the base of its adapter, {name}, is not in this installation",
            where=str(job.path),
            hint="publish it with the tunewright that trained it, or say where the base is: --base owner/name",
        )
    base: str | None = name
    if wishes.base:
        base = wishes.base if "/" in wishes.base else f"{owner}/{wishes.base}"
        hub.check_name(base)
    elif inside or local:
        base = f"{owner}/{embedded.pinned(name)}" if inside and adapter else None
    words = f"`{name_of(name) if local else name}`"
    if inside:
        words += ", the small model inside Tunewright"
    elif base is None:
        words += ", a model in a folder of the author's that is not published here"
    manifest = job.manifest("data") if job.done("data") else {}
    source, kind = str(manifest.get("source", job.recipe.data.source)), str(manifest.get("kind"))
    licence, licence_id = _licence(job, manifest, wishes)
    return cards.Published(
        repo=repo,
        source=_source(source, kind),
        base=base,
        base_words=words,
        base_licence="apache-2.0" if inside else None,
        whole=not adapter,
        data=repo if wishes.data else re.split("[:@]", source.removeprefix("hf:"))[0] if kind == "hub" else None,
        licence=licence,
        licence_id=licence_id,
        messages=_messages(job, watch),
    )


def _messages(job: Run, watch: Watch) -> tuple[Message, ...]:
    """What the model is asked, with a placeholder for the document."""
    kinds = list(prepared.schemas(job))
    record = Record("example", "THE DOCUMENT", doc_type=kinds[0] if kinds else None)
    with contextlib.suppress(DataError, KeyError, TypeError):
        messages = prepared.task_of(job).example(record).messages
        return messages if all(watch.find(one["content"]) is None for one in messages) else ()
    return ()


# ---------------------------------------------------------------- weights


def _weights(
    job: Run,
    found: evidence.Evidence,
    about: cards.Published,
    watch: Watch,
    room: Path,
) -> list[Parcel]:
    if job.folds:
        raise RunError("is a cross-validation: it has no model of its own", where=str(job.path), hint="--no-model")
    if not job.done(TUNED):
        raise RunError(
            "its model is not trained to the end",
            where=str(job.path),
            hint=f"tunewright train {job.path}, or --no-model for the data alone",
        )
    answer.check_weights(job, thorough=True)
    training = found.trainings["tuned"]
    folder = job.path / TUNED / "adapter"
    if about.whole:
        folder = job.path / TUNED / ("merged" if folder.is_dir() else "model")
        if not folder.is_dir():
            raise RunError("its adapter is not merged yet", where=str(job.path), hint=f"tunewright merge {job.path}")
    parcels = []
    if not about.whole and embedded.is_embedded(job.recipe.model) and about.base is not None:
        inside = embedded.EMBEDDED / embedded.pinned(job.recipe.model)
        base = {file.name: file for file in sorted(inside.iterdir()) if OF_A_BASE.fullmatch(file.name)}
        title = "The base model, as it is inside Tunewright"
        parcels.append(Parcel(about.base, "model", title, base, shared=True))
    content, origin = {}, {}
    for file in sorted(folder.iterdir()):
        if file.suffix not in KINDS:
            continue
        content[file.name] = _fit_to_go(file, about, watch, room / "model")
        origin[file.name] = file
    content[CARD] = room / "model" / CARD
    files.write_text(content[CARD], cards.model_card(found, training, about))
    title = f"{'Model' if about.whole else 'Adapter'} of the run {_plain(found.name)}, by Tunewright"
    return [*parcels, Parcel(about.repo, "model", title, content, origin)]


def _fit_to_go(file: Path, about: cards.Published, watch: Watch, room: Path) -> Path:
    """A file of a folder of weights as it goes: names of local folders in JSON cut, the base told by its id."""
    if file.suffix != ".json":
        return file
    before = files.read_json(file)
    after = watch.reduced(before)
    bases = {"adapter_config.json": "base_model_name_or_path", prepared.TASK: "base"}
    if file.name in bases:
        after = after | {bases[file.name]: about.base}
    if isinstance(after, dict):
        # Where a config was read from is nobody else's concern.
        after = {key: value for key, value in after.items() if key not in ("_name_or_path", "name_or_path")}
    if after == before:
        return file
    files.write_json(room / file.name, after)
    return room / file.name


def _plain(text: str) -> str:
    return " ".join(text.split())[:100]


# ---------------------------------------------------------------- data


def _records(job: Run, found: evidence.Evidence, about: cards.Published, watch: Watch, room: Path) -> Parcel:
    """Every split as JSON lines whose columns are texts: what is nested stands as JSON text, so that readers who guess
    columns from the first rows read all of them."""
    folder = job.path / "data"
    if not job.done("data") or (fault := job.altered("data")) is not None:
        said = f"its data is damaged: {fault}" if job.done("data") else "its data is not prepared to the end"
        raise RunError(said, where=str(job.path), hint=f"tunewright run {job.path}, or --no-data for the model alone")
    splits = {name: folder / f"{name}.jsonl" for name in prepared.SPLITS if (folder / f"{name}.jsonl").is_file()}
    if job.done(generation.STAGE):
        if (fault := job.altered(generation.STAGE)) is not None:
            raise RunError(f"the texts that it wrote are damaged: {fault}", where=str(job.path), hint="--no-data")
        splits[cards.WRITTEN] = job.path / generation.STAGE / "kept.jsonl"
    columns = {key for path in splits.values() for row in files.read_lines(path) for key in row}
    kept = [name for name in cards.COLUMNS if name in columns]
    content, origin, counts = {}, {}, {}
    for name, path in splits.items():
        rows = (_flat(row, kept, watch) for row in files.read_lines(path))
        file = room / "data" / f"{name}.jsonl"
        if count := files.write_lines(file, rows):
            content[f"data/{name}.jsonl"], origin[f"data/{name}.jsonl"] = file, path
            counts[name] = count
    if not counts:
        raise RunError("it has no records of its own to publish", where=str(folder), hint="--no-data")
    schemas = prepared.schemas(job)
    if schemas:
        content["schemas.json"] = origin["schemas.json"] = folder / "schemas.json"
    content[CARD] = room / CARD
    files.write_text(content[CARD], cards.data_card(found, about, counts, kept, list(schemas)))
    return Parcel(about.repo, "dataset", f"Data of the run {_plain(found.name)}, by Tunewright", content, origin)


def _flat(row: Mapping[str, JSON], columns: Sequence[str], watch: Watch) -> dict[str, str | None]:
    own = dict(row)
    about = own.get("provenance")
    if isinstance(about, dict):
        about = watch.reduced(about)
        if isinstance(about.get("file"), str):
            about["file"] = name_of(about["file"])
        own["provenance"] = about
    flat: dict[str, str | None] = {}
    for name in columns:
        value = own.get(name)
        if name in ("json", "spans", "provenance") and name in own:
            flat[name] = dumps(value)
        else:
            flat[name] = None if value is None else str(value)
    return flat


def _source(source: str, kind: str) -> str:
    """Where data came from, in words that name no place on a disk."""
    if kind == "synth":
        return f"composed by Tunewright's generator `{source.removeprefix('synth:')}`"
    if kind == "hub":
        return f"the data set `{source.removeprefix('hf:')}` on the Hugging Face Hub"
    if kind == "sample":
        return f"the small sample of `{source}` that comes with Tunewright"
    if kind == "several":
        return ", ".join(f"`{name_of(name)}`" for name in _several(source))
    return f"`{source}`" if kind == "set" else "a file of the author's"


def _several(source: str) -> list[str]:
    from tunewright.data import several

    return several.names(source)


def _licence(job: Run, manifest: Mapping[str, Any], wishes: Wishes) -> tuple[str | None, str | None]:
    """(the data's licence in words, its id on the Hub), as the publisher states it, else as the data's own page does.

    Raises DataError where the data is to go and may not. A file of the user's own is nobody's to publish but theirs:
    only their word (`wishes.licence`) lets it go.
    """
    from tunewright.data.licences import identify

    kind, source, said = str(manifest.get("kind")), str(manifest.get("source")), manifest.get("licence")
    if kind == "synth":
        said = "Apache-2.0, as Tunewright itself: no document is anybody's."
    if wishes.data:
        _check_allowed(job, source, kind, said, wishes.licence)
    words = wishes.licence or said
    found = identify(words)
    if wishes.licence and said and wishes.licence != said:
        words = f"{wishes.licence}, as the publisher of this copy states. The source says: {said}"
    return words, (found.id if found else "other") if words else None


def _check_allowed(job: Run, source: str, kind: str, said: str | None, stated: str | None) -> None:
    from tunewright.data.licences import identify

    where, hint = (
        str(job.path),
        "--licence ID, such as cc-by-4.0, is your word that it may go; --no-data leaves it here",
    )
    local = kind in ("file", "folder") or any("/" in name for name in _several(source) if kind == "several")
    if local and stated is None:
        raise DataError("its data is a local file, which does not go without your word", where=where, hint=hint)
    for text in [stated] if stated else _licences(source, said):
        found = identify(text)
        if found is None and stated is None:
            raise DataError(f"the licence of its data ({_plain(source)}) is not known", where=where, hint=hint)
        if found is not None and not found.sharable:
            raise DataError(
                f"the licence of its data ({found.id}) does not allow changed copies to be passed on",
                where=where,
                hint="--no-data leaves it here",
            )


def _licences(source: str, said: str | None) -> list[str | None]:
    """What is said of the licence of each of several sources; None where nothing is."""
    names = _several(source)
    if len(names) == 1:
        return [said]
    marks = "|".join(re.escape(name) for name in names)
    parts = re.split(rf"(?:^|; )({marks}): ", said or "")
    told = dict(zip(parts[1::2], parts[2::2], strict=True))
    return ["Apache-2.0" if name.startswith("synth:") else told.get(name) for name in names]


# ---------------------------------------------------------------- what must not go


def _search(parcels: Sequence[Parcel], watch: Watch) -> None:
    """Raises DataError with file and line where anything that would go holds a key or a path of this machine."""
    found = []
    for parcel in parcels:
        for path, file in parcel.content.items():
            if file.suffix in WEIGHTS:
                continue
            shown = parcel.origin.get(path, Path(parcel.repo) / path)
            with open(file, "rb") as text:
                found += [(f"{shown}:{line}", private) for line, private in watch.search(text)]
    if not found:
        return
    where, what = found[0]
    more = f"; {len(found) - 1} more: {', '.join(place for place, _ in found[1:6])}" if len(found) > 1 else ""
    raise DataError(
        f"would be published and holds {what}{more}",
        where=where,
        hint="take it out of the data and run again, or leave this part here with --no-data or --no-model",
    )
