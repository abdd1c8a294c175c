"""A node without disks of its own: nothing is filled, trim and scheduler are set. Real disks: tests/nodes."""

import json


def test_trim_is_due_every_week(host):
    assert host.service("fstrim.timer").is_enabled


def test_scheduler_rule_is_valid(host):
    rule = host.file("/etc/udev/rules.d/60-bastide-storage.rules")
    assert rule.mode == 0o644
    assert 'ATTR{queue/scheduler}="none"' in rule.content_string


def test_nothing_is_mounted_or_sealed(host):
    assert not host.file("/etc/systemd/system/var-lib-containerd.mount").exists
    assert "luks-" not in (
        host.file("/etc/crypttab").content_string if host.file("/etc/crypttab").exists else ""
    )


def test_programs_are_there(host):
    for program in ("cryptsetup", "lvcreate", "mkfs.xfs", "nvme", "systemd-cryptenroll"):
        assert host.exists(program), program


def test_reports_passed(host):
    for phase in ("preflight", "validation"):
        report = json.loads(host.file(f"/var/lib/bastide/reports/storage.{phase}.json").content_string)
        assert report["passed"]
        assert any(check["status"] == "passed" for check in report["checks"])
