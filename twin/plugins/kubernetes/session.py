"""The connection that a configuration stands for, or the reason why there is none."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from lightkube.core.exceptions import ConfigError

from components.cluster import ApiError, Cluster, UnreachableError
from twin.plugins.kubernetes.api import Api, NoSuchKindError
from twin.plugins.kubernetes.engine import Engine
from twin.plugins.kubernetes.kinds import Kind, probably_namespaced
from twin.plugins.kubernetes.objects import at
from twin.plugins.kubernetes.settings import Settings, SettingsError, choose, load_kubeconfig
from twin.plugins.kubernetes.values import Object, has_unknown

DELETE_HINT = (
    "If the cluster is gone for good, PULUMI_K8S_DELETE_UNREACHABLE=true (or kubernetes:deleteUnreachable) "
    "removes its resources from the state"
)


class ClusterUnreachableError(Exception):
    """The cluster does not answer. Nothing may be concluded about its objects."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"configured Kubernetes cluster is unreachable: {reason}. {DELETE_HINT}")


class Session:
    """A configured provider: settings, the API server if it answers, definitions seen in the program."""

    def __init__(self, settings: Settings, engine: Engine, stopping: threading.Event) -> None:
        """Raises `SettingsError` where the kubeconfig or the context cannot be used."""
        self.settings = settings
        self.namespace = settings.namespace or "default"
        self._defined: dict[tuple[str, str], bool] = {}
        self._api: Api | None = None
        self.unreachable = ""
        try:
            target = choose(settings, load_kubeconfig(settings.kubeconfig))
        except SettingsError as error:
            # Whoever gives up a cluster may have given up its kubeconfig too.
            if not settings.delete_unreachable:
                raise
            self.unreachable = str(error)
            return
        self.namespace = target.namespace
        try:
            api = Api(Cluster(target.config, target.context, attempts=1), stopping)
        except (ConfigError, OSError, ValueError, KeyError) as error:
            raise SettingsError(
                f"kubernetes:context {target.context!r}: the kubeconfig is not usable: {error}"
            ) from None
        try:
            api.version()
        except UnreachableError as error:
            self.unreachable = str(error)
        except ApiError as error:
            if error.code == 401:
                self.unreachable = (
                    f"{api.server} refuses the credentials of context {target.context!r}: {error}"
                )
        if self.unreachable:
            engine.warn(f"configured Kubernetes cluster is unreachable: {self.unreachable}")
        else:
            self._api = api

    @property
    def api(self) -> Api:
        """Raises `ClusterUnreachableError`."""
        if self._api is None:
            raise ClusterUnreachableError(self.unreachable)
        return self._api

    @property
    def reachable(self) -> bool:
        return self._api is not None

    def define(self, inputs: Object) -> None:
        """Note a definition that the program holds: its kind will exist soon."""
        if not has_unknown(inputs.get("spec")):
            group, name, scope = (at(inputs, f"spec.{key}") for key in ("group", "names.kind", "scope"))
            self._defined[str(group), str(name)] = scope == "Namespaced"

    def defines(self, kind: Kind) -> bool:
        return (kind.group, kind.name) in self._defined

    def is_namespaced(self, kind: Kind) -> bool:
        if self.reachable:
            try:
                return self.api.place(kind).namespaced
            except NoSuchKindError:
                pass
            except UnreachableError as error:
                raise ClusterUnreachableError(str(error)) from None
        return self._defined.get((kind.group, kind.name), probably_namespaced(kind))


def cluster_of(values: Mapping[str, str]) -> object:
    """The cluster that configuration values lead to; None where they cannot be followed."""
    settings = Settings(
        kubeconfig=values.get("kubeconfig", ""),
        context=values.get("context", ""),
        cluster=values.get("cluster", ""),
    )
    try:
        target = choose(settings, load_kubeconfig(settings.kubeconfig))
    except SettingsError:
        return None
    name = target.config["contexts"][0]["context"]["cluster"]
    return next(item["cluster"] for item in target.config["clusters"] if item["name"] == name)
