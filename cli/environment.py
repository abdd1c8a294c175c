"""One environment as the CLI sees it: its checked configuration, its stacks in order, its variables."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from lightkube.core.exceptions import ConfigError

from cli.outcome import CliError, Exit
from cli.state import StateProblem, inspect_state
from components.cluster import Cluster, UnreachableError
from components.model.loading import EnvironmentModel, Override, load_environment
from twin import api as twin
from twin.settings import ROOT, TwinSettings

PROJECT = "bastide"
CONFIG = ROOT / "stacks" / "config"
PACK = ROOT / "policies" / "packs" / "charter"


@dataclass(frozen=True, kw_only=True)
class Target:
    """An environment to work on.

    `variables` are the process variables under which engine and kubectl run; `twin` is None for an
    environment on real machines, whose variables are those of the caller.
    """

    name: str
    model: EnvironmentModel
    variables: Mapping[str, str]
    twin: TwinSettings | None

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig in use: KUBECONFIG, else kubectl's own default."""
        return Path(self.variables.get("KUBECONFIG") or Path.home() / ".kube" / "config")

    @property
    def context(self) -> str:
        """The context that the stacks of this environment name."""
        return self.model.context

    @property
    def evidence(self) -> Path:
        """The folder of drill records."""
        return TwinSettings.of(self.name).home / "evidence"

    @property
    def backend(self) -> str:
        """Where the engine keeps its state, as a URL; empty: as Pulumi.yaml or the login says."""
        return self.variables.get("PULUMI_BACKEND_URL", "")

    @property
    def stacks(self) -> list[str]:
        """All stacks, in the order of deployment."""
        return [name for stage in self.stages() for name in stage]

    def stack(self, layer: str) -> str:
        return f"{self.name}.{layer}"

    def stages(self, tenant: str | None = None) -> list[list[str]]:
        """Stacks in the order of deployment; those of one stage do not depend on each other."""
        tenants = [tenant] if tenant else list(self.model.tenants)
        layers = [] if tenant else [["foundation"], ["platform"]]
        return [[self.stack(layer) for layer in stage] for stage in [*layers, tenants] if stage]

    def cluster(self, timeout: float = 30) -> Cluster:
        """Its API server. Raises `UnreachableError` where the kubeconfig or the context is missing."""
        try:
            return Cluster(self.kubeconfig, self.context, timeout)
        except (ConfigError, OSError, ValueError) as error:
            raise UnreachableError(str(error)) from error


def open_environment(
    name: str,
    config: Path = CONFIG,
    override: Override | None = None,
    dates: Collection[str] | None = None,
) -> Target:
    """Check the whole configuration of `name`. Raises `ConfigError` with every problem.

    `override` holds values that are tried in place of a file's. `dates` names the layers whose keys, grants
    and approvals must not have run out: all, where it is left out.
    """
    model = load_environment(config, name, override, dates=dates)
    if model.foundation.environment.kind != "twin":
        variables = {**os.environ, **_real(name)}
        return Target(name=name, model=model, variables=variables, twin=None)
    settings = TwinSettings.of(name)
    variables = {**os.environ, **twin.environment(settings)}
    return Target(name=name, model=model, variables=variables, twin=settings)


def require_running(target: Target) -> Target:
    """The environment, whose control plane runs. Raises `CliError` where it is a twin that does not."""
    if target.twin and not twin.running(target.twin):
        mend = f"bastide up {target.name}"
        raise CliError(Exit.UNREACHABLE, f"the twin {target.name} is not running", mend)
    return target


def state_problems(target: Target) -> list[StateProblem]:
    """What is damaged in the environment's state, where that is kept in files of this machine."""
    folder = target.backend.removeprefix("file://")
    if folder == target.backend:
        return []
    return [problem for name in target.stacks for problem in inspect_state(Path(folder), PROJECT, name)]


def exports(target: Target) -> dict[str, str]:
    """The variables that make plain `pulumi` and `kubectl` work on this environment."""
    return twin.environment(target.twin) if target.twin else _real(target.name)


def _real(name: str) -> dict[str, str]:
    """The variables of an environment on real machines: a kubeconfig only where the caller names none."""
    own = TwinSettings.of(name).kubeconfig  # fetched by `bastide nodes up`
    fetched = {"KUBECONFIG": str(own)} if own.is_file() and not os.environ.get("KUBECONFIG") else {}
    return {"PULUMI_OPTION_POLICY_PACK": str(PACK), **fetched}


def evidence_folders() -> list[Path]:
    """The evidence folders of all environments that ever ran from this checkout."""
    return sorted(TwinSettings.of("any").home.parent.glob("*/evidence"))
