"""The AI gateway has its guard, in front of what keeps prompts for a retry, and trusts no caller's headers.

A retry sends again what the AI gateway's own processor saw: behind it, the guard would be passed by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from components import naming
from policies.gateway import (
    CLIENT_TRAFFIC,
    EXTENSION,
    GATEWAY,
    GATEWAY_CLASS,
    PROXY,
    TRAFFIC,
    aims_at,
    of_platform,
    place,
    planned,
)
from policies.objects import metadata, spec
from policies.rule import Object, Planned, Rule
from policies.unknown import whole

GUARD, BUFFER = "envoy.filters.http.ext_proc", "envoy.filters.http.buffer"


def check_stack(resources: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    for gateway in planned(resources, GATEWAY):
        if of_platform(*place(gateway.props)):
            for message in _unguarded(gateway.props, resources):
                yield gateway.urn, message


def _unguarded(gateway: Object, resources: Sequence[Planned]) -> Iterator[str]:
    guards = [one.props for one in planned(resources, EXTENSION) if spec(one.props).get("extProc")]
    for listener in spec(gateway).get("listeners") or ():
        name = listener.get("name")
        if name != naming.TOOLS_LISTENER and not any(aims_at(one, gateway, name) for one in guards):
            yield f"listener {name}: no EnvoyExtensionPolicy sends its prompts to the guard"
    if not any(spec(one).get("requestBuffer") for one in _on(gateway, resources, TRAFFIC)):
        yield "no BackendTrafficPolicy buffers its requests: the guard would not be the first to see them"
    if not any(map(_distrusts, _on(gateway, resources, CLIENT_TRAFFIC))):
        yield f"no ClientTrafficPolicy removes {naming.CLIENT_HEADER} as callers send it"
    if not any(map(_guard_first, _proxies(gateway, resources))):
        yield "its EnvoyProxy has no filterOrder that puts ext_proc before buffer"


def _on(gateway: Object, resources: Sequence[Planned], kinds: Iterable[str]) -> Iterator[Object]:
    return (one.props for one in planned(resources, kinds) if aims_at(one.props, gateway))


def _distrusts(policy: Object) -> bool:
    early = ((spec(policy).get("headers") or {}).get("earlyRequestHeaders")) or {}
    matched = ((one.get("type") or "Exact", one.get("value")) for one in early.get("removeOnMatch") or ())
    return (
        not whole(early)
        or naming.CLIENT_HEADER in [name.lower() for name in early.get("remove") or ()]
        or any(_takes(type_, value) for type_, value in matched)
    )


def _takes(type_: Any, value: Any) -> bool:
    if type_ == "Prefix":
        return naming.CLIENT_HEADER.startswith(value)
    return bool(type_ == "Exact" and value == naming.CLIENT_HEADER)


def _proxies(gateway: Object, resources: Sequence[Planned]) -> Iterator[Object]:
    """The EnvoyProxy of the Gateway or of its class."""
    own = (spec(gateway).get("infrastructure") or {}).get("parametersRef") or {}
    wanted = {(place(gateway)[0], own.get("name"))} if own else set()
    for one in planned(resources, GATEWAY_CLASS):
        if metadata(one.props).get("name") == spec(gateway).get("gatewayClassName"):
            ref = spec(one.props).get("parametersRef") or {}
            wanted.add((ref.get("namespace"), ref.get("name")))
    return (one.props for one in planned(resources, PROXY) if place(one.props) in wanted)


def _guard_first(proxy: Object) -> bool:
    order = spec(proxy).get("filterOrder") or ()
    return not whole(order) or any(
        (one.get("name") == GUARD and one.get("before") == BUFFER)
        or (one.get("name") == BUFFER and one.get("after") == GUARD)
        for one in order
    )


RULE = Rule(
    id="gateways-guarded",
    title="The AI gateway masks and checks every prompt first, and callers cannot name themselves",
    severity="critical",
    controls=(
        "NIST-800-53:AC-4",
        "NIST-800-53:SI-10",
        "ISO-42001:A.9.2",
        "MLPS-2.0:8.1.4.11",
        "OWASP-LLM:LLM01",
        "OWASP-LLM:LLM02",
        "OWASP-Agentic:T9",
    ),
    remediation="Attach guard, buffer and header removal to the Gateway; order ext_proc before buffer.",
    kinds=(*GATEWAY, *GATEWAY_CLASS, *EXTENSION, *TRAFFIC, *CLIENT_TRAFFIC, *PROXY),
    covers=("P1", "G7", "X4"),
    check_stack=check_stack,
)
