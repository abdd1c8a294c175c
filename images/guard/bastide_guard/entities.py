"""What can be masked, as data: Presidio's entities by the recognizer that finds them, and our own secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SECRET: Final = "SECRET"  # noqa: S105 - the name of an entity
"""Keys, tokens, passwords: our own, Presidio has none."""

PRESIDIO: Final[Mapping[str, str]] = {
    "ABA_ROUTING_NUMBER": "AbaRoutingRecognizer",
    "AU_ABN": "AuAbnRecognizer",
    "AU_ACN": "AuAcnRecognizer",
    "AU_MEDICARE": "AuMedicareRecognizer",
    "AU_TFN": "AuTfnRecognizer",
    "CA_SIN": "CaSinRecognizer",
    "CREDIT_CARD": "CreditCardRecognizer",
    "CRYPTO": "CryptoRecognizer",
    "DATE_TIME": "DateRecognizer",
    "DE_ID_CARD": "DeIdCardRecognizer",
    "DE_PASSPORT": "DePassportRecognizer",
    "DE_SOCIAL_SECURITY": "DeSocialSecurityRecognizer",
    "DE_TAX_ID": "DeTaxIdRecognizer",
    "EMAIL_ADDRESS": "EmailRecognizer",
    "ES_NIE": "EsNieRecognizer",
    "ES_NIF": "EsNifRecognizer",
    "ES_PASSPORT": "EsPassportRecognizer",
    "FI_PERSONAL_IDENTITY_CODE": "FiPersonalIdentityCodeRecognizer",
    "IBAN_CODE": "IbanRecognizer",
    "IN_AADHAAR": "InAadhaarRecognizer",
    "IN_PASSPORT": "InPassportRecognizer",
    "IN_VOTER": "InVoterRecognizer",
    "IP_ADDRESS": "IpRecognizer",
    "IT_DRIVER_LICENSE": "ItDriverLicenseRecognizer",
    "IT_FISCAL_CODE": "ItFiscalCodeRecognizer",
    "IT_IDENTITY_CARD": "ItIdentityCardRecognizer",
    "IT_PASSPORT": "ItPassportRecognizer",
    "KR_DRIVER_LICENSE": "KrDriverLicenseRecognizer",
    "KR_FRN": "KrFrnRecognizer",
    "KR_PASSPORT": "KrPassportRecognizer",
    "KR_RRN": "KrRrnRecognizer",
    "MAC_ADDRESS": "MacAddressRecognizer",
    "MEDICAL_LICENSE": "MedicalLicenseRecognizer",
    "NG_NIN": "NgNinRecognizer",
    "PHONE_NUMBER": "PhoneRecognizer",
    "PL_PESEL": "PlPeselRecognizer",
    "SE_PERSONNUMMER": "SePersonnummerRecognizer",
    "SG_NRIC_FIN": "SgFinRecognizer",
    "TH_TNIN": "ThTninRecognizer",
    "TR_NATIONAL_ID": "TrNationalIdRecognizer",
    "UK_DRIVING_LICENCE": "UkDrivingLicenceRecognizer",
    "UK_NHS": "NhsRecognizer",
    "UK_NINO": "UkNinoRecognizer",
    "UK_PASSPORT": "UkPassportRecognizer",
    "URL": "UrlRecognizer",
    "US_BANK_NUMBER": "UsBankRecognizer",
    "US_DRIVER_LICENSE": "UsLicenseRecognizer",
    "US_ITIN": "UsItinRecognizer",
    "US_MBI": "UsMbiRecognizer",
    "US_NPI": "UsNpiRecognizer",
    "US_PASSPORT": "UsPassportRecognizer",
    "US_SSN": "UsSsnRecognizer",
    "ZA_ID_NUMBER": "ZaIdNumberRecognizer",
}
"""Names of classes in `presidio_analyzer.predefined_recognizers`."""

SUPPORTED: Final = frozenset({SECRET, *PRESIDIO})

NEED_A_MODEL: Final = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP"})
"""Presidio finds these with a language model only, which no registry of packages has."""

EMAIL: Final = r"(?<![\w.+%-])(?<![\w.+%-]')[\w.+%-]++(?:'[\w.+%-]++)*+@[\w-]++(?:\.[\w-]++)++"
"""Presidio's own asks for a public suffix, so that `alice@mail.internal` would get away; it is also slow."""

SECRETS: Final[Mapping[str, str]] = {
    "private key": r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
    r"(?:[^-]++|-(?!----END))*+(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?",
    "json web token": r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
    "cloud access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "cloud api key": r"\bAIza[\w-]{35}",
    "code forge token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,})",
    "model provider key": r"\b(?:sk|pk|rk)-[A-Za-z0-9][\w-]{18,}|\bhf_[A-Za-z0-9]{30,}",
    "payment key": r"\b[spr]k_(?:live|test)_\w{16,}",
    "chat token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "package registry token": r"\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{40,}",
    "mail service key": r"\bSG\.[\w-]{16,}\.[\w-]{16,}",
    "vault token": r"\bhv[sbr]\.[\w-]{20,}",
    "age key": r"\bAGE-SECRET-KEY-1[0-9A-Z]{50,}",
    "bearer": r"(?i:\bbearer\s+)(?P<value>[\w.~+/-]{16,}=*)",
    "password in address": r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/@:]{0,128}:(?P<value>[^\s/@]{1,256})@",
    "assignment": r"(?i:api[_-]?key|secret|token|passw(?:or)?d|passphrase|credential)"
    r"[\"']?\s{0,8}(?::|=>?)\s{0,8}(?:\"(?P<value>[^\"\n]{6,256})\"|'(?P<value>[^'\n]{6,256})'"
    r"|(?P<value>(?=[^\s\"',;<>()\[\]{}]{0,256}\d)[^\s\"',;<>()\[\]{}]{8,}))",
}
"""Regular expressions by what they find. Where there is a group `value`, that alone is masked."""
