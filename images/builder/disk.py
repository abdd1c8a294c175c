"""Disks that machines start from: packages, the roles' `install` parts, a verified /usr, a signed kernel.

images/node/README.md tells the layout; docs/explanation/adr/0017 why it is made in this way.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from images.builder import disk_assemble, disk_definition, disk_roles, disk_sign, kernel, packages
from images.builder.debian import bootstrap
from images.builder.definition import FOLDER, Definition, digest_of
from images.builder.disk_definition import Disk
from images.builder.disk_inside import Inside, tools
from images.builder.errors import ImageError
from images.builder.work import Artifact, Work

ROOT: Final = FOLDER.parent
_NO_SERVICES: Final = b"#!/bin/sh\nexit 101\n"
"""For Debian's packages: no service is started while an image is made."""
_TIDY: Final = Path(__file__).with_name("disk_tidy.sh")


def build(definition: Definition, variant: str, work: Work) -> Artifact:
    """Build one variant; raises `ImageError`. What can be refused is, before anything is fetched."""
    disk, own = disk_definition.read(definition.folder), disk_sign.keys()
    if os.geteuid() != 0:
        raise ImageError(
            f"{definition.name}: a disk's tree is entered by chroot, which this user may not",
            "build as root, or in a container or virtual machine as root",
        )
    roles = (*definition.roles, *definition.variants[variant].roles)
    with disk_roles.served(work.bundle, work.digest) as artifacts:
        variables = disk_roles.variables(disk, variant, artifacts)
        work.tell("packages")
        tree = Inside(tree=work.folder / "tree", epoch=work.archive.epoch)
        wanted = (*definition.packages, *definition.variants[variant].packages)
        bootstrap(work.archive, wanted, tree.tree, variant="apt")
        release = check_kernel(tree.tree, disk)
        _lay(tree, "/usr/sbin/policy-rc.d", _NO_SERVICES, "755")
        _lay(tree, "/etc/resolv.conf", Path("/etc/resolv.conf").read_bytes())
        work.tell("roles")
        disk_roles.install(tree, roles, variables, work.folder / "roles")
    work.tell("tidy")
    _finish(tree, disk, definition.folder / "files")
    listed = packages.of_tree(tree.tree)
    work.tell("disk")
    made, qcow2 = _disk(disk, definition.folder, tree, own, work)
    name = f"{definition.name}-{variant}"
    config = {
        "variant": variant,
        "roles": list(roles),
        "kernel": release,
        "usrHash": made.usr_hash,
        "partitions": dict(made.partitions),
        "signed": own is not None,
        "bundle": work.digest,
        "openstack": {"hw_firmware_type": "uefi", "hw_machine_type": "q35"},
    }
    return Artifact(
        files={f"{name}.raw": made.raw, f"{name}.qcow2": qcow2},
        config=config,
        packages=listed,
        makers=variant in disk.accelerators,
    )


def inputs(definition: Definition, variant: str) -> tuple[str, ...]:
    """What decides besides: roles, pinned versions, the operator's certificate, the maker's mirror."""
    ansible, pinned = ROOT / "ansible", ROOT / "components"
    own = disk_sign.keys()
    return (
        digest_of(ansible / "roles", ansible / "plugins"),
        digest_of(pinned / "upstream" / "catalog.yaml", pinned / "model" / "matrix.yaml"),
        digest_of(own / "db.crt") if own else "",
        os.environ.get(f"{disk_roles.VENDORS}{variant.upper()}", ""),
    )


def check_kernel(tree: Path, disk: Disk) -> str:
    """The release of the kernel in the tree; raises `ImageError` naming what it lacks and who needs it."""
    found = sorted(tree.glob("boot/config-*"))
    if len(found) != 1:
        told = ", ".join(path.name for path in found) or "none"
        raise ImageError(f"the image must have one kernel, it has: {told}", "name one in `packages`")
    release = found[0].name.removeprefix("config-")
    for needing, options in disk.kernel.items():
        kernel.check_options(found[0].read_text(), options, f"{release} (for {needing})")
    return release


def _finish(tree: Inside, disk: Disk, files: Path) -> None:
    """Lay the image's own files into the tree and take away what belongs to one machine."""
    paths = sorted(path for path in files.rglob("*") if path.is_file())
    for path in paths:
        mode = "755" if path.stat().st_mode & 0o100 else "644"
        _lay(tree, f"/{path.relative_to(files)}", path.read_bytes(), mode)
    words = {"TREE_WRITABLE": " ".join(disk.writable), "TREE_UNITS": " ".join(disk.units)}
    tree.run("tidy", "sh", "-s", stdin=_TIDY.read_bytes(), variables=words)


def _lay(tree: Inside, place: str, content: bytes, mode: str = "644") -> None:
    tree.run(place, "install", "-D", f"--mode={mode}", "/dev/stdin", place, stdin=content)


def _disk(
    disk: Disk, folder: Path, tree: Inside, own: Path | None, work: Work
) -> tuple[disk_assemble.Made, Path]:
    made_in = work.folder / "disk"
    made_in.mkdir()
    inside = Inside(tree=tools(work.archive), epoch=tree.epoch, binds={"/tree": tree.tree, "/work": made_in})
    made = disk_assemble.assemble(inside, disk, folder, made_in)
    if own is not None:
        disk_sign.sign(inside, made, made_in, own)
    return made, disk_assemble.pack(inside, made_in)
