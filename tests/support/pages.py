"""The stack pages run without an engine, on the twin's own configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pulumi

from components.commons.values import outputs as platform_outputs
from components.gateway.values import outputs as gateway_outputs
from components.model.document import read
from components.model.loading import load_environment
from components.nodes.values import outputs as foundation_outputs
from stacks import __main__ as program
from tests.support import registrations
from tests.support.registrations import Recording
from twin.settings import ROOT

CONFIG = ROOT / "stacks" / "config"
STACKS = ("twin.foundation", "twin.platform", "twin.acme", "twin.globex")


def values(layer: str) -> dict[str, Any]:
    """The values of a layer's file as the engine reads it, by key without namespace."""
    config = read(CONFIG / f"Pulumi.twin.{layer}.yaml").data["config"]
    return {key.split(":", 1)[1]: value for key, value in config.items() if key.startswith("bastide:")}


def deployed() -> dict[str, Any]:
    """The outputs of the lower layers, as stack references give them."""
    model = load_environment(CONFIG, "twin")
    foundation = foundation_outputs(model.foundation).dump()
    assert model.platform.gateway
    gateway = {"gateway": gateway_outputs(model.platform.gateway)}
    platform = platform_outputs("twin", model.platform, ()).model_copy(update=gateway).dump()
    return {"twin.foundation": {"foundation": foundation}, "twin.platform": {"platform": platform}}


def run(
    stack: str, references: Mapping[str, Any] | None = None, given: Mapping[str, Any] | None = None
) -> Recording:
    """Run a stack's page; `given` holds its values in place of those of its file."""
    given = values(stack.partition(".")[2]) if given is None else given

    def main() -> None:
        pulumi.runtime.set_all_config({f"bastide:{key}": json.dumps(value) for key, value in given.items()})
        program.main()

    return registrations.record(main, stack, deployed() if references is None else references)


@cache
def recorded(stack: str) -> Recording:
    """What a stack registers as configured."""
    return run(stack)
