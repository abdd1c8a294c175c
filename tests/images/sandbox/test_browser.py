"""The browser's pipe, with a stand-in for the browser: what answers, what does not, what ends."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bastide_sandbox.browser.cdp import Browser, until
from bastide_sandbox.errors import SandboxError
from tests.support.gateway.wire import until as until_true

STAND_IN = """
import json, os
rest = b""
while piece := os.read(3, 65536):
    *messages, rest = (rest + piece).split(b"\\0")
    for message in map(json.loads, messages):
        method, answer = message["method"], {"id": message["id"]}
        if method == "Silent":
            continue
        if method == "Exit":
            os._exit(0)
        told = {"error": {"message": "no"}} if method == "Bad" else {"result": message["params"]}
        if method == "Event":
            for name in ("Page.other", "Page.loadEventFired"):
                event = {"method": name, "params": {"of": name}, "sessionId": message["sessionId"]}
                os.write(4, json.dumps(event).encode() + b"\\0")
        os.write(4, json.dumps({**answer, **told}).encode() + b"\\0")
"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    made = Browser([sys.executable, str(tmp_path / "stand_in.py")], {})
    yield made
    made.close()


def test_a_method_has_its_result(browser: Browser) -> None:
    large = {"text": "a" * 3_000_000}
    assert browser.call("Echo", large) == large


def test_a_method_that_fails_or_is_late_says_so(browser: Browser) -> None:
    with pytest.raises(SandboxError, match="Bad: no") as found:
        browser.call("Bad", {})
    assert found.value.code == "page_failed"
    with pytest.raises(SandboxError) as found:
        browser.call("Silent", {}, seconds=0.1)
    assert found.value.code == "timeout"
    assert browser.call("Echo", {}) == {}


def test_events_are_waited_for_by_name(browser: Browser) -> None:
    events = browser.watch("page")
    browser.call("Event", {}, "page")
    assert until(events, "Page.loadEventFired", time.monotonic() + 30) == {"of": "Page.loadEventFired"}
    with pytest.raises(SandboxError) as found:
        until(events, "Page.loadEventFired", time.monotonic() + 0.1)
    assert found.value.code == "timeout"


def test_a_browser_that_ends_says_so_at_once(browser: Browser) -> None:
    events = browser.watch("page")
    with pytest.raises(SandboxError) as found:
        browser.call("Exit", {})
    assert found.value.code == "browser_ended"
    with pytest.raises(SandboxError) as found:
        until(events, "Page.loadEventFired", time.monotonic() + 30)
    assert found.value.code == "browser_ended"
    with pytest.raises(SandboxError):
        browser.call("Echo", {})
    assert not browser.alive


def test_nothing_is_written_where_a_browser_was(browser: Browser) -> None:
    """Its descriptor's number may be another's by then: a caller's socket, say."""
    written = browser._out
    with pytest.raises(SandboxError):
        browser.call("Exit", {})
    read, write = os.pipe()
    os.dup2(write, written)
    os.set_blocking(read, False)
    try:
        with pytest.raises(SandboxError) as found:
            browser.call("Echo", {}, seconds=0.1)
        assert found.value.code == "browser_ended"
        with pytest.raises(BlockingIOError):
            os.read(read, 1)
    finally:
        for descriptor in {read, write, written}:
            os.close(descriptor)


def test_a_browser_that_ends_waits_for_who_writes(browser: Browser) -> None:
    with browser._lock:
        os.kill(browser.process, signal.SIGKILL)
        time.sleep(0.2)
        assert browser.alive
        os.fstat(browser._out)
    until_true(lambda: not browser.alive, "its end is seen", 10)
    with browser._lock, pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(browser._out)
