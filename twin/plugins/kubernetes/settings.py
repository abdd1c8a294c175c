"""The provider's configuration, as the engine hands it over, and the kubeconfig that it names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_PREFIX = "kubernetes:config:"
_FLAGS = {
    "delete_unreachable": ("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
    "skip_update_unreachable": ("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
    "patch_force": ("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
    "mutable_config_maps": ("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
    "mutable_secrets": ("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
}
KEYS = (
    "kubeconfig",
    "context",
    "cluster",
    "namespace",
    "enableServerSideApply",
    "suppressDeprecationWarnings",
    "suppressHelmHookWarnings",
    "upsertExistingObjects",
    "alwaysRender",
    "clusterIdentifier",
    "helmReleaseSettings",
    "kubeClientSettings",
    "renderYamlToDirectory",
    "strictMode",
    *(key for key, _ in _FLAGS.values()),
)
"""Every key that the official provider takes."""


class SettingsError(ValueError):
    """The configuration cannot be used; says which key, and how to mend it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration; a flag that is not configured comes from its environment variable."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    patch_force: bool = False
    mutable_config_maps: bool = False
    mutable_secrets: bool = False

    @classmethod
    def of(cls, variables: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Settings:
        """Raises `SettingsError` for modes that only the official provider has."""

        def given(key: str, variable: str = "") -> str:
            return variables.get(_PREFIX + key) or environ.get(variable, "")

        if given("enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY") == "false":
            raise SettingsError(
                "kubernetes:enableServerSideApply is false: this stand-in only applies server-side; remove "
                "the setting, or install the official provider"
            )
        if given("renderYamlToDirectory"):
            raise SettingsError(
                "kubernetes:renderYamlToDirectory: this stand-in does not write files; install the official "
                "provider"
            )
        flags = {field: given(key, variable) == "true" for field, (key, variable) in _FLAGS.items()}
        return cls(
            kubeconfig=given("kubeconfig"),
            context=given("context", "PULUMI_K8S_CONTEXT"),
            cluster=given("cluster"),
            namespace=given("namespace"),
            **flags,
        )


def load_kubeconfig(given: str, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The parsed kubeconfig: `given` as content or as a path, else of KUBECONFIG, else of ~/.kube/config.

    Files named in KUBECONFIG are merged as kubectl does it: the first that names an entry wins. Raises
    `SettingsError`.
    """
    if given and ("\n" in given or given.lstrip().startswith("{")):
        return _parsed(given, "kubernetes:kubeconfig", Path())
    named = [given] if given else [part for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    origin = "kubernetes:kubeconfig" if given else "KUBECONFIG" if named else "the default kubeconfig"
    files = [Path(name).expanduser() for name in named or ["~/.kube/config"]]
    found = [file for file in files if file.is_file()]
    if not found:
        raise SettingsError(
            f"{origin}: no file {', '.join(map(str, files))}; name an existing kubeconfig in the stack's "
            "kubernetes:kubeconfig or in the environment variable KUBECONFIG"
        )
    merged: dict[str, Any] = {}
    for file in found:
        _merge(merged, _parsed(file.read_text(), str(file), file.resolve().parent))
    return merged


def _parsed(text: str, origin: str, folder: Path) -> dict[str, Any]:
    # A parser's message quotes the text, which may hold a token.
    try:
        config = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{origin}{where}: not a kubeconfig: neither YAML nor JSON") from None
    if not isinstance(config, dict) or not isinstance(config.get("clusters"), list):
        raise SettingsError(f"{origin}: not a kubeconfig: it has no list `clusters`")
    for section, entry in (("clusters", "cluster"), ("users", "user")):
        for item in config.get(section) or []:
            _absolute(item.get(entry) or {}, folder)
    return config


def _absolute(entry: dict[str, Any], folder: Path) -> None:
    for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
        if entry.get(key):
            entry[key] = str(folder / entry[key])


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for section in ("clusters", "contexts", "users"):
        entries = into.setdefault(section, [])
        known = {entry["name"] for entry in entries}
        entries += [entry for entry in more.get(section) or [] if entry["name"] not in known]
    if not into.get("current-context"):
        into["current-context"] = more.get("current-context")


@dataclass(frozen=True, kw_only=True)
class Target:
    """The cluster chosen in a kubeconfig, ready for `components.cluster.Cluster`."""

    config: dict[str, Any]
    context: str
    namespace: str
    server: str


def choose(settings: Settings, config: dict[str, Any]) -> Target:
    """Raises `SettingsError` where the context or the cluster is not in the kubeconfig."""
    contexts = {entry["name"]: dict(entry.get("context") or {}) for entry in config.get("contexts") or []}
    name = settings.context or config.get("current-context") or ""
    if name not in contexts:
        raise SettingsError(
            f"kubernetes:context: {name!r} is not in the kubeconfig, which has "
            f"{', '.join(sorted(contexts)) or 'none'}; name one of them"
            if name
            else "kubernetes:context: not set, and the kubeconfig has no current-context; name a context"
        )
    chosen = contexts[name]
    cluster = settings.cluster or chosen.get("cluster")
    clusters = {entry["name"]: entry.get("cluster") or {} for entry in config["clusters"]}
    if cluster not in clusters:
        names = ", ".join(sorted(clusters))
        raise SettingsError(f"kubernetes:cluster: {cluster!r} is not in the kubeconfig, which has {names}")
    users = list(config.get("users") or [])
    if not chosen.get("user"):
        chosen["user"] = "bastide-anonymous"
        users.append({"name": "bastide-anonymous", "user": {}})
    entry = {"name": name, "context": chosen | {"cluster": cluster}}
    return Target(
        config={"clusters": config["clusters"], "users": users, "contexts": [entry], "current-context": name},
        context=name,
        namespace=settings.namespace or chosen.get("namespace") or "default",
        server=str(clusters[cluster].get("server", "")),
    )
