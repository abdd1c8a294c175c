"""What the role base writes is what the real programs take, and says what the variables say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.running import LOCAL, run_tasks

ROLE = Path(__file__).parents[3] / "ansible/roles/base"
NODE: dict[str, Any] = {
    "base_administration": ["10.0.0.0/24", "fd00:1::/64"],
    "base_administrators": [{"name": "alice", "keys": ["ssh-ed25519 A alice"]}],
    "base_time_servers": ["192.0.2.1"],
    "base_zones": [
        {"name": "management", "cidrs": ["10.0.0.0/24"]},
        {"name": "pods", "cidrs": ["10.64.0.0/16", "fd00:64::/56"]},
        {"name": "services", "cidrs": ["10.96.0.0/12"]},
        {"name": "public", "cidrs": ["0.0.0.0/0"]},
    ],
    "base_listen": [
        {"port": "30000-32767", "protocol": "tcp", "zone": "public"},
        {"protocol": "vrrp", "zone": "management"},
    ],
}
PLAIN: dict[str, Any] = {"base_administration": ["10.0.0.0/24"], "base_ipv6": False, "base_huge_pages": 512}
KINDS = ("firewall.nft", "sshd.conf", "sysctl.conf", "audit.rules", "sudoers", "chrony.conf", "modprobe.conf")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Host -> kind of file -> text, of a host with pods and IPv6 (`node`) and of one without (`plain`)."""
    root = tmp_path_factory.mktemp("base")
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    found = {"base_privileged": {"stdout_lines": ["/usr/bin/passwd"]}, "ansible_user": "debian"}
    hosts = {name: {**LOCAL, **found, **own} for name, own in (("node", NODE), ("plain", PLAIN))}
    target = f"{root}/{{{{ inventory_hostname }}}}.{{{{ item }}}}"
    write = {"src": f"{ROLE}/templates/{{{{ item }}}}.j2", "dest": target, "mode": "0600"}
    tasks = [{"name": "Write", "ansible.builtin.template": write, "loop": list(KINDS)}]
    ran = run_tasks(root, tasks, {"all": {"vars": defaults, "hosts": hosts}})
    assert ran.status == 0, ran.output
    return {host: {kind: (root / f"{host}.{kind}").read_text() for kind in KINDS} for host in hosts}


def needs(program: str, *, root: bool = False) -> None:
    if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
        pytest.skip(f"{program} is not installed here")
    if root and os.geteuid() != 0:
        pytest.skip(f"{program} parses only for root")


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env={"PATH": path})


@pytest.mark.parametrize("host", ["node", "plain"])
def test_nft_takes_the_firewall(rendered: dict[str, dict[str, str]], host: str, tmp_path: Path) -> None:
    needs("nft", root=True)
    (tmp_path / "rules").write_text(rendered[host]["firewall.nft"])
    done = run("unshare", "--net", "nft", "--check", "--file", tmp_path / "rules")
    assert done.returncode == 0, done.stderr
    (tmp_path / "rules").write_text(rendered[host]["firewall.nft"].replace("tcp dport", "tcp doors"))
    assert run("unshare", "--net", "nft", "--check", "--file", tmp_path / "rules").returncode != 0


@pytest.mark.parametrize("host", ["node", "plain"])
def test_sshd_takes_its_configuration(rendered: dict[str, dict[str, str]], host: str, tmp_path: Path) -> None:
    needs("sshd", root=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key")
    Path("/run/sshd").mkdir(exist_ok=True)
    (tmp_path / "sshd").write_text(f"{rendered[host]['sshd.conf']}\nHostKey {tmp_path}/key\n")
    program = shutil.which("sshd", path="/usr/sbin:/sbin") or "sshd"
    done = run(program, "-T", "-f", tmp_path / "sshd")
    assert done.returncode == 0, done.stderr
    assert "permitrootlogin no" in done.stdout
    assert "passwordauthentication no" in done.stdout


def test_sudo_takes_its_rules(rendered: dict[str, dict[str, str]], tmp_path: Path) -> None:
    needs("visudo")
    (tmp_path / "rules").write_text(rendered["node"]["sudoers"])
    done = run("visudo", "-c", "-f", tmp_path / "rules")
    assert done.returncode == 0, done.stdout + done.stderr


def test_ssh_is_for_known_users_from_known_networks(rendered: dict[str, dict[str, str]]) -> None:
    allowed = re.findall(r"(?m)^AllowUsers (.*)$", rendered["node"]["sshd.conf"])
    assert [line.split() for line in allowed] == [
        ["debian@10.0.0.0/24", "debian@fd00:1::/64", "alice@10.0.0.0/24", "alice@fd00:1::/64"]
    ]


def test_every_chain_drops_what_no_rule_accepts(rendered: dict[str, dict[str, str]]) -> None:
    for host in ("node", "plain"):
        policies = re.findall(r"hook (\w+) .* policy (\w+);", rendered[host]["firewall.nft"])
        assert policies == [("input", "drop"), ("forward", "drop")]


def test_pods_reach_the_world_but_not_the_management(rendered: dict[str, dict[str, str]]) -> None:
    rules = rendered["node"]["firewall.nft"]
    barred = rules.index("ip saddr @pods_ip ip daddr @management_ip drop")
    assert barred < rules.index("ip saddr @pods_ip ip daddr != @administration_ip accept")
    assert "ip saddr @pods_ip ip daddr @services_ip accept" in rules
    assert "@pods" not in rendered["plain"]["firewall.nft"]


def test_no_other_table_is_touched(rendered: dict[str, dict[str, str]]) -> None:
    for host in ("node", "plain"):
        assert "flush ruleset" not in rendered[host]["firewall.nft"]
        assert set(re.findall(r"(?m)^(?:delete )?table (.*?)(?: \{)?$", rendered[host]["firewall.nft"])) == {
            "inet bastide"
        }


def test_forwarding_is_forbidden_only_where_there_are_no_pods(rendered: dict[str, dict[str, str]]) -> None:
    assert "ip_forward" not in rendered["node"]["sysctl.conf"]
    assert "net.ipv4.ip_forward = 0" in rendered["plain"]["sysctl.conf"]
    assert "vm.nr_hugepages = 512" in rendered["plain"]["sysctl.conf"]


def test_a_kernel_parameter_is_set_once(rendered: dict[str, dict[str, str]]) -> None:
    for host in ("node", "plain"):
        keys = re.findall(r"(?m)^([\w.-]+) = ", rendered[host]["sysctl.conf"])
        assert len(keys) > 40
        assert len(keys) == len(set(keys))


def test_audit_rules_have_the_form_of_auditctl(rendered: dict[str, dict[str, str]]) -> None:
    call = r"-a always,exit (-F arch=b(32|64) -S \w+|-F path=/\S+ -F perm=x)( -F \w+(>=|!=|=)\S+)* -F key=\w+"
    watch = r"-w /\S+ -p [rwxa]+ -k \w+"
    rules = [line for line in rendered["node"]["audit.rules"].splitlines() if line and line[0] != "#"]
    assert len(rules) > 90
    assert [rule for rule in rules if not re.fullmatch(f"{call}|{watch}", rule)] == []
    assert "-a always,exit -F path=/usr/bin/passwd -F perm=x" in "\n".join(rules)
