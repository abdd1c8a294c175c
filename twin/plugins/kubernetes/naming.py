"""Names of objects whose program gives none: `<resource name>-<8 hexadecimal digits>`."""

from __future__ import annotations

import hashlib
import secrets

from twin.plugins.kubernetes.objects import annotate, annotation
from twin.plugins.kubernetes.stubs import provider_pb2
from twin.plugins.kubernetes.values import Object, is_unknown

AUTONAMED = "pulumi.com/autonamed"
_Options = provider_pb2.CheckRequest.AutonamingOptions
_DIGITS = 8
_LONGEST = 253
"""Characters that any name of an object may have."""


class NamingError(ValueError):
    """The object needs a name, and none may be made up."""


def is_autonamed(inputs: Object) -> bool:
    return annotation(inputs, AUTONAMED) == "true"


def assign(inputs: Object, old: Object, name: str, seed: bytes, options: _Options | None) -> Object:
    """`inputs` with a name: its own, that of `old` inputs, or a new one.

    `seed` is the engine's, so that an update names what its preview has named. Raises `NamingError`.
    """
    meta = inputs.get("metadata", {})
    if is_unknown(meta) or meta.get("name"):
        return inputs
    if meta.get("generateName"):
        raise NamingError(
            "metadata.generateName: server-side apply needs a name; leave both out to be given one, or set "
            "metadata.name"
        )
    if is_autonamed(old):
        chosen = old["metadata"]["name"]
    elif options is not None and options.mode == _Options.DISABLE:
        raise NamingError("metadata.name: missing, and `pulumi:autonaming` is disabled; set a name")
    elif options is not None and options.proposed_name:
        chosen = options.proposed_name
    else:
        chosen = unique(f"{name}-", seed)
    return annotate(inputs | {"metadata": {**meta, "name": chosen}}, AUTONAMED, "true")


def unique(prefix: str, seed: bytes = b"") -> str:
    """`prefix` and random digits, the same for the same `seed`."""
    digits = (
        hashlib.shake_128(seed + prefix.encode()).hexdigest(_DIGITS // 2)
        if seed
        else secrets.token_hex(_DIGITS // 2)
    )
    return prefix[: _LONGEST - _DIGITS] + digits
