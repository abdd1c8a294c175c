"""Run a playbook of the collection on an environment's machines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import yaml
from filelock import FileLock, Timeout

from cli.environment import Target
from cli.outcome import CliError, Exit
from twin.settings import ROOT, TwinSettings

COLLECTION: Final = ROOT / "ansible"
_KEPT: Final = frozenset(
    {
        "ANSIBLE_BECOME_PASSWORD_FILE",
        "ANSIBLE_CONNECTION_PASSWORD_FILE",
        "ANSIBLE_FORKS",
        "ANSIBLE_PRIVATE_KEY_FILE",
        "ANSIBLE_VERBOSITY",
    }
)
"""Variables of Ansible that an operator may set; the others would change what a run does."""
_UNREACHABLE: Final = 4
_FAILED_HOSTS: Final = (2, _UNREACHABLE, 6)
"""Exit codes of ansible-playbook: a host failed, was not reached, or both."""
_SSH: Final = (8, 5)
"""The first OpenSSH that asks a command for known host keys."""

Tell = Callable[[str], None]


@dataclass(kw_only=True)
class Ran:
    """A finished run: its faults, the reports of the roles, counts by host, and its whole log."""

    playbook: str
    status: int
    log: Path
    faults: list[dict[str, Any]] = field(default_factory=list)
    not_begun: list[str] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def code(self) -> Exit:
        if not self.status:
            return Exit.OK
        return Exit.HOSTS if self.faults or self.status in _FAILED_HOSTS else Exit.FAILED

    @property
    def changed(self) -> int:
        """How many tasks changed something, on all hosts together."""
        return sum(counts["changed"] for counts in self.counts.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "playbook": self.playbook,
            "hosts": self.counts,
            "changed": self.changed,
            "faults": self.faults,
            "notBegun": self.not_begun,
            "log": str(self.log),
            "exit": int(self.code),
        }


def folder(target: Target) -> Path:
    """What belongs to the machines of this environment, on this computer."""
    return TwinSettings.of(target.name).home / "nodes"


def link(path: Path) -> Path:
    """Make `path` a place in which Ansible finds the collection; it is the checkout's own."""
    nodes = path / "ansible_collections" / "bastide" / "nodes"
    nodes.parent.mkdir(parents=True, exist_ok=True)
    if not nodes.is_symlink() or nodes.readlink() != COLLECTION:
        nodes.unlink(missing_ok=True)
        nodes.symlink_to(COLLECTION)
    return path


def prepare(target: Target) -> dict[str, str]:
    """Make what plain `ansible-playbook` needs; its variables.

    The inventory's source asks the engine; a run of `bastide nodes` uses the outputs that it has read itself.
    """
    home = folder(target)
    collections = link(home / "collections")
    source = home / f"{target.name}.bastide.yaml"
    source.write_text(yaml.safe_dump({"plugin": "bastide.nodes.stack", "environment": target.name}))
    return {
        "ANSIBLE_CONFIG": str(COLLECTION / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_INVENTORY": str(source),
    }


def require_tools() -> Path:
    """The `ansible-playbook` to run. Raises `CliError` where it or a fitting SSH is missing."""
    program = Path(sys.executable).with_name("ansible-playbook")
    if not program.exists():
        raise CliError(Exit.FAILED, f"{program} is missing", "`make up` brings .venv in step with uv.lock")
    ssh = shutil.which("ssh")
    if ssh is None:
        raise CliError(Exit.FAILED, "there is no `ssh` on PATH", "install OpenSSH's client (openssh-client)")
    told = subprocess.run([ssh, "-V"], capture_output=True, text=True, check=False, timeout=30).stderr
    digits = told.partition("OpenSSH_")[2].partition("p")[0].split(".")
    if not all(part.isdigit() for part in digits) or tuple(map(int, digits)) < _SSH:
        wanted = ".".join(map(str, _SSH))
        raise CliError(
            Exit.FAILED,
            f"{ssh} is {told.strip() or 'of no known version'}",
            f"install OpenSSH {wanted} or later",
        )
    return program


def play(
    target: Target,
    playbook: str,
    outputs: Mapping[str, Any] | None,
    *,
    variables: Mapping[str, Any] | None = None,
    options: Sequence[str] = (),
    tell: Tell = lambda _: None,
) -> Ran:
    """Run `bastide.nodes.<playbook>` on the machines that the foundation's `outputs` tell of.

    Without outputs it runs on this computer alone.
    """
    program = require_tools()
    home = folder(target)
    log = home / "logs" / f"{playbook}.log"
    home.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    command = [str(program), f"bastide.nodes.{playbook}", *options]
    command += ["--extra-vars", json.dumps(variables)] if variables else []
    ran = Ran(playbook=playbook, status=1, log=log)
    with _alone(target, home):
        faults = home / "faults.json"
        faults.unlink(missing_ok=True)
        environment = _environment(target, home, outputs) | {"BASTIDE_FAULTS_REPORT": str(faults)}
        ran.status = _followed(command, environment, ran, tell)
        if faults.exists():
            told = json.loads(faults.read_text())
            ran.faults, ran.not_begun = told["faults"], told["notBegun"]
    if ran.code is Exit.FAILED:
        raise CliError(Exit.FAILED, f"{playbook}: {_last_words(log)}", f"the whole log: {log}")
    return ran


@contextmanager
def _alone(target: Target, home: Path) -> Iterator[None]:
    """One run at a time on the machines of an environment, from this computer."""
    try:
        with FileLock(home / "lock", timeout=0):
            yield
    except Timeout as error:
        raise CliError(
            Exit.LOCKED, f"another run is at work on the machines of {target.name}", "wait for it"
        ) from error


def _followed(command: list[str], environment: Mapping[str, str], ran: Ran, tell: Tell) -> int:
    """The exit code of a command whose output goes to the log, while its progress is told."""
    reading, writing = os.pipe()
    with ran.log.open("w") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environment, "BASTIDE_PROGRESS": f"/dev/fd/{writing}"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            pass_fds=[writing],
        )
    os.close(writing)
    reader = threading.Thread(target=_follow, args=(os.fdopen(reading), ran, tell), daemon=True)
    reader.start()
    status = _wait(process)
    reader.join(timeout=5)
    return status


def _source(target: Target, home: Path, outputs: Mapping[str, Any] | None) -> str:
    """The inventory of one run: it holds still while the stack may change."""
    if outputs is None:
        return "localhost,"
    (home / "run").mkdir(exist_ok=True)
    (home / "run" / "outputs.json").write_text(json.dumps({"foundation": outputs}))
    source = home / "run" / f"{target.name}.bastide.yaml"
    content = {"plugin": "bastide.nodes.stack", "environment": target.name, "outputs": "outputs.json"}
    source.write_text(yaml.safe_dump(content))
    return str(source)


def _environment(target: Target, home: Path, outputs: Mapping[str, Any] | None) -> dict[str, str]:
    own = prepare(target)
    kept = {key: value for key, value in target.variables.items() if not key.startswith("ANSIBLE_")}
    chosen = {key: value for key, value in target.variables.items() if key in _KEPT}
    return {
        **kept,
        **own,
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_INVENTORY": _source(target, home, outputs),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(Path.home() / ".ansible" / "cp"),
        **chosen,
    }


def _follow(lines: IO[str], ran: Ran, tell: Tell) -> None:
    """Fold the lines of the callback `progress` into the run."""
    with lines:
        for line in lines:
            told = json.loads(line)
            if "task" in told:
                role = f"{told['role']}: " if told["role"] else ""
                tell(f"{told['host']}  {role}{told['task']}")
            elif "report" in told:
                ran.reports.append({"host": told["host"], **told["report"]})
            else:
                ran.counts[told["host"]] = told["counts"]


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Its exit code. Ctrl-C reaches the whole group; Ansible is given time to end its own."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait(timeout=60)
        raise


def _last_words(log: Path) -> str:
    """What Ansible says is wrong, without its frames."""
    lines = [line.strip() for line in log.read_text().splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("[ERROR]", "ERROR!"))]
    start = lines.index(errors[0]) if errors else max(len(lines) - 5, 0)
    return "\n".join(lines[start : start + 25]) or "ansible-playbook ended without a word"
