"""What the role leaves on a node: metrics, reports as metrics, journals that wait for their sink."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WAIT = 90
"""Seconds after which a thing that should come is missed; it takes a few."""


def comes(what: Callable[[], bool]) -> bool:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(1)
    return False


@pytest.fixture
def address(host: Any) -> str:
    told = host.check_output("ip -json route get 192.0.2.1")
    return str(told.split('"prefsrc":"')[1].split('"')[0])


def fetched(host: Any, address: str) -> str:
    program = f"import urllib.request as u; print(u.urlopen('http://{address}:9100/metrics').read().decode())"
    return str(host.run(f'python3 -c "{program}"').stdout)


def test_metrics_are_on_the_management_address_only(host: Any, address: str) -> None:
    assert comes(lambda: "node_memory_MemTotal_bytes" in fetched(host, address))
    listening = host.check_output("ss --tcp --listening --numeric --no-header")
    ours = [line.split()[3] for line in listening.splitlines() if line.split()[3].endswith(":9100")]
    assert ours == [f"{address}:9100"]


def test_reports_of_validation_are_metrics(host: Any, address: str) -> None:
    wanted = 'bastide_report_checks{phase="validation",role="telemetry",status="passed"}'
    assert comes(lambda: wanted in fetched(host, address))


def test_node_exporter_may_do_nothing_but_read(host: Any) -> None:
    shown = host.check_output(
        "systemctl show --property=NoNewPrivileges,CapabilityBoundingSet,Restart prometheus-node-exporter"
    )
    assert {"NoNewPrivileges=yes", "CapabilityBoundingSet=", "Restart=always"} <= set(shown.splitlines())


def test_the_units_are_read_without_complaint(host: Any) -> None:
    units = "prometheus-node-exporter.service systemd-journal-upload.service bastide-report-metrics.timer"
    told = host.run(f"systemd-analyze verify --man=no {units}")
    assert (told.rc, told.stderr) == (0, "")


def test_smartd_reads_its_settings(host: Any) -> None:
    told = host.run("smartd --quit=onecheck --configfile=/etc/smartd.conf --debug")
    assert told.rc in {0, 17}, told.stdout  # 17: no disk to watch; 2 would be a word that it does not know
    assert "Opened configuration file /etc/smartd.conf" in told.stdout


def test_journals_outlast_a_sink_that_is_down(host: Any) -> None:
    shown = host.check_output(
        "systemctl show --property=Restart,StartLimitIntervalUSec systemd-journal-upload"
    )
    assert {"Restart=always", "StartLimitIntervalUSec=0"} <= set(shown.splitlines())
    host.check_output("logger --tag bastide-test written-while-the-sink-was-down")
    sink = Path(__file__).with_name("sink.py").read_text()
    host.check_output(f"cat >/root/sink.py <<'END'\n{sink}\nEND")
    start = "systemd-run --unit=bastide-test-sink --collect python3 /root/sink.py /root/received"
    host.check_output(start)
    try:
        there = "grep --quiet written-while-the-sink-was-down /root/received"
        assert comes(lambda: host.run(there).rc == 0)
    finally:
        host.run("systemctl stop bastide-test-sink; rm -f /root/received")


def test_the_cluster_runs_the_exporter_of_the_devices(host: Any) -> None:
    assert not host.file("/etc/systemd/system/bastide-accelerator-exporter.service").exists
