"""What may leave a cluster, judged from its objects: neither the quorum nor a tenant's guarantee may break.

All functions are pure and take objects as `kubectl get --output json` gives them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

Object = Mapping[str, Any]

TENANT = "bastide.dev/tenant"  # components/naming.py
_DEVICES = ".deviceclass.resource.k8s.io/devices"
_UNITS = {"": Decimal(1), "m": Decimal("1e-3")}
_UNITS |= {unit: Decimal(1000) ** (power + 1) for power, unit in enumerate("kMGTPE")}
_UNITS |= {f"{unit}i": Decimal(1024) ** (power + 1) for power, unit in enumerate("KMGTPE")}
_TERM = re.compile(
    r'device\.driver == "(?P<driver>[^"]+)"'
    r'|device\.attributes\["[^"]+"\]\.(?P<attribute>\w+) (?P<sign>==|>=|<=) (?P<value>"[^"]*"|-?\d+)'
    r'|device\.capacity\["[^"]+"\]\.(?P<capacity>\w+)\.compareTo\(quantity\("(?P<least>[^"]+)"\)\) >= 0'
    r'|"(?P<present>\w+)" in device\.attributes\["[^"]+"\]'
)


def amount(text: object) -> Decimal:
    """A Kubernetes quantity as a number. Raises `ValueError` on what is none."""
    found = re.fullmatch(r"([+-]?[0-9.]+(?:[eE][+-]?\d+)?)([a-zA-Z]*)", str(text))
    try:
        return Decimal(found[1]) * _UNITS[found[2]] if found else Decimal("x")
    except (InvalidOperation, KeyError) as error:
        raise ValueError(f"no Kubernetes quantity: {text!r}") from error


def refusals(objects: Iterable[Object], leaving: Sequence[str], for_good: bool = True) -> list[str]:
    """Why these nodes may not leave now; empty where they may.

    `objects` are the cluster's nodes, etcd pods, ResourceQuotas, ResourceSlices and DeviceClasses.
    `for_good` is False for nodes that come back (an upgrade): then only the quorum is judged, since
    disruption budgets guard the pods.
    """
    kinds: dict[str, list[Object]] = {}
    for item in objects:
        kinds.setdefault(item["kind"], []).append(item)
    told = _quorum(kinds, set(leaving), for_good)
    return told + (_guarantees(kinds, set(leaving)) if for_good else [])


def _quorum(kinds: Mapping[str, list[Object]], leaving: set[str], for_good: bool) -> list[str]:
    """The members that stay and are well must be a majority of all that there are now.

    Members are the etcd pods; where etcd runs elsewhere, the hosts of the control plane stand for them.
    A sole member may leave for a while: its API pauses, there is no other way to upgrade it.
    """
    pods = [
        pod for pod in kinds.get("Pod", []) if pod["metadata"].get("labels", {}).get("component") == "etcd"
    ]
    what, members = "etcd members", {pod["spec"]["nodeName"]: _condition(pod, "Ready") for pod in pods}
    if not members:
        what = "control plane hosts"
        members = {
            node["metadata"]["name"]: _condition(node, "Ready")
            for node in kinds.get("Node", [])
            if "node-role.kubernetes.io/control-plane" in node["metadata"].get("labels", {})
        }
    going = sorted(leaving & set(members))
    stay = sorted(name for name, well in members.items() if well and name not in leaving)
    need = len(members) // 2 + 1
    if not going or len(stay) >= need or (len(members) == 1 and not for_good):
        return []
    unwell = sorted(name for name, well in members.items() if not well)
    return [
        f"quorum: of {len(members)} {what} {need} must stay and be well;"
        f" without {', '.join(going)} it is {len(stay)}"
        + (f" ({', '.join(unwell)} not ready)" if unwell else "")
        + ": add or mend a control plane host first"
    ]


def _condition(item: Object, name: str) -> bool:
    conditions = item.get("status", {}).get("conditions") or []
    return any(entry["type"] == name and entry["status"] == "True" for entry in conditions)


def _usable(node: Object) -> bool:
    """Whether tenants' pods can be placed on the node now."""
    spec = node.get("spec", {})
    control = any(
        taint["key"] == "node-role.kubernetes.io/control-plane" and taint["effect"] != "PreferNoSchedule"
        for taint in spec.get("taints") or []
    )
    return _condition(node, "Ready") and not spec.get("unschedulable") and not control


def _guarantees(kinds: Mapping[str, list[Object]], leaving: set[str]) -> list[str]:
    """Each amount that tenants hold must still be there; what was short before is told where it shrinks."""
    told = []
    nodes = [node for node in kinds.get("Node", []) if _usable(node)]
    names = {node["metadata"]["name"] for node in nodes}
    for key, granted in sorted(_granted(kinds.get("ResourceQuota", [])).items()):
        if key.endswith(_DEVICES):
            name = key.removesuffix(_DEVICES)
            matching = _matching(name, kinds)
            if isinstance(matching, str):
                told.append(matching)
                continue
            offers = [(node, Decimal(1)) for node in matching if node in names]
        else:
            name = key.removeprefix("requests.")
            offers = [
                (node["metadata"]["name"], amount(node["status"].get("allocatable", {}).get(name, 0)))
                for node in nodes
            ]
        now = sum((offer for _, offer in offers), Decimal(0))
        rest = sum((offer for node, offer in offers if node not in leaving), Decimal(0))
        need = sum(granted.values(), Decimal(0))
        if rest < need and rest < now:
            shares = ", ".join(f"{tenant} {value.normalize():f}" for tenant, value in sorted(granted.items()))
            told.append(
                f"guarantee of {name}: tenants hold {need.normalize():f} ({shares}),"
                f" {rest.normalize():f} would be left of {now.normalize():f}:"
                " add capacity or lower a tenant's quota first"
            )
    return told


def _granted(quotas: Iterable[Object]) -> dict[str, dict[str, Decimal]]:
    """Per resource that a node offers: what each tenant is guaranteed."""
    granted: dict[str, dict[str, Decimal]] = {}
    for quota in quotas:
        tenant = quota["metadata"].get("labels", {}).get(TENANT)
        for key, value in (quota["spec"].get("hard") or {}).items() if tenant else ():
            on_nodes = key == "pods" or key.endswith(_DEVICES) or key.startswith("requests.")
            if on_nodes and key != "requests.storage" and amount(value):
                shares = granted.setdefault(key, {})
                shares[tenant] = shares.get(tenant, Decimal(0)) + amount(value)
    return granted


def _matching(name: str, kinds: Mapping[str, list[Object]]) -> list[str] | str:
    """The node of each device that the class selects, or why that cannot be told."""
    found = next((item for item in kinds.get("DeviceClass", []) if item["metadata"]["name"] == name), None)
    if found is None:
        return f"guarantee of {name}: there is no such device class: apply the foundation first"
    terms = []
    for selector in found["spec"].get("selectors") or []:
        for text in selector["cel"]["expression"].split(" && "):
            term = _TERM.fullmatch(text.strip())
            if term is None:
                return (
                    f"guarantee of {name}: cannot judge its selection `{text}`: use a class of the foundation"
                )
            terms.append(term)
    return [
        piece["spec"]["nodeName"]
        for piece in kinds.get("ResourceSlice", [])
        if piece["spec"].get("nodeName")
        for device in piece["spec"].get("devices") or []
        if all(_holds(term, piece["spec"]["driver"], device) for term in terms)
    ]


def _holds(term: re.Match[str], driver: str, device: Object) -> bool:
    """Whether one term of a class's selection, as components/nodes writes them, holds for a device."""
    attributes, capacity = device.get("attributes") or {}, device.get("capacity") or {}
    if term["driver"]:
        return term["driver"] == driver
    if term["present"]:
        return term["present"] in attributes
    if term["capacity"]:
        offered = capacity.get(term["capacity"])
        return offered is not None and amount(offered["value"]) >= amount(term["least"])
    found = next(iter(attributes.get(term["attribute"], {}).values()), None)
    wanted = json.loads(term["value"])
    if found is None or term["sign"] == "==":
        return bool(found == wanted)
    return bool(found >= wanted if term["sign"] == ">=" else found <= wanted)


def holders(pods: Iterable[Object], budgets: Iterable[Object]) -> list[str]:
    """The pods that still hold a node that is drained, each with the budget that keeps it there."""
    rows = list(budgets)
    told = []
    for pod in pods:
        owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences") or []}
        mirror = "kubernetes.io/config.mirror" in (pod["metadata"].get("annotations") or {})
        if mirror or "DaemonSet" in owners or pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            continue
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        kept = [
            budget["metadata"]["name"]
            for budget in rows
            if budget["metadata"]["namespace"] == namespace
            and not budget.get("status", {}).get("disruptionsAllowed")
            and _selects(budget["spec"].get("selector"), pod["metadata"].get("labels") or {})
        ]
        told.append(f"{namespace}/{name}" + (f" (disruption budget {', '.join(kept)})" if kept else ""))
    return told


def _selects(selector: Object | None, labels: Mapping[str, str]) -> bool:
    if selector is None:
        return False
    exact = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return exact and all(_expression(term, labels) for term in selector.get("matchExpressions") or [])


def _expression(term: Object, labels: Mapping[str, str]) -> bool:
    key, operator, values = term["key"], term["operator"], term.get("values") or []
    if operator in {"In", "NotIn"}:
        return bool((labels.get(key) in values) == (operator == "In"))
    return bool((key in labels) == (operator == "Exists"))
