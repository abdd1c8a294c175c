"""`make images`: build the images into the store, then prove them: each is booted or run.

    python -m tests.images [--install] [--bundle DIR --digest DIGEST] [NAME...]

Needs the network for Debian's archive, root, QEMU and podman; what is missing is named, and its proofs skip.
Nodes are built from the programs that the joins are tested with, or from an operator's bundle: `--bundle`.
`--install` (or CI=true) fetches the missing packages. BASTIDE_IMAGES names another store.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from images.builder import definition
from images.builder.namespaces import CONTAINED
from tests.images.conftest import BUNDLE, BUNDLE_DIGEST
from tests.nodes import needs
from tests.support import packages
from tests.support.command import ROOT
from tests.support.machines import IMAGES_SWITCH

PROGRAMS = {
    **needs.VIRTUAL,
    **{
        "conmon": "conmon",
        "mmdebstrap": "mmdebstrap",
        "podman": "podman",
        "qemu-img": "qemu-utils",
        "runc": "runc",
    },
    **{"sqfstar": "squashfs-tools", "zstd": "zstd"},
}
"""For building images and for running them, and Debian's package of each."""


def prove(names: Sequence[str], bundle: Mapping[str, str]) -> int:
    """Run the proofs of the images `names`, all if there are none; pytest's exit code.

    `bundle` are the variables that name the operator's bundle, if there is one. Virtual machines and
    containers end with it, however it ends.
    """
    command = [sys.executable, "-m", "pytest", "tests", "-m", "images", "--timeout=1800", "--durations=10"]
    if os.geteuid() == 0:
        command = [*CONTAINED, *command]
    environ = {**os.environ, **bundle, IMAGES_SWITCH: ",".join(names) or "1"}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--install", action="store_true", default=os.environ.get("CI") == "true")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="programs of `bastide nodes bundle`")
    parser.add_argument("--digest", metavar="DIGEST", help="the bundle's digest, sha256:...")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(definition.names()))
    asked = parser.parse_args()
    if bool(asked.bundle) != bool(asked.digest):
        parser.error("--bundle and --digest go together: `bastide nodes bundle DIR` prints the digest")
    for name in asked.names:
        definition.load(name)
    if asked.install:
        needs.install(PROGRAMS)
    packages.install()
    named = {BUNDLE: str(asked.bundle.resolve()), BUNDLE_DIGEST: asked.digest} if asked.bundle else {}
    return prove(asked.names, named)


if __name__ == "__main__":
    sys.exit(main())
