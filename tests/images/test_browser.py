"""The browser sandbox as a container: pages are rendered and acted upon, one that hangs is let go."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from images.builder.definition import load
from tests.images.conftest import Image
from tests.support.gateway.wire import until
from tests.support.images import contract, podman
from tests.support.images.picture import Picture
from tests.support.images.podman import Container

pytestmark = [
    pytest.mark.images("browser"),
    pytest.mark.skipif(podman.absent() != "", reason=podman.absent()),
]
PAGE = """<!doctype html><title>Two colours</title>
<style>body { margin: 0; background: #ffffff } div { position: absolute; width: 100px; height: 100px }</style>
<div style="left: 0; top: 0; background: #ff0000"></div>
<div style="left: 100px; top: 100px; background: #0000ff"></div>
<p style="margin: 300px 0 0 0; font: 32px sans-serif">Rendered here</p>"""
FORM = """<title>form</title><input id="name"><button onclick="
document.title = 'hello ' + document.getElementById('name').value">go</button>"""

SERVER = "http://127.0.0.1:8080/v1/page"
"""Where the server is, as a page in its browser sees it."""
PROCESSES = """
from contextlib import suppress
from pathlib import Path
for path in Path("/proc").glob("[0-9]*"):
    with suppress(OSError):
        state = (path / "stat").read_text().rpartition(")")[2].split()[0]
        print(path.name, state, *(path / "cmdline").read_text().split())
"""


@pytest.fixture(scope="module")
def browser(image: Callable[[str], Image]) -> Iterator[Container]:
    with podman.running(image("browser"), options=["--memory=1g"]) as container:
        yield container


def page(browser: Container, **asked: Any) -> dict[str, Any]:
    """What is told of a page."""
    answer = browser.ask("POST", "/v1/page", asked)
    assert answer.status == 200, answer.body
    return dict(answer.json())


def test_the_contract_of_containers(image: Callable[[str], Image], browser: Container) -> None:
    definition = load("browser")
    layer = contract.read_layer(image("browser").store, "browser")
    assert [*contract.broken_by_layer(definition, layer)] == []
    assert [*contract.broken_by_container(definition, browser)] == []


def test_a_page_is_rendered(browser: Container, tmp_path: Path) -> None:
    told = page(browser, html=PAGE, width=640, height=480)
    assert (told["title"], told["text"].strip()) == ("Two colours", "Rendered here")
    (tmp_path / "page.png").write_bytes(base64.b64decode(told["screenshot"]))
    picture = Picture.read(base64.b64decode(told["screenshot"]))
    assert (picture.width, picture.height) == (640, 480)
    assert picture.at(50, 50) == (255, 0, 0)
    assert picture.at(150, 150) == (0, 0, 255)
    assert picture.at(50, 150) == (255, 255, 255)
    dark = sum(picture.at(x, y) < (128, 128, 128) for x in range(250) for y in range(300, 345))
    assert 500 < dark < 5000, "the text is not drawn"


def test_pages_are_acted_upon(browser: Container) -> None:
    actions = [{"type": "Zoë", "into": "#name"}, {"click": "button"}, {"evaluate": "6 * 7"}]
    told = page(browser, html=FORM, actions=actions)
    assert (told["title"], told["results"]) == ("hello Zoë", [None, None, 42])


def test_a_session_keeps_its_page_and_no_other_sees_it(browser: Container) -> None:
    told = page(browser, html="<title>a</title>", session="a", actions=[{"evaluate": "window.x = 7"}])
    assert told["session"]["state"] == "new"
    told = page(browser, session="a", actions=[{"evaluate": "x"}])
    assert (told["title"], told["results"], told["session"]["state"]) == ("a", [7], "kept")
    assert page(browser, actions=[{"evaluate": "typeof x"}])["results"] == ["undefined"]


def test_what_cannot_be_done_has_a_code(browser: Container) -> None:
    for asked, status, code in (
        ({"url": "http://192.0.2.1/"}, 502, "not_reached"),
        ({"url": "file:///etc/passwd"}, 400, "bad_field"),
        ({"html": "x", "actions": [{"click": "#none"}]}, 400, "no_such_element"),
        ({"html": "x", "actions": [{"evaluate": "null.x"}]}, 400, "raised"),
        ({"html": "x", "actions": [{"dance": "now"}]}, 400, "bad_field"),
        ({"html": "x", "width": 10**6}, 400, "bad_field"),
    ):
        answer = browser.ask("POST", "/v1/page", asked)
        assert (answer.status, answer.json()["error"]["code"]) == (status, code), asked


def test_a_page_that_hangs_is_let_go(browser: Container) -> None:
    answer = browser.ask("POST", "/v1/page", {"html": "<script>for (;;);</script>", "timeout": 2})
    assert (answer.status, answer.json()["error"]["code"]) == (504, "timeout")
    assert page(browser, html="<title>next</title>")["title"] == "next"


def test_a_browser_that_ends_is_replaced(browser: Container) -> None:
    """A page that takes all memory ends itself or the browser; the next call works."""
    hoard = "<script>const a = []; for (;;) a.push(new Uint8Array(1 << 26).fill(1))</script>"
    answer = browser.ask("POST", "/v1/page", {"html": hoard, "timeout": 20})
    assert answer.json().get("error", {"code": "raised"})["code"] in (
        *("page_crashed", "browser_ended", "timeout", "raised", "page_failed"),
    )
    assert page(browser, html="<title>next</title>")["title"] == "next"


def test_it_says_whether_it_runs_pages_in_a_sandbox_of_its_own(browser: Container) -> None:
    about = browser.ask("GET", "/v1/browser").json()
    assert "Chrome/" in about["version"]
    assert about["sandbox"] in ("namespaces", "none")


def test_a_page_does_not_drive_the_server_that_drives_it(browser: Container) -> None:
    """Neither by script nor by a form, which sends JSON as `<name>=<value>`; what it gets: test_folder.py."""
    page(browser, html="<title>its own</title>", session="victim")
    body = json.dumps({"session": "victim", "actions": [{"evaluate": "document.title = 'taken'"}]})
    sent = f"fetch('{SERVER}', {{method: 'POST', mode: 'no-cors', body: {json.dumps(body)}}})"
    page(browser, html="<p>x", actions=[{"evaluate": f"{sent}.then(() => 'sent', error => String(error))"}])
    name, _, value = map(html.escape, body.partition("="))
    form = (
        f'<form method=post enctype=text/plain action={SERVER}><input name="{name}" value="{value}"></form>'
    )
    page(browser, html=form, session="attacker")
    submit = [{"evaluate": "setTimeout(() => document.forms[0].submit(), 0)"}]
    browser.ask("POST", "/v1/page", {"session": "attacker", "actions": submit})
    time.sleep(2)  # what it did would show by then
    assert page(browser, session="victim")["title"] == "its own"


def test_what_a_killed_browser_leaves_is_reaped(browser: Container) -> None:
    page(browser, html="x")
    (main,) = [number for number, _, command in processes(browser) if _drives(command)]
    browser.exec("/usr/bin/python3", "-c", f"import os; os.kill({main}, 9)")
    until(lambda: page(browser, html="<title>next</title>")["title"] == "next", "another is started", 60)
    until(lambda: all(state != "Z" for _, state, _ in processes(browser)), "no zombie is left", 30)


def processes(browser: Container) -> list[tuple[str, str, str]]:
    """Number, state and command line of each process in the container."""
    done = browser.exec("/usr/bin/python3", "-c", PROCESSES)
    assert done.returncode == 0, done.stderr
    return [
        (number, state, line)
        for number, state, line in (f"{each} ".split(" ", 2) for each in done.stdout.splitlines())
    ]


def _drives(command: str) -> bool:
    return "--remote-debugging-pipe" in command and "--type=" not in command
