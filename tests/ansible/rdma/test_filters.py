"""Addresses and measurements of RDMA."""

from __future__ import annotations

import pytest

from tests.support.plugins import load

rdma = load("plugins/filter/rdma.py")

LATENCY = """
---------------------------------------------------------------------------------------
 #bytes #iterations    t_min[usec]    t_max[usec]  t_typical[usec]    t_avg[usec]    t_stdev[usec]   99%
 2       1000          1.05           4.34         1.08               1.09           0.05            1.24
---------------------------------------------------------------------------------------
"""
BANDWIDTH = """
 #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]   MsgRate[Mpps]
 65536      5000             197.02             196.87             0.375500
"""


def test_measurements_are_read() -> None:
    assert rdma.perftest_latency(LATENCY) == 1.09
    assert rdma.perftest_bandwidth(BANDWIDTH) == 196.87


@pytest.mark.parametrize(
    "text", ["", "Couldn't connect to 10.16.0.6:18515", " #bytes #iterations\n 2 1000\n"]
)
def test_no_measurement_is_no_zero(text: str) -> None:
    with pytest.raises(rdma.UnreadableError):
        rdma.perftest_latency(text)
    with pytest.raises(rdma.UnreadableError):
        rdma.perftest_bandwidth(text)


def test_addresses_outside_of_a_network() -> None:
    asked = ["10.16.0.5/16", "10.17.0.5/16", "10.16.0.6", "fd00:a::5"]
    assert rdma.outside(asked, "10.16.0.0/16") == ["10.17.0.5/16", "fd00:a::5"]
    assert rdma.outside(["fd00:a::5/64"], "fd00:a::/64") == []
