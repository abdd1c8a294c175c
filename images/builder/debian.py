"""Debian's archive, and root file systems made from it by mmdebstrap.

Every tree is made at one date, that of the archive's last point release: what is newer gets it as its time.
"""

from __future__ import annotations

import email.utils
import hashlib
import http.client
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from images.builder.errors import ROOM, ImageError, last_lines
from images.builder.namespaces import CONTAINED

SUITE: Final = "trixie"
DISTRO: Final = "debian-13"
ARCHITECTURE: Final = "amd64"
MIRROR: Final = "http://deb.debian.org"
"""Debian's own; packages are proven by the archive's signature, whatever brings them."""
_DATE = re.compile(r"^Date: (.+)$", re.MULTILINE)
_SECONDS: Final = 30
"""How long a mirror may be silent."""
_FILE_SECONDS: Final = 300
"""How long one file of a mirror may take, however steadily it drips."""
_TREE_SECONDS: Final = 3600
"""How long a root file system may take."""
_ENDING_SECONDS: Final = 60
_LISTS: Final = 'sha256sum "$1"/var/lib/apt/lists/*InRelease'
"""A hook: what mmdebstrap has read of the archive, before it cleans up."""
_LISTED: Final = re.compile(r"^([0-9a-f]{64})  .*InRelease$", re.MULTILINE)
_UNDOCUMENTED: Final = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    *(f"path-exclude=/usr/share/{name}/*" for name in ("man", "info", "locale", "lintian", "linda", "bug")),
)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """Debian's archive as it was when a build began.

    `releases` are the SHA-256 of each suite's InRelease, `epoch` the seconds since 1970 that files are dated.
    """

    mirror: str
    components: tuple[str, ...]
    epoch: int
    releases: dict[str, str]

    def sources(self) -> list[str]:
        """The lines of sources.list."""
        parts = " ".join(self.components)
        return [f"deb {self.mirror}/{path} {suite} {parts}" for path, suite in suites()]

    def dated(self) -> str:
        """The date of the files, as ISO 8601."""
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def suites() -> list[tuple[str, str]]:
    """Folder below the mirror and name of each suite that images are made from."""
    return [
        ("debian", SUITE),
        ("debian", f"{SUITE}-updates"),
        ("debian-security", f"{SUITE}-security"),
    ]


def read_archive(mirror: str = "", components: tuple[str, ...] = ("main",)) -> Archive:
    """Ask the mirror (default BASTIDE_MIRROR, else Debian's) what it has.

    Raises `ImageError` where it does not answer or is no archive of Debian.
    """
    mirror = mirror_of(mirror)
    found = {suite: fetch(f"{mirror}/{path}/dists/{suite}/InRelease") for path, suite in suites()}
    date = _DATE.search(found[SUITE].decode(errors="replace"))
    if date is None:
        raise ImageError(f"mirror {mirror}: InRelease of {SUITE} has no date", _mend(mirror))
    return Archive(
        mirror=mirror,
        components=components,
        epoch=int(email.utils.parsedate_to_datetime(date[1]).timestamp()),
        releases={suite: hashlib.sha256(content).hexdigest() for suite, content in found.items()},
    )


def mirror_of(named: str) -> str:
    """The mirror that is named, else BASTIDE_MIRROR, else Debian's own."""
    return (named or os.environ.get("BASTIDE_MIRROR") or MIRROR).rstrip("/")


def absent() -> str:
    """Why no tree can be made here; empty where it can."""
    return "" if shutil.which("mmdebstrap") else "mmdebstrap is not installed"


def fetch(url: str) -> bytes:
    """What a mirror has at an address; raises `ImageError`."""
    answers: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(_answer(url)), daemon=True).start()
    try:
        answer = answers.get(timeout=_FILE_SECONDS)
    except queue.Empty:
        answer = TimeoutError(f"it has not come within {_FILE_SECONDS} s: the mirror is slow")
    if isinstance(answer, Exception):
        raise ImageError(f"mirror: {url} cannot be read: {answer}", _mend(url)) from answer
    return answer


def _answer(url: str) -> bytes | Exception:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310  # the operator's mirror
            return bytes(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return error


def _mend(mirror: str) -> str:
    return (
        f"check that {mirror} is reached and holds Debian's archive, or name another mirror (BASTIDE_MIRROR)"
    )


def bootstrap(
    archive: Archive,
    packages: Sequence[str],
    out: Path,
    *,
    hooks: Sequence[str] = (),
    variant: str = "essential",
    documents: bool = False,
) -> None:
    """Make a root file system with `packages` as `out`: a tar archive if it ends so, else a folder.

    `hooks` are shell lines, run with the tree as $1; the variant `extract` only unpacks, no package's scripts
    run. Raises `ImageError` with mmdebstrap's last lines, or where the archive is no longer what it was.
    """
    if reason := absent():
        raise ImageError(f"packages of {DISTRO}: {reason}", "install Debian's package mmdebstrap")
    command = [
        *(CONTAINED if os.geteuid() == 0 else ()),
        *("mmdebstrap", f"--variant={variant}", f"--architectures={ARCHITECTURE}"),
        f"--format={'tar' if out.suffix == '.tar' else 'directory'}",
        *([f"--include={','.join(packages)}"] if packages else []),
        *([] if documents else [f"--dpkgopt={option}" for option in _UNDOCUMENTED]),
        '--aptopt=Acquire::Retries "3"',
        *(f"--{'extract' if variant == 'extract' else 'customize'}-hook={hook}" for hook in (*hooks, _LISTS)),
        *(SUITE, str(out), *archive.sources()),
    ]
    # INITRD: kernels' packages make no initial RAM disk; whoever needs one makes it once all is there.
    fixed = {"SOURCE_DATE_EPOCH": str(archive.epoch), "LC_ALL": "C.UTF-8", "INITRD": "No"}
    # Of root's own draft, so that it goes with it; another user's may not be entered by mmdebstrap's root.
    scratch = {"TMPDIR": str(out.parent.resolve())} if os.geteuid() == 0 else {}
    code, printed = _run(command, {**os.environ, **fixed, **scratch}, archive.mirror)
    if code == 0 and {*_LISTED.findall(printed)} == {*archive.releases.values()}:
        return
    if out.is_file():
        out.unlink()
    if code == 0:
        problem = "the archive moved on: its lists (InRelease) are no longer those that the build began with"
        raise ImageError(f"packages from {archive.mirror}: {problem}", "build again")
    told = last_lines(printed)
    raise ImageError(f"packages from {archive.mirror}: mmdebstrap ended with {code}:\n{told}", _cause(told))


def _run(command: Sequence[str], environ: Mapping[str, str], mirror: str) -> tuple[int, str]:
    """Code and output of mmdebstrap; it ends with all that it started when this does, however this does."""
    with subprocess.Popen(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
        text=True,
        errors="replace",
    ) as process:
        try:
            printed = process.communicate(timeout=_TREE_SECONDS)[0]
        except BaseException as error:
            _end(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            problem = f"packages from {mirror}: mmdebstrap was not done within {_TREE_SECONDS} s"
            raise ImageError(problem, _mend(mirror)) from error
    return process.returncode, printed


def _end(process: subprocess.Popen[str]) -> None:
    """End a process group: asked first, for it has things to put away."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)


def unpack(archive: Archive, packages: Sequence[str], out: Path) -> None:
    """Make a tar archive of what is in `packages` and those that they depend on; none is installed.

    As no package manager wrote down which they are, `var/lib/dpkg/status.d/unpacked` tells it (as in Debian's
    control files). Raises `ImageError`.
    """
    listed = (
        'export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; mkdir -p "$1/var/lib/dpkg/status.d" && '
        f"names=$(apt-get --simulate --no-install-recommends install {' '.join(packages)} "
        "| sed -n 's/^Inst \\([^ ]*\\).*/\\1/p') && "
        'apt-cache show --no-all-versions $names > "$1/var/lib/dpkg/status.d/unpacked"'
    )
    bootstrap(archive, packages, out, hooks=[listed], variant="extract")


def _cause(told: str) -> str:
    if "No space left" in told or "enough free space" in told:
        return ROOM
    if "Unable to locate package" in told or "has no installation candidate" in told:
        return "correct the name in image.yaml, or name a mirror that has the package"
    return "see the lines above; often the mirror is out of reach or changed meanwhile: build again"
