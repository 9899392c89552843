"""A stand-in for the Hugging Face Hub on this machine: accounts, repositories, commits, large files, downloads.

with FakeHub() as hub:                    hub.url is for HF_ENDPOINT, hub.token for HF_TOKEN
    hub.repos["models/tester/x"].files    path → bytes of the newest commit
    hub.kill(process, on="commit")        kills a client when it asks for something

It answers what `huggingface_hub` asks for when it pushes and loads (HF_HUB_DISABLE_XET=1), as the Hub does.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import signal
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_" + "fakeFAKEfake" * 3
LARGE = 10_000
"""Bytes from which a file is large (LFS), beside all weights."""


@dataclass
class Repo:
    private: bool
    commits: list[tuple[str, str, dict[str, bytes]]] = field(default_factory=list)
    """(revision, title, path → bytes), oldest first."""

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1][2]

    @property
    def titles(self) -> list[str]:
        return [title for _, title, _ in self.commits]

    def commit(self, title: str, files: dict[str, bytes]) -> str:
        revision = hashlib.sha1(f"{title}{len(self.commits)}{sorted(files)}".encode()).hexdigest()
        self.commits.append((revision, title, files))
        return revision

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1][0], self.files
        return next(((sha, files) for sha, _, files in self.commits if sha == revision), None)


def large(path: str, content: bytes) -> bool:
    return path.endswith(".safetensors") or len(content) >= LARGE


def described(path: str, content: bytes) -> dict[str, Any]:
    """A file as listings show it."""
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    row: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": blob}
    if large(path, content):
        row["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return row


class FakeHub:
    """url, token, repos by `models/owner/name` or `datasets/owner/name`, stored: large files by sha256.

    asked: (what, detail) of every request: "create", "lfs", "commit", "whoami" …
    """

    def __init__(self) -> None:
        self.token = TOKEN
        self.repos: dict[str, Repo] = {}
        self.stored: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.may_write = True
        self._moment: tuple[str, int] | None = None
        self._victim: int | None = None
        hub = self

        class Handler(Answers):
            hub_ = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeHub:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def kill(self, process: int, *, on: str, after: int = 0) -> None:
        """Kill a process when it asks for `on` the next time, `after` answers of that kind; its request is not met."""
        self._victim, self._moment = process, (on, after)

    def met(self, what: str, detail: str = "") -> bool:
        """Note a request. False where its sender is killed for it."""
        self.asked.append((what, detail))
        if self._moment is None or self._victim is None or self._moment[0] != what:
            return True
        if self._moment[1] > 0:
            self._moment = (what, self._moment[1] - 1)
            return True
        os.kill(self._victim, signal.SIGKILL)
        self._moment = None
        return False

    def count(self, what: str) -> int:
        return sum(one == what for one, _ in self.asked)


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub_: FakeHub

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self._route("GET")

    def do_HEAD(self) -> None:
        self._route("HEAD")

    def do_POST(self) -> None:
        self._route("POST")

    def do_PUT(self) -> None:
        self._route("PUT")

    # ------------------------------------------------------------ in and out

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, value: Any, status: int = 200, **headers: str) -> None:
        self._send(status, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def _fail(self, status: int, code: str, message: str = "") -> None:
        self._json({"error": message or code}, status, X_Error_Code=code, X_Error_Message=message or code)

    @property
    def _signed(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.hub_.token}"

    def _route(self, method: str) -> None:
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), parse_qs(parts.query)
        body = self._body()
        for methods, form, answer in ROUTES:
            match = re.fullmatch(form, path)
            if match and method in (methods if isinstance(methods, tuple) else (methods,)):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    answer(self, body=body, query=query, **match.groupdict())
                return
        self.hub_.asked.append(("unknown", f"{method} {path}"))
        self._fail(404, "NotFound", f"the fake does not know {method} {path}")

    def _repo(self, kind: str | None, name: str) -> Repo | None:
        """The repository, or None after a refusal; private ones do not exist for strangers."""
        repo = self.hub_.repos.get(f"{kind or 'models'}/{name}")
        if repo is None or (repo.private and not self._signed):
            self._fail(404 if self._signed else 401, "RepoNotFound", "Repository not found")
            return None
        return repo

    def _may_write(self) -> bool:
        if not self._signed:
            self._fail(401, "Unauthorized", "Invalid username or password.")
        elif not self.hub_.may_write:
            self._fail(403, "Forbidden", "You don't have the rights to write here")
        return self._signed and self.hub_.may_write

    # ------------------------------------------------------------ accounts, repositories

    def whoami(self, **_: Any) -> None:
        self.hub_.met("whoami")
        if self._signed:
            self._json({"type": "user", "name": "tester", "orgs": [], "auth": {"type": "access_token"}})
        else:
            self._fail(401, "Unauthorized", "Invalid user token.")

    def validate(self, **_: Any) -> None:
        self._json({"errors": [], "warnings": []})

    def create(self, body: bytes, **_: Any) -> None:
        if not self._may_write():
            return
        asked = json.loads(body)
        kind = {"dataset": "datasets"}.get(asked.get("type"), "models")
        key = f"{kind}/{asked['organization'] or 'tester'}/{asked['name']}"
        if not self.hub_.met("create", f"{key} {asked.get('visibility')}"):
            return
        address = f"{self.hub_.url}/{key.removeprefix('models/')}"
        if key in self.hub_.repos:
            self._json({"error": "You already created this repo", "url": address}, 409)
            return
        repo = self.hub_.repos[key] = Repo(private=asked.get("visibility") != "public")
        repo.commit("initial commit", {".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"})
        self._json({"url": address, "name": asked["name"]})

    def info(self, kind: str, name: str, query: Any, revision: str = "main", **_: Any) -> None:
        repo = self._repo(kind, name)
        if repo is None:
            return
        found = repo.at(revision)
        if found is None:
            self._fail(404, "RevisionNotFound")
            return
        siblings = []
        for path, content in found[1].items():
            row = described(path, content)
            one = {"rfilename": path, "size": row["size"], "blobId": row["oid"]}
            if "lfs" in row:
                one["lfs"] = {"sha256": row["lfs"]["oid"], "size": row["size"], "pointerSize": 130}
            siblings.append(one)
        about = {"id": name, "sha": found[0], "private": repo.private, "siblings": siblings, "tags": [], "downloads": 0}
        self._json(about | {"likes": 0, "lastModified": "2026-01-01T00:00:00.000Z", "gated": False, "disabled": False})

    # ------------------------------------------------------------ pushing

    def preupload(self, kind: str, name: str, body: bytes, **_: Any) -> None:
        repo = self._repo(kind, name)
        if repo is None or not self._may_write():
            return
        rows = []
        for one in json.loads(body)["files"]:
            mode = "lfs" if one["path"].endswith(".safetensors") or one["size"] >= LARGE else "regular"
            there = repo.files.get(one["path"])
            oid = None
            if there is not None:
                row = described(one["path"], there)
                oid = row["lfs"]["oid"] if "lfs" in row else row["oid"]
            rows.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._json({"files": rows})

    def batch(self, kind: str | None, name: str, body: bytes, **_: Any) -> None:
        if self._repo(kind, name) is None or not self._may_write():
            return
        rows = []
        for one in json.loads(body)["objects"]:
            row = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.hub_.stored:
                row["actions"] = {"upload": {"href": f"{self.hub_.url}/lfs/{one['oid']}", "header": {}}}
            rows.append(row)
        self._json({"transfer": "basic", "objects": rows})

    def store(self, oid: str, body: bytes, **_: Any) -> None:
        if not self.hub_.met("lfs", oid):
            return
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub_.stored[oid] = body
        self._send(200, b"")

    def commit(self, kind: str, name: str, body: bytes, **_: Any) -> None:
        repo = self._repo(kind, name)
        if repo is None or not self._may_write() or not self.hub_.met("commit", f"{kind}/{name}"):
            return
        files, title = dict(repo.files), ""
        for line in body.splitlines():
            row = json.loads(line)
            value = row["value"]
            if row["key"] == "header":
                title = value["summary"]
                if value.get("parentCommit") not in (None, repo.commits[-1][0]):
                    self._fail(412, "PreconditionFailed", "A commit has happened since")
                    return
            elif row["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif row["key"] == "lfsFile":
                files[value["path"]] = self.hub_.stored[value["oid"]]
            elif row["key"] == "deletedFile":
                del files[value["path"]]
        revision = repo.commit(title, files)
        address = f"{self.hub_.url}/{name}/commit/{revision}"
        self._json({"success": True, "commitOid": revision, "commitUrl": address})

    # ------------------------------------------------------------ loading

    def tree(self, kind: str, name: str, revision: str, query: Any, folder: str | None = None, **_: Any) -> None:
        found = self._found(kind, name, revision)
        if found is None:
            return
        inside = f"{folder.strip('/')}/" if folder and folder.strip("/") else ""
        rows, folders = [], {}
        for path, content in found[1].items():
            if not path.startswith(inside):
                continue
            rest = path.removeprefix(inside)
            if "/" in rest:
                above = inside + rest.split("/")[0]
                folders[above] = {"type": "directory", "path": above, "oid": "0" * 40, "size": 0}
            if "/" not in rest or query.get("recursive", ["False"])[0].lower() == "true":
                rows.append(described(path, content))
        if inside and not rows and not folders:
            self._fail(404, "EntryNotFound")
            return
        self._json([*folders.values(), *rows])

    def paths(self, kind: str, name: str, revision: str, body: bytes, **_: Any) -> None:
        found = self._found(kind, name, revision)
        if found is None:
            return
        if body.lstrip().startswith(b"{"):
            wanted = json.loads(body)["paths"]
        else:
            wanted = parse_qs(body.decode()).get("paths", [])
        rows: list[dict[str, Any]] = []
        for path in [wanted] if isinstance(wanted, str) else wanted:
            if path in found[1]:
                rows.append(described(path, found[1][path]))
            elif any(each.startswith(f"{path}/") for each in found[1]):
                rows.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
        self._json(rows)

    def resolve(self, kind: str | None, name: str, revision: str, file: str, **_: Any) -> None:
        found = self._found(kind, name, revision)
        if found is None:
            return
        content = found[1].get(file)
        if content is None:
            self._json({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound", X_Repo_Commit=found[0])
            return
        row = described(file, content)
        etag = row["lfs"]["oid"] if "lfs" in row else row["oid"]
        headers = {"ETag": f'"{etag}"', "X_Repo_Commit": found[0], "Accept_Ranges": "bytes"}
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if part:
            first, last = int(part[1]), min(int(part[2] or len(content) - 1), len(content) - 1)
            headers["Content_Range"] = f"bytes {first}-{last}/{len(content)}"
            self._send(206, content[first : last + 1], **headers)
        else:
            self._send(200, content, **headers)

    def _found(self, kind: str | None, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        repo = self._repo(kind, name)
        found = repo.at(revision) if repo is not None else None
        if repo is not None and found is None:
            self._fail(404, "RevisionNotFound")
        return found


_KIND, _NAME, _REVISION = r"(?P<kind>models|datasets)", r"(?P<name>[\w.-]+/[\w.-]+)", r"(?P<revision>[\w.-]+)"
_ANY = r"/(?:(?P<kind>datasets)/)?"
ROUTES = [
    ("GET", r"/api/whoami-v2", Answers.whoami),
    ("POST", r"/api/validate-yaml", Answers.validate),
    ("POST", r"/api/repos/create", Answers.create),
    (("GET", "HEAD"), rf"/api/{_KIND}/{_NAME}", Answers.info),
    (("GET", "HEAD"), rf"/api/{_KIND}/{_NAME}/revision/{_REVISION}", Answers.info),
    ("POST", rf"/api/{_KIND}/{_NAME}/preupload/{_REVISION}", Answers.preupload),
    ("POST", rf"/api/{_KIND}/{_NAME}/commit/{_REVISION}", Answers.commit),
    ("GET", rf"/api/{_KIND}/{_NAME}/tree/{_REVISION}(?P<folder>/.*)?", Answers.tree),
    ("POST", rf"/api/{_KIND}/{_NAME}/paths-info/{_REVISION}", Answers.paths),
    ("POST", rf"{_ANY}{_NAME}\.git/info/lfs/objects/batch", Answers.batch),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", Answers.store),
    (("GET", "HEAD"), rf"{_ANY}{_NAME}/resolve/{_REVISION}/(?P<file>.+)", Answers.resolve),
]
"""(methods, path, what answers)"""
