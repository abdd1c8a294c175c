"""What the role leaves on a machine outside of a cluster."""

from __future__ import annotations

from typing import Any

ASK = """
import ssl, sys, urllib.request
own = ssl.create_default_context(cafile="/etc/prometheus/ca.pem")
if sys.argv[1:] == ["known"]:
    own.load_cert_chain("/etc/prometheus/own.pem", "/etc/prometheus/own.key")
print(urllib.request.urlopen("https://127.0.0.1:9100/metrics", context=own, timeout=10).status)
"""


def test_only_who_shows_a_certificate_is_answered(host: Any) -> None:
    host.check_output(f"cat >/root/ask.py <<'END'\n{ASK}\nEND")
    assert host.check_output("python3 /root/ask.py known") == "200"
    refused = host.run("python3 /root/ask.py")
    assert refused.rc != 0
    assert "alert" in refused.stderr.lower()
    assert "certificate" in refused.stderr.lower()


def test_the_exporter_of_the_devices_runs_here(host: Any) -> None:
    assert host.check_output("systemctl is-enabled bastide-accelerator-exporter") == "enabled"
    shown = host.check_output("systemctl show --property=ExecStart --value bastide-accelerator-exporter")
    assert "/usr/local/bin/npu-exporter -ip=127.0.0.1 -port=8082" in shown
    assert host.file("/usr/local/bin/npu-exporter").mode == 0o755


def test_no_journal_leaves_the_machine(host: Any) -> None:
    assert host.run("systemctl is-enabled systemd-journal-upload").stdout.strip() == "disabled"
    assert host.run("systemctl is-active systemd-journal-upload").stdout.strip() == "inactive"
