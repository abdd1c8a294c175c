"""Commands inside of a root file system that is a folder, and the tree of tools that make disks.

The tools are Debian 13's own whatever the host runs, so that the same inputs give the same bytes everywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from filelock import FileLock

from images.builder.debian import Archive, bootstrap
from images.builder.errors import failed
from images.builder.namespaces import CONTAINED
from twin.settings import TwinSettings

TOOLS: Final = (
    *("cryptsetup-bin", "dosfstools", "e2fsprogs", "erofs-utils", "faketime", "mtools", "qemu-utils"),
    *("sbsigntool", "systemd-boot-efi", "systemd-repart", "systemd-ukify"),
)
_PLACES: Final = ("tree", "work")
"""Folders of the tools' tree that others are laid on."""
_SCRIPT: Final = """
set -e
tree=$1; shift
for name in proc sys dev; do mount --rbind "/$name" "$tree/$name"; done
while [ "$1" != -- ]; do
    mount --bind "$1" "$tree$2"
    [ "$2" != /mnt ] || mount -o remount,bind,ro "$tree$2"
    shift 2
done
shift
exec chroot "$tree" "$@"
"""
ENTER: Final = (*CONTAINED, "sh", "-c", _SCRIPT, "sh")
"""Enters a tree: there follow the folder, pairs of a path and its place in it, `--`, and the command."""


@dataclass(frozen=True, kw_only=True)
class Inside:
    """A root file system at `tree`, on which `binds` are laid (path in it to path outside).

    What is laid on /mnt is only read.
    """

    tree: Path
    epoch: int
    binds: Mapping[str, Path] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The variables that commands in it get; nothing of the host's."""
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": "/root",
            "DEBIAN_FRONTEND": "noninteractive",
            "SOURCE_DATE_EPOCH": str(self.epoch),
        }

    def run(
        self, step: str, *argv: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> str:
        """What `argv` printed; raises `ImageError` naming `step` with its last lines where it fails."""
        laid = [word for inside, path in self.binds.items() for word in (str(path), inside)]
        command = [*ENTER, str(self.tree), *laid, "--", *argv]
        done = subprocess.run(
            command,
            input=stdin,
            env={**self.environment(), **(variables or {})},
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            printed = (done.stdout + done.stderr).decode(errors="replace")
            raise failed(step, f"{argv[0]} ended with {done.returncode}", printed)
        return done.stdout.decode(errors="replace")


def tools(archive: Archive) -> Path:
    """The tree of tools, made once for each state of the archive; raises `ImageError`."""
    parts = [TOOLS, _PLACES, archive.releases]
    name = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    folder = TwinSettings.of("images").cache / "images-tools" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / ".lock"):
        if not folder.exists():
            _make_room(folder.parent)
            with tempfile.TemporaryDirectory(prefix=".draft-", dir=folder.parent) as draft:
                made = Path(draft, "tree")
                places = " ".join(f'"$1/{place}"' for place in _PLACES)
                bootstrap(archive, TOOLS, made, hooks=[f"mkdir {places}"], variant="apt")
                made.rename(folder)
        os.utime(folder)
    return folder


def _make_room(folder: Path) -> None:
    """Delete trees but the one that was used last, which another build may be using, and halves of trees."""
    trees = sorted(folder.glob("[0-9a-f]*/"), key=lambda tree: tree.stat().st_mtime)
    for unused in (*trees[:-1], *folder.glob(".draft-*/")):
        shutil.rmtree(unused)
