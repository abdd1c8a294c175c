"""What rules about OpenStack ask of its resources.

Their kinds are `openstack.org/<module>/<Kind>`; no API server ever sees them, so they have no admission form.
"""

from __future__ import annotations

from typing import Any, Final

from policies.objects import OPENSTACK
from policies.rule import Object
from policies.unknown import known

INSTANCE: Final = (f"{OPENSTACK}/compute/Instance",)
LISTENER: Final = (f"{OPENSTACK}/loadbalancer/Listener",)
PORT: Final = (f"{OPENSTACK}/networking/Port",)
SECURITY_RULE: Final = (f"{OPENSTACK}/networking/SecGroupRule",)
VOLUME: Final = (f"{OPENSTACK}/blockstorage/Volume",)
TAGGED: Final = (
    *INSTANCE,
    *LISTENER,
    *PORT,
    *VOLUME,
    f"{OPENSTACK}/images/Image",
    f"{OPENSTACK}/loadbalancer/LoadBalancer",
    f"{OPENSTACK}/networking/FloatingIp",
    f"{OPENSTACK}/networking/Network",
    f"{OPENSTACK}/networking/Router",
    f"{OPENSTACK}/networking/SecGroup",
    f"{OPENSTACK}/networking/Subnet",
)
ENCRYPTED: Final = "bastide:encrypted"
"""Metadata of a volume whose type encrypts: it cannot be read from the type's name."""
POOL: Final = "bastide:pool"
"""Metadata of a machine: the pool that it is one of."""
_WIDEST: Final = {4: 8, 6: 16}
"""Shortest prefix by IP version that still means somebody and not everybody."""


def told(obj: Object) -> Any:
    """The metadata of a resource; empty where it has none."""
    return obj.get("metadata") or {}


def too_wide(cidr: Any) -> bool:
    """Whether a range is everybody, or such a part of it that a few make everybody; an unknown one is not."""
    if not known(cidr):
        return False
    length = str(cidr).rpartition("/")[2]
    return "/" in str(cidr) and length.isdigit() and int(length) < _WIDEST[6 if ":" in str(cidr) else 4]
