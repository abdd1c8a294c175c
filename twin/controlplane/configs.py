"""The files that the members read: admission, audit, authentication, encryption, kubeconfigs."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any, Final

import yaml

from twin.controlplane.layout import Layout
from twin.controlplane.members import server_url
from twin.controlplane.ports import Ports
from twin.files import write_if_changed

AUTHENTICATION: Final[dict[str, Any]] = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "AuthenticationConfiguration",
    # Who is not known may ask whether the server is well, and nothing else.
    "anonymous": {
        "enabled": True,
        "conditions": [{"path": path} for path in ("/livez", "/readyz", "/healthz")],
    },
}

ADMISSION: Final[dict[str, Any]] = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "AdmissionConfiguration",
    "plugins": [
        {
            "name": "PodSecurity",
            "configuration": {
                "apiVersion": "pod-security.admission.config.k8s.io/v1",
                "kind": "PodSecurityConfiguration",
                # A namespace's own labels tighten this; without them a breach is told and recorded.
                "defaults": {
                    "enforce": "privileged",
                    "enforce-version": "latest",
                    "audit": "restricted",
                    "audit-version": "latest",
                    "warn": "restricted",
                    "warn-version": "latest",
                },
                "exemptions": {"usernames": [], "runtimeClasses": [], "namespaces": ["kube-system"]},
            },
        }
    ],
}

_MACHINERY: Final = (
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:apiserver",
    "bastide:kwok",
)
AUDIT: Final[dict[str, Any]] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "nonResourceURLs": ["/livez*", "/readyz*", "/healthz*", "/version", "/openapi/*"]},
        {"level": "None", "users": list(_MACHINERY), "verbs": ["get", "list", "watch"]},
        {
            "level": "None",
            "users": list(_MACHINERY),
            "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}],
        },
        # Never a body: who did what to which object, not what it holds.
        {"level": "Metadata"},
    ],
}


def write_configs(layout: Layout, ports: Ports) -> None:
    """Write what has changed; the key that encrypts Secrets is made once and kept."""
    for name, document in (
        ("authentication.yaml", AUTHENTICATION),
        ("admission.yaml", ADMISSION),
        ("audit.yaml", AUDIT),
    ):
        write_if_changed(layout.config(name), yaml.safe_dump(document, sort_keys=False))
    if not layout.config("encryption.yaml").exists():
        write_if_changed(layout.config("encryption.yaml"), yaml.safe_dump(_encryption(), sort_keys=False))
    for member in ("kube-controller-manager", "kube-scheduler", "kwok"):
        kubeconfig = _member_kubeconfig(layout, ports, member)
        write_if_changed(layout.config(f"{member}.kubeconfig"), json.dumps(kubeconfig, indent=2))


def operator_kubeconfig(layout: Layout, ports: Ports, context: str) -> str:
    """A self-contained kubeconfig (YAML) whose one context is `context`."""

    def data(path: Any) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    cluster = {
        "server": server_url(ports),
        "certificate-authority-data": data(layout.pki.certificate("ca")),
    }
    user = {
        "client-certificate-data": data(layout.pki.certificate("operator")),
        "client-key-data": data(layout.pki.key("operator")),
    }
    return yaml.safe_dump(_kubeconfig(context, cluster, user), sort_keys=False)


def _member_kubeconfig(layout: Layout, ports: Ports, member: str) -> dict[str, Any]:
    cluster = {
        "server": server_url(ports),
        "certificate-authority": str(layout.pki.certificate("ca")),
    }
    user = {
        "client-certificate": str(layout.pki.certificate(member)),
        "client-key": str(layout.pki.key(member)),
    }
    return _kubeconfig("twin", cluster, user)


def _kubeconfig(context: str, cluster: dict[str, str], user: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": context, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }


def _encryption() -> dict[str, Any]:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [
            {
                "resources": ["secrets"],
                "providers": [{"secretbox": {"keys": [{"name": "key1", "secret": key}]}}, {"identity": {}}],
            }
        ],
    }
