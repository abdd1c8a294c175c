"""RDMA: addresses in a network, and what the tools of perftest measure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

DOCUMENTATION = """
name: rdma
short_description: Judge addresses and measurements of RDMA
description: >-
  Gives C(outside) (addresses that are not in a range), C(perftest_latency) (microseconds) and
  C(perftest_bandwidth) (gigabits a second).
"""


class UnreadableError(ValueError):
    """perftest printed no measurement."""


def outside(addresses: Iterable[str], network: str) -> list[str]:
    """The addresses, with or without a prefix, that are not in a range."""
    span = ipaddress.ip_network(network)
    return [each for each in addresses if ipaddress.ip_interface(each).ip not in span]


def _measured(text: str, column: str) -> float:
    """The value under a column of the last table; its head begins with `#bytes`."""
    lines = [line.strip() for line in text.splitlines()]
    heads = [number for number, line in enumerate(lines) if line.startswith("#bytes")]
    if not heads:
        raise UnreadableError(f"perftest printed {text.strip()[-80:]!r}, which has no measurement")
    names = lines[heads[-1]].replace("BW peak", "BW_peak").replace("BW average", "BW_average").split()
    place = next((number for number, name in enumerate(names) if name.startswith(column)), None)
    values = lines[heads[-1] + 1].split() if heads[-1] + 1 < len(lines) else []
    if place is None or place >= len(values):
        raise UnreadableError(f"perftest printed no {column}")
    return float(values[place])


def perftest_latency(text: str) -> float:
    """Average latency in microseconds, from `ib_write_lat`."""
    return _measured(text, "t_avg")


def perftest_bandwidth(text: str) -> float:
    """Average bandwidth in Gbit/s, from `ib_write_bw --report_gbits`."""
    return _measured(text, "BW_average")


class FilterModule:
    """What Ansible asks a filter plugin for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "outside": outside,
            "perftest_latency": perftest_latency,
            "perftest_bandwidth": perftest_bandwidth,
        }
