"""Filters by which playbooks ask what may leave a cluster and what may be upgraded."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.bastide.nodes.plugins.plugin_utils import guarantees, skew

DOCUMENTATION = """
name: guarantees
short_description: Judge what may leave a cluster
description: >-
  Gives C(refusals) (why nodes may not leave), C(holders) (the pods that hold a node that is drained) and
  C(skew) (why an upgrade is refused).
"""


class FilterModule:
    """What Ansible asks a filter plugin for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {"refusals": guarantees.refusals, "holders": guarantees.holders, "skew": skew.problems}
