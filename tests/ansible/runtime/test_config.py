"""What the role writes, read as containerd reads it."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.upstream import catalog
from tests.ansible.running import COLLECTION, run_tasks
from twin.settings import TwinSettings
from twin.toolchain.resolve import find_tools
from twin.toolchain.tools import CNI, CONTAINERD, KUBERNETES, NODE_TOOLS

TEMPLATES = COLLECTION / "roles/runtime/templates"
HANDLERS = ["nvidia", "kata-clh", "kata-fc", "gvisor"]


def render(root: Path, source: str, variables: Mapping[str, Any]) -> Path:
    """A template of the role with its defaults and `variables`, on a machine that is no container."""
    defaults = yaml.safe_load((TEMPLATES.parent / "defaults/main.yml").read_text())
    given = {**defaults, "ansible_facts": {}, "runtime_pause_image": catalog.image("pause"), **variables}
    target = root / source.removesuffix(".j2")
    template = {"src": str(TEMPLATES / source), "dest": str(target), "mode": "0600"}
    ran = run_tasks(root, [{"name": "Render", "ansible.builtin.template": template, "vars": given}])
    assert ran.status == 0, ran.output
    return target


def dumped(path: Path) -> dict[str, Any]:
    """The configuration as containerd has understood it; skips where no containerd has been built."""
    found = find_tools(TwinSettings.of("tests"), tools=NODE_TOOLS).get("containerd")
    if found is None:
        pytest.skip("no containerd here: `make test-nodes` builds it")
    command = [str(found.path), "--config", str(path), "config", "dump"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return tomllib.loads(done.stdout)


def test_containerd_understands_every_handler(tmp_path: Path) -> None:
    path = render(tmp_path, "config.toml.j2", {"runtime_handlers": HANDLERS})
    plugins = dumped(path)["plugins"]
    runtime = plugins["io.containerd.cri.v1.runtime"]
    runtimes = runtime["containerd"]["runtimes"]
    assert sorted(runtimes) == sorted(["runc", *HANDLERS])
    assert {runtimes[name]["options"]["SystemdCgroup"] for name in ("runc", "nvidia")} == {True}
    assert runtimes["nvidia"]["options"]["BinaryName"] == "/usr/bin/nvidia-container-runtime"
    for name in ("clh", "fc"):
        kata = runtimes[f"kata-{name}"]
        assert kata["options"]["ConfigPath"] == f"/etc/kata-containers/configuration-{name}.toml"
        assert kata["runtime_type"] == f"io.containerd.kata-{name}.v2"
        assert kata["privileged_without_host_devices"] is True
    assert (runtimes["kata-fc"]["snapshotter"], runtimes["kata-clh"].get("snapshotter", "")) == (
        "devmapper",
        "",
    )
    assert runtime["disable_apparmor"] is False
    images = plugins["io.containerd.cri.v1.images"]
    assert images["pinned_images"]["sandbox"] == catalog.image("pause")
    assert images["registry"]["config_path"] == "/etc/containerd/certs.d"


def test_a_host_that_is_a_container_protects_no_process(tmp_path: Path) -> None:
    facts = {"ansible_facts": {"virtualization_type": "systemd-nspawn"}, "runtime_cgroup_driver": "cgroupfs"}
    config = dumped(render(tmp_path, "config.toml.j2", facts))
    runtime = config["plugins"]["io.containerd.cri.v1.runtime"]
    assert (config["oom_score"], runtime["restrict_oom_score_adj"], runtime["disable_apparmor"]) == (
        0,
        True,
        True,
    )
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False
    assert "OOMScoreAdjust" not in render(tmp_path, "containerd.service.j2", facts).read_text()


def test_containerd_refuses_what_the_role_would_mistype(tmp_path: Path) -> None:
    path = render(tmp_path, "config.toml.j2", {})
    dumped(path)
    path.write_text(
        path.read_text().replace("max_concurrent_downloads = 6", 'max_concurrent_downloads = "six"')
    )
    with pytest.raises(AssertionError, match=r"incompatible types|cannot decode|invalid"):
        dumped(path)


@pytest.mark.parametrize(
    ("url", "overrides"),
    [
        ("https://mirror.example", False),
        ("https://mirror.example/", False),
        ("https://m.example/v2/hub", True),
    ],
)
def test_there_is_no_way_past_a_mirror(tmp_path: Path, url: str, overrides: bool) -> None:
    path = render(tmp_path, "hosts.toml.j2", {"item": {"key": "docker.io", "value": url}})
    written = tomllib.loads(path.read_text())
    assert written["server"] == url
    assert written["host"] == {
        url: {"capabilities": ["pull", "resolve"], **({"override_path": True} if overrides else {})}
    }


def test_what_the_tests_run_is_what_the_catalogue_pins() -> None:
    pinned = {entry["variable"]: entry["version"] for entry in catalog.entries("hosts").values()}
    assert pinned["kubernetes_version"] == KUBERNETES.version
    assert pinned["runtime_version"] == CONTAINERD.version
    assert pinned["runtime_cni_version"] == CNI.version
