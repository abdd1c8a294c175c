"""Keys and signatures of catalogues, as `cosign verify-blob --key` reads them; nothing is asked of a network.

A signature is the base64 text of an ECDSA P-256 signature (ASN.1) over the SHA-256 of the bytes.
Source: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from images.builder.errors import ImageError
from images.builder.keys import CURVE, decrypted, encrypted

PRIVATE: Final = "bastide-images.key"
PUBLIC: Final = "bastide-images.pub"
_HASH: Final = ec.ECDSA(hashes.SHA256())
_SHORTEST: Final = 12
_OPEN: Final = 0o077


def generate_key(folder: Path, passphrase: bytes) -> tuple[Path, Path]:
    """Make a key pair in `folder`: the private key (mode 0600, encrypted) and the public one.

    Raises `ImageError` where the passphrase has less than 12 characters, or a key is there already.
    """
    if len(passphrase) < _SHORTEST:
        raise ImageError(
            f"the passphrase has {len(passphrase)} characters, at least {_SHORTEST} are needed",
            "choose a longer one, and give it by a file, an environment variable or at the prompt",
        )
    private, public = folder / PRIVATE, folder / PUBLIC
    for path in (private, public):
        if path.exists():
            raise ImageError(f"{path} is there already", "keep it, or name another folder for the new key")
    key = ec.generate_private_key(CURVE())
    folder.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(encrypted(key, passphrase))
    public.write_bytes(_public_bytes(key.public_key()))
    return private, public


def read_passphrase(path: Path | None, environ_name: str = "") -> bytes:
    """The passphrase from a file (its first line) or from the environment variable that is named.

    Raises `ImageError` where neither holds one, or others may read the file.
    """
    if path is not None:
        return _line_of(path)
    if passphrase := os.environ.get(environ_name, ""):
        return passphrase.encode()
    raise ImageError(
        f"no passphrase: {f'{environ_name} is not set' if environ_name else 'no file is named'}",
        "put it into a file that only you can read, or into an environment variable, and name that",
    )


def _line_of(path: Path) -> bytes:
    try:
        if path.stat().st_mode & _OPEN:
            raise ImageError(f"{path}: others may read the passphrase", f"chmod 600 {path}")
        line = path.read_bytes().partition(b"\n")[0].rstrip(b"\r")
    except OSError as error:
        raise ImageError(f"passphrase: {error}", "name a file that you can read") from error
    if not line:
        raise ImageError(f"{path}: the first line is empty", "write the passphrase there")
    return line


def sign(content: bytes, private: Path, passphrase: bytes) -> str:
    """The signature of `content`, one line. Raises `ImageError` where the key cannot be used."""
    try:
        key = decrypted(private.read_text(), passphrase)
    except OSError as error:
        raise ImageError(f"private key: {error}", "name the key that `bastide images key` made") from error
    except ValueError as error:
        raise ImageError(
            f"{private}: {error}", "name a key of `bastide images key` or cosign, and its own passphrase"
        ) from error
    return base64.b64encode(key.sign(content, _HASH)).decode()


def verified(content: bytes, signature: str, public: Path) -> bool:
    """Whether `signature` is one of `content` by the owner of the key `public`.

    Only the one text that stands for a signature counts. Raises `ImageError` where the key cannot be used.
    """
    key = _public_key(public)
    text = signature.removesuffix("\n")
    try:
        raw = base64.b64decode(text, validate=True)
        if base64.b64encode(raw).decode() != text:
            return False
        key.verify(raw, content, _HASH)
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True


def _public_key(path: Path) -> ec.EllipticCurvePublicKey:
    mend = "name the public key of those who sign: a PEM file, as `bastide images key` and cosign write it"
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise ImageError(f"public key: {error}", mend) from error
    except ValueError as error:
        raise ImageError(f"{path}: is no public key in PEM", mend) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, CURVE):
        raise ImageError(f"{path}: is no key on the curve P-256", mend)
    return key


def _public_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
