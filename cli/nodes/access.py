"""The kubeconfig of a cluster that `bastide nodes up` has made. It is never in outputs or state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import yaml

from cli.environment import Target
from cli.provider import stackfile
from twin.settings import TwinSettings


def variables(target: Target) -> dict[str, Any]:
    """What has the role `kubernetes` bring it; nothing where the operator has set KUBECONFIG."""
    own = str(TwinSettings.of(target.name).kubeconfig)
    return {"kubernetes_kubeconfig": own} if target.variables.get("KUBECONFIG", own) == own else {}


def adopt(target: Target) -> Target:
    """Give its one context the name by which the stacks ask for it; the environment with it in use."""
    path = TwinSettings.of(target.name).kubeconfig
    if not path.is_file() or not variables(target):
        return target
    content = yaml.safe_load(path.read_text())
    own = next(each for each in content["contexts"] if each["name"] == content["current-context"])
    own["name"] = content["current-context"] = target.context
    stackfile.replace(path, yaml.safe_dump(content).encode(), mode=0o600)
    return replace(target, variables={**target.variables, "KUBECONFIG": str(path)})
