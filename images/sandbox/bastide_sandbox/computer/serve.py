"""The server: `GET /v1/screen`, `POST /v1/input`, `GET /v1/windows`, `POST /v1/programs`, and the folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bastide_sandbox.computer import keys
from bastide_sandbox.computer.desk import Desk
from bastide_sandbox.computer.display import BUTTONS
from bastide_sandbox.errors import SandboxError
from bastide_sandbox.fields import Fields
from bastide_sandbox.folder import Folder
from bastide_sandbox.web import Answer, Call, Route, Server, told

SIZE: Final = (1280, 720)
EVENTS: Final = 1000
NOTCHES: Final = 100
_RULE: Final = (
    "one of {move: [x, y]}, {click, press or release: left, middle or right}, {scroll: notches}, "
    "{type: text}, {key: chord}"
)


class ComputerApi:
    """What is answered over HTTP."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.screen = desk, desk.screen

    def routes(self) -> list[Route]:
        """The routes."""
        windows = self.screen.windows
        return [
            Route(method="GET", pattern="/v1/screen", run=self.look),
            Route(method="GET", pattern="/v1/windows", run=lambda _: told({"windows": windows()})),
            Route(method="POST", pattern="/v1/input", run=self.act),
            Route(method="POST", pattern="/v1/programs", run=self.start),
        ]

    def look(self, call: Call) -> Answer:
        """The screen, as PNG."""
        del call
        return Answer(body=self.screen.picture(), type="image/png")

    def act(self, call: Call) -> Answer:
        """Mouse and keyboard, event by event; all are looked at before the first is done."""
        fields = Fields(call.body)
        events = fields.any("events")
        fields.end()
        if not isinstance(events, list) or not 1 <= len(events) <= EVENTS:
            raise SandboxError(400, "bad_field", f"events is not a list of 1 to {EVENTS}")
        for act in [self._event(each) for each in events]:
            act()
        return told({"events": len(events)})

    def _event(self, event: Any) -> Callable[[], None]:
        """What does the event; raises `SandboxError` where it is none."""
        kind: str
        value: Any
        kind, value = next(iter(event.items())) if isinstance(event, dict) and len(event) == 1 else ("", None)
        if kind == "move":
            fits = self._on_screen(value)
        elif kind in ("press", "release", "click"):
            fits = isinstance(value, str) and value in BUTTONS
        elif kind == "scroll":
            fits = type(value) is int and abs(value) <= NOTCHES
        else:
            fits = kind in ("type", "key") and isinstance(value, str)
        if not fits:
            raise SandboxError(400, "bad_field", f"{event!r:.100} is not {_RULE}")
        named = {"type": keys.of_text, "key": keys.of_chord}
        return partial(getattr(self.screen, kind), named[kind](value) if kind in named else value)

    def _on_screen(self, place: Any) -> bool:
        if not (isinstance(place, list) and len(place) == 2 and all(type(each) is int for each in place)):
            return False
        return all(0 <= at < most for at, most in zip(place, self.screen.size(), strict=True))

    def start(self, call: Call) -> Answer:
        """Start a program on the display."""
        fields = Fields(call.body)
        command = fields.any("command")
        fields.end()
        if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
            raise SandboxError(400, "bad_field", "command is not a list of strings")
        return told({"process": self.desk.start(command)}, 201)

    def healthy(self) -> str:
        """Nothing, where the display answers and its manager runs."""
        try:
            return self.desk.wrong() or ("" if self.screen.size() else "no screen")
        except SandboxError as error:
            return error.code


def serve(address: tuple[str, int], asked: argparse.Namespace) -> tuple[Server, Callable[[], None]]:
    """The server, and what ends the rest."""
    desk = Desk(asked.work, SIZE)
    api = ComputerApi(desk)
    return Server(address, [*api.routes(), *Folder(asked.work).routes()], api.healthy), desk.close
