"""The program that sets up interfaces for RDMA, on a simulated sysfs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.accelerator.sysfs import pci_device
from tests.support.plugins import load

rdma = load("roles/rdma/files/bastide-rdma.py")


class Card:
    """A card with a RoCE port in a simulated sysfs, and the commands that were run on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commands: list[str] = []
        folder = pci_device(
            root, "0000:03:00.0", vendor="0x15b3", device="0x1021", kind="0x020000", functions=8
        )
        (folder / "infiniband/mlx5_0").mkdir(parents=True)
        net = root / "class/net/eth2"
        net.mkdir(parents=True)
        (net / "device").symlink_to(folder)
        (net / "mtu").write_text("1500\n")
        self.files = {
            "class/infiniband/mlx5_0/ports/1/state": "4: ACTIVE",
            "class/infiniband/mlx5_0/ports/1/link_layer": "Ethernet",
            "class/infiniband/mlx5_0/ports/1/rate": "200 Gb/sec (4X HDR)",
            "class/infiniband/mlx5_0/ports/1/gids/0": "fe80:0000:0000:0000:0a3b:e1ff:fe00:0001",
            "class/infiniband/mlx5_0/ports/1/gid_attrs/types/0": "RoCE v2",
            "class/infiniband/mlx5_0/ports/1/gids/2": "0000:0000:0000:0000:0000:ffff:0a10:0005",
            "class/infiniband/mlx5_0/ports/1/gid_attrs/types/2": "IB/RoCE v1",
            "class/infiniband/mlx5_0/ports/1/gids/3": "0000:0000:0000:0000:0000:ffff:0a10:0005",
            "class/infiniband/mlx5_0/ports/1/gid_attrs/types/3": "RoCE v2",
            "class/infiniband/mlx5_0/ports/1/gids/4": "0000:0000:0000:0000:0000:0000:0000:0000",
            "class/infiniband/mlx5_0/ports/1/gid_attrs/types/4": "RoCE v2",
            "class/net/eth2/ecn/roce_np/enable/3": "0",
            "config/rdma_cm/mlx5_0/ports/1/default_roce_mode": "IB/RoCE v1",
            "config/rdma_cm/mlx5_0/ports/1/default_roce_tos": "0",
        }
        for name, value in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{value}\n")

    def interface(self, **change: Any) -> Any:
        config = {
            **{"mode": "roce", "mtu": 9000, "virtual_functions": 4, "priority": 3, "dscp": 26},
            **{"interfaces": {"eth2": "10.16.0.5/16"}},
            **{"sysfs": str(self.root), "configfs": str(self.root / "config")},
            **change,
        }

        def command(words: Sequence[str]) -> None:
            self.commands.append(" ".join(words))

        return rdma.Interface("eth2", config, command)

    def read(self, path: str) -> str:
        return (self.root / path).read_text().strip()


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_an_interface_is_set_up_in_order(card: Card) -> None:
    card.interface().set_up()
    assert card.read("class/net/eth2/device/sriov_numvfs") == "4"
    assert card.commands == [
        "ip link set dev eth2 mtu 9000 up",
        "ip address replace 10.16.0.5/16 dev eth2",
        "dcb pfc set dev eth2 prio-pfc all:off 3:on",
        "dcb ets set dev eth2 willing off tc-tsa all:strict 0:ets 3:ets"
        " tc-bw all:0 0:50 3:50 prio-tc all:0 3:3",
        "dcb app replace dev eth2 dscp-prio 26:3 48:6",
    ]
    assert card.read("config/rdma_cm/mlx5_0/ports/1/default_roce_mode") == "RoCE v2"
    assert card.read("config/rdma_cm/mlx5_0/ports/1/default_roce_tos") == "106"
    assert card.read("class/net/eth2/ecn/roce_np/enable/3") == "1"
    assert not (card.root / "class/infiniband/mlx5_0/tc").exists()


def test_a_second_time_nothing_is_written(card: Card) -> None:
    assert len(card.interface().set_up()) == 4
    assert card.interface().set_up() == []


def test_another_number_of_functions_is_reached_through_none(card: Card) -> None:
    card.interface().set_up()
    changes = card.interface(virtual_functions=6).set_up()
    assert [each.rpartition("=")[2] for each in changes] == ["0", "6"]
    assert [each.rpartition("=")[2] for each in card.interface(virtual_functions=0).set_up()] == ["0"]


def test_more_functions_than_the_card_offers_are_refused_before_any_change(card: Card) -> None:
    with pytest.raises(rdma.RdmaError, match=r"eth2: 16 virtual functions .* offers 8; .*NUM_OF_VFS=16"):
        card.interface(virtual_functions=16).set_up()
    assert card.read("class/net/eth2/device/sriov_numvfs") == "0"
    assert card.commands == []


def test_infiniband_has_no_lossless_priority(card: Card) -> None:
    card.interface(mode="infiniband", mtu=4092, interfaces={"eth2": ""}).set_up()
    assert card.commands == ["ip link set dev eth2 mtu 4092 up"]


def test_an_interface_without_rdma_is_told(card: Card) -> None:
    (card.root / "bus/pci/devices/0000:03:00.0/infiniband/mlx5_0").rmdir()
    with pytest.raises(rdma.RdmaError, match="has no RDMA device"):
        card.interface().set_up()


def test_the_state_names_a_gid_that_is_routed(card: Card) -> None:
    state = card.interface().state()
    assert state == {
        "present": True,
        "device": "mlx5_0",
        "mtu": 1500,
        "functions": 0,
        "state": "ACTIVE",
        "layer": "Ethernet",
        "gigabits": 200.0,
        "gid": 3,
    }


def test_the_state_of_a_missing_interface_is_told(card: Card, capsys: pytest.CaptureFixture[str]) -> None:
    config = card.root / "rdma.json"
    values = {"mode": "roce", "mtu": 9000, "virtual_functions": 0, "priority": 3, "dscp": 26}
    config.write_text(json.dumps({**values, "interfaces": {"eth9": ""}, "sysfs": str(card.root)}))
    assert rdma.main(["--check", "--config", str(config)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["eth9"]["present"] is False
    assert told["eth9"]["gid"] == -1
    assert rdma.main(["eth9", "--config", str(config)]) == 1
    assert "there is no such interface" in capsys.readouterr().err
