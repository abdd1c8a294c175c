"""Governance: what a tenant may use of the AI gateway, how much, and who answers for it."""

from __future__ import annotations

import pulumi

from components.block import Block, Cover
from components.governance import values
from components.governance.args import GovernanceArgs, GovernanceOutputs

_VALUES = "tests/components/governance"
_LIVE = "tests/gateway"
"""Tests with the real controllers and a real Envoy."""


class Governance(Block):
    """Keys, limits and rules first, routes last: no route is ever open before what guards it is there."""

    block = "governance"
    covers = (
        Cover(
            id="G1",
            evidence=(
                f"{_LIVE}/test_routing.py::test_the_next_in_the_fallback_order_answers_for_one_that_fails",
                f"{_LIVE}/test_routing.py::test_canaries_get_their_share",
                f"{_LIVE}/test_routing.py::test_streams_pass_as_they_come_and_are_counted",
                "drill:governance.granted-backends",
            ),
            partial="99.9 % is an objective with alerts; it was not measured over time.",
        ),
        Cover(
            id="G2",
            evidence=(
                f"{_VALUES}/test_limits.py::test_budgets_of_all_levels_hold_for_a_key",
                "drill:governance.out-of-reach",
            ),
        ),
        Cover(
            id="G3",
            evidence=(
                f"{_VALUES}/test_access.py::test_every_key_says_who_answers_for_it_and_until_when",
                f"{_LIVE}/test_entry.py::test_a_tenants_key_opens_no_other_tenants_host",
                f"{_LIVE}/test_entry.py::test_a_workload_is_known_by_its_token",
                f"{_VALUES}/test_access.py::test_workloads_are_known_one_by_one",
                f"{_VALUES}/test_routes.py::test_high_risk_needs_a_second_factor_and_no_key_has_one",
                "drill:governance.guarded-routes",
            ),
            partial="Keys, workloads, second factor by claim; no trust of devices.",
        ),
        Cover(
            id="G4",
            evidence=(
                f"{_VALUES}/test_limits.py::test_every_client_has_the_tier_of_its_grant",
                f"{_LIVE}/test_limits.py::test_a_tier_is_cut_off_at_its_limit_for_each_client_alone",
                "drill:governance.nothing-leaves",
            ),
        ),
        Cover(
            id="G5",
            evidence=(
                f"{_LIVE}/test_limits.py::test_a_budget_is_cut_off_when_it_is_spent",
                f"{_LIVE}/test_limits.py::test_steps_of_a_budget_are_counted_for_the_alerts_and_let_calls_pass",
                f"{_VALUES}/test_limits.py::test_a_transfer_holds_for_its_month",
            ),
            partial="A counter's year turns over once in each December: see decision 0010.",
        ),
        Cover(
            id="G9",
            evidence=(
                f"{_VALUES}/test_limits.py::test_a_task_has_caps_where_the_grant_says_so",
                f"{_LIVE}/test_limits.py::test_a_task_that_repeats_itself_is_stopped",
                f"{_LIVE}/test_guard.py::test_a_task_that_is_too_old_is_refused",
            ),
            partial="A task is what its caller says it is: an agent that changes the task's id begins anew.",
        ),
        Cover(
            id="G10",
            evidence=(f"{_VALUES}/test_routes.py::test_fallback_follows_the_chain_by_priority",),
            partial="Routing by cost and task; no semantic cache.",
        ),
        Cover(
            id="G11",
            evidence=(
                f"{_LIVE}/test_tools.py::test_a_granted_tool_is_listed_and_called",
                f"{_LIVE}/test_tools.py::test_other_tools_are_refused_before_the_server_hears_of_them",
            ),
            partial="MCP with tools by grant; no A2A, no HTTP to MCP.",
        ),
        Cover(
            id="A4",
            evidence=("tests/policies/test_rules.py::test_cases",),
            partial="Approvals of grants by several persons; no gates in running agents, no break-glass.",
        ),
        Cover(
            id="T1",
            evidence=(f"{_VALUES}/test_component.py::test_no_route_is_open_before_what_guards_it",),
            partial="A tenant's keys, routes and budgets at the gateway.",
        ),
    )
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
