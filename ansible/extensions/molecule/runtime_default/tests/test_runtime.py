"""containerd runs with what the role wrote, and nothing more."""

import json
import tomllib


def test_containerd_runs_with_runc_only(host):
    assert host.service("containerd").is_running
    assert host.service("containerd").is_enabled
    dump = tomllib.loads(host.check_output("containerd --config /etc/containerd/config.toml config dump"))
    containerd = dump["plugins"]["io.containerd.cri.v1.runtime"]["containerd"]
    assert list(containerd["runtimes"]) == ["runc"]
    assert containerd["runtimes"]["runc"]["options"]["SystemdCgroup"] is False


def test_its_socket_is_for_root(host):
    socket = host.file("/run/containerd/containerd.sock")
    assert (socket.user, socket.mode & 0o007) == ("root", 0)


def test_the_report_tells_that_all_is_well(host):
    report = json.loads(host.file("/var/lib/bastide/reports/runtime.validation.json").content_string)
    assert report["passed"]
    assert {"version", "running", "handlers"} <= {
        check["id"] for check in report["checks"] if check["status"] == "passed"
    }


def test_no_file_of_the_configuration_can_be_written_by_others(host):
    assert host.check_output("find /etc/containerd /etc/cni -perm /022 -not -type l") == ""
