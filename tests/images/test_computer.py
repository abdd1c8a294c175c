"""The computer-use sandbox as a container: what is typed lands in a terminal, and on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from images.builder.definition import load
from tests.images.conftest import Image
from tests.support.gateway.wire import until
from tests.support.images import contract, podman
from tests.support.images.picture import Picture
from tests.support.images.podman import Container

pytestmark = [
    pytest.mark.images("computer"),
    pytest.mark.skipif(podman.absent() != "", reason=podman.absent()),
]
SECONDS = 60


@pytest.fixture(scope="module")
def computer(image: Callable[[str], Image]) -> Iterator[Container]:
    """A container with a terminal on its display, and the mouse in it."""
    with podman.running(image("computer"), options=["--memory=768m"]) as container:
        until(lambda: terminal(container) is not None, "the terminal is there", SECONDS)
        box = terminal(container) or {}
        place = [box["x"] + box["width"] // 2, box["y"] + box["height"] // 2]
        do(container, {"move": place}, {"click": "left"})
        yield container


def do(computer: Container, *events: dict[str, Any]) -> None:
    answer = computer.ask("POST", "/v1/input", {"events": events})
    assert answer.status == 200, answer.body


def terminal(computer: Container) -> dict[str, Any] | None:
    windows = computer.ask("GET", "/v1/windows").json()["windows"]
    return next((window for window in windows if window["width"] > 300), None)


def screen(computer: Container) -> Picture:
    answer = computer.ask("GET", "/v1/screen")
    assert (answer.status, answer.type) == (200, "image/png")
    return Picture.read(answer.body)


def content(computer: Container, name: str) -> bytes:
    answer = computer.ask("GET", f"/v1/files/{name}")
    return answer.body if answer.status == 200 else b""


def test_the_contract_of_containers(image: Callable[[str], Image], computer: Container) -> None:
    definition = load("computer")
    layer = contract.read_layer(image("computer").store, "computer")
    assert [*contract.broken_by_layer(definition, layer)] == []
    assert [*contract.broken_by_container(definition, computer)] == []


def test_what_is_typed_lands(computer: Container) -> None:
    do(computer, {"type": "printf %s 'Grüße, 5 € {[|]} \"~\"' > said\n"})
    expected = 'Grüße, 5 € {[|]} "~"'.encode()
    until(lambda: content(computer, "said") == expected, "what was typed is in the file", SECONDS)


def test_chords_are_keys_held_together(computer: Container) -> None:
    do(computer, {"type": "touch begun; sleep 600\n"})
    until(lambda: "begun" in computer.ask("GET", "/v1/files").json()["files"], "the program runs", SECONDS)
    do(computer, {"key": "ctrl+c"}, {"type": "echo ended > chord\n"})
    until(lambda: content(computer, "chord") == b"ended\n", "the program was interrupted", SECONDS)


def test_the_screen_shows_the_terminal_and_what_is_typed(computer: Container) -> None:
    do(computer, {"type": "clear; printf '\\033[41m%2000s\\033[0m' ' '\n"})
    box = terminal(computer) or {}

    def red() -> int:
        picture = screen(computer)
        assert (picture.width, picture.height) == (1280, 720)
        columns = range(box["x"] + 10, box["x"] + box["width"] - 10, 10)
        rows = range(box["y"] + 10, box["y"] + box["height"] - 10, 10)
        return sum(picture.at(x, y)[0] > 150 and picture.at(x, y)[1] < 60 for x in columns for y in rows)

    until(lambda: red() > 500, "the terminal is filled with red", SECONDS)
    outside = screen(computer).at(1270, 710)
    assert outside[0] < 150


def test_programs_are_started(computer: Container) -> None:
    before = len(computer.ask("GET", "/v1/windows").json()["windows"])
    command = ["xterm", "-T", "second", "-geometry", "20x5-0-0"]
    assert computer.ask("POST", "/v1/programs", {"command": command}).status == 201
    until(lambda: len(computer.ask("GET", "/v1/windows").json()["windows"]) > before, "it is seen", SECONDS)
    answer = computer.ask("POST", "/v1/programs", {"command": ["no-such-program"]})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "not_started")


@pytest.mark.parametrize(
    "event",
    [
        {"move": [5000, 1]},
        {"move": [1]},
        {"click": "fourth"},
        {"scroll": 1.5},
        {"type": 1},
        {},
        {"move": [1, 1], "key": "a"},
    ],
)
def test_events_that_are_none_are_refused_at_once(computer: Container, event: dict[str, Any]) -> None:
    answer = computer.ask("POST", "/v1/input", {"events": [{"type": "touch done\n"}, event]})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "bad_field")
    assert "done" not in computer.ask("GET", "/v1/files").json()["files"]
