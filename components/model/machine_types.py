"""Types of single values about real machines."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator

from components.model.types import DNS_LABEL, matching, string_schema

_WEB = r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?"
WebUrl: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _WEB,
            "must be an address with `http://` or `https://`, without user, query and fragment",
            "Write it like `https://mirror.acme.example/debian`.",
        )
    ),
    string_schema("url", _WEB, examples=["https://mirror.acme.example/debian"]),
]

_SSH_KEY = r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/]+=*( \S+)*"
SshKey: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _SSH_KEY,
            "must be a public key of type ED25519 or ECDSA, as in `authorized_keys`",
            "Copy it from `~/.ssh/id_ed25519.pub`.",
            limit=800,
        )
    ),
    string_schema("ssh-key", _SSH_KEY, 800),
]

_DEVICE = r"/dev/[A-Za-z0-9][A-Za-z0-9/:._+-]*"
DevicePath: TypeAlias = Annotated[
    str,
    BeforeValidator(matching(_DEVICE, "must be a device's path", "Write it like `/dev/disk/by-id/nvme-1`.")),
    string_schema("device", _DEVICE),
]

_PROFILE = r"[1-9][0-9]*g\.[1-9][0-9]*gb(\+me(\.all)?)?"
PartitionProfile: TypeAlias = Annotated[
    str,
    BeforeValidator(matching(_PROFILE, "must be a MIG profile", "Write it like `3g.40gb`.")),
    string_schema("mig-profile", _PROFILE, examples=["3g.40gb"]),
]

_TRAIT = r"[A-Z][A-Z0-9_]*"
Trait: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _TRAIT,
            "must be upper-case letters, digits and `_`, as Placement has traits and resource classes",
            "Write it like `CUSTOM_GPU_H100`.",
            limit=255,
        )
    ),
    string_schema("trait", _TRAIT, 255, examples=["CUSTOM_GPU_H100"]),
]

_REGISTRY = rf"{DNS_LABEL}(\.{DNS_LABEL})*(:[0-9]{{1,5}})?"
RegistryName: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(_REGISTRY, "must be a registry's name, without a path", "Write it like `registry.k8s.io`.")
    ),
    string_schema("registry", _REGISTRY, examples=["registry.k8s.io"]),
]

_KEY_BLOCK = r"-----BEGIN PGP PUBLIC KEY BLOCK-----[A-Za-z0-9+/=:. \n-]+-----END PGP PUBLIC KEY BLOCK-----\s*"
SigningKey: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _KEY_BLOCK,
            "must be an armoured OpenPGP public key",
            "Write it as a block: `key: |`, then the lines of the key.",
            limit=20_000,
        )
    ),
    string_schema("openpgp-key", _KEY_BLOCK, 20_000),
]

_FILE = r"(/[A-Za-z0-9._+-]+)+"
FilePath: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(_FILE, "must be the absolute path of a file", "Write it like `/etc/ssl/certs/logs.pem`.")
    ),
    string_schema("path", _FILE, examples=["/etc/ssl/certs/logs.pem"]),
]

_SOFTWARE = r"[0-9]+(\.[0-9A-Za-z]+)*"
SoftwareVersion: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(_SOFTWARE, "must be a version, as its maker writes it", "Write it like `580.173.02`.")
    ),
    string_schema("software-version", _SOFTWARE, examples=["580.173.02", "25.5.RC1"]),
]
