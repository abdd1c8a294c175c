"""Blocks under the real engine, on a real control plane."""

from __future__ import annotations

import json

import pytest

from components.cluster import Cluster
from components.tenancy.values import namespace_name
from tests.support.engine import Engine, Project
from tests.support.plane import Plane
from tests.support.small import Small

pytestmark = [pytest.mark.plane, pytest.mark.engine]

POOLS = """
    import json
    from pathlib import Path
    from components.model import Foundation
    from components.nodes.args import NodePoolsArgs
    from components.nodes.component import NodePools

    given = json.loads(Path("model.json").read_text())
    NodePools("pools", NodePoolsArgs(foundation=Foundation.model_validate(given)))
"""
TENANT = """
    import json
    from pathlib import Path
    from components.model import Tenant
    from components.tenancy.args import TenancyArgs
    from components.tenancy.component import Tenancy

    tenant = Tenant.model_validate(json.loads(Path("model.json").read_text()))
    Tenancy(
        tenant.id,
        TenancyArgs(environment="twin", tenant=tenant, device_classes=("gpu",), protect=True),
    )
"""


def project(engine: Engine, plane: Plane, program: str) -> Project:
    made = engine.project(program, environ={"KUBECONFIG": str(plane.kubeconfig)})
    made.config("kubernetes:context", plane.context)
    return made


def write(target: Project, model: object) -> None:
    (target.root / "model.json").write_text(json.dumps(model))


def nodes(cluster: Cluster, small: Small) -> dict[str, str]:
    """The cores of this environment's machines, by name."""
    found = cluster.items(
        "/api/v1/nodes",
        params={"labelSelector": f"bastide.dev/environment={small.foundation.environment.name}"},
    )
    return {
        node["metadata"]["name"]: node["status"]["capacity"]["cpu"]
        for node in found
        if node["metadata"]["name"].split("-")[-2] == small.mark
    }


def test_pools_grow_shrink_and_change(engine: Engine, plane: Plane) -> None:
    small = Small.make()
    given = small.foundation.model_dump(mode="json")
    pools = project(engine, plane, POOLS)
    write(pools, given)
    try:
        pools.up().ok()
        assert set(pools.up("--refresh").ok().ops().values()) <= {"same", "refresh"}
        given["pools"][0]["count"] = 2
        given["pools"][1]["machine"]["cpu"] = "96"
        write(pools, given)
        ops = pools.up().ok().ops()
        first, second = given["pools"][0]["id"], given["pools"][1]["id"]
        assert ops[f"node/{first}-1"] == "create"
        assert ops[f"node/{first}-0"] == "same"
        assert "replace" in ops[f"node/{second}-0"]
        with plane.cluster() as cluster:
            found = nodes(cluster, small)
            assert set(found) == {f"{first}-0", f"{first}-1", f"{second}-0", f"{given['pools'][2]['id']}-0"}
            assert found[f"{second}-0"] == "96"
    finally:
        pools.destroy().ok()
    with plane.cluster() as cluster:
        assert nodes(cluster, small) == {}


@pytest.mark.fault
def test_a_protected_namespace_stops_the_whole_deletion(engine: Engine, plane: Plane) -> None:
    """The engine checks protection step by step: only if all is protected, nothing at all is deleted."""
    whole = next(iter(Small.make().tenants.values()))
    tenant = whole.model_copy(update={"namespaces": whole.namespaces[:2]})
    given = tenant.model_dump(mode="json")
    stack = project(engine, plane, TENANT)
    write(stack, given)
    stack.up().ok()
    try:
        write(stack, {**given, "namespaces": given["namespaces"][:1]})
        stack.up().failed("protect")
        stack.destroy().failed("protect")
        with plane.cluster() as cluster:
            for entry in tenant.namespaces:
                name = namespace_name(tenant, entry)
                assert cluster.get(f"/api/v1/namespaces/{name}")["status"]["phase"] == "Active"
                policy = f"/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies/default-deny"
                assert cluster.get(policy)["metadata"]["name"] == "default-deny"
    finally:
        stack.run("state", "unprotect", "--all", "--yes").ok()
        stack.destroy().ok()
