"""No firmware and no TPM: skipped and said so; wrong settings are refused, all told together."""

import json

import pytest


def test_hardware_is_skipped_and_reported(host):
    report = json.loads(host.file("/var/lib/bastide/reports/attestation.validation.json").content_string)
    assert report["passed"]
    skipped = {check["id"] for check in report["checks"] if check["status"] == "skipped"}
    assert {"secure boot", "tpm", "event log", "lockdown"} <= skipped


def test_no_policy_is_left(host):
    assert not host.file("/etc/ima/ima-policy").exists


@pytest.mark.parametrize(
    "told",
    [
        "ima rules: found 'measure func=EVERYTHING'",
        "ima appraisal",
        "golden values: found 'short'",
        "golden registers: found '10'",
        "secure boot: found 'no UEFI variables'",
        "tpm: found 'no TPM 2.0'",
        "event log: found 'no event log'",
        "pcr 7 of attestation-alternative: found 'not readable'",
        "The state of secure boot (PCR 7) of attestation-alternative differs",
    ],
)
def test_refusal_tells_all(host, told):
    assert told in host.file("/root/refused").content_string
