"""Types of single values of the AI gateway: days, money, names of models and tools."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from components.model.quantity import broken
from components.model.types import matching, string_schema

_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})( 00:00:00 \+0000 UTC)?")
"""A day, and how the engine gives one back that a file has without quotes."""


def _date(raw: object) -> datetime.date:
    if isinstance(raw, datetime.date):
        return raw
    if isinstance(raw, str) and (match := _DAY.fullmatch(raw)):
        try:
            return datetime.date.fromisoformat(match[1])
        except ValueError:
            pass
    raise broken("must be a date", "Write it like `2027-01-31`.")


Date: TypeAlias = Annotated[
    datetime.date,
    PlainValidator(_date),
    PlainSerializer(datetime.date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2027-01-31"]}),
]
"""A day, as ISO 8601 writes it."""

_MONTH = r"[0-9]{4}-(0[1-9]|1[0-2])"
Month: TypeAlias = Annotated[
    str,
    BeforeValidator(matching(_MONTH, "must be a calendar month", "Write it like `2026-11`.")),
    string_schema("month", _MONTH, 7, examples=["2026-11"]),
]

AMOUNT_MAX: Final = Decimal(10) ** 9
_AMOUNT_PLACES: Final = 6


def _amount(raw: object) -> Decimal:
    if isinstance(raw, Decimal):
        return raw
    rule = "must be an amount of money: not negative, below a thousand million, at most 6 decimals"
    text = format(Decimal(repr(raw)), "f") if isinstance(raw, float) else str(raw)
    if (
        isinstance(raw, bool)
        or not isinstance(raw, str | int | float)
        or not re.fullmatch(rf"[0-9]{{1,9}}(\.[0-9]{{1,{_AMOUNT_PLACES}}})?", text)
    ):
        raise broken(rule, "Write it like `250` or `0.15`, without a sign or a currency.")
    return Decimal(text)


Amount: TypeAlias = Annotated[
    Decimal,
    PlainValidator(_amount),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": ["number", "string"], "format": "amount", "minimum": 0, "examples": [250, 0.15]}),
]
"""An amount of money in the platform's currency, exactly."""

_MODEL_ID = r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?"
ModelId: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _MODEL_ID,
            "must be a model's id: lower-case letters, digits, `.`, `_`, `-`, at most 63 characters",
            "Write it like `chat-large` or `gpt-4.1`.",
            limit=63,
        )
    ),
    string_schema("model-id", _MODEL_ID, 63, examples=["chat-large"]),
]
"""What a caller writes as `model`."""

_UPSTREAM_MODEL = r"[A-Za-z0-9][A-Za-z0-9._:/@-]*"
UpstreamModel: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _UPSTREAM_MODEL,
            "must be the name that the provider gives its model, without spaces",
            "Copy it from the provider.",
            limit=128,
        )
    ),
    string_schema("upstream-model", _UPSTREAM_MODEL, 128, examples=["qwen3-32b"]),
]

_TOOL = r"[A-Za-z0-9][A-Za-z0-9._-]*"
ToolName: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(_TOOL, "must be a tool's name; wildcards are refused", "Name each tool.", limit=64)
    ),
    string_schema("tool", _TOOL, 64, examples=["web_search"]),
]

_URL_PATH = r"/[A-Za-z0-9._~/-]*"
UrlPath: TypeAlias = Annotated[
    str,
    BeforeValidator(matching(_URL_PATH, "must be a path that begins with `/`", "Write it like `/mcp`.")),
    string_schema("path", _URL_PATH, examples=["/mcp"]),
]

_SEGMENT = r"[a-z0-9][a-z0-9._-]*"
_STORE_PATH = rf"{_SEGMENT}(/{_SEGMENT})+"
StorePath: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _STORE_PATH,
            "must be a path in the secret store, in lower case with a `/`, never the secret itself",
            "Write it like `providers/acme/api-key`; if a secret stood here, revoke it.",
        )
    ),
    string_schema("store-path", _STORE_PATH, examples=["providers/acme/api-key"]),
]
"""A reference to a secret: the value never enters the configuration."""

_HTTPS = r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/\S*)?"
HttpsUrl: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _HTTPS, "must be an address with `https://`", "Write it like `https://spire.acme.example/keys`."
        )
    ),
    string_schema("https-url", _HTTPS, examples=["https://spire.acme.example/keys"]),
]

_PREFIX = r"([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?"
UrlPrefix: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(_PREFIX, "must be a path without `/` at its ends", "Write it like `v1` or `api/v1`.")
    ),
    string_schema("path", _PREFIX, examples=["v1"]),
]

_MODEL_VERSION = r"[A-Za-z0-9._-]*"
ModelVersion: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _MODEL_VERSION,
            "must be a version of at most 63 letters, digits, `.`, `_`, `-`",
            "Put it in quotes, like `'2026-05'`.",
            limit=63,
        )
    ),
    string_schema("model-version", _MODEL_VERSION, 63, examples=["2026-05"]),
]

_TIER = r"[A-Za-z][A-Za-z0-9]{0,15}"
TierId: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _TIER, "must be a tier's id: a letter, then at most 15 letters or digits", "Write it like `L1`."
        )
    ),
    string_schema("tier", _TIER, 16, examples=["L1"]),
]

_CURRENCY = r"[A-Z]{3}"
Currency: TypeAlias = Annotated[
    str,
    BeforeValidator(matching(_CURRENCY, "must be a currency of ISO 4217", "Write it like `EUR`.")),
    string_schema("currency", _CURRENCY, 3, examples=["EUR"]),
]

_CLAIM = r"[A-Za-z0-9._:/-]+"
ClaimValue: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _CLAIM,
            "must be a claim's value: at most 64 letters, digits, `.`, `_`, `:`, `/`, `-`",
            "Copy what the identity provider puts into `acr`.",
            limit=64,
        )
    ),
    string_schema("claim", _CLAIM, 64, examples=["mfa"]),
]

_IMAGE = r"[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}"
PinnedImage: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _IMAGE,
            "must be an image with its registry, pinned by digest",
            "Write it like `registry.acme.example/guard@sha256:` and 64 hex digits.",
            limit=512,
        )
    ),
    string_schema("image", _IMAGE, 512),
]
