"""Upstream: third-party software, installed, found, or stood in for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pulumi

from components import naming
from components.block import Block
from components.upstream import values
from components.upstream.args import UpstreamArgs, UpstreamOutputs
from components.upstream.catalog import Chart


class HelmChart(pulumi.ComponentResource):
    """A chart whose objects are resources of their own, so that policies see each.

    Source: https://www.pulumi.com/registry/packages/kubernetes/api-docs/helm/v4/chart/
    """

    def __init__(self, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        own = pulumi.ResourceOptions(version=version("pulumi-kubernetes"))
        props = {**inputs, "resources": None}
        merged = pulumi.ResourceOptions.merge(own, opts)
        super().__init__("kubernetes:helm.sh/v4:Chart", name, props, merged, remote=True)


class Upstream(Block):
    """Whatever depends on this component comes after the definitions that its objects need."""

    block = "upstream"
    covers = ()
    outputs: UpstreamOutputs

    def __init__(self, name: str, args: UpstreamArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        labels = naming.labels(
            environment=args.environment,
            layer="platform",
            block=self.block,
            cost_center=args.cost_center,
        )
        titles: dict[str, list[str]] = {"installed": [], "external": [], "stand_ins": []}
        if args.settings.mode == "stand-ins":
            self._stand_in(args, labels)
            titles["stand_ins"] = [chart.title for chart in args.charts]
        else:
            found = args.charts if args.settings.mode == "external" else _provided(args.charts)
            for chart in found:
                self._find(chart)
            installed = [chart for chart in args.charts if chart not in found]
            self._install(installed, args, labels)
            titles["external"] = [chart.title for chart in found]
            titles["installed"] = [chart.title for chart in installed]
        self.outputs = UpstreamOutputs(**{key: tuple(dict.fromkeys(value)) for key, value in titles.items()})
        self.finish(vars(self.outputs))

    def _stand_in(self, args: UpstreamArgs, labels: Mapping[str, str]) -> None:
        manifests = [
            values.stand_in(definition, chart, labels)
            for chart in args.charts
            for definition in chart.definitions
        ]
        self.add(manifests, protect=args.protect)
        pulumi.warn(
            "upstream.mode is stand-ins: custom resources land, and nothing acts on them. A field conflict "
            "means that a real definition is there already, which is left as it is: write "
            "`bastide:upstream: {mode: external}`.",
            self,
        )

    def _find(self, chart: Chart) -> None:
        """Read what says that the chart's definitions are served: fails, naming it, where they are not."""
        opts = pulumi.ResourceOptions(parent=self, version=version("pulumi-kubernetes"))
        for served in chart.served:
            found = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=values.api_service(served)))
            ApiService(f"{served} of {chart.title}", found)

    def _install(self, charts: Sequence[Chart], args: UpstreamArgs, labels: Mapping[str, str]) -> None:
        made: dict[str, HelmChart] = {}
        homes = {}
        for name in values.namespaces(charts):
            homes[name] = self.add([values.home(name, labels, args.owner)], protect=args.protect)
            homes[name] += self.add(values.guards(name, labels), homes[name], protect=args.protect)
        for chart in charts:
            needs = [made[name] for name in chart.needs if name in made]
            opts = pulumi.ResourceOptions(
                parent=self, depends_on=[*homes[chart.namespace], *needs], protect=args.protect
            )
            made[chart.name] = HelmChart(chart.name, _release(chart, args), opts)


class ApiService(pulumi.CustomResource):
    """The API server's record that it serves a version of a group: read, never made."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("kubernetes:apiregistration.k8s.io/v1:APIService", name, {}, opts)


def _provided(charts: Sequence[Chart]) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if chart.provided)


def _release(chart: Chart, args: UpstreamArgs) -> dict[str, Any]:
    """The inputs of the chart's resource: the archive of a folder, else the chart of a registry."""
    mirror = args.settings.mirror or ""
    file = chart.chart if mirror.startswith("oci://") else chart.archive
    return {
        "chart": f"{mirror}/{file}",
        "version": chart.version,
        "name": chart.name,
        "namespace": chart.namespace,
        "values": {**chart.values, **args.values.get(chart.name, {})},
    }
