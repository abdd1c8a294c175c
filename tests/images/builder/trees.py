"""A small root file system with packages of every kind that is looked for."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.41-12)
Version: 2.41-12+b1
Description: library
 with a second line: not a field

Package: perl-base
Status: install ok installed
Architecture: amd64
Source: perl
Version: 5.40.1-6

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1.0

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2025b-4+deb13u1
"""
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: LGPL-2.1+
 the text: License: not this

Files: a
License: GPL-1+ or Artistic

Files: b
License: public-domain and LGPL-2.1+
"""


def _varint(content: bytes) -> bytes:
    length, out = len(content), b""
    while length > 0x7F:
        out += bytes([length & 0x7F | 0x80])
        length >>= 7
    return out + bytes([length]) + content


def go_program(listed: str) -> bytes:
    """An ELF file that holds what Go's linker writes, and its magic once more where it means nothing."""
    head = b"\x7fELF" + bytes(12) + b"some text \xff Go buildinf: of the library"
    header = b"\xff Go buildinf:\x08\x02".ljust(32, b"\0")
    body = _varint(b"go1.24.4") + _varint(b"s" * 16 + listed.encode() + b"e" * 16)
    return head.ljust(64, b"\0") + header + body + bytes(32)


GO = go_program(
    "path\texample.org/cmd/tool\n"
    "mod\texample.org/Tool\t(devel)\t\n"
    "dep\tgolang.org/x/net\tv0.27.0\th1:abc=\n"
    "dep\texample.org/old\tv1.0.0\th1:abc=\n"
    "=>\texample.org/fork\tv1.0.1\th1:abc=\n"
)
FILES = {
    "etc/os-release": (0o644, 'ID=debian\nVERSION_ID="13"\n'),
    "var/lib/dpkg/status": (0o644, STATUS),
    "var/lib/dpkg/info/libc6:amd64.list": (0o644, "/.\n/lib/x.dist-info/METADATA\n/usr/bin/owned\n"),
    "usr/share/doc/libc6/copyright": (0o644, COPYRIGHT),
    "usr/lib/x.dist-info/METADATA": (0o644, "Name: owned\nVersion: 1\n"),
    "usr/lib/python3/dist-packages/six.egg-info/PKG-INFO": (0o644, "Name: six\nVersion: 1\n"),
    "opt/app/Foo_Bar-1.2.dist-info/METADATA": (
        0o644,
        "Name: Foo_Bar\nVersion: 1.2+local\nLicense-Expression: MIT OR Apache-2.0\n\ntext",
    ),
    "opt/node_modules/@acme/kit/package.json": (
        0o644,
        '{"name": "@acme/kit", "version": "3.0.0", "license": "SEE LICENSE IN x"}',
    ),
    "opt/node_modules/left/package.json": (0o644, '{"name": "left", "version": "1.3.0", "license": "WTFPL"}'),
    "opt/node_modules/left/test/package.json": (0o644, '{"name": "inner", "version": "9"}'),
    "opt/node_modules/broken/package.json": (0o644, "{"),
    "usr/bin/owned": (0o755, GO),
    "usr/local/bin/tool": (0o755, GO),
    "usr/local/bin/data": (0o644, GO),
}
LINKS = {"usr/share/doc/perl-base": "libc6"}


def folder(root: Path) -> Path:
    """The tree as a folder."""
    for name, (mode, content) in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    return root


def archive(path: Path) -> Path:
    """The tree as a tar archive, with `./` in front of its names."""
    with tarfile.open(path, "w") as tar:
        for name, (mode, content) in FILES.items():
            member = tarfile.TarInfo(f"./{name}")
            data = content if isinstance(content, bytes) else content.encode()
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
        for name, target in LINKS.items():
            member = tarfile.TarInfo(f"./{name}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return path
