"""What the hardened host does, seen from inside and from a network that is not let in."""

import json

import pytest

OUTSIDE = "198.51.100.2"
INSIDE = "10.213.250.2"
"""In the administration's networks."""


@pytest.fixture(scope="module")
def outside(host):
    """A network name space beside the host: its commands come from OUTSIDE or INSIDE."""
    host.check_output("ip netns add outside")
    host.check_output("ip link add out0 type veth peer name in0 netns outside")
    for part in ("ip", "ip netns exec outside ip"):
        name, last = ("out0", 1) if part == "ip" else ("in0", 2)
        host.check_output(f"{part} address add 198.51.100.{last}/24 dev {name}")
        host.check_output(f"{part} address add 10.213.250.{last}/30 dev {name}")
        host.check_output(f"{part} link set {name} up")
    yield lambda command: host.run(f"ip netns exec outside {command}")
    host.run("ip netns delete outside")


def greeting(run, port, address):
    return run(f"timeout 3 bash -c 'head -c 4 < /dev/tcp/{address}/{port}'").stdout


def test_ssh_answers_the_administration_only(outside):
    assert greeting(outside, 22, "10.213.250.1") == "SSH-"
    assert greeting(outside, 22, "198.51.100.1") == ""


def test_a_port_is_open_to_its_zone_only(host, outside):
    for port in (9100, 9101):
        host.check_output(
            f"systemd-run --collect --unit=listen-{port} python3 -m http.server {port} --directory /srv"
        )
    codes = {
        (address, port): outside(
            f"timeout 5 bash -c 'until exec 3<>/dev/tcp/{address}/{port}; do sleep 0.2; done'"
        ).rc
        for address in ("10.213.250.1", "198.51.100.1")
        for port in (9100, 9101)
    }
    assert {reached for reached, code in codes.items() if code == 0} == {("10.213.250.1", 9100)}


def test_roles_know_that_the_lists_of_packages_are_fresh(host):
    """Else each of them would refresh them anew (the module apt asks when that was)."""
    stamp = "/var/lib/apt/periodic/update-success-stamp"
    assert host.run(f"test {stamp} -nt /etc/apt/sources.list.d").succeeded


def test_ssh_takes_keys_only(host):
    settings = dict(line.split(" ", 1) for line in host.check_output("sshd -T").splitlines())
    assert settings["passwordauthentication"] == settings["kbdinteractiveauthentication"] == "no"
    assert settings["permitrootlogin"] == "no"
    assert settings["authenticationmethods"] == "publickey"
    assert not [word for word in ("cbc", "3des", "arcfour") if word in settings["ciphers"]]
    assert not [word for word in ("sha1", "group14") if word in settings["kexalgorithms"]]


def test_sshd_itself_refuses_users_from_other_networks(host):
    host.check_output("rm -f /root/trial && ssh-keygen -q -t ed25519 -N '' -f /root/trial")
    host.check_output("cat /root/trial.pub >> /home/debian/.ssh/authorized_keys")
    host.check_output("ip address add 198.51.100.77/32 dev lo")
    try:
        ssh = "ssh -i /root/trial -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR"
        here = host.check_output("ip -4 -o address show host0").split()[3].split("/")[0]
        allowed = host.run(f"{ssh} -b {here} debian@{here} true")
        refused = host.run(
            f"{ssh} -b 198.51.100.77 debian@198.51.100.77 true || exit 1"
        )  # 255 is testinfra's
    finally:
        host.run("ip address del 198.51.100.77/32 dev lo; sed -i '$d' /home/debian/.ssh/authorized_keys")
        host.run("rm -f /root/trial /root/trial.pub /root/.ssh/known_hosts")
    assert allowed.rc == 0, allowed.stderr
    assert refused.rc != 0
    assert "Permission denied" in refused.stderr


def test_administrators_become_root_without_a_password(host):
    assert host.check_output("runuser -u alice -- sudo -n id -u") == "0"
    assert host.check_output("passwd --status root").split()[1] == "L"
    assert "COMMAND=/usr/bin/id" in host.file("/var/log/sudo.log").content_string


def test_a_key_is_not_refused_because_a_password_has_aged(host):
    assert host.check_output("chage --list alice | grep 'Password expires'").endswith("never")


def test_failed_logins_lock_an_account_for_a_while(host):
    failures = "faillock --dir /var/log/faillock --user alice"
    host.check_output(f"{failures} --reset")
    for _ in range(3):
        assert host.run("runuser -u nobody -- su alice -c true < /dev/null").rc != 0
    assert host.check_output(failures).count("SVC") == 3
    answer = host.run("echo wrong | runuser -u nobody -- script -qec 'su alice -c true' /dev/null").stdout
    assert "locked due to 3 failed logins" in answer
    host.check_output(f"{failures} --reset")


def test_a_weak_password_is_refused(host):
    assert host.run("echo 'Summer2026' | pwscore").rc != 0


def test_kernel_parameters_hold(host):
    assert host.sysctl("net.ipv4.conf.all.accept_redirects") == 0
    assert host.sysctl("net.ipv4.conf.default.rp_filter") == 1
    assert host.sysctl("fs.protected_fifos") == 2
    assert host.sysctl("kernel.kptr_restrict") == 2


def test_forwarding_is_left_to_roles_where_there_are_pods(host):
    assert "ip_forward" not in host.file("/etc/sysctl.d/60-bastide-base.conf").content_string
    chain = host.check_output("nft list chain inet bastide forward")
    assert "ip saddr @pods_ip ip daddr @services_ip accept" in chain
    assert "ip saddr @pods_ip ip daddr @management_ip drop" in chain


def test_denied_modules_cannot_be_loaded(host):
    assert host.run("modprobe --showconfig").stdout.count("install usb_storage /bin/false") == 1


def test_the_journal_is_kept_and_bounded(host):
    assert host.file("/var/log/journal").is_directory
    shown = host.check_output("systemd-analyze cat-config systemd/journald.conf")
    assert "SystemMaxUse=4G" in shown


def test_changed_programs_are_told(host):
    host.check_output("touch /usr/local/bin/unexpected")
    host.check_output("systemctl start bastide-integrity.service")
    assert "/usr/local/bin/unexpected" in host.check_output("journalctl -u bastide-integrity --no-pager")
    host.check_output("rm /usr/local/bin/unexpected")


def test_the_report_tells_that_all_is_well(host):
    report = json.loads(host.file("/var/lib/bastide/reports/base.validation.json").content_string)
    assert report["passed"]
    states = {check["id"]: check["status"] for check in report["checks"]}
    assert states["firewall"] == states["ssh-keys-only"] == states["failed-logins"] == "passed"
    assert states["audit"] == "skipped", "this kernel's audit is not the machine's own"
