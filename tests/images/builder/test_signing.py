"""Keys and signatures: encrypted keys, strict signatures, and the real cosign agrees."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from images.builder.errors import ImageError
from images.builder.keys import BEGIN, END
from images.builder.signing import PRIVATE, PUBLIC, generate_key, read_passphrase, sign, verified
from tests.images.builder.cosign import Cosign

PASSPHRASE = b"correct horse battery"
CONTENT = b'{"images":{}}\n'


@pytest.fixture(name="keys", scope="module")
def _keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return generate_key(tmp_path_factory.mktemp("keys"), PASSPHRASE)


def test_the_private_key_is_encrypted_and_mine_alone(keys: tuple[Path, Path]) -> None:
    private, public = keys
    assert (private.name, public.name) == (PRIVATE, PUBLIC)
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.read_text().startswith(BEGIN)
    assert public.read_text().startswith("-----BEGIN PUBLIC KEY-----")


def test_a_key_is_never_overwritten(keys: tuple[Path, Path]) -> None:
    before = keys[0].read_bytes()
    with pytest.raises(ImageError, match="is there already"):
        generate_key(keys[0].parent, PASSPHRASE)
    assert keys[0].read_bytes() == before


def test_a_short_passphrase_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="has 5 characters, at least 12"):
        generate_key(tmp_path, b"short")
    assert list(tmp_path.iterdir()) == []


def test_a_signature_holds_for_its_content_and_key_alone(keys: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = keys
    signature = sign(CONTENT, private, PASSPHRASE)
    assert verified(CONTENT, signature, public)
    assert verified(CONTENT, signature + "\n", public)
    assert not verified(CONTENT + b" ", signature, public)
    _, other = generate_key(tmp_path, PASSPHRASE)
    assert not verified(CONTENT, signature, other)


def test_no_other_text_stands_for_a_signature(keys: tuple[Path, Path]) -> None:
    signature = sign(CONTENT, keys[0], PASSPHRASE) + "\n"
    for at in range(len(signature)):
        flipped = chr(ord(signature[at]) ^ 1 << at % 7)
        assert not verified(CONTENT, signature[:at] + flipped + signature[at + 1 :], keys[1]), at
    for text in ("", "\n", "nonsense", signature + "\n", " " + signature):
        assert not verified(CONTENT, text, keys[1])


def test_a_wrong_passphrase_opens_nothing(keys: tuple[Path, Path]) -> None:
    with pytest.raises(ImageError, match="this passphrase does not open it") as refused:
        sign(CONTENT, keys[0], b"another passphrase")
    assert "another" not in str(refused.value)


def test_keys_of_other_kinds_are_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        public = tmp_path / "other.pub"
        public.write_bytes(
            key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        with pytest.raises(ImageError, match="no key on the curve P-256"):
            verified(CONTENT, "", public)
        private = tmp_path / "other.key"
        private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        with pytest.raises(ImageError):
            sign(CONTENT, private, PASSPHRASE)
    (tmp_path / "no.pub").write_text("hello")
    with pytest.raises(ImageError, match="no public key in PEM"):
        verified(CONTENT, "", tmp_path / "no.pub")
    with pytest.raises(ImageError, match=r"public key: .*missing"):
        verified(CONTENT, "", tmp_path / "missing")


def test_the_passphrase_comes_from_a_file_or_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "passphrase"
    path.write_text("of the file\nsecond line\n")
    path.chmod(0o600)
    assert read_passphrase(path) == b"of the file"
    monkeypatch.setenv("KEY_WORDS", "of the variable")
    assert read_passphrase(None, "KEY_WORDS") == b"of the variable"
    with pytest.raises(ImageError, match="NO_WORDS is not set"):
        read_passphrase(None, "NO_WORDS")
    with pytest.raises(ImageError, match="no file is named"):
        read_passphrase(None)
    path.chmod(0o640)
    with pytest.raises(ImageError, match="others may read"):
        read_passphrase(path)
    path.chmod(0o600)
    path.write_text("\n")
    with pytest.raises(ImageError, match="first line is empty"):
        read_passphrase(path)
    with pytest.raises(ImageError, match="passphrase: "):
        read_passphrase(tmp_path / "missing")


@pytest.mark.images
def test_cosign_reads_our_signature(keys: tuple[Path, Path], cosign: Cosign, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(CONTENT)
    (tmp_path / "blob.sig").write_text(sign(CONTENT, keys[0], PASSPHRASE) + "\n")
    assert cosign.verify(tmp_path / "blob", tmp_path / "blob.sig", keys[1])
    (tmp_path / "blob").write_bytes(CONTENT + b" ")
    assert not cosign.verify(tmp_path / "blob", tmp_path / "blob.sig", keys[1])


@pytest.mark.images
def test_we_read_cosigns_signature(cosign: Cosign, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(CONTENT)
    cosign.run("generate-key-pair", cwd=tmp_path)
    signature = cosign.sign(tmp_path / "blob", tmp_path / "cosign.key")
    assert verified(CONTENT, signature, tmp_path / "cosign.pub")
    assert not verified(CONTENT + b" ", signature, tmp_path / "cosign.pub")


@pytest.mark.images
def test_cosign_signs_with_our_key(keys: tuple[Path, Path], cosign: Cosign, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(CONTENT)
    signature = cosign.sign(tmp_path / "blob", keys[0], PASSPHRASE)
    assert verified(CONTENT, signature, keys[1])


@pytest.mark.images
def test_we_sign_with_cosigns_key(cosign: Cosign, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(CONTENT)
    cosign.run("generate-key-pair", cwd=tmp_path)
    (tmp_path / "blob.sig").write_text(sign(CONTENT, tmp_path / "cosign.key", cosign.passphrase))
    assert cosign.verify(tmp_path / "blob", tmp_path / "blob.sig", tmp_path / "cosign.pub")


def _key(**changes: Any) -> str:
    """A key file with other content than ours."""
    content = {
        "kdf": {"name": "scrypt", "params": {"N": 2, "r": 8, "p": 1}, "salt": "AAAA"},
        "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(bytes(24)).decode()},
        "ciphertext": base64.b64encode(bytes(40)).decode(),
        **changes,
    }
    return f"{BEGIN}\n{base64.b64encode(json.dumps(content).encode()).decode()}\n{END}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no encrypted private key of cosign"),
        ("hello", "no encrypted private key of cosign"),
        (f"{BEGIN}\n!\n{END}\n", "base64"),
        (f"{BEGIN}\nAAAA\n{END}\n", ""),
        (_key(), "this passphrase does not open it"),
        (_key(kdf={}), "this passphrase does not open it, or it was altered"),
        (_key(cipher={"name": "rot13"}), "encrypted by scrypt and rot13"),
        (_key(kdf={"name": "scrypt", "params": {"N": 2**30, "r": 8, "p": 1}, "salt": ""}), "its cost"),
    ],
)
def test_what_is_no_key_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "bad.key").write_text(text)
    with pytest.raises(ImageError, match=r"bad\.key: ") as refused:
        sign(CONTENT, tmp_path / "bad.key", PASSPHRASE)
    assert expected in refused.value.problem
