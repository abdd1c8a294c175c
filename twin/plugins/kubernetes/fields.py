"""What a program said about an object, found again in the live one; and which fields a manager owns."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, TypeAlias

from twin.plugins.kubernetes.objects import annotation, meta
from twin.plugins.kubernetes.values import Object

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_BOOKKEEPING = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
"""Metadata that the API server writes."""
_OURS = ("kubectl", "before-first-apply", "pulumi-kubernetes", "pulumi-resource-kubernetes")

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root of an object to a value."""
_QUANTITIES = frozenset({"limits", "requests", "hard", "capacity", "overhead", "sizeLimit"})
"""Fields of a `spec` below which strings are quantities."""
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d+)|(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E))?")
_POWERS = dict(zip(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), range(1, 7), strict=True))
_TENS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def without_bookkeeping(subject: Object) -> Object:
    kept = {key: value for key, value in meta(subject).items() if key not in _BOOKKEEPING}
    return subject | {"metadata": kept} if isinstance(subject.get("metadata"), dict) else subject


def same(one: Any, other: Any, path: Path = ()) -> bool:
    """Whether two leaves at `path` say the same: numbers by value, and quantities too (`1000m` is `1`)."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if one == other:
        return True
    if path[:1] == ("spec",) and not _QUANTITIES.isdisjoint(path):
        first, second = _quantity(one), _quantity(other)
        return first is not None and first == second
    return False


def _quantity(value: Any) -> Decimal | None:
    matched = _QUANTITY.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if not matched:
        return None
    number, exponent, suffix = matched.groups()
    if exponent:
        return Decimal(number + exponent)
    if suffix in _POWERS:
        return Decimal(number) * Decimal(1024) ** _POWERS[suffix]
    return Decimal(number).scaleb(_TENS.get(suffix, 0))


def prune(live: Any, inputs: Any, path: Path = ()) -> Any:
    """`live` cut to the shape of `inputs`: what has become of what the program said.

    Where the API server leaves out an empty value that the program wrote, or writes a quantity another way,
    the program's own spelling stays: neither is a change.
    """
    if isinstance(live, dict) and isinstance(inputs, dict):
        kept = {key: prune(live[key], value, (*path, key)) for key, value in inputs.items() if key in live}
        empty = {key: value for key, value in inputs.items() if key not in live and not value}
        return kept | empty
    if isinstance(live, list) and isinstance(inputs, list):
        # Items beyond the program's own may come from others (an injected container): not its inputs.
        pairs = enumerate(zip(live, inputs, strict=False))
        return [prune(item, wanted, (*path, index)) for index, (item, wanted) in pairs]
    return inputs if same(live, inputs, path) else live


def declared(live: Object) -> Object:
    """The inputs of an object that nothing is known of but the object: what its author seems to have said.

    That is what kubectl noted, else what was applied server-side, else everything but the status.
    """
    identity = {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {key: meta(live)[key] for key in ("name", "namespace") if key in meta(live)},
    }
    if noted := annotation(live, LAST_APPLIED):
        return _merged(identity, prune(live, json.loads(noted)))
    owned: Object = {}
    for entry in meta(live).get("managedFields") or []:
        if entry.get("operation") == "Apply" and not entry.get("subresource"):
            owned = _merged(owned, owned_by(live, entry.get("fieldsV1") or {}))
    if owned:
        return _merged(identity, owned)
    everything = without_bookkeeping({key: value for key, value in live.items() if key != "status"})
    annotations = {
        key: value
        for key, value in (meta(everything).get("annotations") or {}).items()
        if key != "deployment.kubernetes.io/revision"
    }
    data = {key: value for key, value in meta(everything).items() if key != "annotations"}
    return everything | {"metadata": data | ({"annotations": annotations} if annotations else {})}


def _merged(one: Object, other: Object) -> Object:
    result = dict(one)
    for key, value in other.items():
        mine = result.get(key)
        result[key] = _merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return result


def owned_by(live: Any, fields: Object) -> Any:
    """The part of `live` that a set of fields (a `fieldsV1`) names."""
    names = [key for key in fields if key != "."]
    if not names:
        return live
    if isinstance(live, dict):
        return {
            key[2:]: owned_by(live[key[2:]], fields[key])
            for key in names
            if key.startswith("f:") and key[2:] in live
        }
    if isinstance(live, list):
        return [owned_by(item, part) for item in live for part in (_part(item, fields),) if part is not None]
    return live


def _part(item: Any, fields: Object) -> Object | None:
    """The fields of one item of a list: items are named by their keys (`k:`) or by their value (`v:`)."""
    for name, part in fields.items():
        form, _, content = name.partition(":")
        if form == "k" and isinstance(item, dict):
            keys = json.loads(content)
            if all(item.get(key) == value for key, value in keys.items()):
                # The keys that name the item are part of it, whoever owns them.
                return {f"f:{key}": {} for key in keys} | {
                    key: value for key, value in part.items() if key != "."
                }
        elif form == "v" and json.loads(content) == item:
            return {}
    return None


def client_side_entries(live: Object, manager: str) -> bool:
    """Whether fields are still owned by a client that did not apply server-side (`kubectl create`)."""
    return any(
        _client_side(entry) and entry["manager"] != manager for entry in meta(live).get("managedFields") or []
    )


def _client_side(entry: Object) -> bool:
    return (
        entry.get("operation") == "Update"
        and not entry.get("subresource")
        and str(entry.get("manager", "")).startswith(_OURS)
    )


def taken_over(live: Object, manager: str) -> list[Object]:
    """The JSON patch that makes `manager` the owner of what such clients own: it can remove it then."""
    entries = meta(live).get("managedFields") or []
    theirs = [entry for entry in entries if _client_side(entry)]
    mine = [entry for entry in entries if entry["manager"] == manager and entry.get("operation") == "Apply"]
    fields: Object = {}
    for entry in theirs + mine:
        fields = _merged(fields, entry.get("fieldsV1") or {})
    owner = {**theirs[0], "manager": manager, "operation": "Apply", "fieldsV1": fields}
    rest = [entry for entry in entries if entry not in theirs and entry not in mine]
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [*rest, owner]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": meta(live)["resourceVersion"]},
    ]


def yielding(inputs: Object, live: Object, manager: str, ignored: list[Path]) -> Object:
    """`inputs` with each ignored path left to who owns it, or at its live value where `manager` does."""
    entries = meta(live).get("managedFields") or []
    for path in ignored:
        keys = tuple(str(key) for key in path)
        theirs = any(_owns(entry, keys) for entry in entries if entry["manager"] != manager)
        ours = any(_owns(entry, keys) for entry in entries if entry["manager"] == manager)
        value: Any = live
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if theirs and not ours:
            inputs = _set(inputs, keys, None)
        elif value is not None:
            inputs = _set(inputs, keys, value)
    return inputs


def _owns(entry: Object, keys: tuple[str, ...]) -> bool:
    owned = entry.get("fieldsV1") or {}
    for key in keys:
        if f"f:{key}" not in owned:
            return False
        owned = owned[f"f:{key}"]
    return True


def _set(subject: Object, keys: tuple[str, ...], value: Any) -> Object:
    """`subject` with `value` at `keys` (None: without it); as it is where the way leads through a list."""
    first, rest = keys[0], keys[1:]
    if not rest:
        kept = {key: item for key, item in subject.items() if key != first}
        return kept if value is None else kept | {first: value}
    if not isinstance(subject.get(first), dict):
        return subject
    return subject | {first: _set(subject[first], rest, value)}
