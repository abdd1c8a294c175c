"""The sites as registered: order, protection, providers, what the next layers are told. No cloud is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest

from components.model import Foundation, FoundationOutputs
from components.model.loading import EnvironmentModel
from components.openstack import Unusable, provider
from stacks import foundation as page
from tests.support.openstack import answers, clouds, deployed, foundation
from tests.support.registrations import Recording, record
from twin.settings import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:openstack.index:DeprecationWarning")


@pytest.fixture(scope="module")
def recording() -> Recording:
    return deployed()


def before(recording: Recording, name: str) -> frozenset[str]:
    """All that a resource waits for, near and far."""
    waits: set[str] = set()
    todo = {name}
    while todo:
        found = {after for one in todo for after in recording.named(one).after} - waits
        waits |= found
        todo = found
    return frozenset(waits)


def test_a_site_becomes_machines(recording: Recording) -> None:
    assert {one.name for one in recording.kind("Instance")} == {
        *(f"control-{i}" for i in range(3)),
        *(f"gpu-{i}" for i in range(2)),
        "edge-0",
    }
    counted = {
        kind: len(recording.kind(kind))
        for kind in ("Network", "Subnet", "Router", "RouterInterface", "Port", "Volume", "VolumeAttach")
    }
    assert counted == {
        "Network": 4,
        "Subnet": 4,
        "Router": 2,
        "RouterInterface": 2,
        "Port": 3 + 2 * 3 + 1,
        "Volume": 3 + 2 * 2,
        "VolumeAttach": 2 * 2,
    }


def test_each_site_has_its_own_provider_and_nothing_ambient_counts(recording: Recording) -> None:
    assert {one.name: one.inputs for one in recording.kind("openstack")} == {
        f"{site}/provider": {
            "cloud": site,
            "region": region,
            "allowReauth": "true",
            "delayedAuth": "true",
            "endpointType": "public",
            "insecure": "false",
            "swauth": "false",
        }
        for site, region in (("east", "one"), ("west", "two"))
    }
    made = [one for one in recording.resources if one.type.startswith("openstack:")]
    assert made
    for one in made:
        site = "west" if one.name.startswith(("west/", "edge-")) else "east"
        assert (one.provider, one.parent) == (f"{site}/provider", site), one.name


def test_lookups_ask_the_site_itself() -> None:
    told = answers()
    deployed(told=told)
    asked = {(token.rsplit(":", 1)[-1], inputs.get("name", ""), site) for token, inputs, site in told.asked}
    assert asked == {
        *(("getAuthScope", f"duo-{site}", f"{site}/provider") for site in ("east", "west")),
        *(("getQuotaSetV2", "", f"{site}/provider") for site in ("east", "west")),
        ("getNetwork", "public", "east/provider"),
        ("getAvailabilityZones", "", "east/provider"),
        ("getNetwork", "out", "west/provider"),
        ("getKeypair", "ops", "west/provider"),
        ("getImage", "debian-13", "west/provider"),
        ("getFlavor", "m1.large", "west/provider"),
    }


def test_an_instance_waits_for_its_subnets_and_the_way_out(recording: Recording) -> None:
    for one in recording.kind("Instance"):
        nets = [port["port"].rsplit("/", 1)[-1] for port in one.inputs["networks"]]
        site = "west" if one.name == "edge-0" else "east"
        assert {f"{site}/subnet/{net}" for net in nets} <= one.after
        assert f"{site}/interface/{nets[0]}" in one.after
        assert f"{site}/router" in before(recording, one.name)


def test_what_needs_another_comes_after_it(recording: Recording) -> None:
    for one in recording.kind("FloatingIp"):
        assert "east/interface/machines" in one.after
    for one in recording.kind("VolumeAttach"):
        assert {one.inputs["instanceId"], one.inputs["volumeId"]} <= one.after
    assert "east/interface/machines" in recording.named("east/balancer").after
    chain = ["", "/listener", "/pool", "/monitor", *(f"/member/control-{i}" for i in range(3))]
    for first, second in pairwise(chain):
        assert f"east/balancer{first}" in before(recording, f"east/balancer{second}")


@pytest.mark.parametrize(
    ("kind", "protected"),
    [("production", True), ("sovereign", True), ("development", False), ("twin", False)],
)
def test_what_people_rely_on_is_protected(kind: str, protected: bool) -> None:
    made = [one for one in deployed(foundation(kind=kind)).resources if one.type.startswith("openstack:")]
    assert made
    assert {one.protect for one in made} == {protected}


def test_another_flavor_is_another_machine_and_a_stopped_one_stays(recording: Recording) -> None:
    for one in recording.kind("Instance"):
        assert one.replace_on == ("flavorId", "flavorName")
        assert one.ignored == ("powerState",)
        assert one.delete_first
        assert "powerState" not in one.inputs
    others = [one for one in recording.resources if one.type.rsplit(":", 1)[-1] != "Instance"]
    assert {one.ignored for one in others} == {()}


def test_the_same_again(recording: Recording) -> None:
    def told(found: Recording) -> dict[str, Any]:
        return {one.name: (one.type, one.inputs, one.after) for one in found.resources}

    assert told(deployed()) == told(recording)
    assert len(told(recording)) == len(recording.resources)


def test_machines_are_told_to_the_inventory(recording: Recording) -> None:
    told = FoundationOutputs.parse(json.loads(json.dumps(recording.outputs["pools"])))
    assert [(host.name, host.rack, host.address, host.host_key) for host in told.hosts] == [
        ("control-0", "a1", "floating of east/port/control-0/machines", None),
        ("control-1", "a2", "floating of east/port/control-1/machines", f"SHA256:{'C' * 43}"),
        ("control-2", "a1", "floating of east/port/control-2/machines", None),
        ("gpu-0", "a1", "of duo-gpu-0-machines", None),
        ("gpu-1", "a2", "of duo-gpu-1-machines", None),
        ("edge-0", "b1", "of duo-edge-0-edge", None),
    ]
    assert {host.user for host in told.hosts} == {"debian"}
    assert recording.outputs["east"]["api"] == "10.10.0.5"
    assert recording.outputs["west"].get("api") is None


def test_the_stack_exports_them(recording: Recording) -> None:
    model = cast(EnvironmentModel, SimpleNamespace(foundation=foundation()))
    exported = record(lambda: page.deploy(model), "duo.foundation", answers=answers()).exports["foundation"]
    told = recording.outputs["pools"]
    assert set(exported) == set(told)
    assert [host["name"] for host in exported["hosts"]] == [host["name"] for host in told["hosts"]]
    assert all(isinstance(host["address"], pulumi.Output) for host in exported["hosts"])


@pytest.mark.parametrize(
    ("function", "answer", "words"),
    [
        ("getNetwork", {"id": "1", "subnets": []}, "has no subnet, so a router gets no address on it"),
        (
            "getQuotaSetV2",
            {"id": "1", "instances": 4, "cores": 20, "ram": -1},
            "site east: its pools need 5 instances, the quota of the project is 4",
        ),
    ],
)
def test_what_is_missing_stops_the_preview(function: str, answer: dict[str, Any], words: str) -> None:
    """In a process of its own: the SDK keeps what a failed program left undone."""
    code = (
        "from tests.support.openstack import answers, deployed\n"
        f"deployed(told=answers({function}=lambda asked: {{**asked, **{answer!r}}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert words in done.stderr


def test_variables_of_a_shell_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "/etc/openstack/clouds.yaml")
    monkeypatch.setenv("OS_AUTH_URL", "https://elsewhere.example")
    opts = pulumi.ResourceOptions()
    with pytest.raises(Unusable, match=r"cloud east: OS_AUTH_URL in the environment would count before"):
        provider("east/provider", cloud="east", region="one", opts=opts)


def test_a_site_without_machines_is_left_alone() -> None:
    found = foundation()
    fewer: Foundation = found.model_copy(update={"pools": found.pools[:2]})
    assert set(clouds(fewer)) == {"east"}
    assert [one.name for one in deployed(fewer).kind("OpenStackSite")] == ["east"]
