"""`bastide nodes`: what it lists, what it refuses before Ansible runs, and what it makes of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from cli.nodes import access, ansible, evidence, fleet, verbs
from cli.nodes.ansible import Ran
from cli.outcome import CliError, Exit
from tests.cli.inprocess import invoke
from tests.cli.providers import Site
from tests.support.command import Done
from tests.support.fleet import changed, write
from tests.support.fleet import fleet as outputs
from twin.settings import ROOT


def nodes(site: Site, verb: str, *args: str | Path, told: object = None) -> Done:
    """Run a verb on the environment `site`, whose outputs are those of the fleet."""
    folder = site.config.parent
    write(told or outputs(), folder)  # type: ignore[arg-type]
    where = ("--config", site.config, "--outputs", folder / "outputs.json")
    return invoke("nodes", verb, "site", *args, *where, env=site.env)


def test_the_list_tells_how_each_machine_is_reached(site: Site) -> None:
    rows = {row["name"]: row for row in nodes(site, "list", "--json").json}
    assert list(rows) == ["one", "rented-0", "gpu-9", "gpu-10", "gpu-1"]
    assert rows["gpu-9"]["user"] == "ops"
    assert (rows["gpu-9"]["address"], rows["gpu-9"]["port"]) == ("10.8.1.9", 2222)
    assert {name: row["pinned"] for name, row in rows.items() if not row["pinned"]} == {"rented-0": False}
    assert "zone_far_west" in rows["one"]["groups"]
    said = nodes(site, "list").out
    assert "ops@10.8.1.9:2222" in said
    assert said.count("not pinned") == 1


@pytest.mark.parametrize(
    ("verb", "args", "said"),
    [
        ("up", ["--limit", "gpu-99"], "no machine or group is called gpu-99"),
        ("validate", ["--limit", "rack_e1,!zone_wets"], "no machine or group is called zone_wets"),
        ("up", ["--extra", "hardware"], "--extra hardware: must be KEY=VALUE"),
        ("decommission", ["gpu-99", "--yes"], "no machine is called gpu-99"),
        ("decommission", ["gpu-9"], "nobody is there to agree"),
    ],
)
def test_wrong_arguments_are_refused_before_a_run(
    site: Site, monkeypatch: pytest.MonkeyPatch, verb: str, args: list[str], said: str
) -> None:
    monkeypatch.setattr(ansible, "play", lambda *_, **__: pytest.fail("it ran"))
    done = nodes(site, verb, *args)
    assert done.code == Exit.USAGE
    assert said in done.err
    assert "mend: " in done.err


def test_outputs_that_make_no_inventory_are_refused(site: Site) -> None:
    done = nodes(site, "up", told=changed("hosts.1.name", "gpu-10"))
    assert done.code == Exit.CONFIG
    assert "name gpu-10 is that of gpu-10 (gpu) and gpu-10 (gpu)" in done.err


def test_an_environment_without_machines_has_nothing_to_run_on(site: Site) -> None:
    bare = outputs().model_copy(update={"hosts": ()})
    assert nodes(site, "list", "--json", told=bare).json == []
    done = nodes(site, "up", told=bare)
    assert done.code == Exit.USAGE
    assert "site has no real machines" in done.err


def test_outputs_of_another_environment_are_refused(site: Site) -> None:
    done = nodes(site, "list", told=changed("environment", "prod"))
    assert done.code == Exit.USAGE


def fault(host: str) -> dict[str, str]:
    texts = {"meaning": "the disk is full", "said": "no space left", "mend": "free some"}
    return {"host": host, "step": "Install", **texts}


def report(host: str, *statuses: str, phase: str = "validation") -> dict[str, object]:
    checks = [{"id": f"c{i}", "status": status} for i, status in enumerate(statuses)]
    passed = "failed" not in statuses
    return {"host": host, "role": "base", "phase": phase, "passed": passed, "checks": checks}


@pytest.mark.parametrize(
    ("status", "faults", "code"),
    [(0, [], Exit.OK), (2, [fault("a")], Exit.HOSTS), (4, [], Exit.HOSTS), (1, [], Exit.FAILED)],
)
def test_a_failed_host_has_a_code_of_its_own(
    status: int, faults: list[dict[str, str]], code: Exit, tmp_path: Path
) -> None:
    assert Ran(playbook="site", status=status, log=tmp_path, faults=faults).code is code


def test_a_run_tells_faults_reports_and_what_was_not_begun(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = Ran(
        playbook="validate",
        status=2,
        log=tmp_path / "log",
        faults=[fault("gpu-9")],
        not_begun=["gpu-1"],
        reports=[report("one", "passed", "skipped"), report("one", "failed", phase="preflight")],
        counts={"one": {"changed": 0}, "gpu-9": {"changed": 2}},
    )
    monkeypatch.setattr(ansible, "play", lambda *_, **__: ran)
    done = nodes(site, "validate")
    assert done.code == Exit.HOSTS
    assert "2 hosts, 2 changed, 1 failed" in done.out
    assert "gpu-9  Install: the disk is full: no space left" in done.out
    assert "not begun: gpu-1" in done.out
    assert "one  1 of 2 checks passed, not looked for: base.c1" in done.out
    kept = evidence.last(tmp_path / "home" / "site" / "evidence")
    assert kept is not None
    assert kept["passed"] is False
    assert kept["checks"] == {"passed": 1, "skipped": 1}
    assert kept["faults"] == [{"host": "gpu-9", "step": "Install", "said": "no space left"}]


def test_a_record_without_reports_proves_nothing_and_a_changed_one_is_none(tmp_path: Path) -> None:
    assert evidence.last(tmp_path) is None
    assert evidence.keep(tmp_path, "site", [], [])[1]["passed"] is False
    assert evidence.keep(tmp_path, "site", [report("one", "passed")], [])[1]["passed"] is True
    path, record = evidence.keep(tmp_path, "site", [report("one", "failed")], [])
    assert record["passed"] is False
    path.write_text(path.read_text().replace('"failed"', '"passed"'))
    found = evidence.last(tmp_path)
    assert found is not None
    assert found["passed"] is True, "the one before, which nobody has changed"


def test_extra_variables_are_json_where_they_can_be() -> None:
    assert verbs.parse_extra(["bastide_hardware=false", "base_banner=a = b", "n=3"]) == {
        "bastide_hardware": False,
        "base_banner": "a = b",
        "n": 3,
    }


def test_extra_variables_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "more.yaml"
    path.write_text("telemetry_journal_tls: {ca: a}")
    assert verbs.parse_extra([f"@{path}", "n=1"]) == {"telemetry_journal_tls": {"ca": "a"}, "n": 1}
    path.write_text("- a list")
    for wrong in (path, tmp_path / "none.yaml"):
        with pytest.raises(CliError, match="--extra @"):
            verbs.parse_extra([f"@{wrong}"])


def test_plain_ansible_needs_what_env_prints(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.main._open", lambda *_: _target(site, monkeypatch))
    words = (
        line.removeprefix("export ").split("=", 1)
        for line in invoke("env", "site", env=site.env).out.splitlines()
    )
    told = dict(words)
    assert told["ANSIBLE_CONFIG"] == str(ROOT / "ansible" / "ansible.cfg")
    assert yaml.safe_load(Path(told["ANSIBLE_INVENTORY"]).read_text()) == {
        "plugin": "bastide.nodes.stack",
        "environment": "site",
    }
    link = Path(told["ANSIBLE_COLLECTIONS_PATH"]) / "ansible_collections" / "bastide" / "nodes"
    assert (link / "galaxy.yml").is_file()


def _target(site: Site, monkeypatch: pytest.MonkeyPatch) -> object:
    from cli.environment import open_environment

    for key, value in site.env.items():
        monkeypatch.setenv(key, value)
    return open_environment("site", site.config, dates=())


def test_variables_of_the_operator_do_not_change_a_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "false")
    monkeypatch.setenv("ANSIBLE_SSH_ARGS", "-o StrictHostKeyChecking=no")
    monkeypatch.setenv("ANSIBLE_PRIVATE_KEY_FILE", "/my/key")
    target = _target(site, monkeypatch)
    found = ansible._environment(target, ansible.folder(target), outputs().dump())  # type: ignore[arg-type]
    assert not {"ANSIBLE_HOST_KEY_CHECKING", "ANSIBLE_SSH_ARGS"} & set(found)
    assert found["ANSIBLE_PRIVATE_KEY_FILE"] == "/my/key"
    assert found["ANSIBLE_CONFIG"] == str(ROOT / "ansible" / "ansible.cfg")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("OpenSSH_8.4p1, OpenSSL", "is OpenSSH_8.4p1"),
        ("nonsense", "is nonsense"),
        ("OpenSSH_9.2p1 Debian", ""),
    ],
)
def test_an_ssh_that_cannot_pin_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, problem: str
) -> None:
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    if not problem:
        assert ansible.require_tools().name == "ansible-playbook"
        return
    with pytest.raises(CliError, match=problem) as caught:
        ansible.require_tools()
    assert "OpenSSH 8.5 or later" in caught.value.mend


def test_no_ssh_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CliError, match="there is no `ssh` on PATH"):
        ansible.require_tools()


def test_a_fetched_kubeconfig_gets_the_context_of_the_stacks(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    target = _target(site, monkeypatch)
    path = Path(access.variables(target)["kubernetes_kubeconfig"])  # type: ignore[arg-type]
    context = {"name": "admin@site", "context": {"cluster": "site", "user": "admin"}}
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({"contexts": [context], "current-context": "admin@site"}))
    for _ in range(2):
        assert access.adopt(target).variables["KUBECONFIG"] == str(path)  # type: ignore[arg-type]
        found = yaml.safe_load(path.read_text())
        assert found["contexts"][0]["name"] == found["current-context"] == "site"
        assert path.stat().st_mode & 0o777 == 0o600
    assert _target(site, monkeypatch).variables["KUBECONFIG"] == str(path)  # type: ignore[attr-defined]
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "own"))
    assert access.variables(_target(site, monkeypatch)) == {}  # type: ignore[arg-type]


def test_two_runs_at_once_are_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    target = _target(site, monkeypatch)
    home = ansible.folder(target)  # type: ignore[arg-type]
    home.mkdir(parents=True)
    with FileLock(home / "lock"):
        done = nodes(site, "validate")
    assert done.code == Exit.LOCKED
    assert "another run is at work on the machines of site" in done.err


def test_limits_take_groups_globs_and_exclusions() -> None:
    built = fleet.inventory(outputs(), {}, "/pin")
    for limit in ("gpu-9", "rack_e1", "gpu-*,!gpu-9", "zone_east:&rack_e2", "all"):
        assert fleet.chosen(built, limit) == limit


def test_a_file_without_outputs_is_told(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text(json.dumps({"other": {}}))
    for path in (tmp_path / "o.json", tmp_path / "none.json"):
        with pytest.raises(CliError, match="holds no outputs of a foundation"):
            fleet.given(path)
