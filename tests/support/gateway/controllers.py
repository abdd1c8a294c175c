"""Envoy Gateway and the AI gateway as our chart values configure them, and what they expect of a cluster."""

from __future__ import annotations

import base64
from typing import Any

import yaml

from components.gateway.values.charts import COUNTERS, charts
from components.gateway.values.network import CONTROLLERS as NAMESPACE
from components.kubernetes import Manifest

AI_HOST = f"ai-gateway-controller.{NAMESPACE}.svc.cluster.local"
GATEWAY_HOST = f"envoy-gateway.{NAMESPACE}.svc.cluster.local"
COUNTERS_HOST, COUNTERS_PORT = COUNTERS.split(":")
HOSTS = (AI_HOST, GATEWAY_HOST, f"{GATEWAY_HOST}.", "envoy-gateway", COUNTERS_HOST)
"""Names by which the programs call each other; Envoy asks for one with its final dot."""
XDS_PORT, LIMIT_XDS_PORT, EXTENSION_PORT, WEBHOOK_PORT = 18000, 18001, 1063, 9443
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_IMAGE = "docker.io/envoyproxy/ai-gateway-extproc"


def gateway_config() -> str:
    """The EnvoyGateway document that the chart would write, for one controller instead of several.

    The chart's own default without certificates for pods' zones is kept, as `certgen` is told the same.
    """
    config = charts()["envoy-gateway"]["config"]["envoyGateway"]
    kubernetes = {
        **config["provider"]["kubernetes"],
        "leaderElection": {"disable": True},
        "topologyInjector": {"disabled": True},
    }
    document = {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyGateway",
        **config,
        "provider": {**config["provider"], "kubernetes": kubernetes},
    }
    return yaml.safe_dump(document)


def ai_arguments(certs: str) -> list[str]:
    """The AI gateway controller's arguments as its chart makes them of our values; `certs` is a folder."""
    values = charts()["envoy-ai-gateway"]
    controller = values["controller"]
    return [
        "--enableLeaderElection=false",
        f"--envoyGatewayNamespace={values['envoyGateway']['namespace']}",
        f"--extProcImage={_IMAGE}:test",
        f"--logRequestHeaderAttributes={controller['logRequestHeaderAttributes']}",
        f"--mcpSessionEncryptionSeed={controller['mcp']['sessionEncryption']['seed']}",
        f"--port=127.0.0.1:{EXTENSION_PORT}",
        f"--tlsCertDir={certs}",
        f"--webhookPort={WEBHOOK_PORT}",
    ]


def pod_webhook(url: str, authority: bytes) -> Manifest:
    """The AI gateway's own admission webhook: it puts the external processor into the gateway's pods."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    hook = {
        "name": AI_HOST,
        "clientConfig": {"url": f"{url}/mutate", "caBundle": base64.b64encode(authority).decode()},
        "rules": [rule],
        "objectSelector": {"matchLabels": {"app.kubernetes.io/managed-by": "envoy-gateway"}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": f"envoy-ai-gateway-gateway-pod-mutator.{NAMESPACE}"},
        "webhooks": [hook],
    }


def chart_objects() -> list[Manifest]:
    """Of the objects that Envoy Gateway's chart makes, those that its controller looks up by name.

    The Deployment has no pods, for the controller runs beside the cluster.
    """
    metadata = {"name": "envoy-gateway", "namespace": NAMESPACE}
    labels = {"control-plane": "envoy-gateway"}
    ports = [{"name": "grpc", "port": XDS_PORT}, {"name": "ratelimit", "port": LIMIT_XDS_PORT}]
    container = {"name": "envoy-gateway", "image": "docker.io/envoyproxy/gateway:test"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    deployment = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    service = {"selector": labels, "ports": ports}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        powers(),
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
    ]


def powers() -> Manifest:
    """All rights for Envoy Gateway: which ones it needs is its chart's business."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "envoy-gateway"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "envoy-gateway", "namespace": NAMESPACE}],
    }


def machine() -> Manifest:
    """A simulated machine with room for every pod."""
    room: dict[str, Any] = {"cpu": "64", "memory": "256Gi", "pods": "500"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": "gateway-0",
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/os": "linux", "topology.kubernetes.io/zone": "zone-0"},
        },
        "status": {"capacity": room, "allocatable": room},
    }
