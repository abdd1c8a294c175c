"""Property values as they cross the protocol: secrets, unknown values, numbers.

A *wrapped* value keeps the engine's secret markers; a *plain* one does not. Unknown values stay what they are
on the wire: well-known strings.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from google.protobuf import json_format, struct_pb2

Object: TypeAlias = dict[str, Any]

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the marker, not a secret
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""How the engine writes an unknown value, one form per type."""

_DASHED = {
    f"x_kubernetes_{end}": f"x-kubernetes-{end.replace('_', '-')}"
    for end in (
        "embedded_resource",
        "int_or_string",
        "list_map_keys",
        "list_type",
        "map_type",
        "preserve_unknown_fields",
        "validations",
    )
}
"""Keys of OpenAPI schemas as the SDK writes them, and as the API takes them."""
_UNDERSCORED = {dashed: underscored for underscored, dashed in _DASHED.items()}


def unpack(message: struct_pb2.Struct) -> Object:
    """A message as plain Python values, markers kept, whole floats as integers."""
    unpacked: Object = _whole(json_format.MessageToDict(message))
    return unpacked


def pack(value: Mapping[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(dict(value))
    return message


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def secret(value: Any) -> Object:
    return value if is_secret(value) else {SIGNATURE: SECRET, "value": value}


def plain(value: Any) -> Any:
    """`value` without secret and output markers, and without nulls in objects."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            marker = value[SIGNATURE]
            if marker == SECRET or (marker == OUTPUT and "value" in value):
                return plain(value.get("value"))
            if marker == OUTPUT:
                return UNKNOWN
        return {key: plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def to_api(value: Any) -> Any:
    """Keys as the API takes them (`x-kubernetes-...`), where the SDK's differ."""
    return _renamed(value, _DASHED)


def from_api(value: Any) -> Any:
    return _renamed(value, _UNDERSCORED)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(item, names) for key, item in value.items()}
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value


def is_unknown(value: Any) -> bool:
    return isinstance(value, str) and value in _UNKNOWNS


def has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return is_unknown(value)


def has_secret(value: Any) -> bool:
    if is_secret(value):
        return True
    if isinstance(value, dict):
        return any(has_secret(item) for item in value.values())
    return isinstance(value, list) and any(has_secret(item) for item in value)


def conceal(value: Object, like: Any) -> Object:
    """`value` with secret markers where the wrapped `like` has them, and on a Secret's own data.

    A list that holds a secret becomes one as a whole: its items need not be in the same places.
    """
    if value.get("kind") == "Secret" and value.get("apiVersion", "v1") == "v1":
        value = value | {key: secret(value[key]) for key in ("data", "stringData") if key in value}
        like = (
            {key: item for key, item in like.items() if key not in ("data", "stringData")} if like else like
        )
    if not isinstance(like, dict):
        return value
    concealed = dict(value)
    for key, wrapped in like.items():
        if key not in value:
            continue
        item = value[key]
        if isinstance(item, dict) and isinstance(wrapped, dict) and not is_secret(wrapped):
            if not is_secret(item):
                concealed[key] = conceal(item, wrapped)
        elif has_secret(wrapped):
            concealed[key] = secret(item)
    return concealed


class Redactor:
    """Takes the secret values of some properties out of a text, whatever form the API quotes them in."""

    def __init__(self, *wrapped: Object) -> None:
        forms: set[str] = set()
        for properties in wrapped:
            for value in _secret_strings(properties):
                forms.update(_forms(value))
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, "[secret]")
        return text


def _secret_strings(value: Any, inside: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        hidden = inside or is_secret(value)
        opaque = value.get("kind") == "Secret"
        for key, item in value.items():
            if key != SIGNATURE:
                yield from _secret_strings(item, hidden or (opaque and key in ("data", "stringData")))
    elif isinstance(value, list):
        for item in value:
            yield from _secret_strings(item, inside)
    elif inside and isinstance(value, str | int) and not isinstance(value, bool):
        yield str(value)


def _forms(value: str) -> Iterator[str]:
    candidates = [value, base64.b64encode(value.encode()).decode()]
    with suppress(binascii.Error, UnicodeDecodeError):
        candidates.append(base64.b64decode(value, validate=True).decode())
    for candidate in candidates:
        if len(candidate) > 2 and candidate != SECRET:
            yield candidate
            yield candidate.encode("unicode_escape").decode()
