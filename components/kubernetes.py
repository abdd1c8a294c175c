"""Kubernetes objects as Pulumi resources, straight from their manifests.

A manifest is registered under the very type token that the Kubernetes SDK uses
(`kubernetes:core/v1:Namespace`), so engine, provider, policies and state see no difference, and the SDK's
typed modules (1.7 s for `core.v1` alone) need not be imported. See docs/explanation/adr/0003.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, TypeAlias

import pulumi

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object as its API takes it: `apiVersion`, `kind`, `metadata`, ..."""


def type_token(api_version: str, kind: str) -> str:
    """The Pulumi type of a Kubernetes kind: `v1`, `Namespace` -> `kubernetes:core/v1:Namespace`."""
    return f"kubernetes:{api_version if '/' in api_version else f'core/{api_version}'}:{kind}"


class KubernetesObject(pulumi.CustomResource):
    """One Kubernetes object. Its outputs are the live object's own fields."""

    def __init__(
        self, name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`manifest` holds plain values or outputs; its `apiVersion` and `kind` give the type."""
        own = pulumi.ResourceOptions(version=version("pulumi-kubernetes"))
        super().__init__(
            type_token(manifest["apiVersion"], manifest["kind"]),
            name,
            dict(manifest),
            pulumi.ResourceOptions.merge(own, opts),
        )


def resource_name(manifest: Mapping[str, Any]) -> str:
    """The Pulumi name of a manifest: kind, namespace and name, e.g. `role/acme-agents/developer`."""
    meta = manifest["metadata"]
    parts = (str(manifest["kind"]).lower(), meta.get("namespace"), meta["name"])
    return "/".join(part for part in parts if part)
