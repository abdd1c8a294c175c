"""What the role leaves on a machine with two RoCE ports."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_the_declaration_is_what_the_program_reads(host: Any) -> None:
    told = json.loads(host.check_output("bastide-rdma --check"))
    assert sorted(told) == ["eth2", "eth3"]
    declared = json.loads(host.file("/etc/bastide/rdma.json").content_string)
    assert declared["interfaces"] == {"eth2": "10.16.0.5/16", "eth3": "10.16.1.5/16"}
    assert (declared["mtu"], declared["priority"], declared["dscp"]) == (9000, 3, 26)


@pytest.mark.parametrize("name", ["eth2", "eth3"])
def test_an_interface_is_set_up_whenever_it_appears(host: Any, name: str) -> None:
    assert host.check_output(f"systemctl is-enabled bastide-rdma@{name}") == "enabled"
    wanted = host.check_output(f"systemctl show --property=WantedBy --value bastide-rdma@{name}")
    assert wanted == f"sys-subsystem-net-devices-{name}.device"


def test_an_interface_that_is_lost_is_told(host: Any) -> None:
    told = host.run("bastide-rdma eth9")
    assert told.rc == 1
    assert "eth9: there is no such interface" in told.stderr


def test_services_may_pin_memory(host: Any) -> None:
    assert host.check_output("systemctl show --property=DefaultLimitMEMLOCK --value") == "infinity"


def test_each_interface_answers_for_itself(host: Any) -> None:
    assert host.sysctl("net.ipv4.conf.all.arp_ignore") == 1
    assert host.sysctl("net.ipv4.conf.all.arp_announce") == 2


def test_the_tools_are_there(host: Any) -> None:
    for tool in ("rdma", "dcb", "ibv_devinfo", "ib_write_lat", "mstconfig"):
        assert host.run(f"command -v {tool}").rc == 0, tool


def test_what_needs_hardware_is_skipped_and_the_rest_is_held(host: Any) -> None:
    before = json.loads(host.file("/var/lib/bastide/reports/rdma.preflight.json").content_string)
    assert {each["status"] for each in before["checks"]} == {"passed"}
    after = json.loads(host.file("/var/lib/bastide/reports/rdma.validation.json").content_string)
    statuses = {each["id"]: each["status"] for each in after["checks"]}
    assert statuses["links"] == statuses["gid"] == "skipped"
    assert statuses["declaration"] == statuses["locked-memory"] == "passed"
