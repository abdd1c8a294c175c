"""Both forms of a rule give the same verdict on every case: the pack's and the real API server's.

Each rule's policy is installed by itself, bound to namespaces of this test only, and each case is sent as a
dry-run create. Objects that the API refuses for a reason of its own fail the test: they prove nothing.
"""

from __future__ import annotations

import uuid
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import naming
from components.cluster import ApiError, Cluster
from components.governance.values.access import SHARD
from components.kubernetes import type_token
from components.model.granting import LIMITS_MAX
from policies import admission
from policies.charter import Charter
from policies.exceptions import load
from policies.registry import rules
from policies.rule import Rule
from tests.policies.court import collection, court, new_mark
from tests.policies.definitions import KINDS, custom, plane_with
from tests.policies.test_rules import cases
from tests.support.plane import Plane
from twin.toolchain.model import Toolchain

pytestmark = [pytest.mark.plane, pytest.mark.usefixtures("pinned")]

ADMITTED = [rule for rule in rules() if admission.path(rule).exists()]
JUDGED = [
    pytest.param(rule, kinds, id=f"{rule.id}-{kinds}" if kinds else rule.id)
    for rule in ADMITTED
    for kinds in (KINDS if custom(rule) else ("",))
]


@pytest.fixture
def where(request: pytest.FixtureRequest, toolchain: Toolchain) -> Plane:
    """A control plane with definitions of the kinds that a rule judges: open stand-ins or upstream's own."""
    kinds = request.param
    return plane_with(toolchain, kinds) if kinds else request.getfixturevalue("plane")


@pytest.mark.parametrize(("rule", "where"), JUDGED, indirect=["where"])
def test_the_api_server_gives_the_same_verdict(where: Plane, rule: Rule) -> None:
    own = cases(rule)
    denied = [(case["object"], case.get("api", "")) for case in own["denied"]]
    with court(where, rule) as judge:
        judge.await_effect(denied[0][0])
        asked = [*((case, "") for case in own["allowed"]), *denied]
        verdicts = [(case, judge.refusal(case, also)) for case, also in asked]
    assert len(verdicts) == len(own["allowed"]) + len(own["denied"])
    for case, refusal in verdicts:
        type_ = type_token(case["apiVersion"], case["kind"])
        in_preview = Charter(rules=[rule]).object(rule, type_, case)
        assert bool(refusal) == bool(in_preview), f"{case}\npreview: {in_preview}\nadmission: {refusal!r}"
        assert "resulted in error" not in refusal
        assert not refusal or f"{rule.id}: " in refusal
        assert not refusal or rule.url in refusal


@pytest.mark.parametrize(("day", "excused"), [(date(2026, 6, 1), True), (date(2026, 6, 2), False)])
def test_an_exception_excuses_in_both_forms_until_it_expires(
    plane: Plane, tmp_path: Path, day: date, excused: bool
) -> None:
    rule = next(rule for rule in ADMITTED if rule.id == "image-digests")
    pod = cases(rule)["denied"][0]["object"]
    mark = new_mark()
    entry = {
        "rule": rule.id,
        "kinds": ["Pod"],
        "namespace": f"{mark}-none",
        "name": "vendor-*",
        "owner": "owner@acme.example",
        "reason": "The vendor publishes no digest",
        "expires": date(2026, 6, 1),
    }
    file = tmp_path / "exceptions.yaml"
    file.write_text(yaml.safe_dump([entry]))
    exceptions = load(file, day)
    assert [f"expired on {entry['expires']}" in problem for problem in exceptions.problems] == [True] * (
        not excused
    )
    with court(plane, rule, exceptions, mark) as judge:
        judge.await_effect(pod)
        for name, denied in (("vendor-1", not excused), ("other", True)):
            named = {**pod, "metadata": {"name": name}}
            placed = judge.place(named)
            assert (
                bool(Charter(exceptions=exceptions).object(rule, "kubernetes:core/v1:Pod", placed)) is denied
            )
            assert bool(judge.refusal(named)) is denied


def test_the_largest_objects_are_within_the_budget_of_cel(plane: Plane) -> None:
    rule = next(rule for rule in ADMITTED if rule.id == "no-secret-literals")
    prose = "a task-list of ghosts: https://models.example:8443/v1 hf_ xox AKIA .eyJ glpat- PRIVATE KEY\n"
    large = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}, "data": {}}
    one_value = {**large, "data": {"text": prose * (1_000_000 // len(prose))}}
    many_values = {**large, "data": {f"key-{index}": prose[:80] for index in range(8000)}}
    with court(plane, rule) as judge:
        judge.await_effect(
            next(c["object"] for c in cases(rule)["denied"] if c["object"]["kind"] == "ConfigMap")
        )
        for manifest in (one_value, many_values):
            assert Charter(rules=[rule]).object(rule, "kubernetes:core/v1:ConfigMap", manifest) == []
            assert judge.refusal(manifest) == ""


def test_a_route_cannot_lie_about_its_backends(toolchain: Toolchain) -> None:
    """The pack believes what a route says of a backend; the API server asks the platform's table."""
    rule = next(rule for rule in ADMITTED if rule.id == "backends-known")
    own = cases(rule)
    honest = own["allowed"][0]
    rows = honest["metadata"]["annotations"][naming.BACKENDS]
    with court(plane_with(toolchain, "open"), rule) as judge:
        judge.await_effect(own["denied"][0]["object"])
        for false in (
            rows.replace("off", "on"),
            rows.replace("public,internal", "secret"),
            f"{rows}\na b on c",
        ):
            lying = {**honest, "metadata": {"name": "lying", "annotations": {naming.BACKENDS: false}}}
            assert (
                Charter(rules=[rule]).object(rule, type_token(lying["apiVersion"], lying["kind"]), lying)
                == []
            )
            assert "does not say what the platform's table says" in judge.refusal(lying)
        assert judge.refusal(honest) == ""


def test_what_the_controllers_make_of_a_route_is_let_through(toolchain: Toolchain) -> None:
    rule = next(rule for rule in ADMITTED if rule.id == "backends-encrypted")
    bad = cases(rule)["denied"][0]["object"]
    owner = {"kind": "MCPRoute", "name": "tools", "uid": str(uuid.uuid4()), "controller": True}
    owned = {"ownerReferences": [{**owner, "apiVersion": "aigateway.envoyproxy.io/v1beta1"}]}
    other = {"ownerReferences": [{**owner, "apiVersion": "example.org/v1"}]}
    with court(plane_with(toolchain, "open"), rule) as judge:
        judge.await_effect(bad)
        assert judge.refusal({**bad, "metadata": {**bad["metadata"], **owned}}) == ""
        assert rule.id in judge.refusal({**bad, "metadata": {**bad["metadata"], **other}})


def test_a_full_shard_of_keys_is_within_the_budget_of_cel(toolchain: Toolchain) -> None:
    rule = next(rule for rule in ADMITTED if rule.id == "keys-accounted")
    own = cases(rule)
    clients = [f"coding.research-and-development.user-{n}.laptop-of-user-{n}" for n in range(SHARD)]
    rows = [(client, "somebody@acme.example", "2999-01-31", "coding", "internal") for client in clients]
    full = deepcopy(own["allowed"][0])
    full["metadata"]["annotations"] = {naming.KEYS: naming.table(rows)}
    full["spec"]["data"] = [{"secretKey": each, "remoteRef": {"key": each}} for each in clients]
    unknown = deepcopy(full)
    unknown["spec"]["data"].append({"secretKey": "chat.-.eve.x", "remoteRef": {"key": "x"}})
    with court(plane_with(toolchain, "open"), rule) as judge:
        judge.await_effect(own["denied"][0]["object"])
        assert judge.refusal(full) == ""
        assert "has no row" in judge.refusal(unknown)


@pytest.mark.parametrize("rule_id", ["caps-meet-demand", "grants-approved"])
def test_as_many_limits_as_a_policy_may_have_are_within_the_budget_of_cel(
    toolchain: Toolchain, rule_id: str
) -> None:
    rule = next(rule for rule in ADMITTED if rule.id == rule_id)
    own = cases(rule)
    most = deepcopy(own["allowed"][0])
    held = most["spec"]["rateLimit"]["global"]["rules"]
    grants = [f"grant-of-department-{n}" for n in range(LIMITS_MAX)]
    held[:] = [deepcopy(held[0]) for _ in grants]
    for limit, grant in zip(held, grants, strict=True):
        workload = "spiffe://twin\\.example/ns/(acme-support-agents|acme-research-agents)/sa/agent"
        limit["clientSelectors"][0]["headers"][0]["value"] = rf"({grant})\..*|{workload}"
    chain = [
        (grant, person, "role", "2999-01-31") for grant in grants for person in ("a@b.example", "b@b.example")
    ]
    rows = [(grant, "somebody@acme.example", "2999-01-31", "internal", "6800000", "2") for grant in grants]
    tables = {naming.GRANTS: naming.table(rows), naming.APPROVALS: naming.table(chain)}
    most["metadata"]["annotations"] = tables
    with court(plane_with(toolchain, "open"), rule) as judge:
        judge.await_effect(own["denied"][0]["object"])
        assert judge.refusal(most) == ""
        held[-1]["limit"]["requests"] = 1_000_001
        most["metadata"]["annotations"] = {**tables, naming.APPROVALS: naming.table(chain[:-1])}
        assert rule.id in judge.refusal(most)


def test_an_object_on_its_way_out_can_go(plane: Plane) -> None:
    """Its finalizers are taken away by updates, which a later policy must not refuse."""
    rule = next(rule for rule in ADMITTED if rule.id == "no-secret-literals")
    bad = next(case["object"] for case in cases(rule)["denied"] if case["object"]["kind"] == "ConfigMap")
    with court(plane, rule) as judge:
        placed = judge.place(bad)
        path = f"{collection(placed)}/{placed['metadata']['name']}"
        placed["metadata"]["finalizers"] = ["test.bastide.dev/held"]
        judge.cluster.request("POST", collection(placed), placed)
        judge.await_effect({**bad, "metadata": {"name": "canary"}})
        with pytest.raises(ApiError, match=rule.id):
            _patch(judge.cluster, path, {"metadata": {"labels": {"a": "b"}}})
        judge.cluster.request("DELETE", path)
        _patch(judge.cluster, path, {"metadata": {"finalizers": None}})
        with pytest.raises(ApiError, match="not found"):
            judge.cluster.get(path)


def _patch(cluster: Cluster, path: str, patch: Any) -> None:
    cluster.request("PATCH", path, patch, content_type="application/merge-patch+json")
