"""Failure domains: which hosts may be changed at the same time, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

DOCUMENTATION = """
name: domains
short_description: Order hosts by failure domain
description: Gives C(by_domain) (hosts in the order of change) and C(batches) (how many are changed at once).
"""

CONTROL_PLANE = "control_plane"
_PLACES = ("site_", "zone_", "rack_")  # from wide to narrow; all three together name one domain

Groups = Mapping[str, Sequence[str]]


def _domains(hosts: Sequence[str], groups: Groups) -> list[list[str]]:
    """The hosts in the order of change, cut into failure domains.

    Hosts of the control plane come first and alone: two at once could take the quorum. The others follow by
    site, zone and rack, in the order of the inventory within. A host without a rack shares a domain with the
    others of its zone that have none.
    """
    wanted = set(hosts)
    members = [[host] for host in groups.get(CONTROL_PLANE, ()) if host in wanted]
    first = {host for (host,) in members}
    place: dict[str, list[str]] = {host: [] for host in hosts if host not in first}
    for prefix in _PLACES:
        for group in sorted(name for name in groups if name.startswith(prefix)):
            for host in groups[group]:
                if host in place:
                    place[host].append(group)
    racks: dict[tuple[str, ...], list[str]] = {}
    for host, groups_of_host in place.items():
        racks.setdefault(tuple(groups_of_host), []).append(host)
    return members + [racks[where] for where in sorted(racks)]


def by_domain(hosts: Sequence[str], groups: Groups) -> list[str]:
    """The hosts in the order in which they are changed: for the keyword `hosts` of a play.

    `hosts` are `ansible_play_hosts_all` (so that --limit holds), `groups` the variable of that name.
    """
    return [host for domain in _domains(hosts, groups) for host in domain]


def batches(hosts: Sequence[str], groups: Groups) -> list[int]:
    """How many hosts each failure domain has, in order: for the keyword `serial` of a play."""
    return [len(domain) for domain in _domains(hosts, groups)]


class FilterModule:
    """What Ansible asks a filter plugin for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {"by_domain": by_domain, "batches": batches}
