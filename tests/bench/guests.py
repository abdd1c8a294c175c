"""The microVM guest under emulation: booted beside the bare kernel, and resumed beside booted."""

from __future__ import annotations

import itertools
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from images.builder import cpio, debian
from images.builder.build import Order, build
from images.builder.catalogue import Catalogue
from images.builder.definition import load
from images.builder.layout import user_store
from images.run import files, qemu
from images.run.qemu import Machine
from tests.bench.benches import Place
from tests.bench.measure import Figure

_CODE: Final = bytes.fromhex(
    "b801000000"  # write(1, ...
    "bf01000000488d3510000000"  # the line behind the code,
    "ba030000000f05"  # its 3 bytes)
    "b8220000000f05ebf7"  # pause(), for ever
)
_LINE: Final = b"up\n"
_SECONDS: Final = 120.0


def guest_boot(place: Place) -> Figure:
    figure = Figure(
        name="guest_boot",
        what="the microVM guest, from QEMU's start to the hand-shake with its agent (QEMU microvm, no KVM)",
        peer_is="floor: the same QEMU and kernel until an empty init writes a line",
    )
    machine, folders = _machine(place.folder / "guest-boot"), _folders(place.folder / "boots")
    return figure.take(lambda: _booted(machine, next(folders)), lambda: _bare(machine, next(folders)))


def guest_resume(place: Place) -> Figure:
    figure = Figure(
        name="guest_resume",
        what="the guest resumed from a snapshot, until its agent has set clock and randomness right",
        peer_is="the guest booted, until the hand-shake",
        aim=1 / 20,
    )
    machine, folders = _machine(place.folder / "guest-resume"), _folders(place.folder / "resumes")
    with qemu.started(machine, next(folders), kept=True) as guest:
        snapshot = guest.keep(place.folder / "guest-snapshot")

    def ours() -> float:
        begun = time.perf_counter()
        with qemu.resumed(snapshot, next(folders)):
            return time.perf_counter() - begun

    return figure.take(ours, lambda: _booted(machine, next(folders)))


def _machine(folder: Path) -> Machine:
    """The guest's image, built where the user's store has none of it as it is defined now."""
    store = user_store()
    definition = load("guest")
    for _ in build(definition, store, Order(archive=debian.read_archive(), tell=lambda _: None)):
        pass
    entry = Catalogue.read(store.root).entry(definition.name)
    return Machine(files=files.lay_out(store, entry, folder), name="microvm")


def _folders(parent: Path) -> Iterator[Path]:
    return (parent / str(number) for number in itertools.count())


def _booted(machine: Machine, folder: Path) -> float:
    begun = time.perf_counter()
    with qemu.started(machine, folder):
        return time.perf_counter() - begun


def _bare(machine: Machine, folder: Path) -> float:
    folder.mkdir(parents=True)
    initramfs = folder / "initramfs"
    initramfs.write_bytes(
        cpio.archive([cpio.folder("dev"), cpio.console(), cpio.file("init", _program(), 0o755)])
    )
    command = machine.command(folder, "private", "boot", None)
    command[command.index("-initrd") + 1] = str(initramfs)
    console = folder / "console"
    begun = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not (console.exists() and _LINE.strip() in console.read_bytes()):
                if process.poll() is not None or time.perf_counter() - begun > _SECONDS:
                    raise AssertionError(f"the bare kernel did not start: see {console}")
                time.sleep(0.001)
            return time.perf_counter() - begun
        finally:
            process.kill()


def _program() -> bytes:
    """A static program for Linux on x86_64 that writes a line and waits."""
    size = 64 + 56 + len(_CODE) + len(_LINE)
    base = 0x400000
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQ", 2, 62, 1, base + 120, 64, 0)
    head += struct.pack("<IHHHHHH", 0, 64, 56, 1, 0, 0, 0)
    load_all = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096)
    return head + load_all + _CODE + _LINE


ALL = [guest_boot, guest_resume]
