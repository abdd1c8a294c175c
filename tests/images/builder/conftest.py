"""Programs of others that these tests compare with."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from images.builder.debian import MIRROR
from tests.images.builder.cosign import Cosign
from twin.settings import TwinSettings

_DEB = "cosign_2.5.0-2+b4_amd64.deb"
_SHA256 = "aef4fb6635710fd369ef73c07dde35540f45c877984e20f37aa11e181bb597c3"
_SECONDS = 60


@pytest.fixture(name="cosign", scope="session")
def _cosign(tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    """cosign of Debian 13, from the mirror that images are made from; kept in the cache of tools."""
    if program := shutil.which("cosign"):
        return Cosign(Path(program))
    if shutil.which("dpkg-deb") is None:
        pytest.skip("no cosign is installed, and no dpkg-deb to unpack Debian's")
    folder = tmp_path_factory.mktemp("cosign")
    subprocess.run(["dpkg-deb", "-x", _package(), folder], check=True)
    return Cosign(folder / "usr/bin/cosign")


def _package() -> Path:
    kept = TwinSettings.of("tests").cache / "tests" / _DEB
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(f".{os.getpid()}")
        mirror = os.environ.get("BASTIDE_MIRROR") or MIRROR
        draft.write_bytes(_fetched(f"{mirror}/debian/pool/main/c/cosign/{_DEB}"))
        draft.replace(kept)
    return kept


def _fetched(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310
            content = bytes(answer.read())
    except (OSError, urllib.error.URLError, ValueError) as error:
        pytest.skip(f"cosign cannot be fetched: {url}: {error}")
    if (found := hashlib.sha256(content).hexdigest()) != _SHA256:
        pytest.skip(f"cosign: {url} is not what Debian 13 has: {found}")
    return content
