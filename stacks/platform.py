"""The platform of an environment: what all tenants share."""

from __future__ import annotations

import pulumi

from components import naming
from components.commons.args import CommonsArgs
from components.commons.component import Commons
from components.gateway.args import GatewayArgs
from components.gateway.component import AiGateway
from components.gateway.values.charts import charts
from components.model import FoundationOutputs
from components.model.loading import EnvironmentModel
from components.nodes.args import DeviceClassesArgs
from components.nodes.component import DeviceClasses
from policies import admission
from stacks import references, upstream


def deploy(model: EnvironmentModel) -> None:
    """Third-party software, classes by name, the charter at admission, the platform's people, the gateway."""
    foundation = references.read(FoundationOutputs, model.name, "foundation")
    platform, settings = model.platform, model.platform.platform
    protect = foundation.kind != "twin"
    software = (
        [upstream.deploy(foundation.environment, platform, charts(), protect=protect)]
        if platform.gateway
        else []
    )
    if not model.foundation.simulated:
        classes = model.foundation.device_classes
        DeviceClasses("classes", DeviceClassesArgs(environment=model.name, device_classes=classes))
    labels = naming.labels(environment=model.name, layer="platform", block=Commons.block)
    commons = Commons(
        "commons",
        CommonsArgs(
            environment=foundation.environment,
            platform=platform,
            admission=tuple(admission.manifests(labels)),
            protect=protect,
            stand_ins=tuple(title for each in software for title in each.outputs.stand_ins),
        ),
    )
    outputs = commons.outputs
    if platform.gateway:
        gateway = AiGateway(
            "gateway",
            GatewayArgs(
                environment=foundation.environment,
                kind=foundation.kind,
                gateway=platform.gateway,
                owner=settings.owner,
                cost_center=settings.cost_center,
                registry=settings.registry,
                may_leave=tuple(each.id for each in platform.data_classes if each.off_premises),
                definitions=software,
                protect=protect,
            ),
        ).outputs
        namespaces = (*outputs.namespaces, gateway.namespace)
        outputs = outputs.model_copy(update={"gateway": gateway, "namespaces": namespaces})
    pulumi.export("platform", outputs.dump())
