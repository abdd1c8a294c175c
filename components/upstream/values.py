"""Stand-in definitions, and the namespaces of what is installed: plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from components import naming
from components.kubernetes import Manifest
from components.manifests import allow_dns, default_deny, limits, meta, namespace, quota
from components.upstream.catalog import Chart, Definition

_PROTECTED_GROUP: Final = ".k8s.io"
_NAME: Final = "app.kubernetes.io/name"
_VERSION: Final = "app.kubernetes.io/version"

_ROOM = {"requests.cpu": "8", "requests.memory": "32Gi", "limits.memory": "64Gi", "pods": "60"}
_STORAGE = {"requests.storage": "200Gi", "count/resourceclaims.resource.k8s.io": "0"}
_MODEST = {"cpu": "100m", "memory": "128Mi"}
_DEFAULT = {"cpu": "4", "memory": "1Gi"}
_LARGEST = {"cpu": "4", "memory": "8Gi"}


def stand_in(definition: Definition, chart: Chart, labels: Mapping[str, str]) -> Manifest:
    """A definition under which any object of the kind lands, with a status that controllers could write.

    Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
    """
    metadata = meta(definition.name, {**labels, **_of(chart)})
    metadata["annotations"] = {naming.STAND_IN: "true"}
    if definition.group.endswith(_PROTECTED_GROUP):
        metadata["annotations"]["api-approved.kubernetes.io"] = "unapproved, a stand-in"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    versions = [
        {
            "name": version,
            "served": True,
            "storage": version == definition.versions[0],
            "schema": {"openAPIV3Schema": anything},
            "subresources": {"status": {}},
        }
        for version in definition.versions
    ]
    names = {
        "kind": definition.kind,
        "listKind": f"{definition.kind}List",
        "plural": definition.plural,
        "singular": definition.kind.lower(),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": definition.group,
            "scope": definition.scope,
            "names": names,
            "versions": versions,
        },
    }


def _of(chart: Chart) -> dict[str, str]:
    name, _, version = chart.title.partition(" ")
    return {_NAME: name, _VERSION: version}


def title(metadata: Mapping[str, Any]) -> str:
    """The software that a stand-in belongs to, by its metadata: `envoy-gateway 1.9.1`."""
    return f"{metadata['labels'][_NAME]} {metadata['labels'][_VERSION]}"


def api_service(served: str) -> str:
    """The name of the API server's own record that it serves `group/version`: `v1.cert-manager.io`.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/api-service-v1/
    """
    group, _, version = served.partition("/")
    return f"{version}.{group}"


def namespaces(charts: Iterable[Chart]) -> list[str]:
    """The namespaces that are made for the charts: not those of software that the cluster brings."""
    return sorted({chart.namespace for chart in charts if not chart.provided})


def home(name: str, labels: Mapping[str, str], owner: str) -> Manifest:
    """A namespace for third-party controllers."""
    return namespace(name, labels, owner)


def guards(name: str, labels: Mapping[str, str]) -> list[Manifest]:
    """What bounds and closes such a namespace, and the ways that its controllers need.

    They speak with each other, the API server and the cluster's pods; the API server calls their webhooks,
    and the gateway's proxies ask them for their configuration. Only Cilium knows the API server by name.
    """
    return [
        quota(name, labels, {**_ROOM, **_STORAGE}),
        limits(name, labels, _DEFAULT, _LARGEST, _MODEST),
        default_deny(name, labels),
        allow_dns(name, labels),
        _controllers(name, labels),
    ]


def _controllers(name: str, labels: Mapping[str, str]) -> Manifest:
    proxies = {"k8s:io.kubernetes.pod.namespace": naming.GATEWAY_NAMESPACE}
    spec: dict[str, Any] = {
        "endpointSelector": {},
        "ingress": [
            {"fromEndpoints": [{}, {"matchLabels": proxies}]},
            {"fromEntities": ["kube-apiserver", "remote-node"]},
        ],
        "egress": [{"toEntities": ["cluster", "kube-apiserver"]}],
    }
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": meta("controllers", labels, name),
        "spec": spec,
    }
