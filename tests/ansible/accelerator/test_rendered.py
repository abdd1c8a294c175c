"""What the role accelerator writes is read by the tools that it is for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.accelerator.templates import rendered

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBGJY\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"


def tool(name: str) -> str:
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed here")
    return found


def apt(words: list[str], **directories: Path) -> str:
    options = [f"--option=Dir::Etc::{name}={path}" for name, path in directories.items()]
    done = subprocess.run([*words, *options], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        ({"3g.40gb": 1, "1g.10gb": 4}, {"mig-enabled": True, "mig-devices": {"1g.10gb": 4, "3g.40gb": 1}}),
        ({}, {"mig-enabled": False}),
    ],
)
def test_the_layout_of_devices(partitions: dict[str, int], expected: dict[str, Any]) -> None:
    loaded = yaml.safe_load(rendered("accelerator", "mig.yaml.j2", {"accelerator_partitions": partitions}))
    assert loaded == {"version": "v1", "mig-configs": {"bastide": [{"devices": "all", **expected}]}}


def test_apt_reads_a_flat_and_a_structured_repository(tmp_path: Path) -> None:
    program = tool("apt-get")
    flat = {"name": "nvidia", "url": "http://mirror/nvidia/debian12/x86_64/", "suite": "/", "key": KEY}
    tree = {
        "name": "amd",
        "url": "http://mirror/amdgpu/",
        "suite": "noble",
        "components": ["main"],
        "key": KEY,
    }
    for each in (flat, tree):
        text = rendered("accelerator", "repository.sources.j2", {"accelerator_repository": each})
        (tmp_path / f"{each['name']}.sources").write_text(text)
    empty = tmp_path / "sources.list"
    empty.touch()
    seen = apt([program, "update", "--print-uris"], sourceparts=tmp_path, sourcelist=empty)
    assert "'http://mirror/nvidia/debian12/x86_64/InRelease'" in seen
    assert "'http://mirror/amdgpu/dists/noble/InRelease'" in seen


def test_the_driver_is_pinned_and_nothing_else(tmp_path: Path) -> None:
    text = rendered(
        "accelerator", "nvidia.pref.j2", {"accelerator_software": {"driver": "580.173.02", "toolkit": "13.0"}}
    )
    pattern = re.search(r"^Package: /(.*)/$", text, re.MULTILINE)
    assert pattern
    pinned = ["nvidia-driver-cuda", "libnvidia-ml1", "nvidia-fabricmanager-580", "cuda-drivers", "nvidia-smi"]
    assert [name for name in pinned if not re.match(pattern[1], name)] == []
    assert not re.match(pattern[1], "linux-image-amd64")
    file = tmp_path / "bastide.pref"
    file.write_text(text)
    assert "Pinned packages" in apt([tool("apt-cache"), "policy"], preferences=file)


@pytest.mark.parametrize("role", ["accelerator", "rdma", "telemetry"])
def test_systemd_knows_every_word_of_the_units(role: str, tmp_path: Path) -> None:
    program = tool("systemd-analyze")
    exporter = {"telemetry_accelerator": "nvidia", "telemetry_address": "10.8.0.5"}
    folder = Path(__file__).parents[3] / "ansible/roles" / role
    units = [*folder.glob("templates/bastide-*.service.j2"), *folder.glob("templates/bastide-*.timer.j2")]
    for path in units:
        (tmp_path / path.stem).write_text(rendered(role, path.name, exporter))
    for path in folder.glob("files/bastide-*.service"):
        (tmp_path / path.name.replace("@", "@eth2")).write_text(path.read_text())
    written = sorted(tmp_path.iterdir())
    assert written
    done = subprocess.run(
        [program, "verify", "--man=no", *written], capture_output=True, text=True, check=False, timeout=60
    )
    missing = ("is not executable", "Failed to create bastide", "Unit configuration has fatal error")
    told = [
        line for line in done.stderr.splitlines() if "bastide" in line and not any(m in line for m in missing)
    ]
    assert told == []
