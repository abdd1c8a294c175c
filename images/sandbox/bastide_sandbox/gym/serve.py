"""The server: `POST /v1/episodes`, `POST /v1/episodes/<id>/steps`, `DELETE /v1/episodes/<id>`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from bastide_sandbox.errors import SandboxError
from bastide_sandbox.fields import Fields
from bastide_sandbox.gym.episodes import Episodes
from bastide_sandbox.web import Answer, Call, Route, Server, told

ACTIONS: Final = 10_000
"""How many a call may bring."""
SEED: Final = 2**32 - 1


class GymApi:
    """What is answered over HTTP."""

    def __init__(self) -> None:
        self.episodes = Episodes()

    def routes(self) -> list[Route]:
        """The routes."""
        environments = {"environments": self.episodes.environments}
        return [
            Route(method="GET", pattern="/v1/environments", run=lambda _: told(environments)),
            Route(method="POST", pattern="/v1/episodes", run=self.begin),
            Route(method="POST", pattern="/v1/episodes/([0-9]+)/steps", run=self.step),
            Route(method="DELETE", pattern="/v1/episodes/([0-9]+)", run=self.end),
        ]

    def begin(self, call: Call) -> Answer:
        """Reset an environment with a seed."""
        fields = Fields(call.body)
        name, seed = fields.text("environment", most=100), fields.whole("seed", 0, SEED)
        fields.end()
        return told(self.episodes.begin(name, seed), 201)

    def step(self, call: Call) -> Answer:
        """Take some actions."""
        fields = Fields(call.body)
        actions = fields.any("actions")
        fields.end()
        if not isinstance(actions, list) or not 1 <= len(actions) <= ACTIONS:
            raise SandboxError(400, "bad_field", f"actions is not a list of 1 to {ACTIONS}")
        return told({"steps": self.episodes.step(call.words[0], actions)})

    def end(self, call: Call) -> Answer:
        """End an episode."""
        return told({"episode": call.words[0], "steps": self.episodes.end(call.words[0])})

    def healthy(self) -> str:
        """Nothing, where there are environments."""
        return "" if self.episodes.environments else "there are no environments"


def serve(address: tuple[str, int], asked: argparse.Namespace) -> tuple[Server, Callable[[], None]]:
    """The server, and what ends the rest."""
    del asked
    api = GymApi()
    return Server(address, api.routes(), api.healthy), lambda: None
