"""What the role leaves on a machine on InfiniBand."""

from __future__ import annotations

import json
from typing import Any


def test_interfaces_are_found_and_have_no_lossless_priority(host: Any) -> None:
    declared = json.loads(host.file("/etc/bastide/rdma.json").content_string)
    assert declared["mode"] == "infiniband"
    assert declared["interfaces"] == {"eth2": "", "eth3": ""}
    assert (declared["mtu"], declared["virtual_functions"]) == (4092, 0)


def test_modules_of_infiniband_are_loaded_at_boot(host: Any) -> None:
    words = host.file("/etc/modules-load.d/bastide-rdma.conf").content_string.split()
    assert {"ib_ipoib", "ib_umad", "ib_uverbs", "rdma_cm"} <= set(words)
