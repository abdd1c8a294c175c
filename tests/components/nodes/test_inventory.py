"""What the inventory makes of a foundation's outputs, and what it refuses."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from components.model import FoundationOutputs
from components.nodes.values.inventory import Inventory, InventoryError, inventory
from tests.support.fleet import KEY, PROGRAMS, changed, fleet

PIN = "/opt/my things/100%/pin.sh"


def made(outputs: FoundationOutputs) -> Inventory:
    return inventory(outputs, PROGRAMS, PIN)


def problems(outputs: FoundationOutputs) -> list[str]:
    with pytest.raises(InventoryError) as caught:
        made(outputs)
    return caught.value.problems


def test_machines_come_in_the_order_of_change() -> None:
    assert made(fleet()).hosts == ("one", "rented-0", "gpu-9", "gpu-10", "gpu-1")


def test_groups_are_places_capabilities_and_roles() -> None:
    gpus = ("gpu-9", "gpu-10", "gpu-1")
    assert made(fleet()).groups == {
        "accelerator": gpus,
        "attestation": gpus,
        "control_plane": ("one",),
        "family_hopper": gpus,
        "isa_cuda": gpus,
        "kind_gpu": gpus,
        "microvm": ("rented-0",),
        "pool_gpu": gpus,
        "pool_masters": ("one",),
        "pool_rented": ("rented-0",),
        "rack_e1": ("gpu-9", "gpu-10"),
        "rack_e2": ("gpu-1",),
        "rack_w1": ("one", "rented-0"),
        "rdma": gpus,
        "role_accelerator": gpus,
        "role_sandbox": ("rented-0",),
        "role_system": ("one",),
        "site_cloud": ("one", "rented-0"),
        "site_hall": gpus,
        "storage": gpus,
        "vendor_nvidia": gpus,
        "zone_east": gpus,
        "zone_far_west": ("one", "rented-0"),
    }


def test_a_machine_has_the_variables_of_its_roles() -> None:
    found = made(fleet()).variables("gpu-9")
    expected = {
        "accelerator_count": 8,
        "accelerator_partitions": {"1g.10gb": 7},
        "accelerator_software": {"driver": "580.173.02", "toolkit": "13.0.2"},
        "ansible_host": "10.8.1.9",
        "ansible_port": 2222,
        "ansible_user": "ops",
        "attestation_secure_boot": True,
        "base_administration": ["10.8.0.0/24"],
        "base_cpu": 64,
        "base_huge_pages": 512,
        "base_memory": 524288,
        "base_package_mirror": "",
        "bastide_environment": "site",
        "bastide_host_key": KEY,
        "kubernetes_control_plane": False,
        "kubernetes_endpoint": "10.8.0.10:6443",
        "kubernetes_first": "one",
        "kubernetes_pod_cidr": "10.64.0.0/12",
        "kubernetes_taints": ["bastide.dev/accelerator=gpu:NoSchedule"],
        "kubernetes_version": "1.36.3",
        "rdma_network": "fd00:a::/64",
        "runtime_handlers": ["nvidia"],
        "runtime_registry_mirrors": {"docker.io": "https://mirror.site.example/docker"},
        "storage_encryption": "tpm",
        "telemetry_accelerator": "nvidia",
    }
    assert {key: found[key] for key in expected} == expected
    assert found["accelerator_supported"]["divisible"] is True
    assert found["kubernetes_labels"]["bastide.dev/rack"] == "e1"
    assert found["kubernetes_labels"]["topology.kubernetes.io/zone"] == "east"
    json.dumps(found)


def test_sandboxes_get_their_runtimes_and_others_none() -> None:
    built = made(fleet())
    assert built.variables("rented-0")["microvm_handlers"] == ["kata-clh", "kata-fc", "gvisor"]
    assert built.variables("rented-0")["runtime_handlers"] == ["kata-clh", "kata-fc", "gvisor"]
    assert "microvm_handlers" not in built.variables("gpu-9")
    assert "accelerator_vendor" not in built.variables("one")


def test_the_control_plane_opens_the_api_to_machines_and_pods_only() -> None:
    built = made(fleet())
    api = [each["zone"] for each in built.variables("one")["base_listen"] if each.get("port") == "6443"]
    etcd = [each["zone"] for each in built.variables("one")["base_listen"] if each.get("port") == "2379-2380"]
    assert (api, etcd) == (["management", "pods"], ["management"])
    assert not {"6443", "2379-2380"} & {each["port"] for each in built.variables("gpu-9")["base_listen"]}
    zones = {each["name"] for each in built.common["base_zones"]}
    assert {each["zone"] for each in built.variables("one")["base_listen"]} <= zones


def test_machines_that_share_the_endpoint_let_each_other_s_vrrp_in() -> None:
    def zones(outputs: FoundationOutputs, host: str) -> list[str]:
        listen = made(outputs).variables(host)["base_listen"]
        return [each["zone"] for each in listen if each["protocol"] == "vrrp"]

    shared = changed("settings.controlPlane.shared", True)
    assert zones(shared, "one") == ["management"]
    assert zones(shared, "gpu-9") == []
    assert zones(fleet(), "one") == []


def options(arguments: str) -> dict[str, str]:
    words = shlex.split(arguments)
    assert set(words[::2]) == {"-o"}
    return dict(word.split("=", 1) for word in words[1::2])


def test_only_the_pinned_key_is_ever_known() -> None:
    told = options(made(fleet()).variables("gpu-9")["ansible_ssh_common_args"])
    assert told["StrictHostKeyChecking"] == "yes"
    assert {told["UserKnownHostsFile"], told["GlobalKnownHostsFile"]} == {"/dev/null"}
    assert told["KnownHostsCommand"] == f'/bin/sh "/opt/my things/100%%/pin.sh" gpu-9 {KEY} %I %f %H %t %K'


def test_another_pinned_key_never_finds_the_connection_of_the_one_before() -> None:
    paths = {
        made(changed("hosts.1.hostKey", key)).of_hosts["gpu-9"]["ansible_control_path"]
        for key in (KEY, "SHA256:" + "B" * 43, None)
    }
    assert len(paths) == 3
    assert all(path.startswith("%(directory)s/") and len(path) < 40 for path in paths)


def test_a_machine_without_a_key_cannot_be_reached() -> None:
    found = made(fleet()).variables("rented-0")
    assert found["bastide_host_key"] == ""
    assert " rented-0 none %I " in options(found["ansible_ssh_common_args"])["KnownHostsCommand"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("hosts.1.address", "10.8.1.10", "address 10.8.1.10 is that of gpu-10 (gpu) and gpu-9 (gpu)."),
        ("hosts.1.name", "gpu-10", "name gpu-10 is that of gpu-10 (gpu) and gpu-10 (gpu)."),
        ("hosts.1.pool", "gpux", "host gpu-9: pool gpux is not known. Did you mean `gpu`?"),
        ("hosts.1.name", "control-plane", ""),
        ("hosts.1.name", "storage", "host storage: the name is that of a group. Rename the machine."),
        ("hosts.1.name", "localhost", "host localhost: the name is that of a group."),
        ("hosts.1.address", "10.9.0.1", "host gpu-9: no network holds 10.9.0.1"),
        ("hosts.1.rack", "w-1", ""),
        ("hosts.1.rack", "e-1", ""),
        ("pools.0.zone", "easr", "pool gpu: zone easr is not known. Did you mean `east`?"),
        ("pools.0.kind", "simulated", "host gpu-9: pool gpu is simulated."),
        ("pools.0.rdma.network", "fabrik", "pool gpu: rdma.network: fabrik is no network."),
        (
            "pools.0.accelerator.software.driver",
            "1.2.3",
            "pool gpu: accelerator nvidia-h100: software.driver",
        ),
        ("pools.2.controlPlane", False, "no host runs the control plane"),
        ("settings", None, "site: real machines need settings."),
    ],
)
def test_what_makes_no_inventory_is_told_with_its_mend(path: str, value: Any, said: str) -> None:
    if not said:
        assert made(changed(path, value)).hosts
        return
    found = problems(changed(path, value))
    assert any(each.startswith(said) for each in found), found
    assert all(each.endswith((".", "?")) for each in found)


def test_two_names_that_ansible_would_take_for_one_are_refused() -> None:
    outputs = changed("hosts.0.rack", "e-2")
    hosts = (outputs.hosts[0], outputs.hosts[1].model_copy(update={"rack": "e_2"}), *outputs.hosts[2:])
    assert problems(outputs.model_copy(update={"hosts": hosts})) == [
        "e-2 and e_2 would be one group, rack_e_2. Rename one of them."
    ]


def test_all_problems_are_told_at_once_and_a_flood_is_counted() -> None:
    outputs = fleet()
    strays = tuple(each.model_copy(update={"pool": "away"}) for each in outputs.hosts) * 10
    error = InventoryError(problems(outputs.model_copy(update={"hosts": strays})))
    assert len(error.problems) > 50
    assert str(error).endswith(f"and {len(error.problems) - 20} more")


def test_an_environment_without_real_machines_is_empty() -> None:
    assert made(fleet().model_copy(update={"hosts": ()})).hosts == ()


def test_the_same_outputs_give_the_same_inventory() -> None:
    outputs = fleet()
    backwards = outputs.model_copy(update={"hosts": outputs.hosts[::-1]})
    assert json.dumps(made(outputs).of_hosts) == json.dumps(made(backwards).of_hosts)
