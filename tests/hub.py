"""A loopback server that speaks the protocol of the Hugging Face hub.

It answers what huggingface_hub asks for when a snapshot is downloaded: a revision's
commit, the list of files at a commit, each file's size and checksum, and its bytes,
whole or from some byte on. Large files are sent from another place, as the hub does.
"""

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What git-lfs keeps on the hub; everything else is in the repository itself.
LARGE = (".safetensors", ".bin")
API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?")
FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
BLOB = re.compile(r"/blobs/([0-9a-f]{64})")


@dataclass(frozen=True)
class Request:
    """One request: its first byte, if it asked for a part, and the bytes sent."""

    method: str
    path: str
    first_byte: int | None
    n_bytes: int


@dataclass
class Hub:
    """Repositories by their ids, what was asked for, and what goes wrong."""

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    tags: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    # How often the connection is cut in the middle of a file of this name.
    cuts: Counter[str] = field(default_factory=Counter)

    def add(self, repository: str, folder: Path, tag: str | None = None) -> str:
        """Serve a folder's files, as `main` or at a tag; returns the commit."""
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        if tag is None:
            self.repositories[repository] = files
        else:
            self.tags[repository, tag] = files
        return commit_of(files)

    def revision(self, repository: str, name: str) -> dict[str, bytes] | None:
        """The files at a branch, a tag or a commit."""
        known = {
            tag: files
            for (owner, tag), files in self.tags.items()
            if owner == repository
        }
        known["main"] = self.repositories[repository]
        known |= {commit_of(files): files for files in known.values()}
        return known.get(name)

    def sent(self, file: str) -> list[Request]:
        """Requests that sent bytes of a file, or of the blob it stands for."""
        names = {file}
        every = [*self.repositories.values(), *self.tags.values()]
        names |= {sha256(files[file]) for files in every if file in files}
        return [
            request
            for request in self.requests
            if request.n_bytes and request.path.rsplit("/", 1)[1] in names
        ]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_blob(content: bytes) -> str:
    """The name that git gives a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def commit_of(files: dict[str, bytes]) -> str:
    """A commit hash that stands for these very files."""
    named = "".join(f"{name} {git_blob(files[name])}\n" for name in sorted(files))
    return hashlib.sha1(named.encode()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers of the hub; `server.hub` has the repositories."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if api := API.fullmatch(urlsplit(self.path).path):
            self.describe(*(unquote(part or "") for part in api.groups()))
        elif blob := BLOB.fullmatch(path):
            self.send_blob(blob[1])
        elif file := FILE.fullmatch(urlsplit(self.path).path):
            self.resolve(*map(unquote, file.groups()))
        else:
            self.refuse(404, "EntryNotFound")

    def describe(self, repository: str, kind: str, revision: str) -> None:
        files = self.files_at(repository, revision or "main")
        if files is None:
            return
        if kind == "tree":
            listed = [self.listed(name, content) for name, content in files.items()]
            self.send(200, json.dumps(listed).encode())
        else:
            siblings = [{"rfilename": name} for name in files]
            described = {"id": repository, "sha": commit_of(files)}
            self.send(200, json.dumps(described | {"siblings": siblings}).encode())

    def listed(self, name: str, content: bytes) -> dict[str, object]:
        entry: dict[str, object] = {"type": "file", "path": name, "size": len(content)}
        entry["oid"] = git_blob(content)
        if name.endswith(LARGE):
            pointer = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
            entry["lfs"] = pointer
        return entry

    def resolve(self, repository: str, revision: str, name: str) -> None:
        files = self.files_at(repository, revision)
        if files is None:
            return
        if name not in files:
            self.refuse(404, "EntryNotFound", {"X-Repo-Commit": commit_of(files)})
            return
        content, headers = files[name], {"X-Repo-Commit": commit_of(files)}
        if name.endswith(LARGE):
            digest = sha256(content)
            elsewhere = self.hub.url.replace("127.0.0.1", "localhost")
            headers |= {
                "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(len(content)),
                "Location": f"{elsewhere}/blobs/{digest}",
            }
            self.send(302, b"", headers)
        else:
            self.send_part(content, name, headers | {"ETag": f'"{git_blob(content)}"'})

    def send_blob(self, digest: str) -> None:
        every = [*self.hub.repositories.values(), *self.hub.tags.values()]
        for files in every:
            for name, content in files.items():
                if sha256(content) == digest:
                    self.send_part(content, name, {"ETag": f'"{digest}"'})
                    return
        self.refuse(404, "EntryNotFound")

    def send_part(self, content: bytes, name: str, headers: dict[str, str]) -> None:
        """The content from the byte that is asked for; cut off if that is due."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        if asked:
            end = len(content)
            headers = headers | {"Content-Range": f"bytes {first}-{end - 1}/{end}"}
        part = content[first:]
        is_cut = self.command == "GET" and self.hub.cuts[name] > 0
        if is_cut:
            self.hub.cuts[name] -= 1
        self.send(
            206 if asked else 200, part, headers, len(part) // 2 if is_cut else None
        )

    def files_at(self, repository: str, revision: str) -> dict[str, bytes] | None:
        if repository not in self.hub.repositories:
            self.refuse(401, "RepoNotFound")
            return None
        files = self.hub.revision(repository, revision)
        if files is None:
            self.refuse(404, "RevisionNotFound")
        return files

    def refuse(self, status: int, code: str, headers: dict | None = None) -> None:
        self.send(status, b"{}", {"X-Error-Code": code} | (headers or {}))

    def send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        cut_after: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        body = b"" if self.command == "HEAD" else body[:cut_after]
        self.wfile.write(body)
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else None
        path = urlsplit(self.path).path
        self.hub.requests.append(Request(self.command, path, first, len(body)))
        if cut_after is not None:
            self.wfile.flush()
            self.close_connection = True


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub on a free port of this machine, until the block ends."""
    hub = Hub()
    handler = type("Answers", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
