"""Commons: what all tenants share."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi

from components import naming
from components.block import Block, Cover
from components.commons import values
from components.commons.args import CommonsArgs
from components.kubernetes import Manifest
from components.model import PlatformOutputs


class Commons(Block):
    """The platform's namespace, classes by name, admission policies, and the platform's people."""

    block = "commons"
    covers = (
        Cover(
            id="P1",
            evidence=(
                "tests/contracts/test_manifests.py::test_every_manifest_obeys_the_rules",
                "drill:commons.admission",
                "drill:commons.unlabelled-namespace",
            ),
        ),
        Cover(
            id="N5",
            evidence=("tests/components/commons/test_values.py::test_storage_classes_by_name",),
            partial="Storage classes by name only: no storage system stands behind them yet.",
        ),
        Cover(
            id="S6",
            evidence=("tests/components/commons/test_values.py::test_runtime_classes_by_isolation",),
            partial="Runtime classes by name only: hosts are set up by another block.",
        ),
    )
    outputs: PlatformOutputs

    def __init__(self, name: str, args: CommonsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        settings = args.platform.platform
        labels = naming.labels(
            environment=args.environment,
            layer="platform",
            block=self.block,
            cost_center=settings.cost_center,
        )
        home = self.add([values.home(labels, settings.owner)], protect=args.protect)
        self.add(values.guards(labels, settings.system_quota), depends_on=home, protect=args.protect)
        self.add(values.classes(args.platform, labels))
        self.add(values.access(labels, settings.administrators, settings.auditors))
        self._admit(args.admission)
        self.outputs = values.outputs(args.environment, args.platform, args.admission, args.stand_ins)
        self.finish(self.outputs.dump())

    def _admit(self, manifests: Iterable[Manifest]) -> None:
        """Each binding comes after its policy: a binding to nothing admits everything."""
        made: dict[str, pulumi.Resource] = {}
        for manifest in sorted(manifests, key=lambda manifest: manifest["kind"] != values.POLICY):
            after = made.get(manifest["spec"].get("policyName", ""))
            [resource] = self.add([manifest], depends_on=[after] if after else [])
            if manifest["kind"] == values.POLICY:
                made[manifest["metadata"]["name"]] = resource
