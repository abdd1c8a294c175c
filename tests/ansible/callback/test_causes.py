"""What failed steps say -> why they failed; no secret comes through."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from tests.support.plugins import load

causes = load("plugins/plugin_utils/causes.py")
TABLE = causes.load()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "Failed to connect to the host via ssh: ssh: connect to host h port 22: No route to host",
            "unreachable",
        ),
        ("Failed to connect to the host via ssh: Host key verification failed.", "host-key"),
        ("@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@", "host-key"),
        ("bastide: the host key of a (10.0.0.1) is SHA256:x, pinned is SHA256:y. Not connected.", "host-key"),
        ("Failed to connect to the host via ssh: root@h: Permission denied (publickey).", "ssh-refused"),
        ("E: Failed to fetch http://mirror/x.deb  404  Not Found", "package-mirror"),
        ("Failed to update apt cache: unknown reason", "package-mirror"),
        (
            "Err:1 http://deb.debian.org bookworm InRelease Temporary failure resolving 'deb.debian.org'",
            "air-gap",
        ),
        ("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", "dpkg-interrupted"),
        ("E: Unmet dependencies. Try 'apt --fix-broken install' with no packages", "dpkg-interrupted"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend", "apt-lock"),
        ("OSError: [Errno 28] No space left on device", "disk-full"),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "disk-full"),
        ("certificate verify failed: certificate has expired (_ssl.c:992)", "certificate-expired"),
        (
            "x509: certificate has expired or is not yet valid: current time is after 2024",
            "certificate-expired",
        ),
        ("certificate verify failed: certificate is not yet valid (_ssl.c:992)", "certificate-early"),
        ("E: Release file for http://m/InRelease is not valid yet (invalid for another 9h)", "clock"),
        ("kubelet 1.36: http://m/a has the digest sha256:1, the index says sha256:2.", "wrong-digest"),
        ("E: Failed to fetch http://m/x.deb  Hash Sum mismatch", "wrong-digest"),
        ("kubelet 1: reached out to http://m/index.json: Connection refused.", "artifact-store"),
        ("k 1: reached out to http://m/i: [Errno -3] Temporary failure in name resolution.", "air-gap"),
        ("<urlopen error [Errno 101] Network is unreachable>; https://pypi.example/x", "air-gap"),
        ("something else", "unknown"),
    ],
)
def test_causes_are_recognised(text: str, cause: str) -> None:
    assert causes.recognise(text, TABLE).id == cause


def test_every_row_can_be_read_and_mended() -> None:
    assert len({row.id for row in TABLE}) == len(TABLE)
    assert all(row.mend and row.cause for row in TABLE)


def test_a_host_lost_without_a_known_text_is_unreachable() -> None:
    assert causes.recognise("?", TABLE, unreachable=True).id == "unreachable"


def test_the_checks_of_a_role_name_cause_and_mend() -> None:
    failed = {"id": "kernel", "status": "failed", "mend": "Boot 6.1."}
    checks = causes.failed_checks({"report": {"checks": [failed, {"id": "clock", "status": "passed"}]}})
    assert checks == {"kernel": "Boot 6.1."}
    assert (
        causes.recognise("accelerator preflight: 1 of 4 checks failed", TABLE, checks=checks).id == "kernel"
    )


def test_each_saying_is_told_once_on_one_line() -> None:
    item = {"failed": True, "msg": "no\nspace"}
    assert (
        causes.said({"msg": "All items", "results": [item, item, {"msg": "fine"}]}) == "All items; no space"
    )
    assert causes.said({"msg": "refused", "url": "http://x/y"}) == "refused; http://x/y"


SECRET = "p@ss/w0rd+x="


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        quote(SECRET, safe=""),
        quote(SECRET),
    ],
)
def test_a_secret_of_the_environment_is_masked_in_every_form(form: str) -> None:
    known = causes.secrets({"REDFISH_PASSWORD": SECRET, "PATH": "/usr/bin:/bin", "SHORT_TOKEN": "abc"})
    assert form not in causes.mask(f"the host said {form}, twice {form}", known)
    assert causes.mask("see /usr/bin:/bin abc", known) == "see /usr/bin:/bin abc"


@pytest.mark.parametrize(
    "text",
    [
        "GET https://admin:hunter2hunter2@bmc.example/redfish",
        "Authorization: Bearer hunter2hunter2",
        "{'redfish_password': 'hunter2hunter2'}",
        "mysql --password=hunter2hunter2 failed",
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    assert "hunter2" not in causes.mask(text)


def test_long_sayings_are_cut() -> None:
    assert len(causes.mask("x" * 5000)) == 600
