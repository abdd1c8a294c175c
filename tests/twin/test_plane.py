"""The shared control plane: real, closed to strangers, private at rest."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from components.cluster import ApiError, Cluster, Identity
from tests.support.plane import Plane
from tests.support.sockets import listening
from twin.controlplane import pki
from twin.controlplane.health import trusting
from twin.controlplane.layout import Layout
from twin.controlplane.lifecycle import State, plane_status
from twin.controlplane.members import MEMBERS
from twin.controlplane.ports import HOST

pytestmark = pytest.mark.plane


def test_every_member_is_healthy(plane: Plane) -> None:
    members = plane_status(plane.settings)
    assert [member.name for member in members] == list(MEMBERS)
    assert {member.state for member in members} == {State.HEALTHY}


def test_the_served_version_is_the_resolved_one(plane: Plane) -> None:
    with plane.cluster() as cluster:
        assert cluster.get("/version")["gitVersion"] == f"v{plane.toolchain.tools['kube-apiserver'].version}"


def test_members_listen_on_loopback_only(plane: Plane) -> None:
    for member in plane_status(plane.settings):
        sockets = listening(member.pid)
        assert (HOST, member.port) in sockets
        assert {address for address, _ in sockets} == {HOST}, member.name


def test_the_operators_kubeconfig_is_private_and_named(plane: Plane) -> None:
    assert plane.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert plane.settings.home.stat().st_mode & 0o777 == 0o700
    assert plane.context == f"bastide-{plane.settings.name}"


def test_a_client_that_trusts_another_authority_refuses_the_server(plane: Plane, tmp_path: Path) -> None:
    stranger = pki.ensure(tmp_path / "pki")
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(plane, trusting(stranger, "ca", "operator"), "/readyz")


def test_a_certificate_of_another_authority_is_nobody(plane: Plane, tmp_path: Path) -> None:
    stranger = pki.ensure(tmp_path / "pki")
    context = ssl.create_default_context(cafile=str(Layout(plane.settings.home).pki.certificate("ca")))
    context.load_cert_chain(stranger.certificate("operator"), stranger.key("operator"))
    assert ask(plane, context, "/api/v1/namespaces") == 401


@pytest.mark.parametrize(("path", "code"), [("/readyz", 200), ("/version", 401), ("/api/v1/nodes", 401)])
def test_anonymous_requests_reach_health_only(plane: Plane, path: str, code: int) -> None:
    context = ssl.create_default_context(cafile=str(Layout(plane.settings.home).pki.certificate("ca")))
    assert ask(plane, context, path) == code


def test_etcd_answers_nobody_without_its_own_certificate(plane: Plane) -> None:
    files = Layout(plane.settings.home).pki
    port = next(member.port for member in plane_status(plane.settings) if member.name == "etcd")
    context = ssl.create_default_context(cafile=str(files.certificate("etcd-ca")))
    context.load_cert_chain(files.certificate("operator"), files.key("operator"))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        answer(port, context, "/health")


def test_secrets_are_encrypted_at_rest_and_absent_from_the_audit_log(plane: Plane, namespace: str) -> None:
    value = "plain-value-4f1d9c"
    with plane.cluster() as cluster:
        post(
            cluster, f"/api/v1/namespaces/{namespace}/configmaps", "ConfigMap", data={"open": f"{value}-open"}
        )
        post(cluster, f"/api/v1/namespaces/{namespace}/secrets", "Secret", stringData={"key": value})
    layout = Layout(plane.settings.home)
    stored = contents(layout.data)
    assert f"{value}-open".encode() in stored, "the search must be able to find a plain value"
    assert value.encode() not in stored.replace(f"{value}-open".encode(), b"")
    audit = wait_for_audit(layout.audit_log, namespace, "secrets")
    assert audit["verb"] == "create"
    assert audit["user"]["username"] == "bastide:operator"
    logged = contents(layout.audit)
    assert value.encode() not in logged
    assert base64.b64encode(value.encode()) not in logged


def test_rbac_refuses_who_was_granted_nothing(plane: Plane, namespace: str) -> None:
    with plane.cluster() as cluster, pytest.raises(ApiError) as caught:
        cluster.get(f"/api/v1/namespaces/{namespace}/pods", identity=Identity(user="stranger"))
    assert caught.value.code == 403


def test_pod_security_holds_where_a_namespace_asks_for_it(plane: Plane, namespace: str) -> None:
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    with plane.cluster() as cluster:
        cluster.request(
            "PATCH",
            f"/api/v1/namespaces/{namespace}",
            label,
            content_type="application/merge-patch+json",
        )
        with pytest.raises(ApiError, match="violates PodSecurity"):
            post(
                cluster,
                f"/api/v1/namespaces/{namespace}/pods",
                "Pod",
                spec={"containers": [{"name": "c", "image": "registry.example/c"}]},
            )


@pytest.mark.parametrize(
    "path",
    [
        "/apis/resource.k8s.io/v1/deviceclasses",
        "/apis/resource.k8s.io/v1/resourceslices",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
        "/api/v1/resourcequotas",
    ],
)
def test_what_the_blocks_need_is_served(plane: Plane, path: str) -> None:
    with plane.cluster() as cluster:
        assert isinstance(cluster.items(path), list)


def post(cluster: Cluster, path: str, kind: str, **fields: Any) -> dict[str, Any]:
    document = {"apiVersion": "v1", "kind": kind, "metadata": {"generateName": "test-"}, **fields}
    return cluster.request("POST", path, document)


def ask(plane: Plane, context: ssl.SSLContext, path: str) -> int:
    port = next(member.port for member in plane_status(plane.settings) if member.name == "kube-apiserver")
    return answer(port, context, path)


def answer(port: int, context: ssl.SSLContext, path: str) -> int:
    connection = http.client.HTTPSConnection(HOST, port, timeout=10, context=context)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def wait_for_audit(log: Path, namespace: str, resource: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            event: dict[str, Any] = json.loads(line)
            target = event.get("objectRef", {})
            if (target.get("namespace"), target.get("resource")) == (namespace, resource):
                return event
        time.sleep(0.2)
    raise AssertionError(f"no audit event on {resource} in {namespace} within 20 seconds")


def test_an_approved_signing_request_gives_a_certificate_that_the_server_believes(
    plane: Plane, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "auditors"),
            x509.NameAttribute(NameOID.COMMON_NAME, "jo"),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    spec = {
        "request": base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
        "expirationSeconds": 3600,
    }
    name = f"test-{uuid.uuid4().hex[:8]}"
    path = f"/apis/certificates.k8s.io/v1/certificatesigningrequests/{name}"
    document = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": spec,
    }
    with plane.cluster() as cluster:
        made = cluster.request("POST", path.rpartition("/")[0], document)
        made["status"]["conditions"] = [{"type": "Approved", "status": "True", "reason": "Test"}]
        cluster.request("PUT", f"{path}/approval", made)
        deadline = time.monotonic() + 30
        while not (signed := cluster.get(path)["status"].get("certificate")) and time.monotonic() < deadline:
            time.sleep(0.1)
        cluster.request("DELETE", path)
    assert signed, "the signer did not sign within 30 seconds"
    pem = tmp_path / "jo.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + base64.b64decode(signed))
    context = ssl.create_default_context(cafile=str(Layout(plane.settings.home).pki.certificate("ca")))
    context.load_cert_chain(pem)
    assert ask(plane, context, "/version") == 200, "known, and allowed what everybody known is"
    assert ask(plane, context, "/api/v1/nodes") == 403, "known, but granted nothing"
