"""The kubeconfig of a cluster that `bastide nodes up` has made, under the context that the stacks name."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from cli.environment import Target
from cli.provider import stackfile
from twin.settings import TwinSettings


def kubeconfig(target: Target) -> Path:
    """Where it is kept: readable by its owner only, never in outputs or state."""
    return TwinSettings.of(target.name).home / "kubeconfig"


def variables(target: Target) -> dict[str, Any]:
    """What tells the role `kubernetes` to bring it; nothing where the operator has set KUBECONFIG."""
    return {} if target.variables.get("KUBECONFIG") else {"kubernetes_kubeconfig": str(kubeconfig(target))}


def adopt(target: Target) -> None:
    """Give its one context the name by which the stacks ask for it."""
    path = kubeconfig(target)
    if not path.is_file():
        return
    content = yaml.safe_load(path.read_text())
    if content["current-context"] == target.context:
        return
    own = next(each for each in content["contexts"] if each["name"] == content["current-context"])
    own["name"] = content["current-context"] = target.context
    stackfile.replace(path, yaml.safe_dump(content).encode(), mode=0o600)


def reach(target: Target) -> Target:
    """The environment with the kubeconfig that was fetched, where the operator names none."""
    path = kubeconfig(target)
    if target.twin or os.environ.get("KUBECONFIG") or not path.is_file():
        return target
    return replace(target, variables={**target.variables, "KUBECONFIG": str(path)})
