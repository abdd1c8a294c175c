"""What is masked in prompts: kinds of personal data, and a tenant's own patterns."""

from __future__ import annotations

import re
import warnings
from itertools import pairwise
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from components.model.errors import did_you_mean
from components.model.quantity import broken
from components.model.types import ID_MAX, matching, string_schema

_PRESIDIO: Final = """
ABA_ROUTING_NUMBER AU_ABN AU_ACN AU_MEDICARE AU_TFN CA_POSTAL_CODE CA_SIN CREDIT_CARD CRYPTO DATE_TIME
DE_BSNR DE_FUEHRERSCHEIN DE_HANDELSREGISTER DE_HEALTH_INSURANCE DE_ID_CARD DE_KFZ DE_LANR DE_PASSPORT
DE_PLZ DE_SOCIAL_SECURITY DE_TAX_ID DE_TAX_NUMBER DE_VAT_ID EMAIL_ADDRESS ES_NIE ES_NIF ES_PASSPORT
FI_PERSONAL_IDENTITY_CODE IBAN_CODE IN_AADHAAR IN_GSTIN IN_PAN IN_PASSPORT IN_VEHICLE_REGISTRATION
IN_VOTER IP_ADDRESS IT_DRIVER_LICENSE IT_FISCAL_CODE IT_IDENTITY_CARD IT_PASSPORT IT_VAT_CODE KR_BRN
KR_DRIVER_LICENSE KR_FRN KR_PASSPORT KR_RRN MAC_ADDRESS MEDICAL_LICENSE NG_NIN NG_VEHICLE_REGISTRATION
PHONE_NUMBER PH_PASSPORT PH_TIN PH_UMID PL_PESEL SE_ORGANISATIONSNUMMER SE_PERSONNUMMER SG_NRIC_FIN
SG_UEN TH_TNIN TR_LICENSE_PLATE TR_NATIONAL_ID UK_DRIVING_LICENCE UK_NHS UK_NINO UK_PASSPORT UK_POSTCODE
UK_VEHICLE_REGISTRATION URL US_BANK_NUMBER US_CLAIM_NUMBER US_DRIVER_LICENSE
US_HEALTH_INSURANCE_MEMBER_ID US_ITIN US_MBI US_NPI US_PASSPORT US_PRESCRIPTION_NUMBER
US_PRIOR_AUTHORIZATION_NUMBER US_PROVIDER_TAX_ID US_REFERRAL_NUMBER US_SSN UUID ZA_COMPANY_REGISTRATION
ZA_DRIVER_LICENSE ZA_ID_NUMBER ZA_INCOME_TAX_NUMBER ZA_LICENSE_PLATE ZA_MOBILE_NUMBER ZA_PASSPORT
ZA_TELEPHONE_NUMBER ZA_TRAFFIC_REGISTER_NUMBER ZA_VAT_NUMBER
"""
ENTITIES: Final = frozenset(_PRESIDIO.split())
"""Kinds that Presidio finds by pattern, without a language model.

Source: the predefined recognizers of presidio-analyzer 2.2.366,
https://microsoft.github.io/presidio/supported_entities/
"""

REGEX_MAX: Final = 256
_CLASS = r"\[\^?\]?(?:\\.|[^\]\\])*\]"
_TOKEN = re.compile(rf"\\.|{_CLASS}|\(\??|\{{[0-9]*,?[0-9]*\}}|.", re.DOTALL)
_VARIES = re.compile(r"[*+?|]|\{[0-9]*,[0-9]*\}")
_REPEATS = re.compile(r"[*+]|\{[0-9]*,?[0-9]*\}")


def _entity(raw: object) -> str:
    if not isinstance(raw, str) or raw not in ENTITIES:
        rule = "must be a kind of personal data that Presidio finds by pattern"
        raise broken(rule, did_you_mean(str(raw), ENTITIES))
    return raw


Entity: TypeAlias = Annotated[
    str, BeforeValidator(_entity), WithJsonSchema({"type": "string", "format": "entity"})
]
"""A kind of personal data, as Presidio names it."""


def _regex(raw: object) -> str:
    if not isinstance(raw, str) or not 0 < len(raw) <= REGEX_MAX:
        rule = f"must be a regular expression of 1 to {REGEX_MAX} characters"
        raise broken(rule, "Write it in quotes, like `'CASE-[0-9]{6}'`.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            compiled = re.compile(raw)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        said = str(error).partition("\n")[0]
        mend = "Try it with Python's `re.compile`; put a backslash before what is meant literally."
        raise broken(f"must be a regular expression of Python: {said}", mend) from error
    if compiled.match(""):
        rule = "must not match the empty text: it would mask nothing"
        raise broken(rule, "Use `+` where it has `*`.")
    if _backtracks(raw):
        rule = "must not repeat a group that holds a repetition or a choice: some text would take for ever"
        raise broken(rule, "Write it without one of the two, or with a fixed count like `{4}` inside.")
    return raw


def _backtracks(regex: str) -> bool:
    groups = [False]
    for piece, after in pairwise([*_TOKEN.findall(regex), ""]):
        if piece.startswith("("):
            groups.append(False)
        elif piece == ")":
            varies = groups.pop()
            if varies and _REPEATS.fullmatch(after):
                return True
            groups[-1] |= varies
        elif _VARIES.fullmatch(piece):
            groups[-1] = True
    return False


Regex: TypeAlias = Annotated[
    str,
    BeforeValidator(_regex),
    WithJsonSchema({"type": "string", "format": "regex", "minLength": 1, "maxLength": REGEX_MAX}),
]
"""A regular expression of Python that compiles, masks something and is done in time."""

_MASK_NAME = r"[a-z]([-a-z0-9]*[a-z0-9])?"
MaskName: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _MASK_NAME,
            "must be a name: a lower-case letter, then letters, digits and hyphens, at most 40 characters",
            "Write it like `case-number`.",
            limit=ID_MAX,
        )
    ),
    string_schema("mask", _MASK_NAME, ID_MAX, examples=["case-number"]),
]
