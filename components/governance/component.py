"""Governance: what a tenant may use of the AI gateway, how much, and who answers for it."""

from __future__ import annotations

import pulumi

from components.block import Block
from components.governance import values
from components.governance.args import GovernanceArgs, GovernanceOutputs


class Governance(Block):
    """Keys, limits and rules first, routes last: no route is ever open before what guards it is there."""

    block = "governance"
    covers = ()
    outputs: GovernanceOutputs

    def __init__(self, name: str, args: GovernanceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        scope = values.scope_of(args.environment, args.tenant, args.use, args.gateway)
        home = self.add([values.home(scope, args.owner)], protect=args.protect)
        guards = self.add(values.guards(scope), depends_on=home, protect=args.protect)
        credentials = self.add(values.credentials(scope), depends_on=guards)
        policies = self.add(values.policies(scope), depends_on=credentials)
        self.add(values.entrances(scope), depends_on=policies)
        self.outputs = values.outputs(scope)
        self.finish(self.outputs.dump())
