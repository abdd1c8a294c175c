"""Other settings, and the refusal of wrong ones, all told together."""

import pytest


def test_scheduler(host):
    rule = host.file("/etc/udev/rules.d/60-bastide-storage.rules").content_string
    assert 'ATTR{queue/scheduler}="mq-deadline"' in rule


@pytest.mark.parametrize(
    "told",
    [
        "storage preflight: 8 of ",
        "devices once",
        "devices by path: found 'disk0'",
        "volume names",
        "volume mounts",
        "volume sizes: found 'a'",
        "volume after the last room: found 'a'",
        "/dev/none: found 'absent: no such block device'",
    ],
)
def test_refusal_tells_all(host, told):
    assert told in host.file("/root/refused").content_string


def test_refusal_changed_nothing(host):
    assert not host.file("/etc/systemd/system/a.mount").exists
