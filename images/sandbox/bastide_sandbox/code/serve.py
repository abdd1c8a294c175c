"""Starting the code sandbox."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bastide_sandbox.code.api import CodeApi
from bastide_sandbox.code.kernel import Nursery
from bastide_sandbox.code.sessions import Sessions
from bastide_sandbox.folder import Folder
from bastide_sandbox.web import Server


def serve(address: tuple[str, int], asked: argparse.Namespace) -> tuple[Server, Callable[[], None]]:
    """The server, and what ends the rest."""
    sessions = Sessions(Nursery(asked.work, asked.memory * 2**20))
    api = CodeApi(sessions)
    return Server(address, [*api.routes(), *Folder(asked.work).routes()], api.healthy), sessions.close
