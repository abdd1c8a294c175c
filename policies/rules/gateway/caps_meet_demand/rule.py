"""An agent is not starved in the middle of its work by a cap below what it is known to use."""

from __future__ import annotations

from collections.abc import Iterator

from components import naming
from policies.gateway import TRAFFIC, table
from policies.limits import caps
from policies.objects import spec
from policies.rule import Object, Rule
from policies.rules.gateway.grants_approved.rule import WIDTH
from policies.unknown import known, whole


def check(obj: Object) -> Iterator[str]:
    rows = table(obj, naming.GRANTS, WIDTH)
    if not known(rows) or not whole(spec(obj)):
        return
    held = caps(obj)
    for grant, _, _, _, demand, _ in rows:
        most = held.of(grant)
        if most is None:
            yield f"grant {grant} has no enforced limit of tokens in a day"
        elif not demand.isdecimal() or most < int(demand):
            yield f"grant {grant}: {most} tokens a day do not meet its demand of {demand}"


RULE = Rule(
    id="caps-meet-demand",
    title="Every grant has a cap of tokens in a day that meets its modelled demand",
    severity="medium",
    controls=(
        "NIST-800-53:SC-5",
        "NIST-800-53:SC-6",
        "ISO-42001:A.4.5",
        "OWASP-LLM:LLM10",
        "OWASP-Agentic:T4",
    ),
    remediation="Grant a higher tier, correct the modelled demand, or record an approved exception.",
    kinds=TRAFFIC,
    covers=("P1", "G4"),
    check=check,
)
