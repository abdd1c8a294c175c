"""The platform of an environment: what all tenants share."""

from __future__ import annotations

import pulumi

from components import naming
from components.commons.args import CommonsArgs
from components.commons.component import Commons
from components.model import FoundationOutputs
from components.model.loading import EnvironmentModel
from policies import admission
from stacks import references


def deploy(model: EnvironmentModel) -> None:
    """Classes by name, the charter at admission, the platform's people."""
    foundation = references.read(FoundationOutputs, model.name, "foundation")
    labels = naming.labels(environment=model.name, layer="platform", block=Commons.block)
    commons = Commons(
        "commons",
        CommonsArgs(
            environment=foundation.environment,
            platform=model.platform,
            admission=tuple(admission.manifests(labels)),
            protect=foundation.kind != "twin",
        ),
    )
    pulumi.export("platform", commons.outputs.dump())
