"""A scratch checkout with an environment on the machines of a lab, driven by the real engine and CLI."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.command import BASTIDE, ROOT, Done, run
from tests.support.nodes import Machine
from tests.support.nodes.inventory import variables as lab_variables
from twin import api
from twin.settings import TwinSettings

ENV = "lab"
_COPIED = ("ansible", "cli", "components", "policies", "stacks", "twin", "Pulumi.yaml", "pyproject.toml")
"""What the CLI and the engine read of a checkout; .venv is linked."""
_PLATFORM = ROOT / "tests/model/good/Pulumi.site.platform.yaml"
_SCENARIO = ROOT / "ansible/extensions/molecule/kubernetes_default/inventory.yml"
"""Names the variables by which kubelet bears a container as its host: they are said there only."""
_CONFINED = ("kubernetes_", "runtime_cgroup", "runtime_files")
_OF_THE_INVENTORY = ("kubernetes_control_plane", "kubernetes_first", "kubernetes_endpoint", "_cidr")


def _left_out(folder: str, names: list[str]) -> set[str]:
    return {
        name for name in names if name == "__pycache__" or (name == "config" and folder.endswith("stacks"))
    }


@dataclass(frozen=True, kw_only=True)
class Site:
    """The environment `lab`; `pools` maps each pool's id to its machines, the first is the control plane."""

    folder: Path
    pools: Mapping[str, Sequence[Machine]]
    artifacts: Mapping[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    """Versions, by variable, that are not the catalogue's: those after an upgrade."""

    @property
    def machines(self) -> list[Machine]:
        return [machine for pool in self.pools.values() for machine in pool]

    @property
    def config(self) -> Path:
        return self.folder / "stacks" / "config"

    def write(self) -> None:
        """Make the scratch checkout with the environment's files."""
        for name in _COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, self.folder / name, ignore=_left_out)
            else:
                shutil.copy(ROOT / name, self.folder / name)
        (self.folder / ".venv").symlink_to(ROOT / ".venv")
        self.config.mkdir(exist_ok=True)
        self.write_foundation()
        platform = yaml.safe_load(_PLATFORM.read_text())
        platform["config"]["bastide:platform"]["systemQuota"] |= {"cpu": 1, "memory": "1Gi"}
        (self.config / f"Pulumi.{ENV}.platform.yaml").write_text(yaml.safe_dump(platform, sort_keys=False))

    def write_foundation(self, **changes: Any) -> None:
        """Write the foundation's file; `changes` replace sections."""
        sections = {**self.sections(), **changes}
        document = {f"bastide:{key}": value for key, value in sections.items()}
        text = yaml.safe_dump({"config": {"kubernetes:context": "site", **document}}, sort_keys=False)
        (self.config / f"Pulumi.{ENV}.foundation.yaml").write_text(text)

    def sections(self) -> dict[str, Any]:
        racks = {pool: f"r{number}" for number, pool in enumerate(self.pools)}
        first = self.machines[0]
        lan = f"{first.address.rsplit('.', 1)[0]}.0/24"
        key = first.key.with_suffix(".pub").read_text().strip()
        return {
            "environment": {
                "name": ENV,
                "kind": "development",
                "region": "here",
                "zones": [{"id": "a", "racks": list(racks.values())}],
            },
            "networks": [
                {"id": "pods", "role": "pods", "cidr": "10.200.0.0/16"},
                {"id": "services", "role": "services", "cidr": "10.96.0.0/16"},
                {"id": "machines", "role": "management", "cidr": lan},
            ],
            "hosts": {
                "administration": [lan],
                "administrators": [{"name": "ada", "keys": [key]}],
                "timeServers": [f"{first.address.rsplit('.', 1)[0]}.1"],
                "artifacts": dict(self.artifacts),
                "controlPlane": {"endpoint": first.address},
            },
            "pools": [
                {
                    **{"id": pool, "kind": "static", "role": "system", "zone": "a", "racks": [racks[pool]]},
                    **({"controlPlane": True} if first in machines else {}),
                    "machine": {"cpu": 1, "memory": "1Gi", "pods": 110},
                    "hosts": [
                        {
                            **{"name": machine.name, "address": machine.address, "user": machine.user},
                            "hostKey": machine.fingerprint,
                        }
                        for machine in machines
                    ],
                }
                for pool, machines in self.pools.items()
            ],
        }

    def environ(self) -> dict[str, str]:
        """The variables of an operator of this checkout, whose engine is the toolchain's."""
        settings = TwinSettings.of("engine", {"BASTIDE_HOME": str(self.folder / "home")})
        return {
            **api.environment(settings),
            "BASTIDE_HOME": str(self.folder / "home"),
            "PYTHONPATH": str(self.folder),  # before the checkout in which .venv lives
            "ANSIBLE_PRIVATE_KEY_FILE": str(self.machines[0].key),
            "KUBECONFIG": "",
        }

    def install_engine(self) -> None:
        settings = TwinSettings.of("engine", {"BASTIDE_HOME": str(self.folder / "home")})
        api.install_bin(settings, api.resolve_toolchain(settings, api.Lines()))
        (settings.home / "state").mkdir()

    def pulumi(self, *words: str) -> Done:
        return self._in_folder("pulumi", *words, "--non-interactive")

    def bastide(self, *words: str, timeout: float = 3000) -> Done:
        return self._in_folder(str(BASTIDE), *words, timeout=timeout)

    def nodes(self, verb: str, *words: str) -> Done:
        """A verb of `bastide nodes`, with what a container as a host needs, as JSON."""
        extra = [f"--extra={key}={json.dumps(value)}" for key, value in self.confined().items()]
        return self.bastide("nodes", verb, ENV, *words, "--json", *([] if verb == "list" else extra))

    def confined(self) -> dict[str, Any]:
        told = yaml.safe_load(_SCENARIO.read_text())["all"]["vars"]
        confined = {
            key: value
            for key, value in told.items()
            if key.startswith(_CONFINED) and not key.endswith(_OF_THE_INVENTORY)
        }
        hardware = lab_variables(self.machines[0].lab)["bastide_hardware"]
        return {**confined, **self.versions, "bastide_hardware": hardware}

    def _in_folder(self, *words: str, timeout: float = 600) -> Done:
        environ = self.environ()
        program = shutil.which(words[0], path=environ["PATH"])
        assert program, f"{words[0]} is not there"
        return run("env", f"--chdir={self.folder}", program, *words[1:], env=environ, timeout=timeout)
