"""Drills: a tenant is bounded and closed to others, and its people cannot open it.

Each has a control: the same request where it is allowed. A refusal counts only beside an acceptance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from components import probe
from components.cluster import ApiError, Cluster, Identity
from components.drill import Answer, Drill
from components.manifests import RBAC, binding, group
from components.model import Tenant, TenantOutputs

_CLAIM_MAX = 32
"""Devices of one claim at most (Kubernetes API, AllocationResultsMaxSize)."""
_DEVICES = ".deviceclass.resource.k8s.io/devices"
_COVERS = {
    "cross-tenant-reads": ("T2",),
    "device-quota": ("T1", "T2"),
    "privileged-pod": ("T2",),
    "default-deny": ("T2", "X3"),
    "no-escalation": ("T2", "X2"),
}
_OTHERS = ("bastide-system",)


def drills(tenants: Mapping[str, Tenant], outputs: Sequence[TenantOutputs]) -> tuple[Drill, ...]:
    """The drills of every deployed tenant; reads are tried against all namespaces of all other tenants."""
    deployed = [known for known in outputs if known.tenant in tenants]
    made: list[Drill] = []
    for own in deployed:
        others = [name for other in deployed if other is not own for name in other.namespaces.values()]
        made += [
            _cross_tenant_reads(own, others or _OTHERS),
            _device_quota(own),
            _privileged_pod(own),
            _default_deny(own),
            _no_escalation(own),
        ]
    return tuple(made)


def _drill(
    own: TenantOutputs, name: str, ask: Callable[[Cluster], Answer], *, asked: str, expected: str
) -> Drill:
    covers = _COVERS[name]
    return Drill(
        id=f"tenancy.{name}", target=own.tenant, covers=covers, asked=asked, expected=expected, probe=ask
    )


def _people(own: TenantOutputs) -> tuple[Identity, Identity]:
    """A developer (an admin where the tenant has no developers) and an admin."""
    admins = own.groups["admin"]
    return probe.member(*(own.groups.get("developer") or admins)), probe.member(*admins)


def _first(own: TenantOutputs) -> str:
    return next(iter(own.namespaces.values()))


def _cross_tenant_reads(own: TenantOutputs, others: Iterable[str]) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        namespace, agent_name = next(iter(own.service_accounts.values())).split("/")
        developer, admin = _people(own)
        agent = probe.service_account(cluster, namespace, agent_name)
        readers = {
            "agent": (agent, ("pods", "configmaps")),
            "developer": (developer, ("pods", "configmaps")),
            "admin": (admin, ("pods", "secrets", "configmaps")),
        }
        refused = 0
        for role, (identity, readable) in readers.items():
            for kind in readable:
                found = cluster.items(f"/api/v1/namespaces/{namespace}/{kind}", identity=identity)
                if kind == "configmaps" and not found:
                    return Answer(text=f"{role} found no {kind} in its own {namespace}", passed=False)
            for other in others:
                for kind in ("pods", "secrets", "configmaps"):
                    path = f"/api/v1/namespaces/{other}/{kind}"
                    if probe.refusal(cluster, "GET", path, identity=identity) is None:
                        return Answer(text=f"{role} read {kind} of {other}", passed=False)
                    refused += 1
        return Answer(
            text=f"own reads succeeded; {refused} reads of others were forbidden", passed=refused > 0
        )

    return _drill(
        own,
        "cross-tenant-reads",
        ask,
        asked="agent (by its token), developer and admin read pods, secrets and configmaps, own and others'",
        expected="own reads succeed, every read of another tenant is forbidden",
    )


def _device_quota(own: TenantOutputs) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        developer, _ = _people(own)
        for attempt in range(5):
            # Another drill's claim may have come or gone between the reading and the asking: then again.
            time.sleep(attempt)
            namespace, device_class, most, used = _granted(cluster, own)
            path = f"/apis/resource.k8s.io/v1/namespaces/{namespace}/resourceclaims"
            over, within = (
                probe.refusal(
                    cluster,
                    "POST",
                    path,
                    probe.claim(probe.unique("drill"), namespace, device_class, count),
                    params=probe.DRY_RUN,
                    identity=developer,
                )
                for count in (most - used + 1, most - used)
            )
            if within is None and over is not None:
                break
        if within is not None:
            return Answer(text=f"{most - used} of {device_class} refused too: {within.message}", passed=False)
        if over is None:
            return Answer(text=f"{most - used + 1} of {device_class} accepted, quota {most}", passed=False)
        text = f"{most - used} accepted; {most - used + 1} refused: {over.message}"
        return Answer(text=text, passed="exceeded quota" in over.message)

    return _drill(
        own,
        "device-quota",
        ask,
        asked="a developer claims all accelerators that the quota leaves, and one more",
        expected="the quota accepts the first claim and refuses the second",
    )


def _granted(cluster: Cluster, own: TenantOutputs) -> tuple[str, str, int, int]:
    """A namespace and class with room for one claim, its quota and what is used. Raises `ApiError`."""
    for namespace in own.namespaces.values():
        status = cluster.get(f"/api/v1/namespaces/{namespace}/resourcequotas/quota")["status"]
        for key, text in status["hard"].items():
            most, used = int(text) if key.endswith(_DEVICES) else 0, status["used"].get(key, "0")
            if 0 < most - int(used or 0) < _CLAIM_MAX:
                return namespace, key.removesuffix(_DEVICES), most, int(used)
    raise ApiError(404, {"reason": "NoRoom", "message": f"{own.tenant} has no free accelerator to ask for"})


def _privileged_pod(own: TenantOutputs) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        namespace, (developer, _) = _first(own), _people(own)
        path = f"/api/v1/namespaces/{namespace}/pods"
        plain = probe.pod(probe.unique("drill"), namespace, {})
        privileged = probe.pod(probe.unique("drill"), namespace, {})
        security = privileged["spec"]["containers"][0]["securityContext"]
        security |= {"privileged": True, "allowPrivilegeEscalation": True}
        options = {"params": probe.DRY_RUN, "identity": developer}
        if (control := probe.refusal(cluster, "POST", path, plain, **options)) is not None:
            return Answer(text=f"the restricted pod was refused too: {control.message}", passed=False)
        if (error := probe.refusal(cluster, "POST", path, privileged, **options)) is None:
            return Answer(text="the privileged pod was accepted", passed=False)
        return Answer(text=error.message, passed="privileged" in error.message)

    return _drill(
        own,
        "privileged-pod",
        ask,
        asked="a developer creates a restricted pod and a privileged one",
        expected="the restricted one is accepted, the privileged one refused",
    )


def _default_deny(own: TenantOutputs) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        _, admin = _people(own)
        said = ""
        for namespace in own.namespaces.values():
            path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/default-deny"
            spec = cluster.get(path, identity=admin)["spec"]
            closed = {"Ingress", "Egress"} == set(spec["policyTypes"]) and not spec.get("podSelector")
            if not closed or spec.get("ingress") or spec.get("egress"):
                return Answer(text=f"the policy of {namespace} leaves a door open: {spec}", passed=False)
            refused = probe.refusal(cluster, "DELETE", path, params=probe.DRY_RUN, identity=admin)
            if refused is None or refused.code != 403:
                return Answer(text=f"an admin may delete the policy of {namespace}", passed=False)
            said = refused.message
        text = f"closed in {len(own.namespaces)} namespaces; deletion: {said}"
        return Answer(text=text, passed=bool(said))

    return _drill(
        own,
        "default-deny",
        ask,
        asked="the tenant's admin reads the default-deny policy of each namespace and deletes it",
        expected="it is there and closes both directions; the deletion is forbidden",
    )


def _no_escalation(own: TenantOutputs) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        namespace, said = _first(own), ""
        name = probe.unique("drill")
        path = f"/apis/{RBAC}/v1/namespaces/{namespace}/rolebindings"
        grant = binding(name, {}, [group("system:authenticated")], namespace)
        grant["roleRef"] |= {"kind": "ClusterRole", "name": "cluster-admin"}
        note = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        for role, person in zip(("developer", "admin"), _people(own), strict=True):
            options: dict[str, Any] = {"params": probe.DRY_RUN, "identity": person}
            cluster.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", note, **options)
            error = probe.refusal(cluster, "POST", path, grant, **options)
            if error is None or error.code != 403:
                return Answer(text=f"the {role} bound cluster-admin in {namespace}", passed=False)
            said = error.message
        return Answer(text=said, passed=bool(said))

    return _drill(
        own,
        "no-escalation",
        ask,
        asked="developer and admin create a configmap, then bind cluster-admin in their own namespace",
        expected="the configmap is accepted, the binding forbidden",
    )
