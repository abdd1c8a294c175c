"""What rules about the AI gateway ask of its objects: kinds, annotations, dates, targets of policies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from components import naming
from policies.objects import metadata, notes, of_kind, spec
from policies.rule import Object, Planned
from policies.unknown import UNKNOWN, known


def _versions(group: str, kind: str, *versions: str) -> tuple[str, ...]:
    return tuple(f"{group}/{version}/{kind}" for version in versions)


AI_ROUTE: Final = _versions(naming.AI_GATEWAY_API, "AIGatewayRoute", "v1beta1", "v1alpha1")
AI_BACKEND: Final = _versions(naming.AI_GATEWAY_API, "AIServiceBackend", "v1beta1", "v1alpha1")
AI_BACKEND_SECURITY: Final = _versions(naming.AI_GATEWAY_API, "BackendSecurityPolicy", "v1beta1", "v1alpha1")
AI_CONFIG: Final = _versions(naming.AI_GATEWAY_API, "GatewayConfig", "v1beta1", "v1alpha1")
AI_QUOTA: Final = _versions(naming.AI_GATEWAY_API, "QuotaPolicy", "v1alpha1")
TOOL_ROUTE: Final = _versions(naming.AI_GATEWAY_API, "MCPRoute", "v1beta1", "v1alpha1")
BACKEND: Final = _versions(naming.ENVOY_GATEWAY_API, "Backend", "v1alpha1")
CLIENT_TRAFFIC: Final = _versions(naming.ENVOY_GATEWAY_API, "ClientTrafficPolicy", "v1alpha1")
EXTENSION: Final = _versions(naming.ENVOY_GATEWAY_API, "EnvoyExtensionPolicy", "v1alpha1")
PROXY: Final = _versions(naming.ENVOY_GATEWAY_API, "EnvoyProxy", "v1alpha1")
SECURITY: Final = _versions(naming.ENVOY_GATEWAY_API, "SecurityPolicy", "v1alpha1")
TRAFFIC: Final = _versions(naming.ENVOY_GATEWAY_API, "BackendTrafficPolicy", "v1alpha1")
GATEWAY: Final = _versions(naming.GATEWAY_API, "Gateway", "v1", "v1beta1")
GATEWAY_CLASS: Final = _versions(naming.GATEWAY_API, "GatewayClass", "v1", "v1beta1")
REFERENCE_GRANT: Final = _versions(naming.GATEWAY_API, "ReferenceGrant", "v1beta1", "v1")
ROUTE: Final = _versions(naming.GATEWAY_API, "HTTPRoute", "v1", "v1beta1")
EXTERNAL_SECRET: Final = _versions(naming.SECRETS_API, "ExternalSecret", "v1")

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def table(obj: Object, key: str, width: int) -> Any:
    """The rows of an annotation that `naming.table` made; `UNKNOWN` where it is.

    A row of another width says nothing and is left out.
    """
    text = notes(obj).get(key) or ""
    if not known(text):
        return UNKNOWN
    return [row for line in text.split("\n") if len(row := tuple(line.split(" "))) == width]


def listed(obj: Object, key: str) -> Any:
    """The items of an annotation that is a list; `UNKNOWN` where it is."""
    text = notes(obj).get(key) or ""
    return [item for item in text.split(",") if item not in ("", "-")] if known(text) else UNKNOWN


def over(date: str) -> str:
    """What is wrong with the last day of something, as UTC has it; empty where nothing is."""
    if not _DATE.fullmatch(date):
        return f"{date} is no date"
    return f"expired on {date}" if date < datetime.now(UTC).date().isoformat() else ""


def place(obj: Object) -> tuple[Any, Any]:
    """Namespace and name of an object."""
    return metadata(obj).get("namespace"), metadata(obj).get("name")


def planned(resources: Sequence[Planned], kinds: Iterable[str]) -> Iterator[Planned]:
    """The resources of a kind, in any of its versions."""
    return (resource for kind in kinds for resource in of_kind(resources, kind))


def targets(obj: Object) -> list[Any]:
    """What a policy is attached to: references and selectors, each with a `kind`."""
    has = spec(obj)
    single = has.get("targetRef")
    return [*([single] if single else []), *_items(has, "targetRefs"), *_items(has, "targetSelectors")]


def aims_at(policy: Object, gateway: Object, listener: Any = None) -> bool:
    """Whether a policy is attached to a Gateway of its own namespace: the whole of it, or one `listener`."""
    where, name = place(gateway)
    return bool(place(policy)[0] == where) and any(
        one.get("kind") == "Gateway"
        and one.get("name") == name
        and one.get("sectionName") in (None, listener)
        for one in targets(policy)
    )


def of_platform(where: Any, name: Any) -> bool:
    """Whether that is one of the Gateways that tenants share: `bastide-gateway/ai-0`."""
    ours = not known(name) or str(name).startswith(f"{naming.GATEWAY}-")
    return bool(where == naming.GATEWAY_NAMESPACE and ours)


def of_keys(obj: Object) -> bool:
    """Whether an ExternalSecret makes a Secret of virtual keys."""
    name = (spec(obj).get("target") or {}).get("name") or metadata(obj).get("name")
    return known(name) and str(name).startswith(naming.KEYS_PREFIX)


def asked(rule: Any) -> list[Any]:
    """The models that a rule of an AIGatewayRoute answers for, as far as they are known."""
    headers = (header for match in rule.get("matches") or () for header in match.get("headers") or ())
    models = (
        header.get("value")
        for header in headers
        if known(name := header.get("name")) and name == naming.MODEL_HEADER
    )
    return [model for model in models if known(model)]


def _items(part: Any, key: str) -> Iterable[Any]:
    return part.get(key) or ()
