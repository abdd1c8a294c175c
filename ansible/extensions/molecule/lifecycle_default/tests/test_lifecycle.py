"""A host that can be patched: nothing held, nothing half installed, restarts listed and not done."""

from __future__ import annotations

import json


def test_no_package_is_half_installed(host):
    assert host.check_output("dpkg --audit") == ""
    assert host.check_output("apt-mark showhold") == ""


def test_restarts_are_listed_and_not_done(host):
    assert host.package("needrestart").is_installed
    told = host.run("needrestart -b -v 2>&1")
    assert "/etc/needrestart/conf.d/bastide.conf" in told.stdout + told.stderr
    assert "NEEDRESTART-VER" in told.stdout


def test_the_report_is_kept(host):
    for phase in ("preflight", "validation"):
        report = json.loads(host.file(f"/var/lib/bastide/reports/lifecycle.{phase}.json").content_string)
        assert report["passed"] is True
        assert {check["status"] for check in report["checks"]} == {"passed"}
