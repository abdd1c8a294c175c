"""The script that tells SSH whether a host key is the pinned one, and SSH that asks it."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.nodes.ansible import COLLECTION
from components.nodes.values.variables import ssh_arguments
from tests.support.command import Done, run
from tests.support.nodes import Lab, Machine
from tests.support.nodes.lab import needs

PIN = COLLECTION / "plugins" / "plugin_utils" / "pinned_host_key.sh"
KEY, OTHER = "SHA256:" + "A" * 43, "SHA256:" + "B" * 43


def answer(pinned: str, reason: str, shown: str) -> Done:
    return run("/bin/sh", PIN, "gpu-1", pinned, reason, shown, "[10.8.1.1]:2222", "ssh-ed25519", "AAAAC3")


def test_the_pinned_key_is_known() -> None:
    assert answer(KEY, "HOSTNAME", KEY) == Done(0, "[10.8.1.1]:2222 ssh-ed25519 AAAAC3\n", "")


def test_before_a_key_is_shown_none_is_named() -> None:
    """OpenSSH asks in this way for an order of algorithms; `%f` is NONE then."""
    assert answer(KEY, "ORDER", "NONE") == Done(0, "", "")


@pytest.mark.parametrize("shown", [OTHER, "NONE", "", KEY.lower(), f"{KEY} ", "*"])
def test_any_other_key_is_refused(shown: str) -> None:
    done = answer(KEY, "HOSTNAME", shown)
    assert (done.code, done.out) == (1, "")
    assert f"the host key of gpu-1 ([10.8.1.1]:2222) is {shown}, pinned is {KEY}" in done.err


@pytest.mark.parametrize("shown", [KEY, "none", "NONE"])
def test_without_a_pinned_key_all_are_refused(shown: str) -> None:
    done = answer("none", "HOSTNAME", shown)
    assert (done.code, done.out) == (1, "")
    assert "no host key is pinned for gpu-1" in done.err


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A Debian machine with a real sshd."""
    if reason := needs():
        pytest.skip(reason)
    with Lab() as lab:
        yield lab.add("one")[0]


CARELESS = """
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
VerifyHostKeyDNS yes
HostKeyAlgorithms +ssh-rsa
NoHostAuthenticationForLocalhost yes
"""


def connect(machine: Machine, pinned: str | None, *more: str | Path, pin: Path = PIN) -> Done:
    """Log in by SSH with our arguments."""
    arguments = shlex.split(ssh_arguments(machine.name, pinned, str(pin)))
    login = ["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", machine.key]
    return run("ssh", *more, *arguments, *login, f"{machine.user}@{machine.address}", "id -un")


@pytest.mark.nodes
@pytest.mark.xdist_group("nodes")
class TestReal:
    """Against a real sshd."""

    def test_the_pinned_machine_lets_us_in(self, machine: Machine) -> None:
        done = connect(machine, machine.fingerprint)
        assert (done.code, done.out.strip()) == (0, machine.user), done.err

    def test_another_machine_is_refused_by_ssh_itself(self, machine: Machine) -> None:
        done = connect(machine, KEY)
        assert (done.code, done.out) == (255, "")
        assert f"the host key of {machine.name} ({machine.address}) is {machine.fingerprint}" in done.err
        assert "KnownHostsCommand failed" in done.err

    def test_a_machine_without_a_pin_is_refused(self, machine: Machine) -> None:
        done = connect(machine, None)
        assert (done.code, done.out) == (255, "")
        assert f"no host key is pinned for {machine.name}" in done.err

    def test_careless_settings_of_the_user_change_nothing(self, machine: Machine, tmp_path: Path) -> None:
        """The script's folder has a blank and a percent sign, as folders of people do."""
        folder = tmp_path / "100% mine"
        folder.mkdir()
        pin = Path(shutil.copy(PIN, folder))
        settings = tmp_path / "careless"
        settings.write_text(CARELESS)
        assert connect(machine, machine.fingerprint, "-F", settings, pin=pin).code == 0
        refused = connect(machine, KEY, "-F", settings, pin=pin)
        assert (refused.code, refused.out) == (255, "")
