"""Make a bundle of stand-ins for Kata and gVisor: `bundle.py FOLDER KATA GVISOR`.

They are empty, but for what says a version: what is tested is where they end up, and how they are configured.
"""

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

KATA = {
    "bin/cloud-hypervisor": 0o755,
    "bin/containerd-shim-kata-v2": 0o755,
    "bin/firecracker": 0o755,
    "bin/jailer": 0o755,
    "libexec/virtiofsd": 0o755,
    "share/kata-containers/kata-containers.img": 0o644,
    "share/kata-containers/vmlinux.container": 0o644,
}


def archive() -> bytes:
    """The tree of a Kata release, with empty files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, mode in KATA.items():
            member = tarfile.TarInfo(name)
            member.mode = mode
            tar.addfile(member)
    return buffer.getvalue()


def main() -> None:
    root, kata, gvisor = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    files = {
        ("kata", kata): archive(),
        ("runsc", gvisor): b"#!/bin/sh\necho runsc version stand-in\n",
        ("containerd-shim-runsc-v1", gvisor): b"#!/bin/sh\n",
    }
    listed = []
    for (name, version), content in files.items():
        for arch in ("amd64", "arm64"):
            path = root / name / version / arch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            entry = {"name": name, "version": version, "arch": arch, "file": str(path.relative_to(root))}
            listed.append({**entry, "sha256": hashlib.sha256(content).hexdigest()})
    (root / "index.json").write_text(json.dumps({"artifacts": listed}))


if __name__ == "__main__":
    main()
