"""gVisor alone on a simulated processor; and the refusal of a host that can do nothing, all told together."""

import json

import pytest


def test_only_gvisor_is_there(host):
    assert host.file("/usr/local/bin/runsc").mode == 0o755
    assert 'platform = "kvm"' in host.file("/etc/containerd/runsc.toml").content_string
    assert not host.file("/opt/kata").exists
    assert not host.file("/etc/kata-containers/configuration-fc.toml").exists
    assert not host.file("/etc/containerd/conf.d/50-microvm.toml").exists


def test_validation_passed(host):
    report = json.loads(host.file("/var/lib/bastide/reports/microvm.validation.json").content_string)
    assert report["passed"]
    assert {"gvisor", "gvisor shim"} <= {check["id"] for check in report["checks"]}


@pytest.mark.parametrize(
    "told",
    [
        "kata version",
        "gvisor version",
        "processor",
        "kvm",
        "nested guests",
        "iommu",
        "confidential",
        "huge pages",
        "thin pool size: found 'big'",
        "thin pool place: found '2'",
        "thin pool device: found 'absent: no such block device'",
        "thin pool device alone: found 'also in storage_devices'",
    ],
)
def test_refusal_tells_all(host, told):
    assert f"- {told}" in host.file("/root/refused").content_string
