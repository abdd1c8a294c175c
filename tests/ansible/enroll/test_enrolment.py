"""Enrolment without an Ironic: what is refused beforehand, Keystone's answers, what Ironic is told."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.enroll.machines import enroll, entry
from tests.support.plugins import load

ironic = load("plugins/module_utils/ironic.py")
enrolment = load("plugins/filter/enrolment.py")
CATALOG = [
    {"type": "compute", "endpoints": [{"interface": "public", "region": "one", "url": "http://nova"}]},
    {
        "type": "baremetal",
        "endpoints": [
            {"interface": "admin", "region": "one", "url": "http://admin"},
            {"interface": "public", "region": "one", "url": "http://ironic-one"},
            {"interface": "public", "region": "two", "url": "http://ironic-two"},
        ],
    },
]


@contextmanager
def keystone(status: int, body: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that answers alike, in Keystone's form; gives its address and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            asked.append({"path": self.path, **json.loads(self.rfile.read(length))})
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("X-Subject-Token", "gAAAA")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v3", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("region", "url"), [("", "http://ironic-one"), ("two", "http://ironic-two")])
def test_keystone_gives_token_and_endpoint(region: str, url: str) -> None:
    with keystone(201, {"token": {"catalog": CATALOG}}) as (address, asked):
        auth = {"auth_url": address, "username": "ada", "password": "pw", "region": region}
        assert ironic.authenticate(auth) == ("gAAAA", url)
    assert asked[0]["path"] == "/v3/auth/tokens"
    assert asked[0]["auth"]["identity"]["password"]["user"]["domain"] == {"name": "Default"}
    assert asked[0]["auth"]["scope"] == {"system": {"all": True}}


def test_an_application_credential_needs_no_scope() -> None:
    auth = {"application_credential_id": "id", "application_credential_secret": "s"}
    assert ironic.identity(auth) == {
        "identity": {
            "methods": ["application_credential"],
            "application_credential": {"id": "id", "secret": "s"},
        }
    }


def test_a_refused_user_is_named_but_not_the_password() -> None:
    refusal = {"error": {"code": 401, "message": "The request you have made requires authentication."}}
    with keystone(401, refusal) as (address, _):
        auth = {"auth_url": address, "username": "ada", "password": "hunter2"}
        with pytest.raises(ironic.IronicError, match=r"refused ada: 401, The request .* Mend: ") as error:
            ironic.authenticate(auth)
    assert "hunter2" not in str(error.value)


def test_an_endpoint_that_is_not_there_is_told() -> None:
    refused = pytest.raises(ironic.IronicError, match="no public endpoint of type baremetal")
    with keystone(201, {"token": {"catalog": CATALOG[:1]}}) as (address, _), refused:
        ironic.authenticate({"auth_url": address, "username": "ada", "password": "pw"})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"error_message": '{"faultstring": "Node x is locked", "code": 409}'}, "Node x is locked"),
        ({"error_message": {"faultstring": "Bad", "faultcode": "Client"}}, "Bad"),
        ({"error": {"message": "No"}}, "No"),
        ({"error_message": "<html>"}, "<html>"),
    ],
)
def test_errors_are_unpacked(answer: dict[str, Any], told: str) -> None:
    assert ironic.explained(answer) == told


def test_an_address_without_scheme_is_refused() -> None:
    with pytest.raises(ironic.IronicError, match="is no address of an API"):
        ironic.Ironic("file:///etc/passwd").node("x")


def test_a_machine_boots_signed_software_unless_it_says_otherwise() -> None:
    told = enrolment.machine_properties({"properties": {"cpus": 4}, "capabilities": {"gpu": "h100"}})
    assert told == {"cpus": 4, "capabilities": "boot_mode:uefi,gpu:h100,secure_boot:true"}
    assert "secure_boot:false" in enrolment.machine_properties({"secure_boot": False})["capabilities"]


def test_the_controller_is_told_without_what_is_not_written() -> None:
    written = {"name": "x", "address": "https://b", "verify_ca": False, "password_env": "P"}
    assert enrolment.controller(written) == {"redfish_address": "https://b", "redfish_verify_ca": False}


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([entry("a", "52:54:00:aa:00:01"), entry("a", "52:54:00:aa:00:02")], "more than once: a."),
        ([entry("a", "52:54:00:AA:00:01"), entry("b", "52:54:00:aa:00:01")], "52:54:00:aa:00:01"),
        (
            [{**entry("a", "52:54:00:aa:00:01"), "password_env": "NOT_SET"}],
            "there is no NOT_SET in the environment",
        ),
        ([{**entry("a", "52:54:00:aa:00:01"), "colour": "red"}], "colour"),
        ([{"name": "a", "macs": []}], "resource_class"),
    ],
)
def test_wrong_entries_are_refused_before_ironic_is_asked(
    tmp_path: Path, entries: list[dict[str, Any]], told: str
) -> None:
    ran = enroll(tmp_path, "http://127.0.0.1:1", entries)
    assert ran.status != 0
    assert told in ran.faults[0]["said"]
    assert "127.0.0.1:1/" not in ran.output
