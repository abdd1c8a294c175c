"""Where the files of one control plane lie below the twin's home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from twin.controlplane.pki import Pki

STAGES: Final = Path(__file__).resolve().parent.parent / "kwok"
"""KWOK's stages: how simulated machines and pods behave."""


@dataclass(frozen=True)
class Layout:
    """The folders and files of the control plane below `home`."""

    home: Path

    @property
    def pki(self) -> Pki:
        return Pki(self.home / "pki")

    @property
    def data(self) -> Path:
        """etcd's data."""
        return self.home / "etcd"

    @property
    def audit(self) -> Path:
        """The folder of the audit log and its rotated files."""
        return self.home / "audit"

    @property
    def audit_log(self) -> Path:
        return self.audit / "audit.log"

    def config(self, name: str) -> Path:
        """A file that a member reads at its start."""
        return self.home / "config" / name

    def log(self, member: str) -> Path:
        return self.home / "logs" / f"{member}.log"

    def record(self, member: str) -> Path:
        """Which process the member is."""
        return self.home / "run" / member
