"""The working folder: what a caller puts in and takes out."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bastide_sandbox.errors import SandboxError
from bastide_sandbox.web import BODY_BYTES, Answer, Call, Route, told


class Folder:
    """Files below `root`, which is also where cells and programs run."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def routes(self) -> list[Route]:
        """List, get, put and delete."""
        path = "/v1/files/(.+)"
        return [
            Route(method="GET", pattern="/v1/files/?", run=lambda _: told({"files": self.names()})),
            Route(method="GET", pattern=path, run=self.get),
            Route(method="PUT", pattern=path, run=self.put),
            Route(method="DELETE", pattern=path, run=self.delete),
        ]

    def names(self) -> list[str]:
        """Every file, relative to the folder."""
        return sorted(
            os.path.relpath(os.path.join(at, name), self.root)  # noqa: PTH118 (of a walk)
            for at, _, names in os.walk(self.root)
            for name in names
        )

    def get(self, call: Call) -> Answer:
        """The bytes of a file."""
        path = self._place(call.words[0])
        try:
            with path.open("rb") as file:
                content = file.read(BODY_BYTES + 1)
        except OSError as error:
            raise SandboxError(404, "no_such_file", f"{call.words[0]}: {error.strerror}") from None
        if len(content) > BODY_BYTES:
            raise SandboxError(413, "too_large", f"{call.words[0]} has more than {BODY_BYTES} bytes")
        return Answer(body=content, type="application/octet-stream")

    def put(self, call: Call) -> Answer:
        """Write a file as a whole: readers see the old one or the new one."""
        path = self._place(call.words[0])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".put-", delete=False) as draft:
                draft.write(call.body)
            Path(draft.name).chmod(0o644)
            Path(draft.name).replace(path)
        except OSError as error:
            raise SandboxError(507, "not_written", f"{call.words[0]}: {error.strerror}") from None
        return told({"file": call.words[0], "bytes": len(call.body)}, 201)

    def delete(self, call: Call) -> Answer:
        """Remove a file."""
        try:
            self._place(call.words[0]).unlink()
        except OSError as error:
            raise SandboxError(404, "no_such_file", f"{call.words[0]}: {error.strerror}") from None
        return told({"file": call.words[0]})

    def _place(self, name: str) -> Path:
        """Where `name` is; links that lead out are refused. (No wall for cells: they are the same user.)"""
        path = (self.root / name).resolve() if "\0" not in name else self.root
        if path == self.root or not path.is_relative_to(self.root):
            raise SandboxError(400, "bad_path", f"{name!r} is no file in the working folder")
        return path
