"""Official releases, believed only if the publisher's checksum says so."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from twin.errors import TwinError
from twin.progress import Progress
from twin.toolchain import network
from twin.toolchain.store import Shelf, architecture, system
from twin.toolchain.tools import Release, Tool

_MIB: Final = 1 << 20


def download(tools: Sequence[Tool], shelf: Shelf, drafts: Path, progress: Progress) -> bool:
    """Fetch `tools` (of one family) into `shelf`; False where the publisher cannot be reached.

    Raises `TwinError` where a checksum is wrong: then nothing of the file is kept.
    """
    release = shelf.family.release
    if release is None or network.offline():
        return False
    urls = [_fill(template, tools[0]) for template in (release.url, release.checksums)]
    if not all(network.reachable(origin) for origin in dict.fromkeys(map(network.origin, urls))):
        return False
    batches = [list(tools)] if release.inside else [[tool] for tool in tools]
    return all(_fetch(batch, release, shelf, drafts, progress) for batch in batches)


def _fetch(batch: Sequence[Tool], release: Release, shelf: Shelf, drafts: Path, progress: Progress) -> bool:
    first = batch[0]
    url = _fill(release.url, first)
    file = drafts / url.rsplit("/", 1)[1]
    step = f"download {file.name}"
    progress.start(step, f"Downloading {url}")
    try:
        network.fetch(url, file, lambda so_far, total: progress.tick(step, so_far, total, "bytes"))
        sums = drafts / "checksums"
        network.fetch(_fill(release.checksums, first), sums, lambda *_: None)
    except OSError as error:
        progress.fail(step, f"{error}; the tools are built instead")
        return False
    _verify(file, sums.read_text(), url)
    if release.inside:
        _unpack(file, _fill(release.inside, first), shelf, drafts)
    else:
        shelf.keep(file, first.name)
    progress.done(step)
    return True


def _verify(file: Path, sums: str, url: str) -> None:
    expected = expected_sum(sums, file.name)
    with file.open("rb") as content:
        actual = hashlib.file_digest(content, "sha256").hexdigest()
    if actual != expected:
        file.unlink()
        raise TwinError(
            f"{url}: the file's SHA-256 is {actual}, its publisher says {expected or 'nothing about it'}",
            "try again; if it stays so, the file or the way to it is not to be trusted: "
            f"set {network.OFFLINE}=1 or BASTIDE_TOOLS",
        )


def expected_sum(sums: str, name: str) -> str:
    """The sum of `name` in a file of sums (or of one bare sum); empty where it has none."""
    for line in sums.splitlines():
        parts = line.split()
        if len(parts) == 1 or (len(parts) == 2 and parts[1].lstrip("*") == name):
            return parts[0].lower()
    return ""


def _unpack(archive: Path, inside: str, shelf: Shelf, drafts: Path) -> None:
    """Keep every executable of the folder `inside`: the tools and what belongs beside them.

    Only plain files are read, and only their last name is used: nothing in an archive can name another place.
    """
    with tarfile.open(archive) as content:
        for entry in content:
            place, body = PurePosixPath(entry.name), content.extractfile(entry) if entry.isfile() else None
            if body is None or place.parent != PurePosixPath(inside) or not entry.mode & 0o100:
                continue
            path = drafts / place.name
            with path.open("wb") as out:
                shutil.copyfileobj(body, out)
            path.chmod(0o755)
            shelf.keep(path, path.name)


def _fill(template: str, tool: Tool) -> str:
    arch = architecture()
    return template.format(
        version=tool.family.version,
        os=system(),
        arch=arch,
        x64={"amd64": "x64"}.get(arch, arch),
        tool=tool.name,
    )
