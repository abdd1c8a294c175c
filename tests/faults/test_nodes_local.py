"""Faults of nodes that need no machine: real programs and servers fail, the callback tells why."""

from __future__ import annotations

import datetime
import functools
import hashlib
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.ansible.running import LOCAL, run_tasks

pytestmark = pytest.mark.fault
DAY = datetime.timedelta(days=1)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def served(folder: Path, pem: Path | None = None) -> Iterator[str]:
    """A web server over `folder`, with TLS where `pem` holds key and certificate; gives its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder))
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if pem else ''}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(path: Path, start: datetime.timedelta, end: datetime.timedelta) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key; valid from `start` to `end`, seen from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    import ipaddress

    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + start)
        .not_valid_after(now + end)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("start", "end", "cause"),
    [(-10 * DAY, -DAY, "certificate-expired"), (DAY, 10 * DAY, "certificate-early")],
)
def test_a_certificate_out_of_its_time_is_told(
    tmp_path: Path, start: datetime.timedelta, end: datetime.timedelta, cause: str
) -> None:
    def tasks(url: str, pem: Path) -> list[dict[str, Any]]:
        step = {"url": f"{url}/", "ca_path": str(pem)}
        return [{"name": "Get the index", "ansible.builtin.uri": step}]

    for wrong in (True, False):
        pem = certificate(tmp_path / "pem", *((start, end) if wrong else (-DAY, DAY)))
        with served(tmp_path, pem) as url:
            ran = run_tasks(tmp_path, tasks(url, pem))
        assert (ran.status != 0) == wrong, ran.output
        assert [(f["host"], f["step"], f["cause"]) for f in ran.faults] == [("h1", "Get the index", cause)][
            :wrong
        ]


def bundle(folder: Path, content: bytes, told: bytes) -> dict[str, str]:
    """A store with one artefact of `content` whose index tells the digest of `told`."""
    entry = {"name": "tool", "version": "1", "file": "tool", "sha256": hashlib.sha256(told).hexdigest()}
    entries = [{**entry, "arch": arch} for arch in ("amd64", "arm64")]
    (folder / "tool").write_bytes(content)
    (folder / "index.json").write_text(json.dumps({"artifacts": entries}))
    return {"digest": "sha256:" + hashlib.sha256((folder / "index.json").read_bytes()).hexdigest()}


def fetching(root: Path, store: dict[str, str]) -> list[dict[str, Any]]:
    step = {
        "store": store,
        "name": "tool",
        "version": "1",
        "dest": str(root / "tool"),
        "stamps": str(root / "s"),
    }
    return [{"name": "Get the tool", "bastide.nodes.artifact": step}]


def test_a_wrong_digest_is_told_and_nothing_is_installed(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    with served(folder) as url:
        store = {"url": url, **bundle(folder, b"changed", b"right")}
        ran = run_tasks(tmp_path, fetching(tmp_path, store))
        (fault,) = ran.faults
        assert (fault["host"], fault["step"], fault["cause"]) == ("h1", "Get the tool", "wrong-digest")
        assert f"{url}/tool" in fault["said"]
        assert not (tmp_path / "tool").exists()
        store |= bundle(folder, b"right", b"right")
        assert run_tasks(tmp_path, fetching(tmp_path, store)).status == 0
    assert (tmp_path / "tool").read_bytes() == b"right"


def test_a_store_that_does_not_answer_is_told_with_its_url(tmp_path: Path) -> None:
    with served(tmp_path) as url:
        pass
    (fault,) = run_tasks(tmp_path, fetching(tmp_path, {"url": url, "digest": "sha256:" + "0" * 64})).faults
    assert fault["cause"] == "artifact-store"
    assert url in fault["said"]


def test_what_reaches_out_of_the_air_gap_is_told_with_its_url(tmp_path: Path) -> None:
    url = "https://packages.invalid/key.asc"
    step = {"url": url, "dest": str(tmp_path / "key")}
    (fault,) = run_tasks(tmp_path, [{"name": "Get a key", "ansible.builtin.get_url": step}]).faults
    assert (fault["step"], fault["cause"]) == ("Get a key", "air-gap")
    assert url in fault["said"]


@pytest.mark.parametrize(
    ("check", "cause"),
    [
        ({"id": "kernel", "found": "5.10.0-28-amd64", "at_least": "6.1"}, "kernel"),
        ({"id": "devices", "found": "7", "equals": "8"}, "accelerator"),
        ({"id": "clock", "found": "187", "at_most": "5"}, "clock"),
        ({"id": "free-space", "found": "12", "at_least": "1024"}, "disk-full"),
    ],
)
def test_failed_checks_are_told_with_their_own_mend(
    tmp_path: Path, check: dict[str, str], cause: str
) -> None:
    step = {"role": "some", "phase": "preflight", "checks": [{**check, "mend": "Do this."}]}
    ran = run_tasks(
        tmp_path, [{"name": "Check the machine", "bastide.nodes.validate": step}], None, "--check"
    )
    (fault,) = ran.faults
    assert (fault["host"], fault["step"], fault["cause"]) == ("h1", "Check the machine", cause)
    assert fault["mend"] == "Do this."


def test_a_host_with_another_key_and_one_that_is_off_are_told(tmp_path: Path) -> None:
    off = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_connection": "ssh"}
    ran = run_tasks(
        tmp_path,
        [{"name": "Begin", "ansible.builtin.command": "true", "changed_when": False}],
        {"all": {"hosts": {"off": {**LOCAL, **off}}}},
    )
    (fault,) = ran.faults
    assert (fault["host"], fault["cause"], fault["unreachable"]) == ("off", "unreachable", True)
