"""Which network an address belongs to."""

from __future__ import annotations

import pytest

from tests.support.plugins import load

networks = load("plugins/filter/networks.py")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.3.4", True),
        ("10.1.0.1", False),
        ("fd00::1", True),
        ("fe80::1%eth0", False),
        ("::ffff:10.0.3.4", True),
    ],
)
def test_an_address_lies_within_networks_or_not(address: str, expected: bool) -> None:
    assert networks.within(address, ["10.0.0.0/16", "fd00::/64"]) is expected


def test_no_network_holds_no_address() -> None:
    assert not networks.within("10.0.0.1", [])


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/64"):
        networks.within("10.0.0.1", ["10.0.0.0/64"])
