"""The foundation of an environment: zones, networks, node pools, device classes."""

from __future__ import annotations

import pulumi

from components.model.loading import EnvironmentModel
from components.nodes.args import NodePoolsArgs
from components.nodes.component import NodePools


def deploy(model: EnvironmentModel) -> None:
    """Node pools and what they offer."""
    pools = NodePools("pools", NodePoolsArgs(foundation=model.foundation))
    pulumi.export("foundation", dict(pools.exported))
