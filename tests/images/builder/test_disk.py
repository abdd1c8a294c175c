"""Disks: what is refused before anything is fetched, and how a tree is entered."""

from __future__ import annotations

import hashlib
import os
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from images.builder import debian, disk, disk_definition, disk_roles, disk_sign
from images.builder.definition import load
from images.builder.disk_definition import Accelerator, Disk
from images.builder.errors import ImageError
from images.builder.work import Work
from tests.ansible.running import run_tasks
from tests.support.project import eventually

NODE = load("node")
NVIDIA = Accelerator(
    vendor="nvidia",
    family="hopper",
    model="nvidia-h100",
    software={"driver": "580.173.02", "toolkit": "13.0"},
)


@pytest.fixture
def bundle(tmp_path: Path) -> tuple[Path, str]:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "index.json").write_text('{"artifacts": []}')
    digest = hashlib.sha256((folder / "index.json").read_bytes()).hexdigest()
    return folder, f"sha256:{digest}"


def _disk(**changed: object) -> Disk:
    return Disk.model_validate({**disk_definition.read(NODE.folder).model_dump(), **changed})


def test_every_variant_of_the_node_is_defined_and_only_accelerators_have_makers() -> None:
    assert set(disk_definition.read(NODE.folder).accelerators) == set(NODE.variants) - {"generic"}


def test_only_folders_of_usr_can_be_made_writable() -> None:
    with pytest.raises(ValueError, match="/etc: only folders below /usr"):
        _disk(writable=["/usr/local", "/etc"])


def test_a_definition_of_the_disk_is_checked_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "disk.yaml").write_text("seed: none\nunits: 3\n")
    with pytest.raises(ImageError) as told:
        disk_definition.read(tmp_path)
    assert all(name in told.value.problem for name in ("seed", "units", "command_line", "kernel"))
    with pytest.raises(ImageError, match="No such file"):
        disk_definition.read(tmp_path / "absent")


def _tree(folder: Path, *configs: str, options: str = "") -> Path:
    (folder / "boot").mkdir(parents=True)
    for name in configs:
        (folder / "boot" / f"config-{name}").write_text(options)
    return folder


def test_a_kernel_without_a_needed_option_is_refused_with_who_needs_it(tmp_path: Path) -> None:
    wanted = _disk(kernel={"image": {"EFI_STUB": "y"}, "microvm": {"KVM": "m", "VHOST_VSOCK": "m"}})
    tree = _tree(tmp_path / "a", "6.12.1", options="CONFIG_EFI_STUB=y\nCONFIG_KVM=m\n")
    with pytest.raises(ImageError) as told:
        disk.check_kernel(tree, wanted)
    assert "6.12.1 (for microvm)" in told.value.problem
    assert "CONFIG_VHOST_VSOCK is not set" in told.value.problem
    assert "KVM is" not in told.value.problem
    options = "CONFIG_EFI_STUB=y\nCONFIG_KVM=m\nCONFIG_VHOST_VSOCK=y\n"
    assert disk.check_kernel(_tree(tmp_path / "b", "6.12.1", options=options), wanted) == "6.12.1"


def test_an_image_has_one_kernel(tmp_path: Path) -> None:
    wanted = disk_definition.read(NODE.folder)
    with pytest.raises(ImageError, match="it has: none"):
        disk.check_kernel(_tree(tmp_path / "a"), wanted)
    with pytest.raises(ImageError, match=r"config-6\.1, config-6\.2"):
        disk.check_kernel(_tree(tmp_path / "b", "6.1", "6.2"), wanted)


def test_a_bundle_is_served_under_its_digest(bundle: tuple[Path, str]) -> None:
    with (
        disk_roles.served(*bundle) as artifacts,
        urllib.request.urlopen(f"{artifacts['url']}/index.json") as answer,  # noqa: S310
    ):
        assert answer.read() == (bundle[0] / "index.json").read_bytes()
    assert artifacts["digest"] == bundle[1]


def test_a_bundle_is_served_no_longer_once_the_build_has_failed(bundle: tuple[Path, str]) -> None:
    before = threading.active_count()
    with pytest.raises(ImageError, match="a role"), disk_roles.served(*bundle):
        raise ImageError("a role failed", "mend it")
    eventually(lambda: threading.active_count() <= before, "the end of the server", 10)


def test_no_bundle_and_another_bundle_are_refused_before_anything_is_fetched(
    bundle: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(disk, "bootstrap", lambda *_, **__: pytest.fail("packages were asked for"))
    with pytest.raises(ImageError, match="no bundle was given") as told:
        disk.build(NODE, "generic", _work(tmp_path))
    assert "--bundle" in told.value.mend
    wrong = "sha256:" + "0" * 64
    with pytest.raises(ImageError, match=f"its digest is {bundle[1]}, wanted is {wrong}"):
        disk.build(NODE, "generic", _work(tmp_path, bundle[0], wrong))
    with pytest.raises(ImageError, match=r"no index\.json"):
        disk.build(NODE, "generic", _work(tmp_path, tmp_path, wrong))


def test_whoever_cannot_enter_a_tree_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ImageError, match="chroot"):
        disk.build(NODE, "generic", _work(tmp_path))


def _work(folder: Path, bundle: Path | None = None, digest: str = "") -> Work:
    archive = debian.Archive(mirror="http://nowhere.invalid", components=("main",), epoch=0, releases={})
    return Work(folder=folder, archive=archive, tell=lambda _: None, bundle=bundle, digest=digest)


def test_a_variant_names_the_mirror_that_it_needs() -> None:
    with pytest.raises(ImageError, match="variant nvidia") as told:
        disk_roles.accelerator("nvidia", NVIDIA, {})
    assert "BASTIDE_VENDOR_MIRROR_NVIDIA" in told.value.mend
    given = disk_roles.accelerator(
        "nvidia", NVIDIA, {"BASTIDE_VENDOR_MIRROR_NVIDIA": "http://mirror/nvidia/debian13/x86_64/"}
    )
    assert given["accelerator_repositories"] == [
        {"name": "nvidia", "url": "http://mirror/nvidia/debian13/x86_64/"}
    ]
    assert given["accelerator_supported"]["combination"] == "nvidia-r580"


def test_a_maker_that_does_not_know_the_release_is_told() -> None:
    ascend = disk_definition.read(NODE.folder).accelerators["ascend"]
    with pytest.raises(ImageError, match=r"ascend-hdk-25\.5 .* is for debian-12, the image is debian-13"):
        disk_roles.accelerator("ascend", ascend, {"BASTIDE_VENDOR_MIRROR_ASCEND": "http://mirror/"})


def test_a_key_without_its_certificate_is_refused(tmp_path: Path) -> None:
    assert disk_sign.keys({}) is None
    (tmp_path / "db.key").write_text("")
    with pytest.raises(ImageError, match=r"no db\.crt"):
        disk_sign.keys({disk_sign.VARIABLE: str(tmp_path)})
    (tmp_path / "db.crt").write_text("")
    assert disk_sign.keys({disk_sign.VARIABLE: str(tmp_path)}) == tmp_path


def test_ansible_works_in_a_tree_that_is_no_machine(tmp_path: Path) -> None:
    shell = tmp_path / "tree" / "bin" / "sh"
    shell.parent.mkdir(parents=True)
    shell.symlink_to("/bin/sh")
    host = {
        "ansible_connection": "bastide.nodes.tree",
        "ansible_host": str(tmp_path / "tree"),
        # enters nothing: $1 is the tree, $2 `--`, the command follows
        "ansible_tree_enter": ["sh", "-c", 'cd "$1" && shift 2 && exec "$@"', "sh"],
    }
    (tmp_path / "source").write_bytes(b"a\0b\n")
    tasks: list[dict[str, Any]] = [
        {"name": "Run", "ansible.builtin.raw": "pwd > told; exit 3", "failed_when": False, "register": "ran"},
        {"name": "See", "ansible.builtin.assert": {"that": ["ran.rc == 3"]}},
        {
            "name": "Fetch",
            "ansible.builtin.fetch": {"src": "told", "dest": f"{tmp_path}/fetched", "flat": True},
            "vars": {"ansible_python_interpreter": "/usr/bin/python3"},
        },
    ]
    ran = run_tasks(tmp_path, tasks, {"all": {"hosts": {"image": host}}})
    assert ran.status == 0, ran.output
    assert (tmp_path / "fetched").read_text().strip() == str(tmp_path / "tree")


def test_a_folder_that_is_no_root_file_system_is_named(tmp_path: Path) -> None:
    host = {
        "ansible_connection": "bastide.nodes.tree",
        "ansible_host": str(tmp_path),
        "ansible_tree_enter": ["true"],
    }
    ran = run_tasks(
        tmp_path, [{"name": "Run", "ansible.builtin.raw": "true"}], {"all": {"hosts": {"image": host}}}
    )
    assert ran.status != 0
    assert "is no root file system" in ran.output
