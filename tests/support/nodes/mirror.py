"""What machines of a lab can reach: an apt mirror that keeps what it fetched, and a folder of artifacts.

Packages come through this machine's own apt client, so that its proxies and credentials hold here too.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.nodes.sources import Source

_FRESH = 6 * 3600
"""Seconds for which an index that has no hash in its name is taken as it is."""
_HELPER = "/usr/lib/apt/apt-helper"


class Store:
    """Files of the archives on disk; each is fetched once, however many ask for it."""

    def __init__(self, folder: Path, sources: Sequence[Source]) -> None:
        self.folder = folder
        self.uris = [source.uri for source in sources]
        self.locks: dict[Path, threading.Lock] = {}
        self.guard = threading.Lock()

    def get(self, number: int, path: str) -> Path | None:
        """The file `path` of archive `number`; None where the archive does not have it."""
        uri = f"{self.uris[number]}/{path}"
        kept = self.folder / hashlib.sha256(uri.encode()).hexdigest()
        with self.guard:
            lock = self.locks.setdefault(kept, threading.Lock())
        with lock:
            if self._fresh(kept, path):
                return kept
            return self._fetch(uri, kept) or (kept if kept.exists() else None)

    @staticmethod
    def _fresh(kept: Path, path: str) -> bool:
        if not kept.exists():
            return False
        fixed = path.startswith("pool/") or "/by-hash/" in path
        return fixed or time.time() - kept.stat().st_mtime < _FRESH

    def _fetch(self, uri: str, kept: Path) -> Path | None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            part = Path(folder, "part")
            command = [_HELPER, "-o", "APT::Sandbox::User=root", "download-file", uri, part]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
            if done.returncode != 0 or not part.exists():
                return None
            return part.replace(kept)


class Mirror:
    """`/apt/<number>/...` are the archives, `/artifacts/...` is a folder; `down` makes it answer 503."""

    def __init__(self, address: str, store: Store, artifacts: Path, port: int = 80) -> None:
        self.store, self.artifacts, self.down = store, artifacts, False
        mirror = self

        class Handler(_Handler):
            pass

        Handler.mirror = mirror
        self.server = ThreadingHTTPServer((address, port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def find(self, path: str) -> Path | None:
        match urllib.parse.unquote(urllib.parse.urlsplit(path).path).lstrip("/").split("/", 2):
            case ["apt", number, rest] if number.isdigit() and int(number) < len(self.store.uris):
                return self.store.get(int(number), rest)
            case ["artifacts", *rest]:
                found = self.artifacts.joinpath(*rest).resolve()
                inside = found.is_relative_to(self.artifacts.resolve())
                return found if inside and found.is_file() else None
        return None


class _Handler(BaseHTTPRequestHandler):
    mirror: Mirror
    protocol_version = "HTTP/1.1"
    timeout = 120

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        if self.mirror.down:
            return self.send_error(503, "The mirror is down")
        found = self.mirror.find(self.path)
        if not found:
            return self.send_error(404)
        with found.open("rb") as file:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(found.stat().st_size))
            self.end_headers()
            while body and (chunk := file.read(1 << 20)):
                self.wfile.write(chunk)
        return None

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what a machine could not get, the machine says."""
