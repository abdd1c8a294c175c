"""A container: Debian's packages without what a sandbox has no use for, as one layer of an OCI image.

Specification: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
"""

from __future__ import annotations

from typing import Any, Final

from images.builder import debian, python, slim
from images.builder.definition import FOLDER, Container, Definition, digest_of
from images.builder.errors import ImageError
from images.builder.layer import LayerWriter
from images.builder.packages import of_tree
from images.builder.work import Artifact, Work

USER: Final = 65532
HOME: Final = "/home/sandbox"
_NEVER: Final = (
    *("apt", "debconf", "debianutils", "dpkg", "gpgv", "init-system-helpers", "login", "login.defs", "mount"),
    *("passwd", "perl-base", "sysvinit-utils", "util-linux", "sqv", "base-passwd", "e2fsprogs"),
    *("libaudit-common", "libaudit1", "libblkid1", "libdb5.3t64", "libdebconfclient0", "libmount1", "mawk"),
    *("libpam-modules", "libpam-modules-bin", "libpam-runtime", "libpam0g", "libsmartcols1", "libsystemd0"),
    *("adduser", "libudev1", "openssl"),
)
"""Packages of an installed system that nothing in a container calls; a definition that names one keeps it."""
_SHELL: Final = (
    *("bash", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip", "hostname", "libc-bin"),
    *("ncurses-base", "ncurses-bin", "sed", "tar"),
)
"""What goes with the shell."""
_REMOVED: Final = (
    *("dev/*", "etc/apt/*", "etc/cron*", "etc/machine-id", "etc/resolv.conf", "etc/hostname", "etc/shadow*"),
    *("etc/gshadow*", "etc/*-", "etc/pam.d/*", "etc/systemd/*", "run/*", "tmp/*", "usr/lib/systemd/*"),
    *("usr/lib/*/gconv/*", "usr/share/bash-completion/*", "usr/share/bug/*", "usr/share/common-licenses/*"),
    *("usr/share/lintian/*", "usr/share/menu/*", "var/cache/*", "var/lib/apt/*", "var/lib/dpkg/info/*"),
    *("var/lib/dpkg/*-old", "var/lib/systemd/*", "var/log/*"),
)
_PASSWD: Final = f"root:x:0:0:root:/root:/nologin\nsandbox:x:{USER}:{USER}:sandbox:{HOME}:/nologin\n"
_GROUP: Final = f"root:x:0:\nsandbox:x:{USER}:\n"


def build(definition: Definition, variant: str, work: Work) -> Artifact:
    """One layer, and the configuration that runs it; raises `ImageError`, also where it exceeds its bound."""
    spec = definition.container
    if spec is None:
        raise ImageError(f"{definition.name}: is no container", "give it a section `container`")
    base = work.folder / "base.tar"
    packages = (*definition.packages, *(definition.variants[variant].packages if variant else ()))
    work.tell(f"packages of {debian.DISTRO}")
    debian.bootstrap(work.archive, packages, base)
    layer = work.folder / "layer.tar.gz"
    work.tell("layer")
    unused = (*_NEVER, *(() if spec.shell else _SHELL), *spec.without)
    dropped = tuple(name for name in unused if name not in definition.packages)
    keep = slim.Keep(without=dropped, globs=(*_REMOVED, *spec.remove))
    inside = [each for each in of_tree(base) if each.kind != "deb" or each.name not in dropped]
    with LayerWriter(layer, work.archive.epoch) as out:
        slim.copy(base, keep, {"etc/passwd": _PASSWD.encode(), "etc/group": _GROUP.encode()}, out)
        out.folder(HOME, owner=USER, mode=0o700)
        for place, source in definition.sources.items():
            out.tree(FOLDER / source, place)
        if definition.python:
            work.tell(f"Python packages of group {definition.python.group}")
            folder = work.folder / "python"
            inside += python.install(definition.python.group, folder, work)
            out.tree(folder, definition.python.target)
        if (definition.folder / "files").is_dir():
            out.tree(definition.folder / "files", "/")
    if out.size > spec.bound:
        problem = f"{definition.name}: {out.size} bytes unpacked, `container.bound` allows {spec.bound}"
        raise ImageError(
            problem, "drop files or packages (`without`, `remove`), or raise the bound knowingly"
        )
    config = _config(definition, spec, out.digest, work)
    return Artifact(files={"layer": layer}, config=config, packages=tuple(sorted(inside)))


def inputs(definition: Definition, variant: str) -> tuple[str, ...]:
    """What decides besides: the lock of Python packages."""
    return (digest_of(FOLDER.parent / "uv.lock"),) if definition.python else ()


def _config(definition: Definition, spec: Container, digest: str, work: Work) -> dict[str, Any]:
    labels = {
        "org.opencontainers.image.title": definition.title,
        "org.opencontainers.image.base.name": debian.DISTRO,
        "dev.bastide.health": spec.health,
        "dev.bastide.writable": ",".join(spec.writable),
    }
    return {
        "architecture": debian.ARCHITECTURE,
        "os": "linux",
        "created": work.archive.dated(),
        "config": {
            "User": f"{USER}:{USER}",
            "Entrypoint": list(spec.entrypoint),
            "Env": [f"{key}={value}" for key, value in sorted(spec.environment.items())],
            "ExposedPorts": {f"{port}/tcp": {} for port in spec.ports},
            "WorkingDir": HOME,
            "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [digest]},
        "history": [
            {"created": work.archive.dated(), "created_by": f"bastide images build {definition.name}"}
        ],
    }
