"""A Pulumi project on a file backend of its own, driven by the real engine; typed results."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.processes import running

_TIMEOUT = 120.0
"""Seconds that one command of the engine may take."""
_UPDATES = ("up", "preview", "refresh", "destroy", "import")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of an update: `op` (create, update, same, delete, replace, ...) on `urn`."""

    op: str
    urn: str

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a command of the engine did."""

    command: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    events: tuple[dict[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """All that was printed."""
        return self.stdout + self.stderr

    def ok(self) -> Result:
        """Itself, after asserting that the command succeeded."""
        assert self.code == 0, f"{' '.join(self.command)} ended with {self.code}:\n{self.text}"
        return self

    def failed(self, *words: str) -> Result:
        """Itself, after asserting that the command failed and said all of `words`."""
        assert self.code != 0, f"{' '.join(self.command)} succeeded:\n{self.text}"
        for word in words:
            assert word in self.text, f"{word!r} not in:\n{self.text}"
        return self

    @property
    def steps(self) -> list[Step]:
        """The steps on resources, in the order in which the engine began them; unchanged ones included."""
        found = []
        for event in self.events:
            if (meta := event.get("resourcePreEvent", {}).get("metadata")) is not None:
                found.append(Step(op=meta["op"], urn=meta["urn"]))
        return found

    def ops(self) -> dict[str, str]:
        """Resource name -> its last step, without the stack and the providers."""
        skipped = ("pulumi:pulumi:Stack", "pulumi:providers:")
        return {step.name: step.op for step in self.steps if not any(kind in step.urn for kind in skipped)}

    @property
    def changes(self) -> dict[str, int]:
        """The engine's own count: {"create": 2, "same": 1}."""
        counts: dict[str, int] = {}
        for event in self.events:
            counts = event.get("summaryEvent", {}).get("resourceChanges", counts)
        return counts

    @property
    def diagnostics(self) -> list[str]:
        """Messages that the engine showed, without colour codes."""
        return [event["diagnosticEvent"]["message"] for event in self.events if "diagnosticEvent" in event]

    @property
    def violations(self) -> list[dict[str, Any]]:
        """Policy violations: policyName, enforcementLevel, message, ..."""
        return [event["policyEvent"] for event in self.events if "policyEvent" in event]


@dataclass(kw_only=True)
class Running:
    """A command that is under way."""

    process: subprocess.Popen[str]
    command: tuple[str, ...]
    events: Path

    def result(self, timeout: float = _TIMEOUT) -> Result:
        """Wait for the end."""
        try:
            stdout, stderr = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill_group(self.process)
            stdout, stderr = self.process.communicate()
            raise AssertionError(f"{self.command} took over {timeout} s:\n{stdout}{stderr}") from None
        return Result(
            command=self.command,
            code=self.process.returncode,
            stdout=stdout,
            stderr=stderr,
            events=_read_events(self.events),
        )

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the engine alone."""
        self.process.kill()


@dataclass(kw_only=True)
class Project:
    """A Pulumi project with one current stack, on a file backend of its own."""

    root: Path
    environ: dict[str, str]
    stack: str = "dev"
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def backend(self) -> Path:
        return self.root / "state"

    @property
    def lab(self) -> Path:
        """The folder of the lab provider: see labprovider.py."""
        return self.root / "lab"

    def program(self, source: str, *, path: str = "__main__.py") -> None:
        """Write (a file of) the program."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(source))

    def policy_pack(self, source: str, *, name: str = "pack") -> Path:
        """Write a policy pack beside the program; returns its folder."""
        self.program(source, path=f"{name}/__main__.py")
        (self.root / name / "PulumiPolicy.yaml").write_text("runtime: python\n")
        return self.root / name

    def start(self, *arguments: str, **environ: str) -> Running:
        """Start a command of the engine and return at once."""
        command = ("pulumi", *arguments)
        pulumi = shutil.which("pulumi", path=self.environ["PATH"]) or "pulumi"
        events = self.root / f"events-{len(self._started)}.json"
        log = ("--event-log", str(events)) if arguments[0] in _UPDATES else ()
        process = subprocess.Popen(
            [pulumi, arguments[0], "--non-interactive", *log, *arguments[1:]],
            cwd=self.root,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return Running(process=process, command=command, events=events)

    def run(self, *arguments: str, **environ: str) -> Result:
        """Run a command of the engine, e.g. `run("config", "set", "a", "1")`."""
        return self.start(*arguments, **environ).result()

    def up(self, *flags: str, **environ: str) -> Result:
        return self.run("up", "--yes", "--skip-preview", *self._on, *flags, **environ)

    def start_up(self, *flags: str, **environ: str) -> Running:
        return self.start("up", "--yes", "--skip-preview", *self._on, *flags, **environ)

    def preview(self, *flags: str, **environ: str) -> Result:
        return self.run("preview", *self._on, *flags, **environ)

    def refresh(self, *flags: str, **environ: str) -> Result:
        return self.run("refresh", "--yes", "--skip-preview", *self._on, *flags, **environ)

    def destroy(self, *flags: str, timeout: float = _TIMEOUT, **environ: str) -> Result:
        started = self.start("destroy", "--yes", "--skip-preview", *self._on, *flags, **environ)
        return started.result(timeout)

    def import_(self, token: str, name: str, resource_id: str, *flags: str, **environ: str) -> Result:
        arguments = ("import", token, name, resource_id, "--yes", "--skip-preview", *self._on, *flags)
        return self.run(*arguments, **environ)

    def cancel(self) -> Result:
        return self.run("cancel", "--yes", *self._on)

    def config(self, key: str, value: str, *flags: str) -> None:
        self.run("config", "set", *self._on, *flags, "--", key, value).ok()

    def state(self) -> dict[str, Any]:
        """The deployment of the stack, secrets as ciphertext."""
        exported: dict[str, Any] = json.loads(self.run("stack", "export", *self._on).ok().stdout)
        deployment: dict[str, Any] = exported["deployment"]
        return deployment

    def resources(self) -> dict[str, dict[str, Any]]:
        """Resource name -> its state, without the stack and the providers."""
        kept = [item for item in self.state().get("resources", ()) if not item["type"].startswith("pulumi:p")]
        return {item["urn"].rsplit("::", 1)[-1]: item for item in kept}

    def outputs(self, *flags: str) -> dict[str, Any]:
        """The stack's outputs; secrets are shown with `--show-secrets` only."""
        shown: dict[str, Any] = json.loads(
            self.run("stack", "output", "--json", *self._on, *flags).ok().stdout
        )
        return shown

    def init(self, stack: str) -> None:
        """Make a further stack and let it be the current one."""
        self.stack = stack
        self.run("stack", "init", stack).ok()

    @property
    def state_file(self) -> Path:
        name = yaml.safe_load((self.root / "Pulumi.yaml").read_text())["name"]
        return self.backend / ".pulumi" / "stacks" / name / f"{self.stack}.json"

    def calls(self) -> list[str]:
        """The calls that the lab provider noted."""
        path = self.lab / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def await_calls(self, verb: str, when: str, count: int = 1) -> None:
        """Wait until the lab provider has noted so many calls, e.g. `("create", "begin", 4)`."""

        def seen() -> bool:
            noted = [call.split() for call in self.calls()]
            return sum(call[0] == verb and call[-1] == when for call in noted) >= count

        eventually(seen, f"{count} x {verb} ... {when}")

    def close(self) -> None:
        """Kill whatever is left of this project's processes."""
        for process in self._started:
            _kill_group(process)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processes(self) -> list[int]:
        """The living processes of this project: those that have its PULUMI_HOME in their environment."""
        return [*running(f"PULUMI_HOME={self.environ['PULUMI_HOME']}\0", told_by="environ")]

    @property
    def _on(self) -> tuple[str, str]:
        return ("--stack", self.stack)


def eventually(condition: Callable[[], object], what: str, timeout: float = 30.0) -> None:
    """Wait until `condition` holds; fails with `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.02)


def _read_events(path: Path) -> tuple[dict[str, Any], ...]:
    if not path.exists():
        return ()
    lines: Sequence[str] = path.read_text().splitlines()
    return tuple(json.loads(line) for line in lines if line.startswith("{") and line.endswith("}"))


def _kill_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
