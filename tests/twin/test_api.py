"""What the CLI builds on: the folder `bin`, the stand-ins, the variables for plain tools."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.plane import Plane
from twin import api
from twin.errors import TwinError
from twin.plugs import official_plug, plugs
from twin.settings import ROOT, TwinSettings
from twin.toolchain.model import Origin, ResolvedTool, Toolchain


@pytest.fixture
def settings(tmp_path: Path) -> TwinSettings:
    return TwinSettings(name="t", home=tmp_path / "home" / "t", cache=tmp_path / "cache")


@pytest.fixture
def tools(tmp_path: Path) -> Toolchain:
    program(tmp_path / "engine" / "pulumi")
    path = tmp_path / "engine" / "pulumi"
    return Toolchain(
        {"pulumi": ResolvedTool(name="pulumi", path=path, version="3.250.0", origin=Origin.BUILT)}
    )


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def install(settings: TwinSettings, tools: Toolchain, path: str = "") -> list[str]:
    from twin.plugs import install_bin

    install_bin(settings, tools, {"PATH": path, "PULUMI_HOME": str(settings.cache / "pulumi")})
    return api.stand_ins(settings)


def test_without_official_plug_ins_stand_ins_are_used_and_listed(
    settings: TwinSettings, tools: Toolchain
) -> None:
    assert api.stand_ins(settings) == []
    assert install(settings, tools) == ["pulumi-language-python", "pulumi-resource-kubernetes"]
    assert (settings.bin / "pulumi").resolve() == tools.tools["pulumi"].path
    for plug in plugs():
        wrapper = plug.place(settings)
        assert os.access(wrapper, os.X_OK)
        assert f"-m {plug.module}" in wrapper.read_text()


@pytest.mark.parametrize("where", ["path", "engine", "installed"])
def test_an_official_plug_in_is_used_wherever_it_is(
    settings: TwinSettings, tools: Toolchain, tmp_path: Path, where: str
) -> None:
    plug = plugs()[1]
    folder = {
        "path": tmp_path / "somewhere",
        "engine": tools.tools["pulumi"].path.parent,
        "installed": settings.cache / "pulumi" / "plugins" / plug.installed,
    }[where]
    official = program(folder / plug.program)
    assert install(settings, tools, str(tmp_path / "somewhere")) == ["pulumi-language-python"]
    assert plug.place(settings).readlink() == official
    assert install(settings, tools, str(tmp_path / "somewhere")) == ["pulumi-language-python"]


def test_a_stand_in_of_another_twin_is_not_taken_for_official(
    settings: TwinSettings, tools: Toolchain, tmp_path: Path
) -> None:
    other = TwinSettings(name="u", home=tmp_path / "home" / "u", cache=settings.cache)
    install(other, tools)
    variables = {"PATH": str(other.bin), "PULUMI_HOME": str(other.home / "pulumi")}
    for plug in plugs():
        assert plug.place(other).exists()
        assert official_plug(plug, tools, variables) is None


def test_an_official_plug_in_replaces_the_stand_in_later(
    settings: TwinSettings, tools: Toolchain, tmp_path: Path
) -> None:
    install(settings, tools)
    for plug in plugs():
        program(tmp_path / "later" / plug.program)
    assert install(settings, tools, str(tmp_path / "later")) == []


def test_the_environment_puts_the_twin_first_and_is_stable(settings: TwinSettings) -> None:
    once = api.environment(settings, {"PATH": "/usr/bin:/bin"})
    assert once["PATH"] == f"{settings.bin}:/usr/bin:/bin"
    assert api.environment(settings, once) == once
    assert once["KUBECONFIG"] == str(settings.kubeconfig)
    assert once["PULUMI_BACKEND_URL"] == f"file://{settings.home}/state"
    assert once["PULUMI_OPTION_POLICY_PACK"] == str(ROOT / "policies" / "packs" / "charter")


def test_before_the_first_start_nothing_runs(settings: TwinSettings) -> None:
    assert not api.running(settings)
    assert {member.state for member in api.status(settings)} == {"stopped"}
    api.stop(settings)
    api.reset(settings)
    assert not settings.home.exists()


def test_tools_that_are_not_there_are_listed_with_the_version_that_is_wanted(
    settings: TwinSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BASTIDE_TOOLS", raising=False)
    monkeypatch.setenv("PATH", "")
    assert not api.cached(settings)
    listed = api.tools(settings)
    assert {tool.path for tool in listed} == {""}
    assert all(tool.version for tool in listed)


def test_a_port_that_is_no_number_is_refused() -> None:
    with pytest.raises(TwinError, match="BASTIDE_PORT=x"):
        TwinSettings.of("t", {"BASTIDE_PORT": "x"})


@pytest.mark.plane
def test_plain_kubectl_works_with_the_environment(plane: Plane) -> None:
    api.install_bin(plane.settings, plane.toolchain)
    variables = {**os.environ, **api.environment(plane.settings)}
    line = ["kubectl", "--context", plane.context, "get", "namespaces", "--output=name"]
    done = subprocess.run(line, env=variables, capture_output=True, text=True, check=True)
    assert "namespace/kube-system" in done.stdout.splitlines()
