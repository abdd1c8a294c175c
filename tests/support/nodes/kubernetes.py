"""What a lab's machines need to become Kubernetes nodes: a bundle of programs and images, and a pod network.

The images are in the bundle too: `images.yml` of the Molecule scenario `kubernetes_default` imports them once
containerd runs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.nodes.bundle import write_index
from tests.support.nodes.images import Image, write_images
from tests.support.nodes.lab import Machine
from twin import api
from twin.settings import TwinSettings
from twin.toolchain.build import go_environment
from twin.toolchain.golang import find_go, needed_version
from twin.toolchain.store import architecture
from twin.toolchain.tools import CNI, CONTAINERD, ETCD, KUBERNETES, NODE_TOOLS, TOOLS

IMAGES = "registry.k8s.io"
POD = "lab.example/pod:1"
"""An image whose program tells the pod's name on port 8080."""
_RELEASE, _, _PATCH = KUBERNETES.version.rpartition(".")
FOLLOWING = f"{_RELEASE}.{int(_PATCH) + 1}"
"""The next patch version: the same programs with another number of the same length."""
_MEMBERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_PROGRAM = Path(__file__).with_name("pod") / "main.go"


def make_bundle(folder: Path, *, following: bool = False) -> Path:
    """A bundle for `Lab.serve_artifacts`, from the toolchain's cache or built, which can take minutes.

    With `following` the next patch version is in it too. Raises `TwinError` where a program cannot be had.
    """
    settings = TwinSettings.of("tests")
    tools = api.resolve_toolchain(settings, api.Lines(), (*TOOLS, *NODE_TOOLS)).programs
    shutil.rmtree(folder, ignore_errors=True)
    versions = [KUBERNETES.version, *([FOLLOWING] if following else [])]
    for version in versions:
        for name in ("kubeadm", "kubelet", "kubectl"):
            shutil.copy(_stamped(tools[name], version, folder), _place(folder, name, version) / name)
    _archive(
        _place(folder, "containerd", CONTAINERD.version) / "containerd.tar",
        {f"bin/{name}": tools[name] for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
    )
    _archive(
        _place(folder, "cni-plugins", CNI.version) / "cni-plugins.tar",
        {name: tools[name] for name in ("bridge", "host-local", "loopback", "portmap")},
    )
    pod = _pod(settings, folder.with_name(f"{folder.name}-pod"))
    write_images(
        _place(folder, "lab-pod", "1") / "images.tar",
        Image(name=POD, files={"/pod": pod}, entrypoint=("/pod", "serve")),
        *(
            Image(name=name, files={"/pod": pod}, entrypoint=("/pod", "pause"))
            for name in (f"{IMAGES}/pause:lab", _asked_for(tools["kubeadm"], "pause"))
        ),
    )
    members = [_member(tools[name], version, folder) for name in _MEMBERS for version in versions]
    write_images(_place(folder, "lab-control-plane", "1") / "images.tar", _etcd(tools), *members)
    shutil.rmtree(_stamps(folder), ignore_errors=True)
    write_index(folder)
    return folder


def _asked_for(kubeadm: Path, name: str) -> str:
    """The image `name` that kubeadm asks for, with its tag."""
    command = [str(kubeadm), "config", "images", "list", f"--kubernetes-version={KUBERNETES.version}"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return next(image for image in listed if f"/{name}:" in image)


def _etcd(tools: Mapping[str, Path]) -> Image:
    """The twin's etcd, of the minor version of the tag that kubeadm asks for."""
    name = _asked_for(tools["kubeadm"], "etcd")
    assert f"/etcd:{ETCD.version.rsplit('.', 1)[0]}." in name, f"{name}: pinned is {ETCD.version}"
    return Image(name=name, files={"/usr/local/bin/etcd": tools["etcd"]}, entrypoint=("/usr/local/bin/etcd",))


def _member(program: Path, version: str, folder: Path) -> Image:
    path = f"/usr/local/bin/{program.name}"
    stamped = _stamped(program, version, folder)
    return Image(name=f"{IMAGES}/{program.name}:v{version}", files={path: stamped}, entrypoint=(path,))


def _stamped(program: Path, version: str, folder: Path) -> Path:
    """The program, telling `version`: what a release of the next patch looks like to kubeadm and kubelet."""
    if version == KUBERNETES.version:
        return program
    assert len(version) == len(KUBERNETES.version), "a longer number does not fit into a program"
    made = _stamps(folder) / program.name
    made.parent.mkdir(exist_ok=True)
    made.write_bytes(program.read_bytes().replace(f"v{KUBERNETES.version}".encode(), f"v{version}".encode()))
    made.chmod(0o755)
    return made


def _stamps(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-stamped")


def connect_pods(machines: Sequence[Machine]) -> None:
    """A pod network of the lab: a bridge on each machine, and static routes between them."""
    for number, machine in enumerate(machines):
        network = {
            "cniVersion": "1.0.0",
            "name": "lab",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "cni0",
                    "isGateway": True,
                    "ipMasq": True,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": f"10.200.{number}.0/24"}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        }
        _must(machine, "mkdir", "-p", "/etc/cni/net.d")
        script = 'printf %s "$1" > /etc/cni/net.d/10-lab.conflist'
        _must(machine, "sh", "-ec", script, "sh", json.dumps(network))
        for other, peer in enumerate(machines):
            if peer is not machine:
                _must(machine, "ip", "route", "replace", f"10.200.{other}.0/24", "via", peer.address)


def _archive(path: Path, files: Mapping[str, Path]) -> None:
    with tarfile.open(path, "w") as out:
        for name, source in files.items():
            out.add(source, name)


def _place(folder: Path, name: str, version: str) -> Path:
    place = folder / name / version / architecture()
    place.mkdir(parents=True)
    return place


def _pod(settings: TwinSettings, out: Path) -> Path:
    go = find_go(settings.cache, needed_version(KUBERNETES.folder / "go.mod"), api.Lines())
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [str(go), "build", "-trimpath", "-ldflags=-s -w", "-o", str(out), str(_PROGRAM)]
    subprocess.run(command, check=True, cwd=out.parent, env=go_environment())
    return out


def _must(machine: Machine, *argv: str) -> str:
    done = machine.run(*argv)
    if done.code != 0:
        raise AssertionError(f"{machine.name}: {' '.join(argv)}: {done.err or done.out}")
    return str(done.out)
