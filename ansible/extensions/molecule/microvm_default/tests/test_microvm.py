"""All handlers: programs are where the configuration says, and the configuration is the safe one."""

import json

HANDLERS = {"clh": "cloud-hypervisor", "fc": "firecracker"}


def test_configured_files_are_there(host):
    for name, binary in HANDLERS.items():
        text = host.file(f"/etc/kata-containers/configuration-{name}.toml").content_string
        paths = [line.split('"')[1] for line in text.splitlines() if line.split(" = ")[0] in KEYS]
        assert f"/opt/kata/bin/{binary}" in paths
        assert all(host.file(path).is_file for path in paths)


KEYS = ("path", "kernel", "image", "jailer_path", "virtio_fs_daemon")


def test_pods_may_override_nothing(host):
    for name in HANDLERS:
        text = host.file(f"/etc/kata-containers/configuration-{name}.toml").content_string
        assert "enable_annotations = []" in text


def test_firecracker_is_jailed(host):
    text = host.file("/etc/kata-containers/configuration-fc.toml").content_string
    assert 'jailer_path = "/opt/kata/bin/jailer"' in text


def test_gvisor_runs(host):
    assert host.run("/usr/local/bin/runsc --version").stdout.startswith("runsc version")
    assert 'platform = "systrap"' in host.file("/etc/containerd/runsc.toml").content_string


def test_containerd_is_told_of_the_pool(host):
    assert (
        'pool_name = "sandboxes-thinpool"'
        in host.file("/etc/containerd/conf.d/50-microvm.toml").content_string
    )


def test_modules_are_loaded_at_boot(host):
    lines = host.file("/etc/modules-load.d/bastide-microvm.conf").content_string.splitlines()
    assert {"vhost_net", "vhost_vsock", "tun", "dm_thin_pool"} <= set(lines)


def test_hardware_is_skipped_and_reported(host):
    report = json.loads(host.file("/var/lib/bastide/reports/microvm.validation.json").content_string)
    assert report["passed"]
    skipped = {check["id"] for check in report["checks"] if check["status"] == "skipped"}
    assert {"kvm", "thin pool", "thin pool data", "thin pool watched"} <= skipped
