"""Manifests that several blocks write: pure functions, plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components import naming
from components.kubernetes import Manifest
from components.model import Endpoint

API_KEY = "apiKey"
"""The key of a Secret under which the AI gateway looks for an API key."""
READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")
RBAC = "rbac.authorization.k8s.io"
_RESTRICTED = {f"{naming.POD_SECURITY}/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}


@dataclass(frozen=True, kw_only=True)
class StoredSecret:
    """Values in a secret store: `paths` by the keys of the Secret, asked for `every` so long (`5m`)."""

    store: str
    paths: Mapping[str, str]
    every: str


def meta(name: str, labels: Mapping[str, str], namespace: str = "", owner: str = "") -> dict[str, Any]:
    """The `metadata` of an object; `owner` becomes an annotation, because an address is no label value."""
    out: dict[str, Any] = {"name": name, "labels": dict(labels)}
    if namespace:
        out["namespace"] = namespace
    if owner:
        out["annotations"] = {naming.OWNER: owner}
    return out


def namespace(name: str, labels: Mapping[str, str], owner: str) -> Manifest:
    """A namespace in which only restricted pods are admitted.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": meta(name, {**labels, **_RESTRICTED}, "", owner),
    }


def quota(
    namespace: str, labels: Mapping[str, str], hard: Mapping[str, str], load_balancers: int = 0
) -> Manifest:
    """The namespace's quota: no port of the nodes is opened, and no more than so many load balancers."""
    closed = {"services.loadbalancers": str(load_balancers), "services.nodeports": "0"}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": meta("quota", labels, namespace),
        "spec": {"hard": {**hard, **closed}},
    }


def limits(
    namespace: str,
    labels: Mapping[str, str],
    default: Mapping[str, str],
    maximum: Mapping[str, str],
    request: Mapping[str, str] | None = None,
) -> Manifest:
    """The most that a container gets that names nothing, and that one may name.

    `request` is what it asks for; left out, it asks for all that it may get.
    """
    item = {
        "type": "Container",
        "default": dict(default),
        "defaultRequest": dict(default if request is None else request),
        "max": dict(maximum),
    }
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": meta("limits", labels, namespace),
        "spec": {"limits": [item]},
    }


def default_deny(namespace: str, labels: Mapping[str, str]) -> Manifest:
    """No pod of the namespace is reached or reaches out, unless another policy says so."""
    return network_policy("default-deny", namespace, labels, ingress=(), egress=())


def allow_dns(namespace: str, labels: Mapping[str, str]) -> Manifest:
    """Every pod of the namespace may ask the cluster's name service, and no other pod of `kube-system`."""
    peer = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return network_policy("allow-dns", namespace, labels, egress=[{"to": [peer], "ports": ports}])


def network_policy(
    name: str,
    namespace: str,
    labels: Mapping[str, str],
    ingress: Sequence[Mapping[str, Any]] | None = None,
    egress: Sequence[Mapping[str, Any]] | None = None,
) -> Manifest:
    """A policy over all pods of a namespace; a direction left out is not touched, an empty one is closed."""
    rules = {"ingress": ingress, "egress": egress}
    spec: dict[str, Any] = {
        "podSelector": {},
        "policyTypes": [key.capitalize() for key, value in rules.items() if value is not None],
    }
    spec.update({key: list(value) for key, value in rules.items() if value})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta(name, labels, namespace),
        "spec": spec,
    }


def backend(name: str, namespace: str, labels: Mapping[str, str], endpoint: Endpoint) -> Manifest:
    """An HTTP service by domain name, as Envoy Gateway knows one; certificates are the system's to judge.

    Source: https://gateway.envoyproxy.io/docs/api/extension_types/#backendspec
    """
    spec: dict[str, Any] = {
        "type": "Endpoints",
        "endpoints": [{"fqdn": {"hostname": endpoint.host, "port": endpoint.port}}],
    }
    if endpoint.tls:
        spec["tls"] = {"wellKnownCACertificates": "System", "sni": endpoint.host}
    return {
        "apiVersion": f"{naming.ENVOY_GATEWAY_API}/v1alpha1",
        "kind": "Backend",
        "metadata": meta(name, labels, namespace),
        "spec": spec,
    }


def external_secret(name: str, namespace: str, labels: Mapping[str, str], wanted: StoredSecret) -> Manifest:
    """A Secret of the same name, of values that External Secrets brings from the secret store.

    Source: https://external-secrets.io/latest/api/externalsecret/
    """
    return {
        "apiVersion": f"{naming.SECRETS_API}/v1",
        "kind": "ExternalSecret",
        "metadata": meta(name, labels, namespace),
        "spec": {
            "refreshInterval": wanted.every,
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": wanted.store},
            "target": {"name": name, "creationPolicy": "Owner", "deletionPolicy": "Delete"},
            "data": [
                {"secretKey": key, "remoteRef": {"key": path, "property": "value"}}
                for key, path in wanted.paths.items()
            ],
        },
    }


def rule(group: str, resources: Iterable[str], verbs: Iterable[str]) -> dict[str, list[str]]:
    """One RBAC rule over resources of one API group (`""` is the core group)."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def role(
    name: str, labels: Mapping[str, str], rules: Iterable[Mapping[str, Any]], namespace: str = ""
) -> Manifest:
    """A Role, or a ClusterRole where no namespace is named."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": meta(name, labels, namespace),
        "rules": [dict(rule) for rule in rules],
    }


def binding(
    name: str, labels: Mapping[str, str], subjects: Iterable[Mapping[str, str]], namespace: str = ""
) -> Manifest:
    """The binding of the role of the same name: in a namespace, or cluster-wide where none is named."""
    kind = "Role" if namespace else "ClusterRole"
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": meta(name, labels, namespace),
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
        "subjects": [dict(subject) for subject in subjects],
    }


def group(name: str) -> dict[str, str]:
    """An RBAC subject: a group of the identity provider."""
    return {"apiGroup": RBAC, "kind": "Group", "name": name}


def user(name: str) -> dict[str, str]:
    """An RBAC subject: a user of the identity provider."""
    return {"apiGroup": RBAC, "kind": "User", "name": name}
