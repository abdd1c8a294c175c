"""A machine that booted as expected: its evidence, policy and reports."""

import json


def read(host, name):
    return json.loads(host.file(f"/var/lib/bastide/reports/attestation.{name}.json").content_string)


def test_evidence_is_kept_from_others(host):
    assert host.file("/var/lib/bastide/reports/attestation.evidence.json").mode == 0o600


def test_evidence_tells_the_boot(host):
    evidence = read(host, "evidence")
    assert evidence["secure_boot"] is True
    assert evidence["lockdown"] == "integrity"
    assert sorted(evidence["registers"]) == ["0", "7"]
    assert evidence["log"]["events"] == 2
    assert evidence["log"]["unexplained"] == []


def test_every_check_was_made(host):
    for phase in ("preflight", "validation"):
        report = read(host, phase)
        assert report["passed"]
        assert {check["status"] for check in report["checks"]} == {"passed"}
        assert any(check["id"].startswith("pcr 7 of ") for check in report["checks"])


def test_policy_measures_what_runs(host):
    rules = host.file("/etc/ima/ima-policy").content_string.splitlines()
    assert "measure func=BPRM_CHECK mask=MAY_EXEC" in rules
    assert "measure func=MODULE_CHECK" in rules
    assert not any(rule.startswith("appraise") for rule in rules)


def test_kernel_is_locked_down_at_boot(host):
    line = host.file("/etc/tmpfiles.d/bastide-lockdown.conf").content_string.splitlines()[-1]
    assert line.split() == ["w-", "/srv/sys/kernel/security/lockdown", "-", "-", "-", "-", "integrity"]
