"""Which classes of data may leave the premises is said once, for all backends off the premises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components import naming
from policies.gateway import AI_BACKEND, GATEWAY, listed, of_platform, place, planned
from policies.objects import labels, metadata
from policies.rule import Planned, Rule
from policies.unknown import known


def check_stack(resources: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    said = [listed(one.props, naming.MAY_LEAVE) for one in planned(resources, GATEWAY) if _ours(one)]
    if not all(map(known, said)):
        return
    may = {item for items in said for item in items}
    for backend in planned(resources, AI_BACKEND):
        if labels(backend.props).get(naming.PREMISES) == "on":
            continue
        for one in listed(backend.props, naming.DATA_CLASSES):
            if one not in may:
                name = metadata(backend.props).get("name")
                yield backend.urn, f"backend {name}: data of class {one} must not leave the premises"


def _ours(gateway: Planned) -> bool:
    return of_platform(*place(gateway.props))


RULE = Rule(
    id="classes-may-leave",
    title="Backends off the premises are sent only classes of data that may leave",
    severity="critical",
    controls=(
        "NIST-800-53:AC-4",
        "NIST-800-53:SA-9",
        "ISO-42001:A.10.3",
        "MLPS-2.0:8.1.4.8",
        "OWASP-LLM:LLM02",
    ),
    remediation="Take the class from the provider, or say at the platform's data class that it may leave.",
    kinds=(*AI_BACKEND, *GATEWAY),
    covers=("P1", "G7", "G8"),
    check_stack=check_stack,
)
