"""What the role writes, read as Kata, containerd and runsc read it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.running import run_tasks

ROLE = Path(__file__).parents[3] / "ansible/roles/microvm"
# The keys that Kata Containers 4.1.0 reads (src/runtime/pkg/katautils/config.go); it passes over others.
HYPERVISOR = re.compile(
    "path|jailer_path|kernel|initrd|image|rootfs_type|firmware|kernel_params|block_device_driver|entropy_source|"
    "shared_fs|virtio_fs_(daemon|cache|extra_args|cache_size|queue_size)|guest_hook_path|enable_annotations|"
    "valid_(hypervisor|jailer|virtio_fs_daemon)_paths|valid_entropy_sources|memory_slots|confidential_guest|"
    "default_(vcpus|maxvcpus|memory|maxmemory)|enable_(hugepages|iommu|debug)|rootless|"
    "disable_(nesting_checks|block_device_use|image_nvdimm|seccomp|selinux|guest_selinux)"
)
AGENT = re.compile("kernel_modules|enable_(debug|tracing)|debug_console_enabled|dial_timeout|cdh_api_timeout")
RUNTIME = re.compile(
    "internetworking_model|vfio_mode|enable_(tracing|debug|pprof)|disable_(new_netns|guest_seccomp|guest_empty_dir)|"
    "sandbox_cgroup_only|static_sandbox_resource_mgmt|emptydir_mode|create_container_timeout|dan_conf|kubelet_root_dir"
)


def unknown(keys: Iterable[str], known: re.Pattern[str]) -> list[str]:
    return [key for key in keys if not known.fullmatch(key)]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every configuration file by name: as by default, and (`huge-`) with other answers."""
    root = tmp_path_factory.mktemp("rendered")
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    other = {"microvm_huge_pages": True, "microvm_jailer": False, "microvm_iommu": True}
    tasks = []
    for prefix, changes in (("", {}), ("huge-", {**other, "microvm_pod_annotations": ["default_vcpus"]})):
        variables = {**defaults, "microvm_kata_version": "4.1.0", **changes}
        for source, handler, name in (
            ("configuration.toml.j2", "kata-clh", "clh.toml"),
            ("configuration.toml.j2", "kata-fc", "fc.toml"),
            ("runsc.toml.j2", "", "runsc.toml"),
            ("50-microvm.toml.j2", "", "containerd.toml"),
        ):
            copied = {"src": str(ROLE / "templates" / source), "dest": str(root / f"{prefix}{name}")}
            template = {"ansible.builtin.template": {**copied, "mode": "0600"}}
            tasks.append({**template, "name": "Render", "vars": {**variables, "microvm_handler": handler}})
    ran = run_tasks(root, tasks)
    assert ran.status == 0, ran.output
    return {path.name: path.read_text() for path in root.glob("*.toml")}


def load(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


@pytest.mark.parametrize("prefix", ["", "huge-"])
@pytest.mark.parametrize(("name", "table"), [("clh", "clh"), ("fc", "firecracker")])
def test_kata_reads_every_key(rendered: dict[str, str], prefix: str, name: str, table: str) -> None:
    found = load(rendered[f"{prefix}{name}.toml"])
    assert set(found) == {"hypervisor", "agent", "runtime"}
    assert set(found["hypervisor"]) == {table}
    assert unknown(found["hypervisor"][table], HYPERVISOR) == []
    assert unknown(found["agent"]["kata"], AGENT) == []
    assert unknown(found["runtime"], RUNTIME) == []


def test_firecracker_has_block_devices_and_no_shared_files(rendered: dict[str, str]) -> None:
    found = load(rendered["fc.toml"])["hypervisor"]["firecracker"]
    assert found["block_device_driver"] == "virtio-mmio"
    assert not found.get("disable_block_device_use")
    assert "shared_fs" not in found
    assert found["jailer_path"] in found["valid_jailer_paths"]


@pytest.mark.parametrize("name", ["clh", "fc"])
def test_settings_reach_the_hypervisor(rendered: dict[str, str], name: str) -> None:
    plain, huge = (
        next(iter(load(rendered[f"{prefix}{name}.toml"])["hypervisor"].values())) for prefix in ("", "huge-")
    )
    assert (plain["enable_hugepages"], huge["enable_hugepages"]) == (False, True)
    assert (plain["enable_iommu"], huge["enable_iommu"]) == (False, True)
    assert (plain["enable_annotations"], huge["enable_annotations"]) == ([], ["default_vcpus"])
    assert "jailer_path" not in huge


def test_guest_is_confined_inside_too(rendered: dict[str, str]) -> None:
    for name in ("clh", "fc"):
        runtime = load(rendered[f"{name}.toml"])["runtime"]
        assert runtime["disable_guest_seccomp"] is False
        assert runtime["disable_new_netns"] is False


def test_snapshotter_names_the_pool_as_device_mapper_does(rendered: dict[str, str]) -> None:
    found = load(rendered["containerd.toml"])
    plugin = found["plugins"]["io.containerd.snapshotter.v1.devmapper"]
    assert found["version"] == 3
    assert plugin["pool_name"] == "bastide-thinpool"
    assert plugin["root_path"].startswith("/var/lib/containerd/")
    assert re.fullmatch(r"\d+GB", plugin["base_image_size"])


def test_shim_of_gvisor_takes_text_only(rendered: dict[str, str]) -> None:
    found = load(rendered["runsc.toml"])
    assert set(found) == {"log_path", "log_level", "binary_name", "runsc_config"}
    assert all(isinstance(value, str) for value in found["runsc_config"].values())


def test_runsc_knows_its_flags(rendered: dict[str, str]) -> None:
    runsc = shutil.which("runsc")
    if runsc is None:
        pytest.skip("runsc is not on PATH: its flags are not checked")
    wanted = load(rendered["runsc.toml"])["runsc_config"]
    flags = [f"--{key}={value}" for key, value in wanted.items()]
    done = subprocess.run(
        [runsc, *flags, "--version"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("runsc version")
