"""Failure domains: order of change and batches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.plugins import load

domains = load("plugins/filter/domains.py")

GROUPS = {
    "all": ["w1", "w2", "w3", "cp1", "cp2", "cp3", "x"],
    "control_plane": ["cp1", "cp2", "cp3"],
    "zone_a": ["w1", "w3", "cp1", "cp2", "x"],
    "zone_b": ["w2", "cp3"],
    "rack_r1": ["w3", "w1", "cp1"],
    "rack_r2": ["w2", "cp2", "cp3"],
}


def test_the_control_plane_is_first_and_one_by_one() -> None:
    assert domains.by_domain(GROUPS["all"], GROUPS) == ["cp1", "cp2", "cp3", "x", "w1", "w3", "w2"]
    assert domains.batches(GROUPS["all"], GROUPS) == [1, 1, 1, 1, 2, 1]


def test_a_limit_leaves_only_its_own_hosts() -> None:
    assert domains.by_domain(["w2", "w1", "cp2"], GROUPS) == ["cp2", "w1", "w2"]
    assert domains.batches(["w2", "w1", "cp2"], GROUPS) == [1, 1, 1]
    assert domains.batches([], GROUPS) == []


def test_racks_of_one_name_in_two_zones_are_two_domains() -> None:
    groups = {"zone_a": ["a"], "zone_b": ["b"], "rack_r1": ["b", "a"]}
    assert domains.batches(["b", "a"], groups) == [1, 1]


@given(st.dictionaries(st.integers(0, 30), st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 4))))
def test_every_host_is_changed_once_and_no_batch_crosses_a_rack(
    fleet: dict[int, tuple[bool, int, int]],
) -> None:
    groups: dict[str, list[str]] = {}
    for number, (control, zone, rack) in fleet.items():
        names = [f"zone_{zone}", f"rack_{rack}", *(["control_plane"] if control else [])]
        for name in names:
            groups.setdefault(name, []).append(f"h{number}")
    hosts = [f"h{number}" for number in fleet]
    ordered, sizes = domains.by_domain(hosts, groups), domains.batches(hosts, groups)
    assert sorted(ordered) == sorted(hosts)
    assert sum(sizes) == len(hosts)
    for size in sizes:
        batch, ordered = ordered[:size], ordered[size:]
        assert len({fleet[int(host[1:])] for host in batch}) == 1, batch


@pytest.mark.parametrize("name", ["by_domain", "batches"])
def test_the_filters_have_names(name: str) -> None:
    assert name in domains.FilterModule().filters()
