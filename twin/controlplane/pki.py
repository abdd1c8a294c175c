"""The twin's own certificate authorities and everything that they sign.

Three authorities, as Kubernetes recommends: the cluster's, etcd's and the front proxy's
(https://kubernetes.io/docs/setup/best-practices/certificates/). Keys are ECDSA P-256.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from twin.errors import TwinError
from twin.files import PUBLIC, private_folder, write

AUTHORITY_LIFE: Final = dt.timedelta(days=3650)
LEAF_LIFE: Final = dt.timedelta(days=365)
RENEW_BEFORE: Final = dt.timedelta(days=30)
_SKEW: Final = dt.timedelta(minutes=5)

AUTHORITIES: Final = ("ca", "etcd-ca", "front-proxy-ca")
SERVICE_IP: Final = "10.96.0.1"
_LOOPBACK: Final = ("127.0.0.1", "localhost")


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A certificate to issue: `hosts` makes it a server's, `client` a client's, both a peer's."""

    name: str
    authority: str
    common_name: str
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    client: bool = False


LEAVES: Final = (
    Leaf(
        name="apiserver",
        authority="ca",
        common_name="kube-apiserver",
        hosts=(
            *_LOOPBACK,
            SERVICE_IP,
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ),
    ),
    Leaf(name="apiserver-etcd", authority="etcd-ca", common_name="kube-apiserver", client=True),
    Leaf(
        name="apiserver-kubelet",
        authority="ca",
        common_name="kube-apiserver-kubelet-client",
        client=True,
    ),
    Leaf(name="front-proxy", authority="front-proxy-ca", common_name="front-proxy-client", client=True),
    Leaf(name="etcd", authority="etcd-ca", common_name="etcd", hosts=_LOOPBACK, client=True),
    Leaf(
        name="kube-controller-manager",
        authority="ca",
        common_name="system:kube-controller-manager",
        hosts=_LOOPBACK,
        client=True,
    ),
    Leaf(
        name="kube-scheduler",
        authority="ca",
        common_name="system:kube-scheduler",
        hosts=_LOOPBACK,
        client=True,
    ),
    Leaf(name="kwok", authority="ca", common_name="bastide:kwok", hosts=_LOOPBACK, client=True),
    Leaf(
        name="operator",
        authority="ca",
        common_name="bastide:operator",
        groups=("system:masters",),
        client=True,
    ),
)


@dataclass(frozen=True)
class Pki:
    """Where the certificates and keys lie."""

    folder: Path

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    @property
    def token_key(self) -> Path:
        """The key that signs service account tokens; `token_public` verifies them."""
        return self.folder / "service-account.key"

    @property
    def token_public(self) -> Path:
        return self.folder / "service-account.pub"


def ensure(folder: Path, now: dt.datetime | None = None) -> Pki:
    """Issue what is missing, what ends within `RENEW_BEFORE` and what another authority signed.

    Raises `TwinError` where a file in `folder` is damaged.
    """
    now = now or dt.datetime.now(dt.UTC)
    pki = Pki(private_folder(folder))
    for name in AUTHORITIES:
        if not _lasts(pki, name, now):
            _issue_authority(pki, name, now)
    for leaf in LEAVES:
        if not _lasts(pki, leaf.name, now, signer=leaf.authority):
            _issue_leaf(pki, leaf, now)
    if not (pki.token_key.exists() and pki.token_public.exists()):
        _issue_token_keys(pki)
    return pki


def expiry(pki: Pki, name: str) -> dt.datetime:
    """When the certificate `name` ends (UTC)."""
    return _load(pki.certificate(name)).not_valid_after_utc


def _lasts(pki: Pki, name: str, now: dt.datetime, signer: str | None = None) -> bool:
    if not (pki.certificate(name).exists() and pki.key(name).exists()):
        return False
    certificate = _load(pki.certificate(name))
    if certificate.not_valid_after_utc - now < RENEW_BEFORE or certificate.not_valid_before_utc > now:
        return False
    if _load_key(pki.key(name)).public_key() != certificate.public_key():
        return False
    return signer is None or _signed_by(certificate, _load(pki.certificate(signer)))


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _load(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise _damaged(path, error) from error


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise _damaged(path, error) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _damaged(path, "not an elliptic curve key")
    return key


def _damaged(path: Path, error: object) -> TwinError:
    return TwinError(
        f"{path}: not a readable PEM file: {error}",
        "delete this file; the next start issues a new one",
    )


def _issue_authority(pki: Pki, name: str, now: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"bastide-twin-{name}")])
    certificate = (
        _builder(subject, subject, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _save(pki, name, key, certificate)


def _issue_leaf(pki: Pki, leaf: Leaf, now: dt.datetime) -> None:
    issuer = _load(pki.certificate(leaf.authority))
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in leaf.groups]
        + [x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)]
    )
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH] if leaf.hosts else []
    purposes += [ExtendedKeyUsageOID.CLIENT_AUTH] if leaf.client else []
    builder = (
        _builder(subject, issuer.subject, key, now, LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                _load_key(pki.key(leaf.authority)).public_key()
            ),
            critical=False,
        )
    )
    if leaf.hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(_alternatives(leaf.hosts)), critical=False
        )
    _save(pki, leaf.name, key, builder.sign(_load_key(pki.key(leaf.authority)), hashes.SHA256()))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    life: dt.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(hosts: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _issue_token_keys(pki: Pki) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    write(pki.token_key, _private_pem(key))
    write(
        pki.token_public,
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        PUBLIC,
    )


def _save(pki: Pki, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    write(pki.key(name), _private_pem(key))
    write(pki.certificate(name), certificate.public_bytes(serialization.Encoding.PEM), PUBLIC)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
