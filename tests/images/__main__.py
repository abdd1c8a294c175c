"""`make images`: build the images into the store, then prove them: each is booted or run.

    python -m tests.images [--install] [NAME...]

Needs the network for Debian's archive, root, QEMU and podman; what is missing is named, and its proofs skip.
`--install` (or CI=true) fetches the missing packages. BASTIDE_IMAGES names another store.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from images.builder import definition
from images.builder.namespaces import CONTAINED
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


def prove(names: Sequence[str]) -> int:
    """Run the proofs of the images `names`, all if there are none; pytest's exit code.

    Virtual machines and containers end with it, however it ends.
    """
    command = [sys.executable, "-m", "pytest", "tests", "-m", "images", "--timeout=1800", "--durations=10"]
    if os.geteuid() == 0:
        command = [*CONTAINED, *command]
    environ = {**os.environ, IMAGES_SWITCH: ",".join(names) or "1"}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--install", action="store_true", default=os.environ.get("CI") == "true")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(definition.names()))
    asked = parser.parse_args()
    for name in asked.names:
        definition.load(name)
    if asked.install:
        needs.install(PROGRAMS)
    packages.install()
    return prove(asked.names)


if __name__ == "__main__":
    sys.exit(main())
