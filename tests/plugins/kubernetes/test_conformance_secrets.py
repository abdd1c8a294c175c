"""No secret value in state, output, diff, error or log; in the cluster, exactly there."""

from __future__ import annotations

import base64

import pytest

from tests.support.engine import encodings
from tests.support.objects import Entry, Workspace

pytestmark = [pytest.mark.engine, pytest.mark.plane, pytest.mark.fault]

SECRET = "hunter2-Zq9!x"
OTHER = "correct-Horse#7"
MARK = "4dabf18193072939515e22adb298388d"


def _leaks(text: str) -> list[str]:
    return [form for value in (SECRET, OTHER) for form in encodings(value) if form in text]


def test_secret_values_stay_secret(workspace: Workspace) -> None:
    """A Secret's `stringData` and `data`, a marked value elsewhere; changed, refreshed, read.

    Not with `--logtostderr`: the engine then logs every property that it marshals, whatever a provider does.
    """
    project = workspace.project
    make = workspace.object
    encoded = base64.b64encode(SECRET.encode()).decode()

    def entries(value: str) -> list[Entry]:
        return [
            Entry(
                name="text", manifest=make("v1", "Secret", "text", stringData={"key": value}), export="data"
            ),
            Entry(name="data", manifest=make("v1", "Secret", "data", data={"key": encoded})),
            Entry(name="marked", manifest=workspace.config_map("marked", key={"$secret": value})),
            Entry(
                name="got",
                manifest=make("v1", "Secret", "text"),
                options={"get": f"{workspace.namespace}/text", "depends_on": ["text"]},
            ),
        ]

    workspace.write(*entries(SECRET))
    shown = [project.up("--diff").ok().text]
    workspace.write(*entries(OTHER))
    shown.append(project.preview("--diff", "-v=9").ok().text)
    shown.append(project.up("--diff").ok().text)
    shown.append(project.refresh("--diff").ok().text)
    assert project.up().ok().changes.get("same") == 4
    live = workspace.live("secrets", "text") or {}
    assert base64.b64decode(live["data"]["key"]).decode() == OTHER
    assert (workspace.live("configmaps", "marked") or {})["data"] == {"key": OTHER}
    assert project.outputs("--show-secrets")["text"] == {"key": base64.b64encode(OTHER.encode()).decode()}
    state = project.resources()
    for name in ("text", "data", "got"):
        assert state[name]["outputs"]["data"][MARK], name
    assert state["marked"]["outputs"]["data"]["key"][MARK]
    assert _leaks("".join(shown)) == []
    assert _leaks(project.state_file.read_text()) == []


def test_a_refusal_does_not_quote_a_secret(workspace: Workspace) -> None:
    project = workspace.project
    spec = {"ports": [{"port": 80, "protocol": {"$secret": SECRET}}]}
    workspace.write(Entry(name="service", manifest=workspace.object("v1", "Service", "service", spec=spec)))
    for done in (project.preview(), project.up()):
        assert _leaks(done.failed("protocol", "[secret]").text) == []
