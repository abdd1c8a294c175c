"""A folder of stack files whose providers may be changed, and a provider that answers."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import shutil
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.inprocess import invoke
from tests.support.command import Done
from tests.support.configs import GOOD

HOST = "api.abroad.example"


class Site:
    """The environment `site` in a folder of its own; its providers are `halls` and `abroad`."""

    def __init__(self, folder: Path) -> None:
        self.config = Path(shutil.copytree(GOOD, folder / "config"))
        self.evidence = folder / "evidence"
        self.path = self.config / "Pulumi.site.platform.yaml"
        self.env: dict[str, str] = {"BASTIDE_HOME": str(folder / "home")}

    def provider(self, verb: str, *args: str | Path) -> Done:
        """Run a verb on it; records go to `evidence`."""
        where = ("--config", self.config, "--evidence", self.evidence)
        return invoke("provider", verb, *args, *where, env=self.env)

    @property
    def text(self) -> str:
        return self.path.read_text()

    def edit(self, old: str, new: str) -> None:
        """Replace a text that is there once."""
        assert self.text.count(old) == 1, f"{old!r} is {self.text.count(old)} times in the file"
        self.path.write_text(self.text.replace(old, new))

    def records(self, provider: str) -> list[str]:
        """The verbs of which there are records, in order."""
        folder = self.evidence / "providers" / provider
        return [path.stem.rpartition("-")[2] for path in sorted(folder.glob("*.json"))]


class Api(http.server.BaseHTTPRequestHandler):
    """A provider's API; `status` says what it answers to each path."""

    status: Mapping[str, int]
    asked: list[str]
    keys: list[str | None]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.keys.append(self.headers.get("Authorization"))
        self.send_response(self.status.get(self.path, 404))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Keeps the tests' output clean."""


@contextmanager
def answering(status: Mapping[str, int], certificate: Path | None = None) -> Iterator[tuple[int, type[Api]]]:
    """A provider on a port of this machine, with TLS if there is a certificate."""
    handler = type("Handler", (Api,), {"status": status, "asked": [], "keys": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(path: Path, host: str, *, days: int = 1) -> Path:
    """A certificate for `host` that vouches for itself, with its key; expired where `days` is negative."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    today = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=9))
        .not_valid_after(today + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
