"""The provider's configuration, good, bad and out of reach."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from tests.support.objects import Entry, Workspace
from tests.support.plane import Plane

pytestmark = [pytest.mark.engine, pytest.mark.plane]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _elsewhere(plane: Plane, folder: Path) -> Path:
    """The plane's kubeconfig, for a server that does not answer."""
    config = yaml.safe_load(plane.kubeconfig.read_text())
    for entry in config["clusters"]:
        entry["cluster"]["server"] = f"https://127.0.0.1:{_free_port()}"
    path = folder / "elsewhere"
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_bad_configuration_is_one_clear_error(workspace: Workspace, plane: Plane, tmp_path: Path) -> None:
    """No such file, no such context, no kubeconfig at all in the file, a mode that is not there."""
    project = workspace.project
    workspace.write(Entry(name="a", manifest=workspace.config_map("a")))
    broken = tmp_path / "broken"
    broken.write_text("clusters: [\n  token: do-not-show")
    project.preview(KUBECONFIG=str(tmp_path / "missing")).failed("KUBECONFIG", str(tmp_path / "missing"))
    shown = project.preview(KUBECONFIG=str(broken)).failed(str(broken), "line", "not a kubeconfig")
    assert "do-not-show" not in shown.text
    project.config("kubernetes:context", "nowhere")
    project.preview().failed("kubernetes:context", "'nowhere'", plane.context)
    project.config("kubernetes:context", plane.context)
    project.preview().ok()
    project.config("kubernetes:enableServerSideApply", "false")
    project.preview().failed("kubernetes:enableServerSideApply", "install the official provider")


@pytest.mark.fault
def test_an_unreachable_cluster_never_reads_as_deleted(
    workspace: Workspace, plane: Plane, tmp_path: Path
) -> None:
    """Fault 9: in a refresh, in an update, in a destroy; and how to give a lost cluster up."""
    project = workspace.project
    lost = str(_elsewhere(plane, tmp_path))
    workspace.write(Entry(name="a", manifest=workspace.config_map("a", x="1")))
    project.up().ok()
    before = project.resources()
    project.refresh(KUBECONFIG=lost).failed("unreachable", "PULUMI_K8S_DELETE_UNREACHABLE")
    project.destroy(KUBECONFIG=lost).failed("unreachable")
    workspace.write(Entry(name="a", manifest=workspace.config_map("a", x="2")))
    assert "unreachable" in project.preview(KUBECONFIG=lost).text
    project.up(KUBECONFIG=lost).failed("unreachable")
    assert project.resources()["a"]["outputs"] == before["a"]["outputs"]
    project.refresh(KUBECONFIG=lost, PULUMI_K8S_SKIP_UPDATE_UNREACHABLE="true").ok()
    assert project.resources()["a"]["outputs"] == before["a"]["outputs"]
    project.destroy(KUBECONFIG=lost, PULUMI_K8S_DELETE_UNREACHABLE="true").ok()
    assert project.resources() == {}
    assert workspace.live("configmaps", "a")


def test_an_explicit_provider_takes_the_kubeconfigs_content(workspace: Workspace, plane: Plane) -> None:
    """And a default namespace, and mutable ConfigMaps."""
    project = workspace.project
    config = {
        "kubeconfig": {"$secret": plane.kubeconfig.read_text()},
        "namespace": workspace.namespace,
        "enableConfigMapMutable": True,
    }
    provider = Entry(name="own", manifest=config, token="pulumi:providers:kubernetes")

    def entry(value: str) -> Entry:
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": value}}
        return Entry(name="a", manifest=manifest, options={"provider": "own"})

    workspace.write(provider, entry("1"))
    project.up(KUBECONFIG="/nonexistent").ok()
    assert (workspace.live("configmaps", "a") or {})["data"] == {"x": "1"}
    workspace.write(provider, entry("2"))
    assert project.up(KUBECONFIG="/nonexistent").ok().ops() == {"a": "update"}
    project.destroy(KUBECONFIG="/nonexistent").ok()
