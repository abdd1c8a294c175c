"""The charter over what our own sites make: nothing against it, and none of it can be left out."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from policies.charter import Charter, types
from policies.exceptions import Exceptions, Waiver
from policies.objects import OPENSTACK, token
from policies.registry import rules
from policies.rule import Planned
from tests.support.openstack import deployed, schema

pytestmark = pytest.mark.filterwarnings("ignore:openstack.index:DeprecationWarning")
OWN = [rule for rule in rules() if any(kind.startswith(f"{OPENSTACK}/") for kind in rule.kinds)]


@cache
def planned() -> tuple[Planned, ...]:
    return tuple(
        Planned(type=one.type, urn=one.name, props=one.inputs)
        for one in deployed().resources
        if one.type.startswith("openstack:")
    )


def violations(resources: list[Planned], charter: Charter | None = None) -> list[tuple[str, str]]:
    """Rule and message of each violation of any rule."""
    judge = charter or Charter()
    return [
        (rule.id, message)
        for rule in judge.rules
        for message in (
            *(text for one in resources for text in judge.object(rule, one.type, one.props)),
            *(text for _, text in judge.stack(rule, resources)),
        )
    ]


def changed(name: str, **props: Any) -> list[Planned]:
    """The plan with other properties of one resource; None takes one away."""
    found = []
    for one in planned():
        if one.urn == name:
            kept = {
                key: value
                for key, value in {**deepcopy(dict(one.props)), **props}.items()
                if value is not None
            }
            found.append(Planned(type=one.type, urn=one.urn, props=kept))
        else:
            found.append(one)
    assert any(one.urn == name for one in planned()), name
    return found


def test_the_charter_has_nothing_against_our_sites() -> None:
    assert violations(list(planned())) == []


def test_every_rule_has_something_to_look_at() -> None:
    made = {one.type for one in planned()}
    assert len(OWN) >= 9
    for rule in OWN:
        assert {token(kind) for kind in rule.kinds} <= made, rule.id
        assert types(rule) & made


@pytest.mark.parametrize(
    ("name", "props", "rule"),
    [
        (
            "east/rule/management/ingress/ipv4/tcp/22/10.8.0.0/16",
            {"remoteIpPrefix": "0.0.0.0/0"},
            "no-open-ingress",
        ),
        ("east/balancer/listener", {"allowedCidrs": None}, "no-open-ingress"),
        (
            "east/rule/fabric/ingress/ipv6/ipv6-icmp/fd00:a::/64",
            {"protocol": "icmp"},
            "security-rules-explicit",
        ),
        ("east/volume/gpu-0/0", {"volumeType": None}, "volumes-encrypted"),
        ("east/network/fabric", {"tags": None}, "resources-tagged"),
        ("gpu-0", {"networks": None}, "instances-on-ports"),
        ("gpu-0", {"keyPair": None}, "instances-keyed"),
        ("gpu-0", {"schedulerHints": None}, "instances-spread"),
        ("gpu-0", {"flavorId": None}, "instances-by-id"),
        ("east/port/gpu-0/fabric", {"securityGroupIds": []}, "ports-guarded"),
    ],
)
def test_what_breaks_the_charter_is_refused(name: str, props: dict[str, Any], rule: str) -> None:
    assert {found for found, _ in violations(changed(name, **props))} == {rule}


def test_the_provider_knows_every_kind() -> None:
    known = schema()["resources"]
    kinds = {kind for rule in OWN for kind in rule.kinds}
    assert kinds
    assert {token(kind) for kind in kinds} <= set(known)


def test_an_exception_excuses_by_the_name_in_the_cloud() -> None:
    broken = changed("gpu-0", keyPair=None)
    waiver = Waiver(rule="instances-keyed", kinds=("Instance",), namespace="", name="gpu-*")
    assert violations(broken, Charter(exceptions=Exceptions(waivers=(waiver,)))) == []
    other = Waiver(rule="instances-keyed", kinds=("Instance",), namespace="", name="edge-*")
    assert violations(broken, Charter(exceptions=Exceptions(waivers=(other,)))) == [
        ("instances-keyed", "keyPair must be given")
    ]
