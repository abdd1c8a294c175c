"""What is known of kinds without asking a cluster: their type tokens, and which fields cannot be changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PACKAGE = "kubernetes"


@dataclass(frozen=True)
class Kind:
    """A kind of object; `patch` where the resource changes fields of an object that others own."""

    api_version: str
    name: str
    patch: bool = False

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def built_in(self) -> bool:
        """Whether Kubernetes itself defines the group."""
        return "." not in self.group or self.group.endswith(".k8s.io")

    def __str__(self) -> str:
        return f"{self.api_version}/{self.name}"


def resource_type(urn: str) -> str:
    """The type token in a URN: `kubernetes:core/v1:Pod`."""
    return urn.split("::", 3)[2].rsplit("$", 1)[-1]


def kind_of_type(token: str) -> Kind:
    """The kind that a type token stands for.

    `kubernetes:core/v1:Pod` and `kubernetes:apps/v1:DeploymentPatch` are such tokens. Raises `ValueError`.
    """
    package, _, rest = token.partition(":")
    version, _, name = rest.rpartition(":")
    if package != PACKAGE or not name or version.count("/") != 1:
        raise ValueError(
            f"{token}: not the type of a Kubernetes object, which reads `kubernetes:apps/v1:Deployment`"
        )
    api_version = version.removeprefix("core/") if version.startswith("core/") else version
    kind = Kind(api_version, name)
    if name.endswith("Patch") and name != "Patch" and kind.built_in:
        return Kind(api_version, name.removesuffix("Patch"), patch=True)
    return kind


def is_list(kind: Kind) -> bool:
    return kind.built_in and kind.name.endswith("List")


_CLUSTER_SCOPED = frozenset(
    [
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "DeviceClass",
        "FlowSchema",
        "IngressClass",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "ResourceSlice",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    ]
)


def probably_namespaced(kind: Kind) -> bool:
    """A guess for when no cluster can be asked; custom kinds mostly are."""
    return not (kind.built_in and kind.name in _CLUSTER_SCOPED)


_SELECTOR = ("spec.selector",)
_POD = tuple(
    f"spec.{field}"
    for field in [
        "affinity",
        "automountServiceAccountToken",
        "containers",
        "initContainers",
        "dnsConfig",
        "dnsPolicy",
        "enableServiceLinks",
        "hostAliases",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostname",
        "imagePullSecrets",
        "nodeName",
        "nodeSelector",
        "overhead",
        "preemptionPolicy",
        "priority",
        "priorityClassName",
        "readinessGates",
        "restartPolicy",
        "runtimeClassName",
        "schedulerName",
        "securityContext",
        "serviceAccount",
        "serviceAccountName",
        "shareProcessNamespace",
        "subdomain",
        "terminationGracePeriodSeconds",
        "volumes",
    ]
)
_VOLUME = tuple(
    f"spec.{source}"
    for source in [
        "awsElasticBlockStore",
        "azureDisk",
        "azureFile",
        "cephfs",
        "cinder",
        "csi",
        "fc",
        "flexVolume",
        "flocker",
        "gcePersistentDisk",
        "glusterfs",
        "hostPath",
        "iscsi",
        "local",
        "nfs",
        "photonPersistentDisk",
        "portworxVolume",
        "quobyte",
        "rbd",
        "scaleIO",
        "storageos",
        "vsphereVolume",
    ]
)
_FIXED: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "DaemonSet"): _SELECTOR,
    ("apps", "Deployment"): _SELECTOR,
    ("apps", "ReplicaSet"): _SELECTOR,
    ("apps", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("", "PersistentVolume"): _VOLUME,
    ("", "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
        "spec.volumeMode",
    ),
    ("", "Pod"): _POD,
    ("", "ResourceQuota"): ("spec.scopes", "spec.scopeSelector"),
    ("", "Secret"): ("type",),
    ("", "Service"): ("spec.clusterIP",),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"),
    ("scheduling.k8s.io", "PriorityClass"): ("value", "preemptionPolicy"),
    ("node.k8s.io", "RuntimeClass"): ("handler",),
    ("resource.k8s.io", "ResourceClaim"): ("spec",),
    ("resource.k8s.io", "ResourceClaimTemplate"): ("spec",),
    ("resource.k8s.io", "ResourceSlice"): ("spec.driver", "spec.nodeName", "spec.pool.name"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): ("spec.group", "spec.names.kind", "spec.scope"),
}
_IDENTITY = ("kind", "metadata.name", "metadata.namespace")


def fixed_fields(
    kind: Kind, inputs: dict[str, Any], *, mutable_config_maps: bool = False, mutable_secrets: bool = False
) -> tuple[str, ...]:
    """The fields whose change needs a replacement.

    ConfigMaps and Secrets count as fixed unless the provider is configured otherwise, so that what reads them
    is rolled; an immutable one always is.
    """
    if kind.patch:
        return _IDENTITY
    immutable = inputs.get("immutable") is True
    fixed = _IDENTITY + _FIXED.get((kind.group, kind.name), ())
    if (kind.group, kind.name) == ("", "ConfigMap") and (immutable or not mutable_config_maps):
        fixed += ("data", "binaryData")
    if (kind.group, kind.name) == ("", "Secret") and (immutable or not mutable_secrets):
        fixed += ("data", "stringData")
    return fixed
