"""Gateway: the platform's side of the AI gateway, which all tenants' routes attach to."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi

from components import naming
from components.block import Block, Cover
from components.gateway import values
from components.gateway.args import GatewayArgs
from components.kubernetes import KubernetesObject, Manifest
from components.model import GatewayOutputs

_VALUES = "tests/components/gateway"
_LIVE = "tests/gateway"
"""Tests with the real controllers and a real Envoy."""


class AiGateway(Block):
    """One Gateway with its proxies' settings, the guard, the providers, and what watches them."""

    block = "gateway"
    covers = (
        Cover(
            id="G1",
            evidence=(
                f"{_VALUES}/test_providers.py::test_every_provider_speaks_its_own_api",
                f"{_VALUES}/test_proxy.py::test_retries_move_on_to_the_next_in_the_fallback_order",
                "drill:gateway.providers",
            ),
            partial="The platform's side; routes, fallback orders and weights are a tenant's, by governance.",
        ),
        Cover(
            id="G7",
            evidence=(
                f"{_LIVE}/test_guard.py::test_what_leaves_the_premises_is_masked",
                f"{_LIVE}/test_guard.py::test_what_falls_back_is_masked_too",
                f"{_LIVE}/test_guard.py::test_an_injection_is_refused_and_says_so",
                f"{_LIVE}/test_guard.py::test_nothing_passes_without_the_guard",
                "drill:gateway.guard",
            ),
            partial="Names of persons need a language model; arguments of tools, and pictures, pass unseen.",
        ),
        Cover(
            id="G8",
            evidence=(
                f"{_VALUES}/test_providers.py::test_objects_follow_the_providers_state",
                "drill:gateway.providers",
            ),
            partial="Admission, keys from the store and exit; purging at the provider is theirs to show.",
        ),
        Cover(
            id="G12",
            evidence=(
                f"{_LIVE}/test_audit.py::test_every_call_of_a_run_of_thousands_is_written_down",
                f"{_LIVE}/test_audit.py::test_a_cut_off_is_in_force_within_a_second_and_says_why",
                f"{_LIVE}/test_entry.py::test_a_key_that_is_taken_away_is_refused_within_a_second",
                f"{_VALUES}/test_audit.py::test_a_line_says_who_what_how_much_and_why",
                "drill:gateway.audit",
            ),
            partial="Under 20 ms is missed here; a new route takes up to 5 s; lines are not kept safe yet.",
        ),
        Cover(
            id="X4",
            evidence=(f"{_VALUES}/test_proxy.py::test_nobody_says_who_he_is",),
            partial="Headers, sizes, paths and the guard's place; no web application firewall.",
        ),
        Cover(
            id="X9",
            evidence=(
                f"{_VALUES}/test_providers.py::test_keys_come_from_the_store_and_never_stand_in_a_manifest",
                "drill:gateway.secrets",
            ),
            partial="Providers' keys by reference; the store itself is another block's.",
        ),
        Cover(
            id="O1",
            evidence=(f"{_VALUES}/test_watch.py::test_every_expression_parses",),
            partial="Metrics and audit lines of the gateway; no traces yet.",
        ),
        Cover(
            id="O2",
            evidence=(
                f"{_VALUES}/test_watch.py::test_every_expression_parses",
                f"{_VALUES}/test_watch.py::test_panels_do_not_overlap",
            ),
            partial="The gateway's dashboard, alerts and objective; accelerators and sandboxes are others'.",
        ),
    )
    outputs: GatewayOutputs

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        gateway, protect = args.gateway, args.protect
        labels = naming.labels(
            environment=args.environment,
            layer="platform",
            block=self.block,
            cost_center=args.cost_center,
        )
        about = values.home.home(labels, args.owner, values.providers.table(gateway))
        home = self.add([about], protect=protect)
        before: list[pulumi.Resource] = [*args.definitions, *home]

        def inside(
            manifests: Iterable[Manifest], after: Iterable[pulumi.Resource] = (), protect: bool = False
        ) -> list[KubernetesObject]:
            return self.add(manifests, depends_on=[*before, *after], protect=protect)

        fences = inside(values.fences(gateway, labels), protect=protect)
        workload = inside(values.prompt_guard(gateway, labels, args.registry), fences)
        settings = inside(values.settings(gateway, labels), fences)
        inside(values.upstreams(gateway, labels), fences)
        inside(values.watch(gateway, labels))
        rules = inside(values.rules_of_entry(gateway, labels), [*workload, *settings], protect=protect)
        gate = values.entrance(gateway, labels, args.kind, args.may_leave)
        inside(gate, rules, protect=protect)
        self.outputs = values.outputs(gateway)
        self.finish(self.outputs.dump())
