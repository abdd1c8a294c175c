"""Certificates: signed by their own authority, private, renewed before they end."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from twin.controlplane.pki import AUTHORITIES, LEAF_LIFE, LEAVES, Leaf, Pki, ensure, expiry
from twin.errors import TwinError

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return ensure(tmp_path / "pki", NOW)


def load(pki: Pki, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pki.certificate(name).read_bytes())


def contents(pki: Pki) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in pki.folder.iterdir()}


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_a_leaf_is_signed_by_its_authority_and_says_what_it_is_for(pki: Pki, leaf: Leaf) -> None:
    certificate = load(pki, leaf.name)
    certificate.verify_directly_issued_by(load(pki, leaf.authority))
    usage = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert (ExtendedKeyUsageOID.SERVER_AUTH in usage) == bool(leaf.hosts)
    assert (ExtendedKeyUsageOID.CLIENT_AUTH in usage) == leaf.client
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    if leaf.hosts:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [str(name.value) for name in names] == list(leaf.hosts)


def test_keys_are_private(pki: Pki) -> None:
    keys = list(pki.folder.glob("*.key"))
    assert len(keys) == len(LEAVES) + len(AUTHORITIES) + 1
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert pki.folder.stat().st_mode & 0o777 == 0o700


def test_nothing_changes_while_all_last(pki: Pki) -> None:
    before = contents(pki)
    ensure(pki.folder, NOW + dt.timedelta(days=300))
    assert contents(pki) == before


def test_leaves_that_end_within_thirty_days_are_renewed_under_the_same_authority(pki: Pki) -> None:
    authorities = [pki.certificate(name).read_bytes() for name in AUTHORITIES]
    later = NOW + dt.timedelta(days=340)
    ensure(pki.folder, later)
    assert expiry(pki, "operator") == later + LEAF_LIFE
    assert [pki.certificate(name).read_bytes() for name in AUTHORITIES] == authorities


def test_a_new_authority_signs_its_leaves_anew(pki: Pki) -> None:
    others = pki.certificate("etcd").read_bytes()
    pki.certificate("ca").unlink()
    ensure(pki.folder, NOW)
    load(pki, "operator").verify_directly_issued_by(load(pki, "ca"))
    assert pki.certificate("etcd").read_bytes() == others


def test_a_clock_set_back_does_not_leave_certificates_of_the_future(pki: Pki) -> None:
    earlier = NOW - dt.timedelta(days=10)
    ensure(pki.folder, earlier)
    assert load(pki, "apiserver").not_valid_before_utc <= earlier


def test_a_damaged_file_is_named_with_its_mend(pki: Pki) -> None:
    pki.key("etcd").write_text("not a key")
    with pytest.raises(TwinError) as caught:
        ensure(pki.folder, NOW)
    assert str(pki.key("etcd")) in caught.value.problem
    assert "delete this file" in caught.value.mend
