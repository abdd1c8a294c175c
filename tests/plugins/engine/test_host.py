"""The language host's own functions: options, packages, answers without an engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from twin.plugins.python.options import OptionError, interpreter
from twin.plugins.python.packages import PluginPackage, at_hand, dependencies, plugin_packages, plugin_version


@pytest.mark.parametrize(
    ("package", "plugin"),
    [
        ("4.34.2", "v4.34.2"),
        ("1.0", "v1.0.0"),
        ("1.2.3.4", "v1.2.3.4"),
        ("2.14.0a1605583329", "v2.14.0-alpha.1605583329"),
        ("1.2.3rc4", "v1.2.3-rc.4"),
        ("1.2.3.post4.dev5", "v1.2.3+post4dev5"),
        ("1!1.0", None),
        ("latest", None),
    ],
)
def test_plugin_versions(package: str, plugin: str | None) -> None:
    assert plugin_version(package) == plugin


def _install(site: Path, name: str, version: str, plugin: object = None, *requires: str) -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name.replace('_', '-')}", f"Version: {version}"]
    (info / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {item}" for item in requires)]))
    if plugin is not None:
        (site / name).mkdir()
        (site / name / "pulumi-plugin.json").write_text(json.dumps(plugin))


def test_packages_declare_their_plugins(tmp_path: Path) -> None:
    _install(
        tmp_path, "pulumi_kubernetes", "4.34.2", {"resource": True, "name": "kubernetes", "version": "4.34.2"}
    )
    _install(tmp_path, "pulumi_policy", "1.21.0", {"resource": False})
    _install(tmp_path, "pulumi_odd", "1.0", {"resource": True})
    _install(
        tmp_path, "acme_sdk", "2.0.0", {"resource": True, "name": "acme", "server": "https://acme.example"}
    )
    _install(tmp_path, "pulumi_plain", "3.0.0")
    _install(tmp_path, "requests", "2.0.0")
    assert list(plugin_packages(tmp_path)) == [
        PluginPackage(name="acme", version="v2.0.0", server="https://acme.example"),
        PluginPackage(name="kubernetes", version="v4.34.2"),
        PluginPackage(name="odd", version="v1.0.0"),
        PluginPackage(name="plain", version="v3.0.0"),
    ]


def test_a_damaged_declaration_is_named(tmp_path: Path) -> None:
    _install(tmp_path, "pulumi_odd", "1.0", {})
    (tmp_path / "pulumi_odd" / "pulumi-plugin.json").write_text("{")
    with pytest.raises(ValueError, match=r"pulumi_odd/pulumi-plugin\.json is not JSON"):
        list(plugin_packages(tmp_path))


def test_a_plugin_is_at_hand_on_path_or_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    plugin = PluginPackage(name="acme", version="v1.0.0")
    assert not at_hand(plugin)
    (tmp_path / "home" / "plugins" / "resource-acme-v1.0.0").mkdir(parents=True)
    assert at_hand(plugin)
    other = PluginPackage(name="other", version="v1.0.0")
    (tmp_path / "pulumi-resource-other").touch(mode=0o755)
    assert at_hand(other)


def test_dependencies_direct_and_transitive(tmp_path: Path) -> None:
    _install(tmp_path, "app", "1.0.0", None, "Lib_One>=1; python_version>'3'")
    _install(tmp_path, "lib_one", "1.5.0")
    assert dependencies(tmp_path, transitive=False) == [("app", "1.0.0")]
    assert dependencies(tmp_path, transitive=True) == [("app", "1.0.0"), ("lib-one", "1.5.0")]


def test_the_environment_of_the_project_comes_before_the_hosts_own(tmp_path: Path) -> None:
    assert interpreter(tmp_path, {}).executable == Path(sys.executable)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    found = interpreter(tmp_path, {"toolchain": "uv"})
    assert found.prefix == tmp_path / ".venv"
    assert found.environ()["VIRTUAL_ENV"] == str(tmp_path / ".venv")
    assert found.environ()["PATH"].startswith(str(tmp_path / ".venv" / "bin") + os.pathsep)


@pytest.mark.parametrize("options", [{"virtualenv": "nowhere"}, {"virtualenv": 3}, {"toolchain": "conda"}])
def test_wrong_options_are_named(tmp_path: Path, options: dict[str, object]) -> None:
    (key, value) = next(iter(options.items()))
    with pytest.raises(OptionError, match=f"runtime option {key}: {value!r}"):
        interpreter(tmp_path, options)


def test_the_host_imports_no_sdk() -> None:
    code = (
        "import sys, twin.plugins.python.host; print('pulumi.resource' in sys.modules, 'yaml' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "False"]


def test_code_generation_is_refused_in_plain_words() -> None:
    import grpc
    from pulumi.runtime.proto import language_pb2, language_pb2_grpc

    command = [sys.executable, "-m", "twin.plugins.python"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(host.stdout.readline())}") as channel:
            stub = language_pb2_grpc.LanguageRuntimeStub(channel)
            for call, request in (
                (stub.Pack, language_pb2.PackRequest()),
                (stub.Link, language_pb2.LinkRequest()),
                (stub.GenerateProgram, language_pb2.GenerateProgramRequest()),
                (stub.GenerateProject, language_pb2.GenerateProjectRequest()),
                (stub.GeneratePackage, language_pb2.GeneratePackageRequest()),
            ):
                with pytest.raises(grpc.RpcError) as caught:
                    call(request, timeout=10)
                assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
                assert "official Python language host" in caught.value.details()
        host.stdin.close()
        assert host.wait(10) == 0
