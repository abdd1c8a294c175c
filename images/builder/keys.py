"""Private keys in the form of cosign: PKCS#8, encrypted by NaCl's secretbox under a passphrase by scrypt.

Source: https://github.com/secure-systems-lab/go-securesystemslib/blob/main/encrypted/encrypted.go
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

BEGIN: Final = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"
END: Final = "-----END ENCRYPTED SIGSTORE PRIVATE KEY-----"
CURVE: Final = ec.SECP256R1
_KDF: Final = "scrypt"
_CIPHER: Final = "nacl/secretbox"
_COST: Final = {"N": 65536, "r": 8, "p": 1}
_MOST: Final = 2**20
"""Cost at most: a file from elsewhere must not use up the memory (128 MiB for each 2^17)."""
_LINE: Final = 64
_SALT: Final = 32


def encrypted(key: ec.EllipticCurvePrivateKey, passphrase: bytes) -> str:
    """The key as a PEM file that the passphrase opens."""
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(SecretBox.NONCE_SIZE)
    box = SecretBox(_derived(passphrase, salt, _COST))
    content = {
        "kdf": {"name": _KDF, "params": _COST, "salt": _text(salt)},
        "cipher": {"name": _CIPHER, "nonce": _text(nonce)},
        "ciphertext": _text(box.encrypt(plain, nonce).ciphertext),
    }
    body = _text(json.dumps(content, separators=(",", ":")).encode())
    lines = (body[at : at + _LINE] for at in range(0, len(body), _LINE))
    return "\n".join((BEGIN, *lines, END, ""))


def decrypted(pem: str, passphrase: bytes) -> ec.EllipticCurvePrivateKey:
    """The key in such a PEM file. Raises `ValueError` for any other, and for another passphrase."""
    lines = pem.splitlines()
    if [*lines[:1], *lines[-1:]] != [BEGIN, END]:
        raise ValueError("it is no encrypted private key of cosign")
    try:
        content = json.loads(base64.b64decode("".join(lines[1:-1]), validate=True))
        plain = _opened(content, passphrase)
    except (KeyError, TypeError, CryptoError) as error:
        raise ValueError("this passphrase does not open it, or it was altered") from error
    key = serialization.load_der_private_key(plain, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, CURVE):
        raise ValueError("it is no key on the curve P-256")
    return key


def _opened(content: dict[str, Any], passphrase: bytes) -> bytes:
    kdf, cipher = content["kdf"], content["cipher"]
    if (kdf["name"], cipher["name"]) != (_KDF, _CIPHER):
        raise ValueError(f"it is encrypted by {kdf['name']} and {cipher['name']}, not {_KDF} and {_CIPHER}")
    box = SecretBox(_derived(passphrase, base64.b64decode(kdf["salt"]), kdf["params"]))
    return box.decrypt(base64.b64decode(content["ciphertext"]), base64.b64decode(cipher["nonce"]))


def _derived(passphrase: bytes, salt: bytes, cost: dict[str, int]) -> bytes:
    if cost["N"] * cost["r"] * cost["p"] > _MOST * _COST["r"]:
        raise ValueError(f"its cost {cost} is more than any key of cosign has")
    scrypt = Scrypt(salt=salt, length=SecretBox.KEY_SIZE, n=cost["N"], r=cost["r"], p=cost["p"])
    return scrypt.derive(passphrase)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
