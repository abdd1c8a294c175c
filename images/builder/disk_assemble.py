"""From a finished tree to a disk: partitions, the hash tree over /usr, the kernel image, qcow2.

Nothing is mounted and no device is used: systemd-repart writes files, mtools the boot partition.
Sources: https://www.freedesktop.org/software/systemd/man/257/systemd-repart.html, .../ukify.html and
https://uapi-group.org/specifications/specs/discoverable_partitions_specification/
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from images.builder.disk_definition import Disk
from images.builder.disk_inside import Inside

KERNEL_IMAGE: Final = "EFI/BOOT/BOOTX64.EFI"
"""Where firmware looks on a disk that it does not know."""
_TREE: Final = "/tree"
_WORK: Final = "/work"


@dataclass(frozen=True, kw_only=True)
class Made:
    """A raw disk, where its partitions begin (bytes, by label), and the root hash of /usr."""

    raw: Path
    partitions: Mapping[str, int]
    usr_hash: str


def assemble(tools: Inside, disk: Disk, definition: Path, folder: Path) -> Made:
    """Make `disk.raw` in `folder`, the tools' /work, of the tree, their /tree. Raises `ImageError`."""
    laid = Inside(tree=tools.tree, epoch=tools.epoch, binds={**tools.binds, "/mnt": definition / "repart"})
    repart = [
        *("systemd-repart", "--offline=yes", "--dry-run=no", "--architecture=x86-64", "--json=short"),
        *(f"--seed={disk.seed}", "--definitions=/mnt"),
    ]
    first = ["--empty=create", "--size=auto", f"--root={_TREE}", "--defer-partitions=esp"]
    seeded = {"TMPDIR": _WORK, "SYSTEMD_REPART_MKFS_OPTIONS_EXT4": f"-E hash_seed={disk.seed}"}
    parts = json.loads(laid.run("partitions", *repart, *first, f"{_WORK}/disk.raw", variables=seeded))
    usr_hash = next(part["roothash"] for part in parts if part["roothash"])
    _kernel_image(tools, disk, usr_hash, folder)
    for path in (folder / "boot").rglob("*"):
        os.utime(path, (tools.epoch, tools.epoch))  # FAT keeps the times of files and folders
    parts = json.loads(
        laid.run("boot partition", *repart, f"--root={_WORK}/boot", f"{_WORK}/disk.raw", variables=seeded)
    )
    return Made(
        raw=folder / "disk.raw",
        partitions={part["label"]: part["offset"] for part in parts},
        usr_hash=usr_hash,
    )


def _kernel_image(tools: Inside, disk: Disk, usr_hash: str, folder: Path) -> None:
    (folder / "boot" / KERNEL_IMAGE).parent.mkdir(parents=True)
    line = " ".join([*disk.command_line, f"usrhash={usr_hash}"])
    tools.run(
        "kernel image",
        *("ukify", "build", f"--linux={_TREE}/boot/vmlinuz", f"--initrd={_TREE}/boot/initrd"),
        *(f"--cmdline={line}", f"--os-release=@{_TREE}/usr/lib/os-release"),
        f"--output={_WORK}/boot/{KERNEL_IMAGE}",
    )


def pack(tools: Inside, folder: Path) -> Path:
    """The qcow2 of `disk.raw` in `folder`, compressed."""
    command = ("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2")
    tools.run("qcow2", *command, f"{_WORK}/disk.raw", f"{_WORK}/disk.qcow2")
    return folder / "disk.qcow2"
