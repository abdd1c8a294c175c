"""A distribution's kernel made ready for a machine: its options checked, unpacked, its modules in order.

A list of needed options is data, a mapping by option without CONFIG_: `y` where it must be built in, `m`
where a module does too. Sources: https://docs.kernel.org/arch/x86/boot.html (bzImage),
https://xenbits.xen.org/docs/unstable/misc/pvh.html and include/xen/interface/elfnote.h (the note of PVH).
"""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final, Literal, TypeAlias

from images.builder.errors import ImageError

Needed: TypeAlias = Mapping[str, Literal["y", "m"]]

_SET: Final = re.compile(r"^CONFIG_(\w+)=(\S+)$", re.MULTILINE)
_DEPENDS: Final = re.compile(rb"\0depends=([^\0]*)\0")
_SECTOR: Final = 512
_SECTORS_AT: Final = 0x1F1
_MAGIC_AT: Final = 0x202
_PAYLOAD_AT: Final = 0x248
_ELF: Final = b"\x7fELF"
_NOTE: Final = 4
"""Type of a program header of notes."""
_PVH: Final = 18
"""XEN_ELFNOTE_PHYS32_ENTRY."""


def check_options(config: str, needed: Needed, kernel: str) -> None:
    """Raise `ImageError` naming every option of `needed` that the kernel's configuration lacks."""
    found = dict(_SET.findall(config))
    missing = [
        f"CONFIG_{name} is {found.get(name, 'not set')}, must be {'y' if rule == 'y' else 'y or m'}"
        for name, rule in needed.items()
        if found.get(name) != "y" and not (rule == "m" and found.get(name) == "m")
    ]
    if missing:
        raise ImageError(
            f"kernel {kernel} lacks what the image needs:\n    " + "\n    ".join(missing),
            "take a kernel that has these options (`packages` of image.yaml)",
        )


def unpacked(vmlinuz: bytes, kernel: str) -> bytes:
    """The ELF image inside a bzImage; raises `ImageError` where there is none."""
    if vmlinuz[_MAGIC_AT : _MAGIC_AT + 4] != b"HdrS":
        raise ImageError(f"kernel {kernel}: is no bzImage", "take a kernel for x86_64")
    start, size = struct.unpack_from("<II", vmlinuz, _PAYLOAD_AT)
    begin = (vmlinuz[_SECTORS_AT] + 1) * _SECTOR + start
    image = _decompressed(vmlinuz[begin : begin + size], kernel)
    if not image.startswith(_ELF):
        raise ImageError(f"kernel {kernel}: holds no ELF image", "take a kernel for x86_64")
    return image


def _decompressed(payload: bytes, kernel: str) -> bytes:
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(payload[:-4])  # behind it stands the size of the unpacked image
    for magic, unpack in ((b"\xfd7zXZ", lzma.decompress), (b"\x1f\x8b", gzip.decompress)):
        if payload.startswith(magic):
            return unpack(payload[:-4])
    raise ImageError(
        f"kernel {kernel}: packed in an unknown way ({payload[:4].hex()})", "use zstd, xz or gzip"
    )


def _zstd(packed: bytes) -> bytes:
    if shutil.which("zstd") is None:
        raise ImageError("zstd is not installed: it unpacks the kernel", "install the package zstd")
    done = subprocess.run(["zstd", "-dcq"], input=packed, capture_output=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"kernel: zstd: {done.stderr.decode(errors='replace')}", "fetch the kernel again")
    return done.stdout


def pvh_entry(image: bytes, kernel: str) -> int:
    """The address at which monitors enter without a boot loader; raises `ImageError` without that note."""
    for kind, content in _notes(image):
        if kind == _PVH:
            return int.from_bytes(content, "little")
    raise ImageError(
        f"kernel {kernel}: has no PVH entry, which QEMU microvm and Cloud Hypervisor start at",
        "take a kernel with CONFIG_PVH=y",
    )


def _notes(image: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each note of an ELF image of 64 bits."""
    at, size, count = (
        *struct.unpack_from("<Q", image, 32),
        *struct.unpack_from("<HH", image, 54),
    )
    for header in range(at, at + size * count, size):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", image, header)
        if kind == _NOTE:
            yield from _notes_in(image[offset : offset + length])


def _notes_in(segment: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 12 <= len(segment):
        name, length, kind = struct.unpack_from("<III", segment, at)
        at += 12 + -(-name // 4) * 4
        yield kind, segment[at : at + length]
        at += -(-length // 4) * 4


class Modules:
    """The modules of a kernel, by name; each with those that it depends on."""

    def __init__(
        self,
        kernel: str,
        paths: Iterable[str],
        read: Callable[[str], bytes],
        built_in: Iterable[str],
    ) -> None:
        """`paths` name the modules' files (`.../virtio_blk.ko.xz`), `built_in` those of modules.builtin."""
        self._kernel = kernel
        self._paths = {_name(path): path for path in paths}
        self._read = read
        self._built_in = {_name(path) for path in built_in}

    def read(self, name: str) -> bytes:
        """The unpacked module; raises `ImageError` where there is none."""
        if name not in self._paths:
            raise ImageError(
                f"kernel {self._kernel} has no module {name}", "correct the name, or take a kernel with it"
            )
        path = self._paths[name]
        content = self._read(path)
        return lzma.decompress(content) if path.endswith(".xz") else content

    def ordered(self, names: Iterable[str]) -> tuple[str, ...]:
        """`names` and all they depend on, in the order in which they load; not what is built in."""
        found: dict[str, None] = {}
        for name in names:
            self._add(name, found)
        return tuple(found)

    def _add(self, name: str, found: dict[str, None]) -> None:
        if name in found or name in self._built_in:
            return
        match = _DEPENDS.search(self.read(name))
        for other in match[1].decode().split(",") if match else ():
            if other:
                self._add(_name(other), found)
        found[name] = None


def _name(path: str) -> str:
    return PurePosixPath(path).name.partition(".ko")[0].replace("-", "_")
