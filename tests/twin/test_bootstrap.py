"""The environment is made with Python alone: with uv, with pip, without either."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from twin import bootstrap
from twin.bootstrap import BootstrapError, choose_wheel, find_uv, get_uv, in_step, read_lock, synchronize
from twin.settings import ROOT, TwinSettings

UV = """#!/bin/sh
[ "$1" = --version ] && {{ echo "uv {version}"; exit; }}
echo "$@" >> calls; mkdir -p .venv/bin; {rest}
"""
WORKS = "ln -sf /bin/sh .venv/bin/python"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with a lock of its own."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "p"\n')
    (folder / "uv.lock").write_text("version = 1\n")
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address on loopback under which its files are given out."""
    folder = tmp_path / "shop"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def no_pip(tmp_path: Path) -> str:
    """A Python as a bare Debian has it: `venv` ends with an error, for lack of ensurepip."""
    path = tmp_path / "python-without-pip"
    path.write_text("#!/bin/sh\necho 'ensurepip is not available' >&2\nexit 1\n")
    path.chmod(0o755)
    return str(path)


def lock_of(shop: tuple[Path, str], digest: str = "") -> dict[str, Any]:
    """Put a wheel with a small `uv` into the shop; the lock entry that names it."""
    folder, url = shop
    platform = f"manylinux_2_17_{os.uname().machine}"
    name = f"uv-9.9.9-py3-none-{platform}.whl"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        wheel.writestr("uv-9.9.9.data/scripts/uv", uv_script("9.9.9", WORKS))
    actual = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return {"version": "9.9.9", "wheels": [{"url": f"{url}/{name}", "hash": f"sha256:{digest or actual}"}]}


def uv_script(version: str, rest: str) -> str:
    return UV.format(version=version, rest=rest)


def uv_at(path: Path, version: str, rest: str = WORKS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(uv_script(version, rest))
    path.chmod(0o755)
    return path


def test_the_projects_own_lock_pins_uv_for_the_usual_machines() -> None:
    lock = read_lock(ROOT)
    for machine in ("x86_64", "aarch64"):
        for libc in ("glibc", "musl"):
            wheel = choose_wheel(lock, machine, libc)
            assert machine in wheel["url"]
            assert ("manylinux" if libc == "glibc" else "musllinux") in wheel["url"]
            assert wheel["hash"].startswith("sha256:")


def test_the_cache_is_the_one_of_the_settings() -> None:
    for environ in ({"BASTIDE_CACHE": "/a"}, {"XDG_CACHE_HOME": "/b"}, {}):
        assert bootstrap.cache_folder(environ) == TwinSettings.of("t", environ).cache


def test_nothing_but_the_standard_library_is_needed() -> None:
    code = f"import runpy; runpy.run_path({str(ROOT / 'twin' / 'bootstrap.py')!r})"
    subprocess.run([sys.executable, "-S", "-E", "-P", "-c", code], cwd="/", check=True)


@pytest.mark.parametrize(("version", "taken"), [("9.9.0", True), ("10.0.1", True), ("9.8.7", False)])
def test_a_uv_on_path_is_used_if_it_is_not_older(tmp_path: Path, version: str, taken: bool) -> None:
    program = uv_at(tmp_path / "bin" / "uv", version)
    environ = {"PATH": str(program.parent), "BASTIDE_CACHE": str(tmp_path)}
    found = find_uv({"version": "9.9.9"}, environ)
    assert found == (program if taken else None)


def test_without_pip_uv_comes_from_the_address_in_the_lock(
    shop: tuple[Path, str], no_pip: str, tmp_path: Path
) -> None:
    lock = lock_of(shop)
    uv = get_uv(lock, tmp_path / "cache", {}, python=no_pip)
    assert (
        subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout == "uv 9.9.9\n"
    )
    assert [path.name for path in uv.parent.iterdir()] == ["uv"]
    environ = {"PATH": "", "BASTIDE_CACHE": str(tmp_path / "cache")}
    assert find_uv(lock, environ) == uv


def test_a_wheel_with_another_hash_is_refused(shop: tuple[Path, str], no_pip: str, tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match=r"uv\.lock says sha256:0{64}"):
        get_uv(lock_of(shop, "0" * 64), tmp_path / "cache", {}, python=no_pip)
    assert list((tmp_path / "cache").rglob("uv-*")) == []
    assert not (tmp_path / "cache" / "uv" / "9.9.9" / "uv").exists()


def test_where_neither_way_is_open_both_are_named(
    shop: tuple[Path, str], no_pip: str, tmp_path: Path
) -> None:
    lock = lock_of(shop)
    lock["wheels"][0]["url"] += ".gone/" + lock["wheels"][0]["url"].rsplit("/", 1)[1]
    with pytest.raises(BootstrapError) as caught:
        get_uv(lock, tmp_path / "cache", {}, python=no_pip)
    assert "ensurepip is not available" in str(caught.value)
    assert "404" in str(caught.value)
    assert "python3-venv" in str(caught.value)


def test_offline_refuses_to_get_uv(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="BASTIDE_OFFLINE forbids it"):
        get_uv({"version": "9.9.9", "wheels": []}, tmp_path, {"BASTIDE_OFFLINE": "1"})


def test_a_synchronized_checkout_is_left_alone_until_a_file_changes(root: Path, tmp_path: Path) -> None:
    uv = uv_at(tmp_path / "uv", "9.9.9")
    assert not in_step(root)
    synchronize(root, uv, os.environ)
    assert in_step(root)
    assert (root / "calls").read_text().startswith("sync --frozen")
    (root / "uv.lock").write_text("version = 2\n")
    assert not in_step(root)


def test_offline_synchronizes_offline(root: Path, tmp_path: Path) -> None:
    synchronize(root, uv_at(tmp_path / "uv", "9.9.9"), {**os.environ, "BASTIDE_OFFLINE": "1"})
    assert "--offline" in (root / "calls").read_text()


def test_a_failed_synchronization_is_told_and_tried_again(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="failed"):
        synchronize(root, uv_at(tmp_path / "uv", "9.9.9", f"{WORKS}; exit 3"), os.environ)
    assert not in_step(root)


def test_a_deleted_environment_is_made_again(root: Path, tmp_path: Path) -> None:
    synchronize(root, uv_at(tmp_path / "uv", "9.9.9"), os.environ)
    (root / ".venv" / "bin" / "python").unlink()
    assert not in_step(root)


@pytest.mark.parametrize("text", ["not toml [", "version = 1\n"])
def test_a_damaged_lock_is_named_with_its_mend(
    root: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "uv.lock").write_text(text)
    assert bootstrap.main(root) == 1
    told = capsys.readouterr().err
    assert str(root / "uv.lock") in told
    assert "git checkout -- uv.lock" in told
