"""What the role rdma writes for the kernel and for its own program."""

from __future__ import annotations

import json

import pytest

from tests.ansible.accelerator.templates import rendered


@pytest.mark.parametrize(
    ("mode", "modules"),
    [
        ("roce", ["ib_uverbs", "rdma_cm", "rdma_ucm"]),
        ("infiniband", ["ib_uverbs", "rdma_cm", "rdma_ucm", "ib_umad", "ib_ipoib"]),
    ],
)
def test_one_module_a_line(mode: str, modules: list[str]) -> None:
    lines = rendered("rdma", "modules.conf.j2", {"rdma_mode": mode}).splitlines()
    assert [line for line in lines if not line.startswith("#")] == modules


def test_the_declaration_has_numbers_as_numbers() -> None:
    told = json.loads(
        rendered("rdma", "rdma.json.j2", {"rdma_mode": "roce", "rdma_interfaces": {"eth2": ""}})
    )
    assert (told["mtu"], told["priority"], told["virtual_functions"]) == (9000, 3, 0)
