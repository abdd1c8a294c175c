"""Drives the real Pulumi engine: fixture `engine`, a factory of projects in folders of their own.

    project = engine.project('''
        import pulumi
        pulumi.export("answer", 42)
    ''')
    project.up().ok()
    assert project.outputs() == {"answer": 42}

Nothing of the machine leaks in: own PULUMI_HOME, file backend, passphrase and PATH. The language host and the
providers are those of this project. Every process of a project dies with its test.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "correct horse"
_TIMEOUT = 120.0
"""Seconds that one command of the engine may take."""
_PLUGINS = {
    "language-python-v3.250.0": ("pulumi-language-python", "-m twin.plugins.python"),
    "resource-kubernetes-v4.34.2": ("pulumi-resource-kubernetes", "-m twin.plugins.kubernetes"),
    "resource-lab-v1.0.0": ("pulumi-resource-lab", f"{ROOT}/tests/support/labprovider.py"),
}


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
        events = self.root / f"events-{len(self._started)}.json"
        log = ("--event-log", str(events)) if arguments[0] in _UPDATES else ()
        process = subprocess.Popen(
            [
                shutil.which("pulumi", path=self.environ["PATH"]) or "pulumi",
                *arguments,
                *log,
                "--non-interactive",
            ],
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

    def destroy(self, *flags: str, **environ: str) -> Result:
        return self.run("destroy", "--yes", "--skip-preview", *self._on, *flags, **environ)

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
        mark = f"PULUMI_HOME={self.environ['PULUMI_HOME']}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (folder / "environ").read_bytes().split(b"\0"):
                        found.append(int(folder.name))
        return found

    @property
    def _on(self) -> tuple[str, str]:
        return ("--stack", self.stack)


_UPDATES = ("up", "preview", "refresh", "destroy", "import")


class Engine:
    """Makes projects below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._projects: list[Project] = []

    def project(
        self,
        program: str = "",
        *,
        stack: str = "dev",
        options: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Project:
        """A project with `program` and an empty stack.

        `options` are runtime options, `settings` further keys of Pulumi.yaml, `environ` more environment,
        e.g. `KUBECONFIG`.
        """
        root = self._folder / f"project{len(self._projects)}"
        (root / "state").mkdir(parents=True)
        (root / "lab").mkdir()
        runtime = {"name": "python", "options": dict(options or {})}
        about = {"name": "bench", "runtime": runtime, "backend": {"url": f"file://{root / 'state'}"}}
        (root / "Pulumi.yaml").write_text(yaml.safe_dump({**about, **(settings or {})}))
        project = Project(root=root, environ=_environ(root, self._home()) | dict(environ or {}))
        self._projects.append(project)
        project.program(program)
        project.init(stack)
        return project

    def sibling(self, other: Project, program: str, *, name: str) -> Project:
        """A further project on the backend of `other`."""
        settings = {"name": name, "backend": {"url": f"file://{other.backend}"}}
        return self.project(program, stack=other.stack, settings=settings)

    def close(self) -> None:
        for project in self._projects:
            project.close()

    def _home(self) -> Path:
        """A PULUMI_HOME with the plug-ins of this project, as if installed: the engine then trusts them."""
        home = self._folder / f"home{len(self._projects)}"
        for folder, (program, arguments) in _PLUGINS.items():
            wrapper = home / "plugins" / folder / program
            wrapper.parent.mkdir(parents=True)
            wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
            wrapper.chmod(0o755)
        return home


def _environ(root: Path, home: Path) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("HOME", "LANG", "TMPDIR") if key in os.environ}
    return kept | {
        "PATH": os.pathsep.join(
            (str(pulumi_binary().parent), str(Path(sys.executable).parent), "/usr/bin:/bin")
        ),
        "PULUMI_HOME": str(home),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PYTHONPATH": str(ROOT),
        "PULUMI_DEBUG_COMMANDS": "true",  # where --event-log is a flag
        "NO_COLOR": "1",
        "LAB": str(root / "lab"),
    }


def pulumi_binary() -> Path:
    """The engine: from BASTIDE_TOOLS, else from PATH."""
    path = os.pathsep.join((os.environ.get("BASTIDE_TOOLS", ""), os.environ.get("PATH", "")))
    found = shutil.which("pulumi", path=path)
    assert found, "no pulumi in BASTIDE_TOOLS or on PATH: run `make up` once, it builds the toolchain"
    return Path(found)


def eventually(condition: Callable[[], object], what: str, timeout: float = 30.0) -> None:
    """Wait until `condition` holds; fails with `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.02)


def encodings(secret: str) -> list[str]:
    """The forms in which a leaked secret may show: plain, base64 (at every offset), URL-encoded."""
    from urllib.parse import quote, quote_plus

    forms = {secret, quote(secret, safe=""), quote_plus(secret)}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + secret.encode()).decode().rstrip("=")
        forms.add(encoded[4 if offset else 0 : -2])
    return sorted(forms)


def _read_events(path: Path) -> tuple[dict[str, Any], ...]:
    if not path.exists():
        return ()
    lines: Sequence[str] = path.read_text().splitlines()
    return tuple(json.loads(line) for line in lines if line.startswith("{") and line.endswith("}"))


def _kill_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Makes projects for the real engine; all their processes are killed at the end of the test."""
    made = Engine(tmp_path)
    yield made
    made.close()
