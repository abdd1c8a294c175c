"""Pages: each in a browser context of its own, so that no cookie and no cache leads from one to another."""

from __future__ import annotations

import base64
import ctypes
import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bastide_sandbox.browser.cdp import Browser, until
from bastide_sandbox.errors import SandboxError

PROGRAM: Final = "/usr/lib/chromium/chromium-headless-shell"
PAGES: Final = 16
"""How many sessions there may be at once."""
_FLAGS: Final = (
    *("--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--disable-breakpad"),
    *("--disable-background-networking", "--disable-component-update", "--disable-default-apps"),
    *("--disable-extensions", "--disable-sync", "--no-first-run", "--no-default-browser-check"),
    *("--hide-scrollbars", "--mute-audio", "--font-render-hinting=none", "--force-color-profile=srgb"),
)
_NEWUSER: Final = 0x10000000  # CLONE_NEWUSER of linux/sched.h
_CENTRE: Final = """(selector => {
  const found = document.querySelector(selector);
  if (!found) return null;
  found.scrollIntoView({block: 'center', inline: 'center'});
  const box = found.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})"""
_FOCUS: Final = """(selector => {
  const found = document.querySelector(selector);
  if (found) found.focus();
  return !!found;
})"""
_ASK_SECONDS: Final = 0.05


def may_nest() -> bool:
    """Whether this place lets a user make namespaces, of which Chromium builds its own sandbox."""
    child = os.fork()
    if child == 0:
        os._exit(0 if ctypes.CDLL(None).unshare(_NEWUSER) == 0 else 1)
    return os.waitpid(child, 0)[1] == 0


class Pages:
    """The browser, started when it is first needed and again where it ended, and the sessions' pages."""

    def __init__(self, profile: Path, program: str = PROGRAM) -> None:
        self.nested = may_nest()
        self._command = [program, *_FLAGS, f"--user-data-dir={profile}"]
        self._environ = {**os.environ, "HOME": str(profile), "XDG_CACHE_HOME": str(profile)}
        self._lock = threading.Lock()
        self._browser: Browser | None = None
        self._sessions: dict[str, Page] = {}

    def browser(self) -> Browser:
        """The running browser."""
        with self._lock:
            if self._browser is None or not self._browser.alive:
                if self._browser is not None:
                    self._browser.close()
                self._sessions.clear()
                self._browser = self._start()
            return self._browser

    def _start(self) -> Browser:
        """With its own sandbox where it can have one; that namespaces are allowed is not always enough."""
        if self.nested:
            try:
                return Browser(self._command, self._environ)
            except SandboxError:
                self.nested = False
        return Browser([*self._command, "--no-sandbox"], self._environ)

    def page(self, name: str | None, size: tuple[int, int]) -> tuple[Page, str]:
        """The page of a session or a new one, and whether it was there (`kept`) or not (`new`, `none`)."""
        browser = self.browser()
        if name is None:
            return Page(browser, size), "none"
        with self._lock:
            if name in self._sessions:
                return self._sessions[name], "kept"
            if len(self._sessions) >= PAGES:
                raise SandboxError(429, "too_many_sessions", f"{PAGES} sessions are there: delete one")
            self._sessions[name] = Page(browser, size)
            return self._sessions[name], "new"

    def drop(self, name: str | None, page: Page) -> None:
        """Close a page; where not even that is answered, end the browser: the next call starts another."""
        with self._lock:
            if name is not None:
                self._sessions.pop(name, None)
        try:
            page.close()
        except SandboxError:
            page.browser.close()

    def delete(self, name: str) -> None:
        """End a session; raises `SandboxError` (404) where there is none."""
        if name not in self._sessions:
            raise SandboxError(404, "no_such_session", f"there is no session {name}")
        self.drop(name, self._sessions[name])

    def close(self) -> None:
        """End the browser."""
        if self._browser is not None:
            self._browser.close()


class Page:
    """One page, in a context of its own. `lock` is held while it is used."""

    def __init__(self, browser: Browser, size: tuple[int, int]) -> None:
        self.browser, self.lock = browser, threading.Lock()
        self.context = browser.call("Target.createBrowserContext", {})["browserContextId"]
        target = {"url": "about:blank", "browserContextId": self.context}
        made = browser.call("Target.createTarget", target)["targetId"]
        self.session = browser.call("Target.attachToTarget", {"targetId": made, "flatten": True})["sessionId"]
        self.events = browser.watch(self.session)
        for domain in ("Page", "Inspector"):
            self.call(f"{domain}.enable", {})
        scale = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", scale)
        denied = {"behavior": "deny", "browserContextId": self.context}
        browser.call("Browser.setDownloadBehavior", denied)

    def call(self, method: str, parameters: Mapping[str, Any], ends: float | None = None) -> dict[str, Any]:
        """Ask the page, until `ends` (monotonic) at most."""
        seconds = 30.0 if ends is None else ends - time.monotonic()
        return self.browser.call(method, dict(parameters), self.session, seconds)

    def close(self) -> None:
        """Close it with all that it keeps."""
        self.browser.forget(self.session)
        self.browser.call("Target.disposeBrowserContext", {"browserContextId": self.context}, seconds=5)

    def open(self, address: str, ends: float) -> None:
        """Go to an address and wait until it is loaded."""
        while not self.events.empty():
            self.events.get()
        found = self.call("Page.navigate", {"url": address}, ends)
        if text := found.get("errorText"):
            raise SandboxError(502, "not_reached", f"{address:.200}: {text}")
        if "loaderId" in found:  # else it moved within the page
            until(self.events, "Page.loadEventFired", ends)

    def show(self, content: str, ends: float) -> None:
        """Show HTML that was handed over."""
        self.open(f"data:text/html;charset=utf-8;base64,{base64.b64encode(content.encode()).decode()}", ends)

    def evaluate(self, expression: str, ends: float) -> Any:
        """The value of an expression of JavaScript, a promise's where it is one."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        found = self.call("Runtime.evaluate", asked, ends)
        if told := found.get("exceptionDetails"):
            text = told.get("exception", {}).get("description") or told["text"]
            raise SandboxError(400, "raised", f"{expression:.100}: {text:.2000}")
        return found["result"].get("value")

    def act(self, action: Mapping[str, str], ends: float) -> Any:
        """Do one thing: `click` a selector, `wait` for one, `type` a text `into` one, or `evaluate`."""
        match action:
            case {"click": str(selector), **rest} if not rest:
                self._click(selector, ends)
            case {"wait": str(selector), **rest} if not rest:
                while not self.evaluate(f"!!document.querySelector({_quoted(selector)})", ends):
                    time.sleep(_ASK_SECONDS)
            case {"type": str(text), "into": str(selector), **rest} if not rest:
                if not self.evaluate(f"{_FOCUS}({_quoted(selector)})", ends):
                    raise _nowhere(selector)
                self.call("Input.insertText", {"text": text}, ends)
            case {"evaluate": str(expression), **rest} if not rest:
                return self.evaluate(expression, ends)
            case _:
                rule = "{click}, {wait}, {type, into} or {evaluate}, each a string"
                raise SandboxError(400, "bad_field", f"actions: {action!r:.200} is not {rule}")
        return None

    def _click(self, selector: str, ends: float) -> None:
        place: Sequence[float] | None = self.evaluate(f"{_CENTRE}({_quoted(selector)})", ends)
        if place is None:
            raise _nowhere(selector)
        for kind in ("mousePressed", "mouseReleased"):
            event = {"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", event, ends)

    def picture(self, ends: float) -> str:
        """What is seen, as PNG in base 64."""
        return str(self.call("Page.captureScreenshot", {"format": "png"}, ends)["data"])


def _quoted(text: str) -> str:
    return json.dumps(text)  # JSON is JavaScript


def _nowhere(selector: str) -> SandboxError:
    return SandboxError(400, "no_such_element", f"nothing matches {selector:.200}")
