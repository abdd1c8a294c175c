"""What holds of every container image of ours, looked for in its layer and in a container that runs."""

from __future__ import annotations

import gzip
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from images.builder.definition import Definition
from images.builder.layout import Layout
from tests.support.images.podman import Container

USER = 65532
SHELLS = {"ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "rbash", "sh", "tcsh", "zsh"}
PACKAGERS = {"apt", "apt-get", "dpkg", "dpkg-deb", "pip", "pip3", "npm", "uv"}
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")
_LARGE = 2**20


@dataclass(frozen=True, kw_only=True)
class Layer:
    """An image's only layer, and its configuration."""

    entries: dict[str, tarfile.TarInfo]
    keys: list[str]
    status: str
    config: dict[str, object]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(entry.size for entry in self.entries.values() if entry.isreg())

    def programs(self) -> set[str]:
        """The names of what is on any PATH."""
        return {Path(name).name for name in self.entries if re.fullmatch(r"(usr/)?(local/)?s?bin/.+", name)}


def read_layer(store: Layout, name: str) -> Layer:
    """The layer of the container image `name`."""
    config, layer = store.blobs(store.names()[name])
    entries, keys, status = {}, [], ""
    with gzip.open(store.check(layer)) as content, tarfile.open(fileobj=content, mode="r|") as tree:
        for entry in tree:
            entries[entry.name] = entry
            file = tree.extractfile(entry) if entry.isreg() and entry.size < _LARGE else None
            text = file.read() if file else b""
            keys += [entry.name] if _KEY.search(text) else []
            status = text.decode() if entry.name == "var/lib/dpkg/status" else status
    described = json.loads(store.read(config.digest))["config"]
    return Layer(entries=entries, keys=keys, status=status, config=described)


def broken_by_layer(definition: Definition, layer: Layer) -> Iterator[str]:
    """What an image's layer breaks of the contract."""
    spec = definition.container
    assert spec is not None
    for name, entry in layer.entries.items():
        if entry.mode & 0o6000 or any("security.capability" in key for key in entry.pax_headers):
            yield f"{name} has set-user or set-group bits, or capabilities"
        if entry.isreg() and entry.mode & 0o002:
            yield f"{name} can be written by anybody"
        if entry.isdev() or entry.isfifo():
            yield f"{name} is a device"
        if entry.isreg() and entry.uid == USER:
            yield f"{name} belongs to the user that it runs as"
    if not spec.shell:
        yield from (f"there is a shell: {name}" for name in sorted(layer.programs() & SHELLS))
    yield from (f"there is a packager: {name}" for name in sorted(layer.programs() & PACKAGERS))
    yield from (f"{name} holds a private key" for name in layer.keys)
    if "Package: libc6\n" not in layer.status or "Package: dpkg\n" in layer.status:
        yield "dpkg's status does not tell what is there"
    if layer.size > spec.bound:
        yield f"{layer.size} bytes are more than its bound of {spec.bound}"
    if layer.config["User"] != f"{USER}:{USER}" or layer.config["Entrypoint"] != list(spec.entrypoint):
        yield f"the configuration says {layer.config}"


def broken_by_container(definition: Definition, container: Container) -> Iterator[str]:
    """What a running container breaks of the contract."""
    spec = definition.container
    assert spec is not None
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{container.process}/status").read_text().splitlines()
        if ":\t" in line
    )
    expected = {"Uid": "\t".join([str(USER)] * 4), "NoNewPrivs": "1", "CapEff": "0" * 16, "CapBnd": "0" * 16}
    for key, value in expected.items():
        if status[key] != value:
            yield f"{key} is {status[key]}, not {value}"
    mounts = [line.split() for line in Path(f"/proc/{container.process}/mountinfo").read_text().splitlines()]
    writable = {mount[4] for mount in mounts if mount[5].startswith("rw") and not _of_kernel(mount[4])}
    if extra := writable - set(spec.writable):
        yield f"it may write {', '.join(sorted(extra))}"
    if container.ask("GET", spec.health, port=spec.ports[-1]).status != 200:
        yield "its health endpoint does not answer 200"


def _of_kernel(place: str) -> bool:
    return place.startswith(("/proc", "/sys", "/dev")) or place in {
        *("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv"),
    }
