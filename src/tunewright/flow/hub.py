"""The Hugging Face Hub: whose account the token is, and a set of files as one commit of a repository.

Through `huggingface_hub` and with its own token only (HF_TOKEN, or `hf auth login`); the token is never shown or kept.
A push that died goes on: large files that arrived are not sent again, and a commit that was made is not made twice.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tunewright.core import files
from tunewright.core.errors import HubError, UsageError
from tunewright.core.events import Progress

Kind = Literal["model", "dataset"]
MADE_BY_THE_HUB = ".gitattributes"
LOGIN = "set HF_TOKEN, or log in with `hf auth login`; the token needs write permission"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What stands on the Hub now. revision: the commit. sha256: of every file of ours. made: False: it was there."""

    url: str
    revision: str
    sha256: dict[str, str]
    made: bool


def token() -> str | None:
    """The token of the environment or of the Hub's own login; None where there is none."""
    from huggingface_hub import get_token

    return get_token()


def account() -> str:
    """The name of the token's owner. Raises HubError where there is no token, it is not valid, or no network."""
    _need_token()
    with _understood("the account"):
        return str(_api().whoami()["name"])


def _need_token() -> None:
    if token() is None:
        raise HubError("there is no token of the Hugging Face Hub", hint=LOGIN)


def check_name(repo: str) -> None:
    """Raises UsageError where `owner/name` is no name that the Hub allows."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError:
        hint = "letters, digits, '-', '_' and '.', 96 at most: --repo owner/name"
        raise UsageError(f"'{repo}' is no name of a repository", hint=hint) from None


def push(
    repo: str,
    kind: Kind,
    content: Mapping[str, Path],
    *,
    public: bool,
    title: str,
    own: Mapping[str, str],
    replace: bool = False,
    progress: Progress | None = None,
) -> Pushed:
    """Make a repository hold `content` (path in it → file here), with one commit, or none where it does already.

    own: what an earlier push of ours left there, path → sha256; what of it is not in `content` is deleted.
    Files of others are left, and are overwritten only with `replace`. title: the commit's message.
    Raises HubError where the Hub refuses or cannot be reached, the repository is of the other visibility, or holds
    other files of these names.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    _need_token()
    api = _api()
    with _understood(repo):
        info = _standing(api, repo, kind, public=public)
        there = {one.rfilename: one for one in info.siblings or []}
        changed = [path for path, file in content.items() if not _same(file, there.get(path))]
        gone = [path for path in own if path in there and path not in content and path != MADE_BY_THE_HUB]
        foreign = [path for path in changed if path in there and path not in own]
        if foreign and not replace:
            raise HubError(
                f"holds another {foreign[0]} already, which this run did not publish",
                where=repo,
                hint="--repo names another repository; --replace overwrites what this one holds",
            )
        sha256 = {path: files.sha256(file) for path, file in content.items()}
        url = f"{api.endpoint}/{'datasets/' if kind == 'dataset' else ''}{repo}"
        if not changed and not gone:
            return Pushed(url, str(info.sha), sha256, made=False)
        additions = [CommitOperationAdd(path, str(content[path])) for path in changed]
        progress = progress or Progress(quiet=True)
        progress.start(f"{kind} {repo}", len(additions), unit="files")
        sent = 0
        for number, addition in enumerate(additions, 1):
            # One by one: each that has arrived stays, should we die before the commit.
            api.preupload_lfs_files(repo, [addition], repo_type=kind)
            sent += addition.upload_info.size
            progress.update(number, sent_bytes=sent)
        commit = api.create_commit(
            repo,
            [*additions, *(CommitOperationDelete(path) for path in gone)],
            commit_message=title,
            repo_type=kind,
            parent_commit=info.sha,
        )
        progress.finish()
        return Pushed(url, commit.oid, sha256, made=True)


def _api() -> Any:
    from huggingface_hub import HfApi

    from tunewright import __version__

    return HfApi(library_name="tunewright", library_version=__version__)


def _standing(api: Any, repo: str, kind: Kind, *, public: bool) -> Any:
    """What the Hub says of a repository, which is made where it is not there."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.repo_info(repo, repo_type=kind, files_metadata=True)
    except RepositoryNotFoundError:
        api.create_repo(repo, repo_type=kind, private=not public, exist_ok=True)
        info = api.repo_info(repo, repo_type=kind, files_metadata=True)
    if bool(info.private) == public:
        raise HubError(
            "is private already" if public else "is public already",
            where=repo,
            hint="make it public on its page on the Hub, or name another with --repo"
            if public
            else "--public says that you mean it; --repo names another repository",
        )
    return info


def _same(file: Path, there: Any) -> bool:
    """Whether a file is, byte for byte, what the Hub has: by its sha256, or by git's own hash of small ones."""
    if there is None:
        return False
    if there.lfs is not None:
        return bool(there.lfs.sha256 == files.sha256(file))
    if there.size is not None and there.size != file.stat().st_size:
        return False
    content = file.read_bytes()
    return bool(hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == there.blob_id)


@contextlib.contextmanager
def _understood(where: str) -> Iterator[None]:
    """Within, what the Hub's library raises becomes an error that says what to do, without the token."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

    try:
        yield
    except HubError:
        raise
    except OfflineModeIsEnabled:
        raise HubError("HF_HUB_OFFLINE forbids the network", where=where, hint="unset HF_HUB_OFFLINE") from None
    except Exception as error:
        cause: BaseException = error
        while isinstance(cause, RuntimeError) and cause.__cause__ is not None:  # how a failed upload is wrapped
            cause = cause.__cause__
        if isinstance(cause, HfHubHTTPError):
            raise _refused(cause, where) from None
        if isinstance(cause, HTTPError | ConnectionError):
            raise HubError(
                f"the Hugging Face Hub cannot be reached ({type(cause).__name__})",
                where=where,
                hint="look at the network and give the same command again: it goes on where it stopped",
            ) from None
        if isinstance(cause, OSError | ValueError):
            raise HubError(_without_token(str(cause)), where=where) from None
        raise


def _refused(error: Any, where: str) -> HubError:
    status = error.response.status_code
    again = "give the same command again: it goes on where it stopped"
    said, hint = {
        401: ("the Hub does not accept the token", LOGIN),
        403: ("the token may not write there", "use a token with write permission, or your own name with --repo"),
        404: ("is not there, or the token may not see it", "check the name, and the token's permissions"),
        409: ("something else is being written there", again),
        412: ("was changed by somebody else in the meantime", again),
        429: ("the Hub asks to wait (too many requests)", f"wait a while, then {again}"),
    }.get(status, (f"the Hub answers with {status}: {_without_token(error.server_message or str(error))}", again))
    return HubError(said, where=where, hint=hint)


def _without_token(text: str) -> str:
    own = token()
    text = (text.strip().splitlines() or ["no reason is given"])[0][:300]
    return text.replace(own, "hf_…") if own else text
