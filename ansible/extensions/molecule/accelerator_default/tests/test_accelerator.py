"""What the role leaves on a machine with GPUs."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("nvidia-driver-cuda", "580.173.02-1"),
        ("nvidia-persistenced", "580.173.02-1"),
        ("nvidia-kernel-signed", "580.173.02-1"),
        ("nvidia-fabricmanager-580", "580.173.02-1"),
        ("nvidia-container-toolkit", "1.20.0-1"),
    ],
)
def test_the_declared_version_is_installed_though_a_newer_one_is_there(
    host: Any, package: str, version: str
) -> None:
    assert host.package(package).version == version


def test_an_upgrade_leaves_the_driver_alone(host: Any) -> None:
    told = host.check_output("apt-get --simulate dist-upgrade")
    assert "Inst nvidia-driver-cuda" not in told
    assert "Inst nvidia-persistenced" not in told


def test_nouveau_is_kept_away(host: Any) -> None:
    if not host.exists("modprobe"):
        pytest.skip("this machine has no modprobe")
    assert "blacklist nouveau" in host.check_output("modprobe --showconfig")


@pytest.mark.parametrize(
    "unit", ["nvidia-persistenced", "nvidia-fabricmanager", "bastide-mig", "nvidia-cdi-refresh.path"]
)
def test_services_start_at_boot(host: Any, unit: str) -> None:
    assert host.check_output(f"systemctl is-enabled {unit}") == "enabled"


def test_the_specification_is_written_after_the_devices_are_divided(host: Any) -> None:
    after = host.check_output("systemctl show --property=After --value nvidia-cdi-refresh.service").split()
    assert {"bastide-mig.service", "nvidia-fabricmanager.service"} <= set(after)
    told = host.run("systemd-analyze verify --man=no bastide-mig.service nvidia-cdi-refresh.service")
    assert (told.rc, told.stderr) == (0, "")


def test_the_layout(host: Any) -> None:
    (own,) = yaml.safe_load(host.file("/etc/bastide/mig.yaml").content_string)["mig-configs"]["bastide"]
    assert own["mig-devices"] == {"1g.10gb": 2, "2g.20gb": 1, "3g.40gb": 1}


def test_the_reports_count_devices_and_skip_what_needs_hardware(host: Any) -> None:
    folder = "/var/lib/bastide/reports/accelerator"
    before = json.loads(host.file(f"{folder}.preflight.json").content_string)
    assert {each["id"]: each["status"] for each in before["checks"]}["devices"] == "passed"
    after = json.loads(host.file(f"{folder}.validation.json").content_string)
    statuses = {each["id"]: each["status"] for each in after["checks"]}
    assert statuses["fabric-version"] == "passed"
    assert statuses["devices"] == statuses["partitions"] == "skipped"
