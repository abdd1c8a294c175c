"""The server: `POST /v1/page`, `DELETE /v1/sessions/<name>`, `GET /v1/browser`."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bastide_sandbox.browser.pages import Page, Pages
from bastide_sandbox.errors import SandboxError
from bastide_sandbox.fields import Fields
from bastide_sandbox.web import Answer, Call, Route, Server, told

SECONDS: Final = 300.0
"""Longest time that a call may ask for."""
ACTIONS: Final = 100
TEXT_CHARACTERS: Final = 2**20
"""What is told of a page's text; the rest is cut."""
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ADDRESS: Final = re.compile(r"(https?://|data:|about:blank$).*", re.DOTALL)
_LOST: Final = ("timeout", "page_crashed", "browser_ended")


class BrowserApi:
    """What is answered over HTTP."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route(method="POST", pattern="/v1/page", run=self.page),
            Route(method="DELETE", pattern="/v1/sessions/([^/]+)", run=self.delete),
            Route(method="GET", pattern="/v1/browser", run=lambda _: told(self.about())),
        ]

    def about(self) -> dict[str, Any]:
        """The browser's version, and whether it runs pages in a sandbox of its own."""
        version = self.pages.browser().call("Browser.getVersion", {})
        return {"version": version["product"], "sandbox": "namespaces" if self.pages.nested else "none"}

    def page(self, call: Call) -> Answer:
        """Open what is asked, do the actions, tell what is there."""
        fields = Fields(call.body)
        url, html = fields.text("url", ""), fields.text("html", "", most=8 * 2**20)
        size = fields.whole("width", 16, 4096, 1280), fields.whole("height", 16, 4096, 720)
        seconds = fields.number("timeout", 0.1, SECONDS, 30.0)
        name, actions = fields.any("session", None), fields.any("actions", [])
        fields.end()
        if url and (html or not _ADDRESS.fullmatch(url)):
            raise SandboxError(400, "bad_field", "give html, or a url of http, https, data or about:blank")
        if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise SandboxError(400, "bad_field", f"session is not of the form {_NAME.pattern}")
        if not isinstance(actions, list) or len(actions) > ACTIONS:
            raise SandboxError(400, "bad_field", f"actions is not a list of at most {ACTIONS}")
        page, state = self.pages.page(name, size)
        if not page.lock.acquire(blocking=False):
            raise SandboxError(409, "session_busy", f"session {name} is at work: wait for it, or delete it")
        lost = name is None
        try:
            answer = _look(page, (url, html), actions, time.monotonic() + seconds)
            return told({**answer, "session": {"name": name, "state": state}})
        except SandboxError as error:
            lost = lost or error.code in _LOST
            raise
        finally:
            page.lock.release()
            if lost:
                self.pages.drop(name, page)

    def delete(self, call: Call) -> Answer:
        """End a session."""
        self.pages.delete(call.words[0])
        return told({"session": call.words[0]})

    def healthy(self) -> str:
        """Nothing, where the browser answers."""
        try:
            self.pages.browser().call("Browser.getVersion", {}, seconds=10)
        except SandboxError as error:
            return error.code
        return ""


def _look(page: Page, place: tuple[str, str], actions: list[Any], ends: float) -> dict[str, Any]:
    url, html = place
    if url:
        page.open(url, ends)
    elif html:
        page.show(html, ends)
    results = [page.act(each if isinstance(each, dict) else {}, ends) for each in actions]
    seen = "[location.href, document.title, document.body ? document.body.innerText : '']"
    address, title, text = page.evaluate(seen, ends)
    return {
        "url": address if len(address) < 2048 else f"{address[:2048]}...",
        "title": title,
        "text": text[:TEXT_CHARACTERS],
        "results": results,
        "screenshot": page.picture(ends),
    }


def serve(address: tuple[str, int], asked: argparse.Namespace) -> tuple[Server, Callable[[], None]]:
    """The server, and what ends the rest."""
    del asked
    pages = Pages(Path("/tmp/browser"))  # noqa: S108 (the container's own)
    api = BrowserApi(pages)
    return Server(address, api.routes(), api.healthy), pages.close
