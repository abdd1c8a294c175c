"""A microVM guest: kernel, initramfs with agent and modules, verified root, descriptions for monitors.

Its parts are data: images/guest/guest.yaml and images/guest/machines/. Nothing of it needs root to build.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final, Literal

from images.builder import agent, cpio, debian, kernel, squash, verity
from images.builder.definition import Definition
from images.builder.errors import ImageError
from images.builder.packages import Package, of_tree
from images.builder.reading import Model, read
from images.builder.tree import Tree, opened
from images.builder.work import Artifact, Work

PARTS: Final = "guest.yaml"
LAYOUT: Final = ("dev", "proc", "sys", "root", "run", "tmp", "work", "modules")
"""Folders of the initramfs; the agent mounts the root at `root` and the rest where they say."""


class _Kernel(Model):
    package: str
    options: dict[str, Literal["y", "m"]]
    modules: dict[str, tuple[str, ...]]
    command_line: str


class Parts(Model):
    """The content of guest.yaml, which says what each field is."""

    kernel: _Kernel
    root: squash.Root


def read_parts(folder: Path) -> Parts:
    """The parts of the guest defined in `folder`; raises `ImageError` with all that is wrong with them."""
    return read(folder / PARTS, Parts)


def build(definition: Definition, variant: str, work: Work) -> Artifact:
    """The guest's files; raises `ImageError`."""
    del variant  # there are none
    parts = read_parts(definition.folder)
    work.tell("agent")
    program = agent.build(definition.folder / "agent", work.folder)
    work.tell(f"kernel {parts.kernel.package}")
    files, listed = _kernel(parts.kernel, program, work)
    work.tell("root")
    tree = work.folder / "tree.tar"
    debian.unpack(work.archive, definition.packages, tree)
    data = squash.image(tree, parts.root, definition.folder / "files", work.archive.epoch)
    files["root.img"] = work.folder / "root.img"
    root = verity.seal(data, files["root.img"])
    line = f"{parts.kernel.command_line} bastide.root={root}"
    for template in sorted((definition.folder / "machines").glob("*.json")):
        files[template.name] = work.folder / template.name
        files[template.name].write_text(described(template, line))
    kept = [each for each in of_tree(tree) if each.name in parts.root.keep]
    return Artifact(
        files=files,
        config={"architecture": debian.ARCHITECTURE, "command_line": line, "created": work.archive.dated()},
        packages=tuple(sorted({*listed, *kept, *agent.modules(program)})),
    )


def inputs(definition: Definition, variant: str) -> tuple[str, ...]:
    """What decides besides: the release of Go that compiles the agent."""
    del variant  # there are none
    return (agent.release(definition.folder / "agent"),)


def described(template: Path, command_line: str) -> str:
    """A monitor's description with the kernel's command line filled in; what a run decides stays open."""
    text = Template(template.read_text()).safe_substitute(command_line=command_line)
    json.loads(text)
    return text


def _kernel(asked: _Kernel, program: Path, work: Work) -> tuple[dict[str, Path], list[Package]]:
    """vmlinuz, vmlinux and the initramfs, and the package that they are of."""
    archive = work.folder / "kernel.tar"
    debian.unpack(work.archive, [asked.package], archive)
    with opened(archive) as tree:
        packed, release = _vmlinuz(tree, asked.package)
        kernel.check_options(tree.read(f"boot/config-{release}").decode(), asked.options, release)
        image = kernel.unpacked(packed, release)
        kernel.pvh_entry(image, release)
        initramfs = _initramfs(program.read_bytes(), modules_of(tree, release), asked.modules)
    contents = {"vmlinuz": packed, "vmlinux": image, "initramfs.cpio": initramfs}
    for name, content in contents.items():
        (work.folder / name).write_bytes(content)
    listed = [each for each in of_tree(archive) if each.name == f"linux-image-{release}"]
    return {name: work.folder / name for name in contents}, listed


def _vmlinuz(tree: Tree, package: str) -> tuple[bytes, str]:
    for path in tree.files:
        if path.startswith("boot/vmlinuz-"):
            return tree.read(path), path.removeprefix("boot/vmlinuz-")
    raise ImageError(f"package {package}: brings no /boot/vmlinuz-*", "name a kernel's package in guest.yaml")


def modules_of(tree: Tree, release: str) -> kernel.Modules:
    """The modules of the kernel `release` in a tree."""
    folder = f"usr/lib/modules/{release}"
    paths = [path for path in tree.files if path.startswith(f"{folder}/kernel/")]
    built_in = tree.read(f"{folder}/modules.builtin").decode().splitlines()
    return kernel.Modules(release, paths, tree.read, built_in)


def _initramfs(program: bytes, modules: kernel.Modules, wanted: Mapping[str, tuple[str, ...]]) -> bytes:
    sets = {name: [f"{each}.ko" for each in modules.ordered(names)] for name, names in wanted.items()}
    files = sorted({file for each in sets.values() for file in each})
    return cpio.archive(
        [
            *map(cpio.folder, LAYOUT),
            cpio.console(),
            cpio.file("init", program, mode=0o755),
            cpio.file("modules.json", json.dumps(sets).encode()),
            *(cpio.file(f"modules/{file}", modules.read(file.removesuffix(".ko"))) for file in files),
        ]
    )
