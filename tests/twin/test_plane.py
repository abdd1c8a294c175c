"""The shared control plane: real, closed and well."""

from __future__ import annotations

import pytest

from tests.support.plane import Plane

pytestmark = pytest.mark.plane


def test_the_plane_serves(plane: Plane, namespace: str) -> None:
    with plane.cluster() as cluster:
        assert cluster.get("/version")["gitVersion"] == f"v{plane.toolchain.tools['kube-apiserver'].version}"
        assert cluster.get(f"/api/v1/namespaces/{namespace}")["status"]["phase"] == "Active"
