"""A host without IPv6 and pods: what it was left with is mended, and it forwards nothing."""


def test_half_installed_packages_are_mended(host):
    assert host.check_output("dpkg --audit") == ""
    assert host.package("hostname").is_installed


def test_nothing_speaks_ipv6(host):
    assert host.sysctl("net.ipv6.conf.all.disable_ipv6") == 1
    assert "addressfamily inet\n" in host.check_output("sshd -T") + "\n"
    assert "ip6" not in host.check_output("nft list table inet bastide")


def test_nothing_is_forwarded(host):
    assert host.sysctl("net.ipv4.ip_forward") == 0
    chain = host.check_output("nft list chain inet bastide forward")
    assert "policy drop" in chain
    assert chain.count("accept") == 1, "established connections only"


def test_zones_reach_their_ports(host):
    chain = host.check_output("nft list chain inet bastide input")
    for rule in (
        "ip saddr @storage_ip tcp dport 4420 accept",
        "ip saddr @fabric_ip udp dport 4791 accept",
        "ip saddr @public_ip tcp dport 8000-8010 accept",
    ):
        assert rule in chain
    assert "172.21.0.0-172.22.255.255" in host.check_output("nft list set inet bastide fabric_ip")


def test_the_user_of_ansible_stays(host):
    assert host.check_output("sshd -T | grep ^allowusers") == "allowusers debian@10.213.0.0/16"


def test_huge_pages_and_modules_are_asked_for(host):
    assert "vm.nr_hugepages = 64" in host.file("/etc/sysctl.d/60-bastide-base.conf").content_string
    assert host.file("/etc/modules-load.d/bastide.conf").content_string == "nvme-tcp\n"


def test_a_firewall_that_shut_us_out_was_undone(host):
    """side_effect.yml loaded one; the candidate still tells so."""
    assert "203.0.113.0/24" in host.file("/etc/bastide/firewall.candidate.nft").content_string
    assert "203.0.113.0/24" not in host.file("/etc/bastide/firewall.nft").content_string
    assert "10.213.0.0/16" in host.check_output("nft list set inet bastide administration_ip")
