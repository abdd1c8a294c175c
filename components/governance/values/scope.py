"""A tenant at the gateway, and its clients by grant, department and user, as regular expressions.

A client id is `<grant>.<department>.<user>.<key>` for a virtual key, the last two as pseudonyms, and a SPIFFE
id for a workload. Envoy matches expressions (RE2) against the whole value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from components import naming
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import Gateway, Grant, TenantGateway, VirtualKey, Workload

Item = TypeVar("Item")
Chosen: TypeAlias = Callable[[Workload], bool]


def everyone(_: Workload) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What all manifests of a tenant are made from: `use` is what it may use of `gateway`."""

    tenant: str
    use: TenantGateway
    gateway: Gateway
    namespace: str
    labels: Mapping[str, str]

    def manifest(self, api_version: str, kind: str, name: str, spec: Mapping[str, Any]) -> Manifest:
        """An object in the tenant's namespace."""
        about = meta(name, self.labels, self.namespace)
        return {"apiVersion": api_version, "kind": kind, "metadata": about, "spec": dict(spec)}

    def grant(self, grant_id: str) -> Grant:
        """The grant with an id. Raises `LookupError` where there is none; the model's rules see to it."""
        if (found := self.use.grant(grant_id)) is None:
            raise LookupError(f"no grant {grant_id}")
        return found

    def key(self, key: VirtualKey) -> str:
        """The client id of a virtual key."""
        department = self.grant(key.grant).department
        return naming.client(self.tenant, key.grant, department, key.user, key.id)

    def workload(self, workload: Workload) -> str:
        """The client id of a workload."""
        return naming.spiffe(self.gateway.identity.trust_domain, self._home(workload), naming.AGENT)

    def workloads(self, chosen: Chosen = everyone) -> str:
        """Some workloads as one expression; empty where there is none.

        The namespaces alone differ, so that the expression stays short: Envoy Gateway takes 1,024 characters.
        """
        homes = "|".join(sorted(self._home(each) for each in self.use.workloads if chosen(each)))
        domain = self.gateway.identity.trust_domain.replace(".", r"\.")
        return naming.spiffe(domain, f"({homes})", naming.AGENT) if homes else ""

    def of_grant(self, grant: str) -> str:
        """All clients of a grant."""
        return _either(keys_of_grants([grant]), self.workloads(lambda w: w.grant == grant))

    def of_department(self, department: str) -> str:
        """All clients of a department, under whatever grant."""
        keys = rf"[a-z0-9-]+\.{department}\..*"
        return _either(keys, self.workloads(lambda w: w.department == department))

    def of_user(self, user: str) -> str:
        """All keys of a user."""
        return rf"[a-z0-9-]+\.[a-z0-9-]+\.{naming.pseudonym(self.tenant, user)}\..*"

    def _home(self, workload: Workload) -> str:
        return naming.namespace(self.tenant, workload.purpose, workload.department)


def batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """`items` in order, at most `size` at a time."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def keys_of_grants(grants: Iterable[str]) -> str:
    """All keys of some grants. No workload is among them: a SPIFFE id has a colon before its first dot."""
    return rf"({'|'.join(sorted(grants))})\..*"


def _either(keys: str, workloads: str) -> str:
    return f"{keys}|{workloads}" if workloads else keys
