"""Kubernetes quantities, parsed exactly."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from functools import lru_cache, total_ordering
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias, TypeVar

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError, core_schema

_UNITS: Final[dict[str, Decimal]] = {
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))},
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{"m": Decimal("1e-3"), "u": Decimal("1e-6"), "n": Decimal("1e-9")},
}
_QUANTITY = re.compile(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?")
_TEXT_MAX: Final = 64
_EXACT: Final = Context(prec=2 * _TEXT_MAX)
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
    schema: ClassVar[dict[str, Any]] = {
        "type": ["string", "number"],
        "minimum": 0,
        "pattern": f"^{_QUANTITY.pattern}$",
    }

    def __init__(self, text: str) -> None:
        """Raises `PydanticCustomError` (a `ValueError`) on anything that Kubernetes would not take."""
        self.text = text
        self.value = self._checked(text)

    @classmethod
    @lru_cache(maxsize=4096)  # the same few texts come again and again
    def _checked(cls, text: str) -> Decimal:
        example = " or ".join(f"`{example}`" for example in cls.examples)
        found = _QUANTITY.fullmatch(text) if len(text) <= _TEXT_MAX else None
        if found is None:
            raise broken(f"must be a Kubernetes quantity ({cls.unit})", f"Write it like {example}.")
        sign, digits, suffix = found[1], found[2], found[3] or ""
        if sign == "-":
            raise broken("must not be negative", f"Write it like {example}.")
        exponent = suffix[:1] in {"e", "E"} and len(suffix) > 1 and suffix != "Ei"
        value = Decimal(digits + suffix) if exponent else _EXACT.multiply(Decimal(digits), _UNITS[suffix])
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
        """The quantity of a value, written as a person would."""
        return cls(cls.written(Decimal(value)))

    @classmethod
    def written(cls, value: Decimal) -> str:
        """The text of a value: whole, or in thousandths."""
        whole = value == value.to_integral_value()
        return f"{value:f}" if whole else f"{(value * 1000).normalize():f}m"

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
        return {**cls.schema, "format": "quantity", "unit": cls.unit, "examples": list(cls.examples)}


class Cpu(Quantity):
    """Processor cores; `500m` is half of one."""

    __slots__ = ()
    unit = "cores"
    examples = ("4", "500m")
    schema: ClassVar[dict[str, Any]] = {
        "type": ["string", "number"],
        "minimum": 0,
        "pattern": r"^([0-9]+\.?[0-9]*|\.[0-9]+)([munkMGTPE]|[eE][+-]?[0-9]+)?$",
    }

    @classmethod
    def refine(cls, value: Decimal, text: str, suffix: str) -> None:
        if suffix.endswith("i"):
            raise broken(
                "must be a number of cores, without a binary unit", f"Write `{text.rstrip(suffix)}`."
            )
        if _EXACT.remainder(value, _UNITS["m"]):
            raise broken("must be a whole number of thousandths of a core", "Write it like `250m`.")


class Bytes(Quantity):
    """Memory or storage, always with its unit: `512Mi`, `2Ti`."""

    __slots__ = ()
    unit = "bytes"
    examples = ("512Mi", "2Ti")
    schema: ClassVar[dict[str, Any]] = {
        "type": ["string", "integer"],
        "maximum": 0,
        "minimum": 0,
        "pattern": r"^(0|([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[kMGTPE]|[eE][0-9]+))$",
    }

    @classmethod
    def written(cls, value: Decimal) -> str:
        """The text in the largest binary unit that keeps it whole; odd bytes get an exponent."""
        for unit in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
            if value and value % _UNITS[unit] == 0:
                return f"{value / _UNITS[unit]:f}{unit}"
        return f"{value:f}e0" if value else "0"

    @classmethod
    def refine(cls, value: Decimal, text: str, suffix: str) -> None:
        if suffix in {"m", "u", "n"}:
            raise broken("must be a size with a unit of bytes", f"Write `{text[:-1]}Mi` for mebibytes.")
        if value and not suffix:
            raise broken("must have a unit", f"Write `{text}Mi` or `{text}Gi`, whichever is meant.")
        if _EXACT.remainder(value, Decimal(1)):
            raise broken("must be a whole number of bytes", "Write it in a smaller unit, like `512Mi`.")


_QuantityT = TypeVar("_QuantityT", bound=Quantity)


def _above_zero(quantity: _QuantityT) -> _QuantityT:
    if not quantity.value:
        raise broken("must be above zero", f"Write it like `{quantity.examples[0]}`.")
    return quantity


SomeCpu: TypeAlias = Annotated[Cpu, AfterValidator(_above_zero)]
SomeBytes: TypeAlias = Annotated[Bytes, AfterValidator(_above_zero)]
