"""enroll.yml against a real Ironic: API and conductor, with the drivers fake-hardware and redfish."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.ansible.enroll import lab
from tests.ansible.enroll.machines import SECRET, enroll, entry
from tests.ansible.running import Ran

pytestmark = [
    pytest.mark.nodes,
    pytest.mark.skipif(bool(lab.missing()), reason=lab.missing()),
]


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with lab.ironic() as address:
        yield address


def get(api: str, path: str) -> Any:
    request = urllib.request.Request(f"{api}/v1{path}", headers={"X-OpenStack-Ironic-API-Version": "1.37"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def test_a_machine_becomes_available_and_the_second_run_changes_nothing(tmp_path: Path, api: str) -> None:
    machine = entry("gpu-0", "52:54:00:AA:00:01")
    assert "changed=1" in enroll(tmp_path, api, [machine], "--check").output
    assert [node["name"] for node in get(api, "/nodes")["nodes"]] == []
    ran = enroll(tmp_path, api, [machine])
    assert ran.status == 0, ran.output
    node = get(api, "/nodes/gpu-0")
    assert (node["provision_state"], node["traits"]) == ("available", ["CUSTOM_HOPPER"])
    assert node["properties"]["capabilities"] == "boot_mode:uefi,secure_boot:true"
    assert node["driver_info"]["redfish_address"] == "https://127.0.0.1:1"
    (port,) = get(api, f"/ports/detail?node={node['uuid']}")["ports"]
    assert port["address"] == "52:54:00:aa:00:01"
    again = enroll(tmp_path, api, [machine])
    assert (again.status, "changed=0" in again.output) == (0, True), again.output


def test_what_is_changed_is_corrected_and_nothing_else(tmp_path: Path, api: str) -> None:
    machine = entry("gpu-1", "52:54:00:aa:00:02")
    assert enroll(tmp_path, api, [machine], bastide_enroll_state="manageable").status == 0
    assert get(api, "/nodes/gpu-1")["provision_state"] == "manageable"
    machine |= {
        "traits": ["CUSTOM_BLACKWELL"],
        "macs": ["52:54:00:aa:00:03"],
        "resource_class": "baremetal.b200",
    }
    machine["inspect"] = True
    ran = enroll(tmp_path, api, [machine])
    assert ran.status == 0, ran.output
    node = get(api, "/nodes/gpu-1")
    assert (node["provision_state"], node["traits"]) == ("available", ["CUSTOM_BLACKWELL"])
    assert node["resource_class"] == "baremetal.b200"
    assert node["inspection_finished_at"]
    assert [port["address"] for port in get(api, f"/ports/detail?node={node['uuid']}")["ports"]] == machine[
        "macs"
    ]
    assert enroll(tmp_path, api, [machine], bastide_enroll_state="absent").status == 0
    assert "gpu-1" not in [each["name"] for each in get(api, "/nodes")["nodes"]]


@pytest.mark.fault
def test_a_controller_that_does_not_answer_is_named_and_the_others_go_on(tmp_path: Path, api: str) -> None:
    machines = [
        entry("lost", "52:54:00:aa:00:04", driver="redfish"),
        entry("gpu-2", "52:54:00:aa:00:05"),
    ]
    ran = enroll(tmp_path, api, machines)
    assert ran.status != 0
    (fault,) = ran.faults
    assert fault["cause"] == "controller"
    assert "lost: it went to 'enroll' instead of 'manageable' after 'manage'" in fault["said"]
    assert "https://127.0.0.1:1" in fault["said"]
    assert get(api, "/nodes/gpu-2")["provision_state"] == "available"
    machines[0]["driver"] = "fake-hardware"
    ran = enroll(tmp_path, api, machines)
    assert ran.status == 0, ran.output
    assert get(api, "/nodes/lost")["provision_state"] == "available"


@pytest.mark.fault
def test_no_secret_is_told_at_the_highest_verbosity(tmp_path: Path, api: str) -> None:
    machines = [entry("quiet", "52:54:00:aa:00:06"), entry("loud", "52:54:00:aa:00:07", driver="redfish")]
    ran = enroll(tmp_path, api, machines, "-vvvv", bastide_enroll_renew=True)
    ran = Ran(ran.status, ran.output + enroll(tmp_path, api, machines, "-vvvv").output, ran.faults)
    assert "quiet" in ran.output
    told = ran.output + json.dumps(ran.faults)
    raw = SECRET.encode()
    for form in (SECRET, base64.b64encode(raw).decode(), quote(SECRET), quote(SECRET, safe="")):
        assert form not in told


def test_what_ironic_refuses_is_told_with_its_words(tmp_path: Path, api: str) -> None:
    (fault,) = enroll(tmp_path, api, [entry("odd", "52:54:00:aa:00:08", driver="no-such")]).faults
    assert "400" in fault["said"]
    assert "no-such" in fault["said"]
