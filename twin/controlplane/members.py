"""The members of the control plane and their command lines: pure, nothing here starts anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from twin.controlplane import pki
from twin.controlplane.layout import STAGES, Layout
from twin.controlplane.ports import HOST, Ports

MEMBERS: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
"""In the order of their start."""

# Where the audit log goes over, the oldest file goes: at most 4 files of 50 MB, at most 30 days old.
_AUDIT_LIMITS: Final = ("--audit-log-maxsize=50", "--audit-log-maxbackup=3", "--audit-log-maxage=30")
_TLS: Final = "--tls-min-version=VersionTLS12"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One process: its command line, and where it says that it is well (HTTPS)."""

    name: str
    argv: tuple[str, ...]
    port_name: str
    port: int
    health: str
    authority: str
    """The authority whose certificate it serves."""
    client: str
    """The client certificate to ask it with."""


def members(layout: Layout, ports: Ports, programs: Mapping[str, Path]) -> tuple[Member, ...]:
    """All members, in the order of their start. `programs` gives the executable of each."""
    lines = {
        "etcd": _etcd(layout, ports),
        "kube-apiserver": _apiserver(layout, ports),
        "kube-controller-manager": _controller_manager(layout, ports),
        "kube-scheduler": _scheduler(layout, ports),
        "kwok": _kwok(layout, ports),
    }
    listens = {
        "etcd": ("etcd", "/readyz", "etcd-ca", "apiserver-etcd"),
        "kube-apiserver": ("apiserver", "/readyz", "ca", "operator"),
        "kube-controller-manager": ("controller_manager", "/healthz", "ca", "operator"),
        "kube-scheduler": ("scheduler", "/readyz", "ca", "operator"),
        "kwok": ("kwok", "/healthz", "ca", "operator"),
    }
    out = []
    for name in MEMBERS:
        port_name, health, authority, client = listens[name]
        out.append(
            Member(
                name=name,
                argv=(str(programs[name]), *lines[name]),
                port_name=port_name,
                port=getattr(ports, port_name),
                health=health,
                authority=authority,
                client=client,
            )
        )
    return tuple(out)


def server_url(ports: Ports) -> str:
    """Where the API server answers."""
    return f"https://{HOST}:{ports.apiserver}"


def _etcd(layout: Layout, ports: Ports) -> tuple[str, ...]:
    certificate = layout.pki.certificate("etcd")
    key = layout.pki.key("etcd")
    authority = layout.pki.certificate("etcd-ca")
    client = f"https://{HOST}:{ports.etcd}"
    peer = f"https://{HOST}:{ports.etcd_peer}"
    return (
        "--name=twin",
        f"--data-dir={layout.data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=twin={peer}",
        f"--cert-file={certificate}",
        f"--key-file={key}",
        "--client-cert-auth=true",
        f"--trusted-ca-file={authority}",
        f"--peer-cert-file={certificate}",
        f"--peer-key-file={key}",
        "--peer-client-cert-auth=true",
        f"--peer-trusted-ca-file={authority}",
        "--tls-min-version=TLS1.2",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=5m",
        "--log-level=warn",
    )


def _apiserver(layout: Layout, ports: Ports) -> tuple[str, ...]:
    files = layout.pki
    return (
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={ports.apiserver}",
        f"--tls-cert-file={files.certificate('apiserver')}",
        f"--tls-private-key-file={files.key('apiserver')}",
        _TLS,
        f"--client-ca-file={files.certificate('ca')}",
        f"--authentication-config={layout.config('authentication.yaml')}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction,DenyServiceExternalIPs",
        f"--admission-control-config-file={layout.config('admission.yaml')}",
        # Pods are judged by Pod Security admission and our policies, not by this old switch.
        "--allow-privileged=true",
        f"--audit-policy-file={layout.config('audit.yaml')}",
        f"--audit-log-path={layout.audit_log}",
        *_AUDIT_LIMITS,
        f"--encryption-provider-config={layout.config('encryption.yaml')}",
        f"--etcd-servers=https://{HOST}:{ports.etcd}",
        f"--etcd-cafile={files.certificate('etcd-ca')}",
        f"--etcd-certfile={files.certificate('apiserver-etcd')}",
        f"--etcd-keyfile={files.key('apiserver-etcd')}",
        f"--kubelet-certificate-authority={files.certificate('ca')}",
        f"--kubelet-client-certificate={files.certificate('apiserver-kubelet')}",
        f"--kubelet-client-key={files.key('apiserver-kubelet')}",
        f"--requestheader-client-ca-file={files.certificate('front-proxy-ca')}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={files.certificate('front-proxy')}",
        f"--proxy-client-key-file={files.key('front-proxy')}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={files.token_key}",
        f"--service-account-key-file={files.token_public}",
        f"--service-cluster-ip-range={pki.SERVICE_IP.rsplit('.', 2)[0]}.0.0/16",
        # Endpoints of the `kubernetes` service may not be loopback addresses.
        "--endpoint-reconciler-type=none",
        "--profiling=false",
    )


def _controller_manager(layout: Layout, ports: Ports) -> tuple[str, ...]:
    files = layout.pki
    return (
        *_component(layout, "kube-controller-manager", ports.controller_manager),
        "--controllers=*",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={files.token_key}",
        f"--root-ca-file={files.certificate('ca')}",
        f"--cluster-signing-cert-file={files.certificate('ca')}",
        f"--cluster-signing-key-file={files.key('ca')}",
        "--cluster-signing-duration=24h",
    )


def _scheduler(layout: Layout, ports: Ports) -> tuple[str, ...]:
    return _component(layout, "kube-scheduler", ports.scheduler)


def _component(layout: Layout, name: str, port: int) -> tuple[str, ...]:
    kubeconfig = layout.config(f"{name}.kubeconfig")
    return (
        f"--bind-address={HOST}",
        f"--secure-port={port}",
        f"--tls-cert-file={layout.pki.certificate(name)}",
        f"--tls-private-key-file={layout.pki.key(name)}",
        _TLS,
        f"--client-ca-file={layout.pki.certificate('ca')}",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        # There is one of each: an election would only delay the start.
        "--leader-elect=false",
        "--profiling=false",
    )


def _kwok(layout: Layout, ports: Ports) -> tuple[str, ...]:
    return (
        f"--kubeconfig={layout.config('kwok.kubeconfig')}",
        *(f"--config={path}" for path in sorted(STAGES.glob("*.yaml"))),
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        f"--server-address={HOST}:{ports.kwok}",
        f"--node-ip={HOST}",
        f"--node-port={ports.kwok}",
        "--node-lease-duration-seconds=40",
        f"--tls-cert-file={layout.pki.certificate('kwok')}",
        f"--tls-private-key-file={layout.pki.key('kwok')}",
    )
