"""Handlers and mirrors are what containerd itself says they are."""

import tomllib


def test_containerd_knows_the_handlers(host):
    dump = tomllib.loads(host.check_output("containerd --config /etc/containerd/config.toml config dump"))
    runtimes = dump["plugins"]["io.containerd.cri.v1.runtime"]["containerd"]["runtimes"]
    assert sorted(runtimes) == ["gvisor", "kata-clh", "nvidia", "runc"]
    assert runtimes["kata-clh"]["options"]["ConfigPath"] == "/etc/kata-containers/configuration-clh.toml"
    assert runtimes["gvisor"]["runtime_type"] == "io.containerd.runsc.v1"
    assert host.service("containerd").is_running


def test_a_mirrored_registry_is_pulled_from_the_mirror_only(host):
    written = tomllib.loads(host.file("/etc/containerd/certs.d/docker.io/hosts.toml").content_string)
    assert written["server"] == "http://mirror:5000"
    assert list(written["host"]) == ["http://mirror:5000"]
    pulled = host.run(
        "ctr --namespace k8s.io images pull --hosts-dir /etc/containerd/certs.d docker.io/library/x:1"
    )
    assert pulled.rc != 0
    assert "mirror:5000" in pulled.stderr + pulled.stdout
    assert "registry-1.docker.io" not in pulled.stderr + pulled.stdout


def test_a_mirror_below_a_path_keeps_its_path(host):
    written = tomllib.loads(host.file("/etc/containerd/certs.d/registry.k8s.io/hosts.toml").content_string)
    assert written["host"]["http://mirror:5000/v2/kubernetes"]["override_path"] is True
