"""The manifests that all tenants share: the platform's namespace, classes by name, roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from components import naming
from components.kubernetes import Manifest
from components.manifests import (
    READ,
    allow_dns,
    binding,
    default_deny,
    group,
    limits,
    meta,
    namespace,
    quota,
    role,
    rule,
)
from components.model import (
    Platform,
    PlatformOutputs,
    PriorityClass,
    Quota,
    RuntimeClass,
    SandboxOverhead,
    StorageClass,
)

POLICY = "ValidatingAdmissionPolicy"
NAMESPACE = "bastide-system"
ADMIN = "bastide-platform-admin"
AUDITOR = "bastide-platform-auditor"

_MODEST = {"cpu": "100m", "memory": "128Mi"}
_LARGEST = {"cpu": "8", "memory": "32Gi"}
_OBJECTS = {
    "": (
        "namespaces",
        "nodes",
        "pods",
        "services",
        "configmaps",
        "serviceaccounts",
        "persistentvolumes",
        "persistentvolumeclaims",
        "resourcequotas",
        "limitranges",
        "events",
    ),
    "apps": ("deployments", "statefulsets", "daemonsets", "replicasets"),
    "batch": ("jobs", "cronjobs"),
    "networking.k8s.io": ("networkpolicies",),
    "node.k8s.io": ("runtimeclasses",),
    "policy": ("poddisruptionbudgets",),
    "rbac.authorization.k8s.io": ("roles", "rolebindings", "clusterroles", "clusterrolebindings"),
    "resource.k8s.io": ("deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices"),
    "scheduling.k8s.io": ("priorityclasses",),
    "storage.k8s.io": ("storageclasses",),
    "admissionregistration.k8s.io": (
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ),
}
_SEE_ALL = tuple(rule(api, resources, READ) for api, resources in _OBJECTS.items())
_OPERATE = (
    rule("", ("namespaces",), ("create", "update", "patch", "delete")),
    rule("", ("nodes",), ("patch", "delete")),
    rule("", ("pods",), ("delete",)),
    rule("", ("pods/eviction",), ("create",)),
)


def home(labels: Mapping[str, str], owner: str) -> Manifest:
    """The namespace of the platform's own services."""
    return namespace(NAMESPACE, labels, owner)


def guards(labels: Mapping[str, str], granted: Quota) -> list[Manifest]:
    """What bounds and closes the platform's namespace; no accelerator may be claimed there."""
    hard = {
        "requests.cpu": str(granted.cpu),
        "requests.memory": str(granted.memory),
        "limits.memory": str(granted.memory),
        "pods": str(granted.pods),
        "requests.storage": str(granted.storage),
        "count/resourceclaims.resource.k8s.io": "0",
    }
    return [
        quota(NAMESPACE, labels, hard),
        limits(NAMESPACE, labels, _MODEST, _LARGEST),
        default_deny(NAMESPACE, labels),
        allow_dns(NAMESPACE, labels),
    ]


def priority(wanted: PriorityClass, labels: Mapping[str, str]) -> Manifest:
    """A priority by name; one that does not preempt waits for room instead."""
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": meta(wanted.id, labels),
        "value": wanted.value,
        "globalDefault": wanted.default,
        "description": wanted.description,
        "preemptionPolicy": "PreemptLowerPriority" if wanted.preempts else "Never",
    }


def runtime(wanted: RuntimeClass, labels: Mapping[str, str]) -> Manifest:
    """A sandbox runtime by name; its pods run on sandbox machines and pay for their guest."""
    made: Manifest = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": meta(wanted.id, {**labels, naming.ISOLATION: wanted.isolation}),
        "handler": wanted.handler,
        "scheduling": {"nodeSelector": {naming.ROLE: "sandbox"}},
    }
    if wanted.overhead:
        made["overhead"] = {"podFixed": _resources(wanted.overhead)}
    return made


def _resources(amounts: SandboxOverhead) -> dict[str, str]:
    return {"cpu": str(amounts.cpu), "memory": str(amounts.memory)}


def storage(wanted: StorageClass, labels: Mapping[str, str]) -> Manifest:
    """A kind of storage by name; where it binds at schedule time, the volume is where the pod is."""
    encrypted = str(wanted.encrypted).lower()
    made: dict[str, Any] = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": meta(wanted.id, {**labels, naming.ENCRYPTED: encrypted}),
        "provisioner": wanted.provisioner,
        "allowVolumeExpansion": wanted.expandable,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer" if wanted.bind_at_schedule else "Immediate",
    }
    if wanted.provisioner != "kubernetes.io/no-provisioner":
        made["parameters"] = {"encrypted": encrypted}
    if wanted.default:
        made["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return made


def access(
    labels: Mapping[str, str], administrators: Iterable[str], auditors: Iterable[str]
) -> list[Manifest]:
    """Roles of the platform's people. Neither reads a tenant's secrets; guards change in stacks only."""
    return [
        role(ADMIN, labels, (*_SEE_ALL, *_OPERATE)),
        binding(ADMIN, labels, [group(name) for name in administrators]),
        role(AUDITOR, labels, _SEE_ALL),
        binding(AUDITOR, labels, [group(name) for name in auditors]),
    ]


def classes(platform: Platform, labels: Mapping[str, str]) -> list[Manifest]:
    """All that tenants ask for by name: priorities, runtimes, storage."""
    return [
        *(priority(wanted, labels) for wanted in platform.priority_classes),
        *(runtime(wanted, labels) for wanted in platform.runtime_classes),
        *(storage(wanted, labels) for wanted in platform.storage_classes),
    ]


def outputs(
    environment: str, platform: Platform, admission: Iterable[Manifest], stand_ins: tuple[str, ...] = ()
) -> PlatformOutputs:
    """What tenants and drills may rely on."""
    policies = [manifest["metadata"]["name"] for manifest in admission if manifest["kind"] == POLICY]
    return PlatformOutputs(
        environment=environment,
        owner=platform.platform.owner,
        data_classes=tuple(known.id for known in platform.data_classes),
        priority_classes=tuple(known.id for known in platform.priority_classes),
        runtime_classes=tuple(known.id for known in platform.runtime_classes),
        storage_classes=tuple(known.id for known in platform.storage_classes),
        namespaces=(NAMESPACE,),
        admission_policies=tuple(policies),
        stand_ins=stand_ins,
    )
