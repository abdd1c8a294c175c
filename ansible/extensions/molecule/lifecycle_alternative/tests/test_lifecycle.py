"""A host that was patched: everything is new but what is held."""

from __future__ import annotations


def test_the_package_is_held(host):
    assert host.check_output("apt-mark showhold") == "less"


def test_nothing_is_left_to_upgrade(host):
    plan = host.check_output("apt-get --simulate --with-new-pkgs upgrade")
    assert [line for line in plan.splitlines() if line.startswith("Inst ")] == []


def test_no_package_is_half_installed(host):
    assert host.check_output("dpkg --audit") == ""
