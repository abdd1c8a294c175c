"""The guard: a workload of our own (images/guard) that sees every prompt before it goes anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.gateway.values import home
from components.gateway.values.restricted import container_security, pod_security, resources, spread
from components.kubernetes import Manifest
from components.manifests import READ, binding, meta, role, rule
from components.model import Gateway

NAME: Final = "guard"
PORT: Final = 9002
METRICS_PORT: Final = 9003
PODS: Final = {"app.kubernetes.io/name": NAME}


def guard(gateway: Gateway, labels: Mapping[str, str], image: str) -> list[Manifest]:
    """The guard with all that it needs; it reads the ConfigMaps of its own namespace, and nothing else."""
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": home.NAMESPACE}
    return [
        _object("v1", "ServiceAccount", labels, {"automountServiceAccountToken": False}),
        role(NAME, labels, [rule("", ("configmaps",), READ)], home.NAMESPACE),
        binding(NAME, labels, [subject], home.NAMESPACE),
        _object("apps/v1", "Deployment", labels, {"spec": _deployment(gateway, labels, image)}),
        _object("v1", "Service", labels, {"spec": _service()}),
        _object("policy/v1", "PodDisruptionBudget", labels, {"spec": _budget()}),
    ]


def _object(api_version: str, kind: str, labels: Mapping[str, str], rest: Mapping[str, Any]) -> Manifest:
    about = meta(NAME, labels, home.NAMESPACE)
    return {"apiVersion": api_version, "kind": kind, "metadata": about, **rest}


def _deployment(gateway: Gateway, labels: Mapping[str, str], image: str) -> dict[str, Any]:
    return {
        "replicas": gateway.guardrails.replicas,
        "selector": {"matchLabels": PODS},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": {**labels, **PODS}}, "spec": _pod(image)},
    }


def _pod(image: str) -> dict[str, Any]:
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "terminationGracePeriodSeconds": 30,
        "topologySpreadConstraints": spread(PODS),
        "containers": [_container(image)],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}}],
    }


def _container(image: str) -> dict[str, Any]:
    return {
        "name": NAME,
        "image": image,
        "ports": [
            {"name": "grpc", "containerPort": PORT},
            {"name": "metrics", "containerPort": METRICS_PORT},
        ],
        "args": ["--kubernetes", f"--listen=0.0.0.0:{PORT}", f"--metrics=0.0.0.0:{METRICS_PORT}"],
        "resources": resources(home.GUARD_CPU, home.GUARD_MEMORY),
        "securityContext": container_security(),
        "startupProbe": {"grpc": {"port": PORT}, "periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": {"grpc": {"port": PORT}, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {"grpc": {"port": PORT}, "periodSeconds": 10, "failureThreshold": 3},
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108 (inside the container)
    }


def _service() -> dict[str, Any]:
    port = {"name": "grpc", "port": PORT, "targetPort": "grpc", "appProtocol": "kubernetes.io/h2c"}
    return {"type": "ClusterIP", "selector": PODS, "ports": [port]}


def _budget() -> dict[str, Any]:
    return {"maxUnavailable": 1, "selector": {"matchLabels": PODS}}
