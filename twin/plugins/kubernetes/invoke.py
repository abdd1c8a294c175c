"""Functions that programs call: reading YAML, rendering charts."""

from __future__ import annotations

import json
from pathlib import Path

from twin.plugins.kubernetes.charts import Release, render
from twin.plugins.kubernetes.manifests import kind_of, parse, with_namespace
from twin.plugins.kubernetes.session import Session
from twin.plugins.kubernetes.values import Object

KUSTOMIZE = (
    "this stand-in does not run kustomize: render with `kustomize build` and use the YAML, or install the "
    "official provider"
)


def invoke(session: Session, token: str, arguments: Object) -> Object:
    """The function's result. Raises `ValueError` for functions and inputs that cannot be served."""
    match token:
        case "kubernetes:yaml:decode":
            found = parse(arguments.get("text") or "", "yaml.decode")
            return {"result": _placed(session, found, arguments.get("defaultNamespace") or "")}
        case "kubernetes:helm:template":
            release = _release(json.loads(arguments.get("jsonOpts") or "{}"))
            return {"result": _placed(session, render(release), release.namespace)}
        case "kubernetes:kustomize:directory":
            raise ValueError(f"{token}: {KUSTOMIZE}")
    raise ValueError(f"{token}: the Kubernetes provider has no such function")


def _placed(session: Session, objects: list[Object], namespace: str) -> list[Object]:
    return [
        with_namespace(item, namespace) if session.is_namespaced(kind_of(item)) else item for item in objects
    ]


def _release(options: Object) -> Release:
    chart = options.get("path") or options.get("chart") or ""
    return Release(
        chart=str(chart),
        name=str(options.get("release_name") or options.get("releaseName") or Path(chart).stem),
        namespace=str(options.get("namespace") or "default"),
        values=dict(options.get("values") or {}),
        definitions=not options.get("skip_crd_rendering"),
    )
