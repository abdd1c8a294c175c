"""Who proves what in the tests: a certificate authority for servers, and the issuer of workloads' tokens."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


def certificate(folder: Path, hosts: Sequence[str]) -> bytes:
    """A self-signed certificate for `hosts`, as `tls.crt`, `tls.key` and `ca.crt` in the new `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, hosts))), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder.mkdir(parents=True)
    for file, content in (("tls.crt", pem), ("ca.crt", pem), ("tls.key", private)):
        (folder / file).write_bytes(content)
    return pem


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(frozen=True)
class Issuer:
    """Issues JWT-SVIDs as SPIRE does (ES256)."""

    url: str
    audience: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def jwks(self) -> dict[str, Any]:
        """The public key, as its endpoint serves it."""
        point = self.key.public_key().public_numbers()
        x, y = (_text(number.to_bytes(32, "big")) for number in (point.x, point.y))
        one = {"kty": "EC", "crv": "P-256", "kid": "one", "use": "jwt-svid", "alg": "ES256", "x": x, "y": y}
        return {"keys": [one]}

    def token(self, subject: str, life: float = 300, **claims: Any) -> str:
        """A token for `subject`, valid for `life` seconds; `claims` replace or add some."""
        now = int(time.time())
        body = {"sub": subject, "iss": self.url, "aud": [self.audience], "iat": now, "exp": now + int(life)}
        header = {"alg": "ES256", "kid": "one", "typ": "JWT"}
        parts = [_text(json.dumps(part).encode()) for part in (header, {**body, **claims})]
        signature = self.key.sign(".".join(parts).encode(), ec.ECDSA(hashes.SHA256()))
        numbers = utils.decode_dss_signature(signature)
        return ".".join([*parts, _text(b"".join(number.to_bytes(32, "big") for number in numbers))])
