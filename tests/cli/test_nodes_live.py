"""`bastide nodes` on real machines: what a run tells, whose keys are taken, what is lost and found again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cli.nodes import ansible, evidence
from cli.outcome import Exit
from tests.cli.inprocess import invoke
from tests.cli.providers import Site
from tests.support.command import Done
from tests.support.fleet import of, write
from tests.support.nodes import Lab, Machine
from tests.support.nodes.lab import needs

pytestmark = [
    pytest.mark.nodes,
    pytest.mark.skipif(bool(needs()), reason=needs()),
    pytest.mark.xdist_group("nodes"),
]
PARTS = ("ansible.cfg", "galaxy.yml", "meta", "plugins")
PLAY = {
    "name": "Look at the machines",
    "hosts": "all",
    "become": True,
    "gather_facts": False,
    "tasks": [
        {
            "name": "Check what it is",
            "bastide.nodes.validate": {
                "role": "base",
                "phase": "validation",
                "checks": [
                    {
                        "id": "debian",
                        "path": "/etc/debian_version",
                        "exists": True,
                        "mend": "Install it.",
                    },
                    {"id": "root", "command": ["id", "-u"], "equals": "0", "mend": "Allow sudo."},
                    {"id": "gpu", "path": "/dev/gpu", "exists": True, "hardware": True, "mend": "Add one."},
                ],
                "hardware": False,
            },
        },
    ],
}


@pytest.fixture(scope="module")
def machines() -> Iterator[dict[str, Machine]]:
    with Lab() as lab:
        yield {machine.name: machine for machine in lab.add("one", "two")}


class Fleet(Site):
    """The environment `site` whose machines are those of a lab, and a playbook of its own."""

    def __init__(self, folder: Path, machines: dict[str, Machine], monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self.machines = machines
        collection = folder / "collection"
        (collection / "playbooks").mkdir(parents=True)
        for part in PARTS:
            (collection / part).symlink_to(ansible.COLLECTION / part)
        (collection / "playbooks" / "validate.yml").write_text(yaml.safe_dump([PLAY]))
        monkeypatch.setattr(ansible, "COLLECTION", collection)
        self.env["ANSIBLE_PRIVATE_KEY_FILE"] = str(next(iter(machines.values())).key)

    def validate(self, *options: str, **keys: str) -> Done:
        """Run the playbook; `keys` are pinned in place of the machines' own."""
        known = {
            name: (each.address, each.user, keys.get(name, each.fingerprint))
            for name, each in self.machines.items()
        }
        folder = self.config.parent
        write(of(known), folder)
        where = ("--config", self.config, "--outputs", folder / "outputs.json")
        return invoke("nodes", "validate", "site", "--json", *where, *options, env=self.env)


@pytest.fixture
def site(tmp_path: Path, machines: dict[str, Machine], monkeypatch: pytest.MonkeyPatch) -> Fleet:
    return Fleet(tmp_path, machines, monkeypatch)


def test_a_run_reaches_every_machine_and_keeps_what_it_proved(site: Fleet, tmp_path: Path) -> None:
    done = site.validate()
    assert done.code == Exit.OK, done.text
    assert {host: counts["ok"] for host, counts in done.json["hosts"].items()} == {"one": 1, "two": 1}
    assert "one  2 of 3 checks passed, not looked for: base.gpu" in done.err
    record = evidence.last(tmp_path / "home" / "site" / "evidence")
    assert record is not None
    assert (record["passed"], record["checks"]) == (True, {"passed": 4, "skipped": 2})


def test_a_limit_leaves_the_others_alone(site: Fleet) -> None:
    assert list(site.validate("--limit", "pool_workers").json["hosts"]) == ["two"]


def test_a_machine_with_another_key_is_refused_and_told(site: Fleet) -> None:
    """Also where a connection to it is open still, made while its own key was pinned."""
    assert site.validate().code == Exit.OK
    done = site.validate(two=site.machines["one"].fingerprint)
    assert done.code == Exit.HOSTS
    (fault,) = done.json["faults"]
    assert fault["host"] == "two"
    assert f"is {site.machines['two'].fingerprint}, pinned is" in fault["said"]
    assert fault["cause"] == "host-key"
    assert done.json["hosts"]["one"]["ok"] == 1


def test_a_lost_machine_is_told_and_the_next_run_goes_on(site: Fleet) -> None:
    site.machines["two"].off()
    try:
        done = site.validate()
        assert done.code == Exit.HOSTS
        assert [fault["host"] for fault in done.json["faults"]] == ["two"]
        assert done.json["hosts"]["one"]["ok"] == 1
    finally:
        site.machines["two"].on()
    assert site.validate().code == Exit.OK
