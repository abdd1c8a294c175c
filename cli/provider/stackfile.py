"""The platform's stack file: a change is tried on all files of the environment, then written whole or not."""

from __future__ import annotations

import codecs
import difflib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cli.outcome import CliError, Exit
from cli.provider.yamledit import Edit, EditError, edited
from components.model.document import Path_, read, read_text
from components.model.draft import PLATFORM, PROJECT
from components.model.errors import ConfigError, ConfigProblem, did_you_mean
from components.model.loading import Override, check_environment

_GATEWAY: Final[Path_] = ("config", f"{PROJECT}:gateway")


class StackFile:
    """`Pulumi.<env>.platform.yaml`, as it was when it was read."""

    def __init__(self, config: Path, env: str) -> None:
        """Raises `ConfigError` where it cannot be read as YAML, or is not there."""
        self.config, self.env = config, env
        self.path = (config / f"Pulumi.{env}.{PLATFORM}.yaml").resolve()
        if problems := read(self.path).problems:
            raise ConfigError(problems)
        self.raw = self.path.read_bytes()
        self.text = self.raw.removeprefix(codecs.BOM_UTF8).decode()
        self.document = read_text(str(self.path), self.text)

    @property
    def digest(self) -> str:
        """Of its bytes, SHA-256."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def gateway(self) -> Mapping[str, Any]:
        """The raw settings of the gateway."""
        held = self.document.data.get("config")
        found = held.get(_GATEWAY[1]) if isinstance(held, dict) else None
        return found if isinstance(found, dict) else {}

    def listed(self, key: str) -> list[Mapping[str, Any]]:
        """The mappings in a list of the gateway's."""
        found = self.gateway.get(key)
        return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []

    def provider(self, name: str) -> tuple[int, Mapping[str, Any]]:
        """The provider's index and settings. Raises `CliError` with the nearest name where there is none."""
        ids = [each.get("id") for each in self.listed("providers")]
        if name not in ids:
            mend = did_you_mean(name, (str(each) for each in ids if each))
            raise CliError(Exit.CONFIG, f"{self.env} has no provider {name!r}", mend)
        index = ids.index(name)
        return index, self.listed("providers")[index]

    def problem(self, path: Path_, value: object, rule: str, mend: str) -> ConfigProblem:
        """A problem at a path below `bastide:gateway`."""
        return self.document.problem((*_GATEWAY, *path), value, rule, mend)

    def change(self, edits: Sequence[Edit]) -> Change:
        """What the edits would make of it; paths are those below `bastide:gateway`.

        Raises `CliError` where the file is laid out so that it must be edited by hand.
        """
        whole = [Edit((*_GATEWAY, *edit.path), edit.value) for edit in edits]
        try:
            text, data = edited(self.document, self.text, whole)
        except EditError as error:
            raise CliError(Exit.CONFIG, str(error), "change these values by hand") from error
        return Change(self, text, data["config"])


@dataclass(frozen=True)
class Change:
    """A new text of a stack file, not written yet."""

    file: StackFile
    text: str
    values: Mapping[str, Any]

    @property
    def override(self) -> Override:
        """The new values, as the configuration's rules are asked about them."""
        prefix = f"{PROJECT}:"
        own = {key.removeprefix(prefix): each for key, each in self.values.items() if key.startswith(prefix)}
        return PLATFORM, own

    def problems(self) -> list[ConfigProblem]:
        """What the whole configuration would have against it; what ran out by itself stops nothing here."""
        found = check_environment(self.file.config, self.file.env, self.override)
        return [problem for problem in found if not problem.lapsed]

    @property
    def diff(self) -> str:
        """Line by line, as `diff -u` shows it."""
        name = self.file.path.name
        old, new = self.file.text.splitlines(), self.text.splitlines()
        return "\n".join(difflib.unified_diff(old, new, name, name, n=1, lineterm=""))

    def write(self) -> str:
        """Put the new text in the old one's place, whole or not at all; its SHA-256.

        Raises `CliError` where somebody else changed the file meanwhile.
        """
        path = self.file.path
        bom = codecs.BOM_UTF8 if self.file.raw.startswith(codecs.BOM_UTF8) else b""
        raw = bom + self.text.encode()
        with _locked(path.parent):
            if path.read_bytes() != self.file.raw:
                message = f"{path} was changed by somebody else meanwhile"
                raise CliError(Exit.LOCKED, message, "look at it, then run the command again")
            replace(path, raw, path.stat().st_mode)
        return hashlib.sha256(raw).hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one of our commands at a time; the lock ends with the process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def replace(path: Path, raw: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader, or a crash, finds the old content or the new one, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fchmod(stream.fileno(), mode & 0o7777)
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
