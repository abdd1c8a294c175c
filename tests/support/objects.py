"""Kubernetes objects through the real engine: a project whose program is data.

    workspace.write(Entry("cm", config_map("cm", a="1")))
    workspace.project.up().ok()

In a manifest, `{"$of": ["name", "metadata", "uid"]}` stands for an output of an earlier resource and
`{"$secret": "value"}` for a secret.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from components.cluster import MERGE_PATCH, ApiError, Cluster
from tests.support.engine import Engine, Project

_PROGRAM = """
    import importlib.metadata
    import json
    import pathlib
    import pulumi
    from components.kubernetes import type_token

    made = {}

    def value(item):
        if isinstance(item, list):
            return [value(one) for one in item]
        if not isinstance(item, dict):
            return item
        if "$secret" in item:
            return pulumi.Output.secret(item["$secret"])
        if "$of" in item:
            name, *keys = item["$of"]
            found = made[name].id if keys == ["id"] else getattr(made[name], keys.pop(0))
            for key in keys:
                found = found.apply(lambda held, key=key: held[key]) if key != "id" else found
            return found
        return {key: value(one) for key, one in item.items()}

    class Thing(pulumi.CustomResource):
        def __init__(self, token, name, manifest, opts):
            super().__init__(token, name, dict(manifest), opts)

    class Group(pulumi.ComponentResource):
        def __init__(self, token, name, inputs, opts):
            super().__init__(token, name, {**inputs, "resources": None}, opts, remote=True)

    for entry in json.loads(pathlib.Path("objects.json").read_text()):
        manifest, options = entry["manifest"], dict(entry["options"])
        own = pulumi.ResourceOptions(version=importlib.metadata.version("pulumi-kubernetes"))
        if "depends_on" in options:
            options["depends_on"] = [made[name] for name in options["depends_on"]]
        if "provider" in options:
            options["provider"] = made[options["provider"]]
        if "get" in options:
            options["id"] = options.pop("get")
        if "custom_timeouts" in options:
            options["custom_timeouts"] = pulumi.CustomTimeouts(**options["custom_timeouts"])
        opts = pulumi.ResourceOptions.merge(own, pulumi.ResourceOptions(**options))
        token = entry["token"] or type_token(manifest["apiVersion"], manifest["kind"])
        if token.startswith("pulumi:providers:"):
            inputs = {key: value(one) for key, one in manifest.items()}
            made[entry["name"]] = pulumi.ProviderResource("kubernetes", entry["name"], inputs, opts)
            continue
        factory = Group if entry["component"] else Thing
        outputs = {entry["export"]: None} if entry["export"] else {}
        made[entry["name"]] = factory(token, entry["name"], {**outputs, **value(manifest)}, opts)
        if entry["export"]:
            pulumi.export(entry["name"], getattr(made[entry["name"]], entry["export"]))
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One resource of the program; `options` are resource options, `get` among them for a read."""

    name: str
    manifest: dict[str, Any]
    token: str = ""
    component: bool = False
    export: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Workspace:
    """A project, the API server that it works on, and a namespace for it."""

    project: Project
    cluster: Cluster
    namespace: str

    def write(self, *entries: Entry) -> None:
        """Let the program hold these resources."""
        path = Path(self.project.root) / "objects.json"
        path.write_text(json.dumps([asdict(entry) for entry in entries]))

    def config_map(self, name: str = "", /, annotations: dict[str, str] | None = None, **data: Any) -> Any:
        return self.object("v1", "ConfigMap", name, annotations, data=data)

    def object(
        self,
        api_version: str,
        kind: str,
        name: str = "",
        annotations: dict[str, str] | None = None,
        **rest: Any,
    ) -> dict[str, Any]:
        """A manifest in the namespace, without a name where none is given."""
        metadata: dict[str, Any] = {"namespace": self.namespace}
        metadata |= {"name": name} if name else {}
        metadata |= {"annotations": annotations} if annotations else {}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}

    def path(self, plural: str, name: str = "", base: str = "/api/v1") -> str:
        return f"{base}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def live(self, plural: str, name: str, base: str = "/api/v1") -> dict[str, Any] | None:
        """The live object, None where there is none."""
        try:
            return self.cluster.get(self.path(plural, name, base))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def patch(self, path: str, change: dict[str, Any], manager: str = "someone") -> dict[str, Any]:
        """Change an object behind the engine's back."""
        params = {"fieldManager": manager}
        return self.cluster.request("PATCH", path, change, params=params, content_type=MERGE_PATCH)


def make_workspace(engine: Engine, kubeconfig: Path, cluster: Cluster, namespace: str) -> Workspace:
    project = engine.project(_PROGRAM, environ={"KUBECONFIG": str(kubeconfig)})
    return Workspace(project, cluster, namespace)


def pod_template(labels: dict[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "example.test/main"}]},
    }


def deployment_spec(replicas: int) -> dict[str, Any]:
    labels = {"app": "web"}
    return {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod_template(labels)}
