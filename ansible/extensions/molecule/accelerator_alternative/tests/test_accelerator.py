"""What the role leaves on a machine with NPUs that had an older driver."""

from __future__ import annotations

import json
from typing import Any


def test_firmware_comes_before_the_driver_where_one_was_installed(host: Any) -> None:
    assert host.file("/srv/installed").content_string.splitlines() == [
        "firmware 7.8.0.6.201 --full --quiet",
        "driver 25.5.1 --full --install-for-all --quiet",
    ]


def test_the_user_of_the_driver_cannot_log_in(host: Any) -> None:
    user = host.user("HwHiAiUser")
    assert user.exists
    assert user.shell == "/usr/sbin/nologin"
    assert user.password.startswith("!")


def test_nothing_of_another_vendor_is_there(host: Any) -> None:
    assert not host.file("/etc/modprobe.d/bastide-nouveau.conf").exists
    assert not host.file("/etc/bastide/mig.yaml").exists


def test_the_report_holds_versions_against_the_declaration(host: Any) -> None:
    report = json.loads(host.file("/var/lib/bastide/reports/accelerator.validation.json").content_string)
    statuses = {each["id"]: each["status"] for each in report["checks"]}
    assert statuses["firmware"] == statuses["driver-installed"] == "passed"
    assert statuses["health"] == "skipped"
