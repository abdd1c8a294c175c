"""Types of single values: each knows its rule and says how to mend a value that breaks it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from decimal import Decimal
from functools import total_ordering
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

ID_MAX: Final = 40
PART_MAX: Final = 20
"""A namespace is `tenant-department-purpose`: three parts of 20 and two hyphens fit a DNS label of 63."""

RESERVED: Final = frozenset(
    {"bastide", "default", "foundation", "kube", "platform", "system", "kubernetes", "openshift"}
)
_DNS_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL = re.compile(_DNS_LABEL)
_UNITS: Final[dict[str, Decimal]] = {
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))},
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{"m": Decimal("1e-3"), "u": Decimal("1e-6"), "n": Decimal("1e-9")},
}
_QUANTITY = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,3})?")
_TEXT_MAX: Final = 64
INT64_MAX: Final = 2**63 - 1


def broken(rule: str, mend: str) -> PydanticCustomError:
    """The error of a value that breaks `rule`; `mend` says what to write instead."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "mend": mend})


@total_ordering
class Quantity:
    """A Kubernetes quantity: keeps its text, is parsed exactly and compares by value.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """

    __slots__ = ("text", "value")
    unit: ClassVar[str] = "quantity"
    examples: ClassVar[tuple[str, ...]] = ("1", "500m")

    def __init__(self, text: str) -> None:
        """Raises `PydanticCustomError` (a `ValueError`) on anything that Kubernetes would not take."""
        self.text = text
        self.value = self._checked(text)

    @classmethod
    def _checked(cls, text: str) -> Decimal:
        example = " or ".join(f"`{example}`" for example in cls.examples)
        found = _QUANTITY.fullmatch(text) if len(text) <= _TEXT_MAX else None
        if found is None:
            raise broken(f"must be a Kubernetes quantity ({cls.unit})", f"Write it like {example}.")
        sign, digits, suffix = found[1], found[2], found[3] or ""
        if sign == "-":
            raise broken("must not be negative", f"Write it like {example}.")
        exponent = suffix[:1] in {"e", "E"} and len(suffix) > 1 and suffix != "Ei"
        value = Decimal(digits + suffix) if exponent else Decimal(digits) * _UNITS[suffix]
        if value > INT64_MAX:
            raise broken("must be at most 2^63-1", f"Write a smaller one, like {example}.")
        cls.refine(value, text, suffix)
        return value

    @classmethod
    def refine(cls, value: Decimal, text: str, suffix: str) -> None:
        """Further rules of a kind of quantity."""

    @classmethod
    def parse(cls, raw: object) -> Self:
        if isinstance(raw, Quantity):
            raw = raw.text
        if isinstance(raw, bool) or not isinstance(raw, str | int | float):
            raise broken(f"must be a Kubernetes quantity ({cls.unit})", f"Write it like `{cls.examples[0]}`.")
        return cls(str(raw))

    @classmethod
    def of(cls, value: Decimal | int) -> Self:
        """The quantity of a value, in the largest unit that keeps it whole."""
        return cls(_canonical(Decimal(value)))

    def __add__(self, other: Quantity) -> Self:
        return self.of(self.value + other.value)

    def __mul__(self, count: int) -> Self:
        return self.of(self.value * count)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.value == other.value

    def __lt__(self, other: Quantity) -> bool:
        return self.value < other.value

    def __hash__(self) -> int:
        return hash(self.value)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        return {"type": ["string", "number"], "format": cls.unit, "examples": list(cls.examples)}


class Cpu(Quantity):
    """Processor cores; `500m` is half of one."""

    __slots__ = ()
    unit = "cores"
    examples = ("4", "500m")

    @classmethod
    def refine(cls, value: Decimal, text: str, suffix: str) -> None:
        if suffix.endswith("i"):
            raise broken(
                "must be a number of cores, without a binary unit", f"Write `{text.rstrip(suffix)}`."
            )
        if value * 1000 != (value * 1000).to_integral_value():
            raise broken("must be a whole number of thousandths of a core", "Write it like `250m`.")


class Bytes(Quantity):
    """Memory or storage, always with its unit: `512Mi`, `2Ti`."""

    __slots__ = ()
    unit = "bytes"
    examples = ("512Mi", "2Ti")

    @classmethod
    def refine(cls, value: Decimal, text: str, suffix: str) -> None:
        if suffix in {"m", "u", "n"}:
            raise broken("must be a size with a unit of bytes", f"Write `{text[:-1]}Mi` for mebibytes.")
        if value and (not suffix or (suffix[0] in "eE" and suffix not in {"E", "Ei"})):
            raise broken("must have a unit", f"Write `{text}Mi` or `{text}Gi`, whichever is meant.")
        if value != value.to_integral_value():
            raise broken("must be a whole number of bytes", "Write it in a smaller unit, like `512Mi`.")


def _canonical(value: Decimal) -> str:
    if value != value.to_integral_value():
        return f"{(value * 1000).normalize():f}m"
    for unit in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
        if value and value % _UNITS[unit] == 0:
            return f"{value / _UNITS[unit]:f}{unit}"
    return f"{value:f}"


_QuantityT = TypeVar("_QuantityT", bound=Quantity)


def _above_zero(quantity: _QuantityT) -> _QuantityT:
    if not quantity.value:
        raise broken("must be above zero", f"Write it like `{quantity.examples[0]}`.")
    return quantity


SomeCpu: TypeAlias = Annotated[Cpu, AfterValidator(_above_zero)]
SomeBytes: TypeAlias = Annotated[Bytes, AfterValidator(_above_zero)]


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


def _pattern(regex: str, rule: str, mend: str, flags: int = 0, limit: int = 253) -> Callable[[object], str]:
    compiled = re.compile(regex, flags)

    def check(text: str) -> None:
        if len(text) > limit or not compiled.fullmatch(text):
            raise broken(rule, mend)

    return _text(check)


def _string(pattern: str, limit: int = 253, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "maxLength": limit, **more})


Slug: TypeAlias = Annotated[str, BeforeValidator(_slug(ID_MAX)), _string(_DNS_LABEL, ID_MAX)]
"""An id: a DNS label in lower case of at most 40 characters."""

Part: TypeAlias = Annotated[str, BeforeValidator(_slug(PART_MAX)), _string(_DNS_LABEL, PART_MAX)]
"""An id that becomes a part of namespace names: at most 20 characters."""

TenantId: TypeAlias = Annotated[
    str, BeforeValidator(_slug(PART_MAX, reserved=True)), _string(_DNS_LABEL, PART_MAX)
]
"""A tenant's id: at most 20 characters and no reserved name, because it is also a stack's name."""

Text: TypeAlias = Annotated[
    str,
    BeforeValidator(
        _pattern(r"\S.*", "must be one line of 1 to 200 characters", "Write some words.", 0, 200)
    ),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200}),
]

_EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
EmailAddress: TypeAlias = Annotated[
    str,
    BeforeValidator(_pattern(_EMAIL, "must be an e-mail address", "Write it like `owner@acme.example`.")),
    _string(_EMAIL, examples=["owner@acme.example"]),
]

_COST = r"[a-z0-9]([-a-z0-9_.]*[a-z0-9])?"
CostCenter: TypeAlias = Annotated[
    str,
    BeforeValidator(
        _pattern(
            _COST,
            "must be a label value: lower-case letters, digits, `-`, `_`, `.`, at most 63 characters",
            "Write it like `cc-1001`.",
            limit=63,
        )
    ),
    _string(_COST, 63, examples=["cc-1001"]),
]

_VERSION = r"v?\d+\.\d+(\.\d+)?([-+][0-9A-Za-z.+-]+)?"
Version: TypeAlias = Annotated[
    str,
    BeforeValidator(_pattern(_VERSION, "must be a version", "Write it like `1.36.3`.")),
    _string(_VERSION, examples=["1.36.3"]),
]

_DIGEST = r"sha256:[0-9a-f]{64}"
Digest: TypeAlias = Annotated[
    str,
    BeforeValidator(_pattern(_DIGEST, "must be a SHA-256 digest", "Write `sha256:` and 64 hex digits.")),
    _string(_DIGEST),
]

_HOST_KEY = r"SHA256:[A-Za-z0-9+/]{43}"
HostKey: TypeAlias = Annotated[
    str,
    BeforeValidator(
        _pattern(
            _HOST_KEY, "must be an SSH host key's SHA-256 fingerprint", "Copy it from `ssh-keygen -lf <key>`."
        )
    ),
    _string(_HOST_KEY),
]

_FQDN = rf"{_DNS_LABEL}(\.{_DNS_LABEL})+"
Fqdn: TypeAlias = Annotated[
    str,
    BeforeValidator(_pattern(_FQDN, "must be a domain name", "Write it like `gateway.acme.example`.")),
    _string(_FQDN, examples=["gateway.acme.example"]),
]

_DRIVER = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*(/[a-z0-9]([-a-z0-9.]*[a-z0-9])?)?"
Driver: TypeAlias = Annotated[
    str,
    BeforeValidator(
        _pattern(_DRIVER, "must be a driver's name: a domain name", "Write it like `local.csi.acme.example`.")
    ),
    _string(_DRIVER, examples=["local.csi.bastide.dev"]),
]

_GROUP = r"(?!system:)[A-Za-z0-9][A-Za-z0-9:._@/-]*"
Group: TypeAlias = Annotated[
    str,
    BeforeValidator(
        _pattern(
            _GROUP,
            "must be a group of the identity provider; `system:` groups belong to Kubernetes",
            "Write it like `bastide:acme:admin`.",
        )
    ),
    _string(_GROUP, examples=["bastide:acme:admin"]),
]


def _address(raw: object) -> str:
    if not isinstance(raw, str):
        raise broken("must be an IP address or a host name", "Write it like `10.8.0.11`.")
    try:
        return str(ipaddress.ip_address(raw))
    except ValueError:
        if re.fullmatch(rf"(?=.*[a-z]){_DNS_LABEL}(\.{_DNS_LABEL})*", raw) and len(raw) <= 253:
            return raw
    raise broken("must be an IP address or a host name", "Write it like `10.8.0.11`.")


Address: TypeAlias = Annotated[str, BeforeValidator(_address), WithJsonSchema({"type": "string"})]

Count: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
PositiveInt: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Flag: TypeAlias = Annotated[bool, Field(strict=True)]
