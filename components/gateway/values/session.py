"""The seed of the keys with which MCP sessions are sealed: born in the cluster, the same for all proxies.

The AI gateway's chart takes it as a plain argument, which its controller hands on to the processor beside
each proxy. What it gets is a reference to an environment variable: the kubelet resolves it in the processor's
container alone, so the value stands in one Secret and in no manifest.
Sources: https://external-secrets.io/latest/api/generator/password/,
https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components import naming
from components.gateway.values import home
from components.kubernetes import Manifest
from components.manifests import meta

NAME: Final = "mcp-session"
VARIABLE: Final = "MCP_SESSION_SEED"
REFERENCE: Final = f"$({VARIABLE})"


def seed(labels: Mapping[str, str]) -> list[Manifest]:
    """A generator, and the Secret that is made by it once."""
    generator = {"apiVersion": naming.GENERATORS_API, "kind": "Password", "name": NAME}
    spec = {
        "refreshPolicy": "CreatedOnce",
        "target": {"name": NAME, "creationPolicy": "Owner", "deletionPolicy": "Retain"},
        "dataFrom": [{"sourceRef": {"generatorRef": generator}}],
    }
    return [
        {
            "apiVersion": generator["apiVersion"],
            "kind": generator["kind"],
            "metadata": meta(NAME, labels, home.NAMESPACE),
            "spec": {"length": 48, "symbols": 0, "noUpper": False, "allowRepeat": True},
        },
        {
            "apiVersion": f"{naming.SECRETS_API}/v1",
            "kind": "ExternalSecret",
            "metadata": meta(NAME, labels, home.NAMESPACE),
            "spec": spec,
        },
    ]


def variable() -> dict[str, Any]:
    """The environment variable of the processor."""
    return {"name": VARIABLE, "valueFrom": {"secretKeyRef": {"name": NAME, "key": "password"}}}
