"""Types of single values: each knows its rule and says how to mend a value that breaks it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from components.model.quantity import broken

ID_MAX: Final = 40
PART_MAX: Final = 20
"""A namespace is `tenant-department-purpose`: three parts of 20 and two hyphens fit a DNS label of 63."""

RESERVED: Final = frozenset(
    {"bastide", "default", "foundation", "kube", "platform", "system", "kubernetes", "openshift"}
)
DNS_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL = re.compile(DNS_LABEL)


def _network(raw: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if isinstance(raw, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return raw
    if not isinstance(raw, str) or "/" not in raw:
        raise broken(
            "must be a CIDR: an address, a slash and a prefix length", "Write it like `10.64.0.0/12`."
        )
    try:
        loose = ipaddress.ip_network(raw, strict=False)
    except ValueError as error:
        rule = "must be a CIDR: an address, a slash and a prefix length"
        raise broken(rule, "Write it like `10.64.0.0/12` or `fd00:10::/56`.") from error
    if ipaddress.ip_address(raw.partition("/")[0]) != loose.network_address:
        raise broken("must have no host bits set", f"Write `{loose}`.")
    return loose


Cidr: TypeAlias = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network,
    PlainValidator(_network),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "format": "cidr", "examples": ["10.64.0.0/12"]}),
]
"""An IPv4 or IPv6 network, as `ipaddress` holds it; `str()` gives its text."""


def _text(check: Callable[[str], None]) -> Callable[[object], str]:
    def checked(raw: object) -> str:
        if not isinstance(raw, str):
            raise broken("must be text", f'Put it in quotes: `"{raw}"`.')
        check(raw)
        return raw

    return checked


def _slug(limit: int, reserved: bool = False) -> Callable[[object], str]:
    def check(text: str) -> None:
        if len(text) > limit:
            raise broken(
                f"must have at most {limit} characters (it has {len(text)})", "Choose a shorter name."
            )
        if not _LABEL.fullmatch(text):
            rule = "must be a DNS label: lower-case letters, digits and hyphens, no hyphen at either end"
            near = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
            raise broken(rule, f"Write `{near}`." if near else "Write it like `acme-2`.")
        if reserved and (text in RESERVED or text.startswith(("kube-", "bastide-"))):
            raise broken(
                "must not be a reserved name", f"Choose another name, like `{text[: limit - 4]}-org`."
            )

    return _text(check)


def matching(regex: str, rule: str, mend: str, flags: int = 0, limit: int = 253) -> Callable[[object], str]:
    """A validator of texts that match `regex` as a whole and have at most `limit` characters."""
    compiled = re.compile(regex, flags)

    def check(text: str) -> None:
        if len(text) > limit or not compiled.fullmatch(text):
            raise broken(rule, mend)

    return _text(check)


def string_schema(name: str, pattern: str, limit: int = 253, **more: Any) -> WithJsonSchema:
    """The JSON Schema of such texts; `name` is their format in the reference."""
    schema = {"type": "string", "format": name, "pattern": f"^{pattern}$", "maxLength": limit, **more}
    return WithJsonSchema(schema)


Slug: TypeAlias = Annotated[str, BeforeValidator(_slug(ID_MAX)), string_schema("id", DNS_LABEL, ID_MAX)]
"""An id: a DNS label in lower case of at most 40 characters."""

Part: TypeAlias = Annotated[
    str, BeforeValidator(_slug(PART_MAX)), string_schema("short-id", DNS_LABEL, PART_MAX)
]
"""An id that becomes a part of namespace names: at most 20 characters."""

TenantId: TypeAlias = Annotated[
    str, BeforeValidator(_slug(PART_MAX, reserved=True)), string_schema("short-id", DNS_LABEL, PART_MAX)
]
"""A tenant's id: at most 20 characters and no reserved name, because it is also a stack's name."""

Text: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(r"\S.*", "must be one line of 1 to 200 characters", "Write some words.", 0, 200)
    ),
    WithJsonSchema({"type": "string", "format": "text", "minLength": 1, "maxLength": 200}),
]

_EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
EmailAddress: TypeAlias = Annotated[
    str,
    BeforeValidator(matching(_EMAIL, "must be an e-mail address", "Write it like `owner@acme.example`.")),
    string_schema("email", _EMAIL, examples=["owner@acme.example"]),
]


def person(address: str) -> str:
    """Who is behind an e-mail address: neither case nor what follows a `+` makes another person."""
    name, _, domain = address.lower().partition("@")
    return f"{name.partition('+')[0]}@{domain}"


_COST = r"[a-z0-9]([-a-z0-9_.]*[a-z0-9])?"
CostCenter: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _COST,
            "must be a label value: lower-case letters, digits, `-`, `_`, `.`, at most 63 characters",
            "Write it like `cc-1001`.",
            limit=63,
        )
    ),
    string_schema("cost-center", _COST, 63, examples=["cc-1001"]),
]

_VERSION = r"v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+][0-9A-Za-z.+-]+)?"
Version: TypeAlias = Annotated[
    str,
    BeforeValidator(matching(_VERSION, "must be a version", "Write it like `1.36.3`.")),
    string_schema("version", _VERSION, examples=["1.36.3"]),
]

_DIGEST = r"sha256:[0-9a-f]{64}"
Digest: TypeAlias = Annotated[
    str,
    BeforeValidator(matching(_DIGEST, "must be a SHA-256 digest", "Write `sha256:` and 64 hex digits.")),
    string_schema("digest", _DIGEST),
]

_HOST_KEY = r"SHA256:[A-Za-z0-9+/]{43}"
HostKey: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _HOST_KEY, "must be an SSH host key's SHA-256 fingerprint", "Copy it from `ssh-keygen -lf <key>`."
        )
    ),
    string_schema("fingerprint", _HOST_KEY),
]

_FQDN = rf"{DNS_LABEL}(\.{DNS_LABEL})+"
Fqdn: TypeAlias = Annotated[
    str,
    BeforeValidator(matching(_FQDN, "must be a domain name", "Write it like `gateway.acme.example`.")),
    string_schema("domain", _FQDN, examples=["gateway.acme.example"]),
]

_DRIVER = rf"{DNS_LABEL}(\.{DNS_LABEL})*(/[a-z0-9]([-a-z0-9.]*[a-z0-9])?)?"
Driver: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(_DRIVER, "must be a driver's name: a domain name", "Write it like `local.csi.acme.example`.")
    ),
    string_schema("driver", _DRIVER, examples=["local.csi.bastide.dev"]),
]

_GROUP = r"(?!system:)[A-Za-z0-9][A-Za-z0-9:._@/-]*"
Group: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _GROUP,
            "must be a group of the identity provider; `system:` groups belong to Kubernetes",
            "Write it like `bastide:acme:admin`.",
        )
    ),
    string_schema("group", _GROUP, examples=["bastide:acme:admin"]),
]


def _address(raw: object) -> str:
    if not isinstance(raw, str):
        raise broken("must be an IP address or a host name", "Write it like `10.8.0.11`.")
    try:
        return str(ipaddress.ip_address(raw))
    except ValueError:
        if re.fullmatch(rf"(?=.*[a-z]){DNS_LABEL}(\.{DNS_LABEL})*", raw) and len(raw) <= 253:
            return raw
    raise broken("must be an IP address or a host name", "Write it like `10.8.0.11`.")


Address: TypeAlias = Annotated[
    str, BeforeValidator(_address), WithJsonSchema({"type": "string", "format": "address"})
]

Port: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=65535)]
Count: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
PositiveInt: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Flag: TypeAlias = Annotated[bool, Field(strict=True)]
