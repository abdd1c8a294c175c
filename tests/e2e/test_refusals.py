"""What `bastide` refuses on a living environment, with the exit code that its reference names."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.outcome import Exit
from tests.e2e.conftest import Environment
from tests.support.command import bastide

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]


def state(environment: Environment) -> Path:
    """The folder of the engine's file backend."""
    return Path(environment.exports()["PULUMI_BACKEND_URL"].removeprefix("file://")) / ".pulumi"


def test_plan_that_breaks_a_rule_is_refused_before_any_change(
    environment: Environment, tmp_path: Path
) -> None:
    expired = tmp_path / "exceptions.yaml"
    fields = 'resource: "*", owner: a@b.example, reason: a test of expiry, expires: 2020-01-01'
    expired.write_text(f"- {{rule: image-digests, {fields}}}\n")
    variables = {**environment.variables, "BASTIDE_EXCEPTIONS": str(expired)}
    done = bastide("up", "twin", "--tenant", "acme", "--json", env=variables)
    assert done.code == Exit.POLICY, done.text
    (stack,) = done.json["stacks"]
    assert any("exceptions-valid" in violation for violation in stack["violations"])
    assert not stack["steps"]


@contextmanager
def lock(environment: Environment) -> Iterator[None]:
    """A lock as a killed engine leaves it."""
    folder = state(environment) / "locks" / "organization" / "bastide" / "twin.acme"
    folder.mkdir(parents=True, exist_ok=True)
    held = {"pid": 1, "username": "gone", "hostname": "gone", "timestamp": "2026-01-01T00:00:00Z"}
    (folder / "00000000-0000-0000-0000-000000000000.json").write_text(json.dumps(held))
    yield
    assert not list(folder.glob("*.json"))


def test_stale_lock_is_told_and_unlock_clears_it(environment: Environment) -> None:
    patch = ("-n", "acme-sandboxes", "label", "serviceaccount", "agent", "test=lock")
    assert environment.plain("kubectl", *patch).code == 0
    with lock(environment):
        done = environment.bastide("up", "twin", "--tenant", "acme", "--json")
        assert done.code in (Exit.OK, Exit.LOCKED), done.text
        done = environment.plain("pulumi", "up", "-s", "twin.acme", "--yes", "--skip-preview")
        assert done.code != 0
        assert "lock" in done.text
        assert environment.bastide("unlock", "twin", "acme").code == Exit.OK
    done = environment.plain("pulumi", "up", "-s", "twin.acme", "--yes", "--skip-preview")
    assert done.code == 0, done.text


def test_damaged_state_is_refused_and_its_mend_works(environment: Environment) -> None:
    file = state(environment) / "stacks" / "bastide" / "twin.globex.json"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    try:
        done = environment.bastide("up", "twin", "--json")
        assert done.code == Exit.UPDATE, done.text
        assert str(file) in done.err
        doctor = environment.bastide("doctor", "twin", "--json")
        assert doctor.code == Exit.FAILED
        (finding,) = [each for each in doctor.json if each["what"] == "state"]
        command = finding["mend"].split(", then")[0]
        assert shlex.split(command)[0] == "cp"
        subprocess.run(shlex.split(command), check=True)
    except BaseException:
        file.write_bytes(whole)
        raise
    done = environment.bastide("up", "twin", "--json")
    assert done.code == Exit.OK, done.text


def test_unknown_drill_names_the_known_ones(environment: Environment) -> None:
    done = environment.bastide("drill", "twin", "--only", "tenancy.nothing")
    assert done.code == Exit.USAGE, done.text
    assert "tenancy.cross-tenant-reads" in done.err
