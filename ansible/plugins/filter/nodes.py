"""Labels and taints of a Kubernetes node: what this collection sets and removes, and nothing of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = """
name: nodes
short_description: Compare a node with the labels and taints that it is to have
description: >-
  Gives C(node_changes): of a Node, as kubectl gives it with its managed fields, the taints to set (C(taint))
  and to remove (C(untaint)), as kubectl's words, and the object for a server-side apply (C(apply)), empty
  where nothing is to be applied. Labels that an earlier apply set and this one does not name leave by it.
  A node's taints are one list for all who set them, so an annotation says which are ours.
"""
MANAGER = "bastide"
TAINTS = "bastide.dev/taints"


def node_changes(node: Mapping[str, Any], labels: Mapping[str, str], taints: Sequence[str]) -> dict[str, Any]:
    """What to do; `taints` are of the form `key[=value]:effect`."""
    metadata = node["metadata"]
    there = {_word(taint) for taint in node["spec"].get("taints", ())}
    noted = [taint for taint in metadata.get("annotations", {}).get(TAINTS, "").split(",") if taint]
    kept = {_kind(taint) for taint in taints}
    left = {_kind(taint) for taint in there} - kept
    has, wants = dict(metadata.get("labels", {})), {key: str(value) for key, value in labels.items()}
    same = _own(metadata) == wants.keys() and wants.items() <= has.items() and noted == list(taints)
    return {
        "taint": [taint for taint in taints if taint not in there],
        "untaint": [f"{taint}-" for taint in map(_kind, noted) if taint in left],
        "apply": {} if same else _applied(metadata["name"], wants, taints),
    }


def _applied(name: str, labels: Mapping[str, str], taints: Sequence[str]) -> dict[str, Any]:
    told = {"name": name, "labels": labels, "annotations": {TAINTS: ",".join(taints)}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": told}


def _own(metadata: Mapping[str, Any]) -> set[str]:
    """The labels that an earlier apply set."""
    for entry in metadata.get("managedFields", ()):
        if entry["manager"] == MANAGER and entry["operation"] == "Apply":
            fields = entry["fieldsV1"].get("f:metadata", {}).get("f:labels", {})
            return {field.removeprefix("f:") for field in fields}
    return set()


def _word(taint: Mapping[str, str]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


def _kind(taint: str) -> str:
    """Key and effect, which a node has at most once."""
    key, _, effect = taint.rpartition(":")
    return f"{key.partition('=')[0]}:{effect}"


class FilterModule:
    """What Ansible asks a filter plugin for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {"node_changes": node_changes}
