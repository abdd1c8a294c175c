"""Every namespace says whose it is, what for, and who pays."""

from __future__ import annotations

from collections.abc import Iterator

from components import naming
from policies.objects import SYSTEM_NAMESPACES, labels, metadata
from policies.rule import Object, Rule
from policies.unknown import known

_ALL = (naming.ENVIRONMENT, naming.LAYER)
_TENANT = (naming.TENANT, naming.PURPOSE, naming.COST_CENTER)
_PLATFORM = ("foundation", "platform")


def check(obj: Object) -> Iterator[str]:
    name, has = metadata(obj).get("name"), labels(obj)
    if not known(name) or not known(has) or name in SYSTEM_NAMESPACES:
        return
    ours = has.get(naming.LAYER) in _PLATFORM
    missing = [key for key in (_ALL if ours else (*_ALL, *_TENANT)) if not has.get(key)]
    if missing:
        yield f"label {', '.join(missing)} missing"


RULE = Rule(
    id="namespace-labels",
    title="Every namespace carries environment and layer, a tenant's also tenant, purpose and cost center",
    severity="high",
    controls=(
        "NIST-800-53:CM-8",
        "MLPS-2.0:8.1.10.2",
        "ISO-42001:A.4.2",
        "CIS-Kubernetes:5.7.1",
    ),
    remediation="Label the namespace with bastide.dev/environment, layer, tenant, purpose and cost-center.",
    kinds=("v1/Namespace",),
    covers=("P1", "T1"),
    check=check,
)
