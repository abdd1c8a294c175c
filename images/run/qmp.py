"""QEMU's own protocol, the little of it that starts, stops and keeps a machine.

Source: https://www.qemu.org/docs/master/interop/qmp-spec.html
"""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any, Final

from images.builder.errors import ImageError

_SECONDS: Final = 60.0
_POLL: Final = 0.005


class Qmp:
    """A connection to the monitor of one QEMU."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.settimeout(_SECONDS)
        self._lines = self._socket.makefile("rb")
        self._lines.readline()
        self.do("qmp_capabilities")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def do(self, command: str, **arguments: Any) -> Any:
        """What a command answers; raises `ImageError` with QEMU's reason."""
        asked = {"execute": command, **({"arguments": arguments} if arguments else {})}
        try:
            self._socket.sendall(json.dumps(asked).encode() + b"\n")
            while line := self._lines.readline():
                answer = json.loads(line)
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    raise ImageError(f"QEMU: {command}: {answer['error']['desc']}", "see QEMU's log")
        except OSError as error:
            raise ImageError(f"QEMU: {command}: {error}", "see QEMU's log") from error
        raise ImageError(f"QEMU: {command}: it ended", "see QEMU's log")

    def take_state(self, path: Path) -> None:
        """Let a machine that waits go on from the state in `path`; its memory is mapped already."""
        self._leave_memory()
        with path.open("rb") as file:
            self.hand(file.fileno(), "state")
            self.do("migrate-incoming", uri="fd:state")

    def _leave_memory(self) -> None:
        wanted = [{"capability": "x-ignore-shared", "state": True}]
        self.do("migrate-set-capabilities", capabilities=wanted)

    def keep_state(self, path: Path) -> None:
        """Stop the machine and write its devices' state to `path`; its memory is a file already.

        It is stopped by the writing, not before: what takes the state then knows that it ran, and goes on.
        """
        self._leave_memory()
        with path.open("wb") as file:
            self.hand(file.fileno(), "state")
            self.do("migrate", uri="fd:state")
            ends = time.monotonic() + _SECONDS
            while (status := self.do("query-migrate").get("status")) not in ("completed", "failed"):
                if time.monotonic() > ends:
                    raise ImageError("QEMU: the machine's state was not written in time", "see QEMU's log")
                time.sleep(_POLL)
        if status == "failed":
            raise ImageError("QEMU: the machine's state could not be written", "make room, see QEMU's log")

    def hand(self, descriptor: int, name: str) -> None:
        """Give QEMU an open file by a name."""
        asked = json.dumps({"execute": "getfd", "arguments": {"fdname": name}}).encode()
        socket.send_fds(self._socket, [asked], [descriptor])
        while line := self._lines.readline():
            answer = json.loads(line)
            if "return" in answer:
                return
            if "error" in answer:
                raise ImageError(f"QEMU: getfd: {answer['error']['desc']}", "see QEMU's log")
