"""Programs and configurations that the benches run."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from components.kubernetes import Manifest
from components.model.loading import load_environment
from components.model.tenant import Tenant
from components.tenancy import values
from tests.support.command import ROOT

CONFIG = ROOT / "stacks" / "config"
TENANTS_OF_A_GATEWAY = 200
CLASSES = ("gpu", "npu", "large-memory", "cuda-training")

EMPTY = "import pulumi\n"
BARE = textwrap.dedent(
    """
    import json, pathlib
    from importlib.metadata import version
    import pulumi
    from components.kubernetes import type_token
    for number, manifest in enumerate(json.loads(pathlib.Path("manifests.json").read_text())):
        options = pulumi.ResourceOptions(version=version("pulumi-kubernetes"))
        if manifest["kind"] == "Namespace":
            home = pulumi.CustomResource("kubernetes:core/v1:Namespace", f"o{number}", manifest, options)
            continue
        options.depends_on = [home]
        token = type_token(manifest["apiVersion"], manifest["kind"])
        pulumi.CustomResource(token, f"o{number}", manifest, options)
    """
)
BLOCK = textwrap.dedent(
    f"""
    from components.tenancy.args import TenancyArgs
    from components.tenancy.component import Tenancy
    from tests.bench.programs import renamed
    Tenancy("bench", TenancyArgs(
        environment="twin", tenant=renamed("bench"), device_classes={CLASSES!r}, protect=False))
    """
)


@dataclass(frozen=True, kw_only=True)
class Project:
    """A Pulumi project of its own, with one stack called `bench`."""

    folder: Path
    variables: Mapping[str, str]


def project(
    folder: Path, program: str, exports: Mapping[str, str], objects: list[Manifest] | None = None
) -> Project:
    """Write and initialise a project with `program`; `objects` go to its manifests.json."""
    state = folder / "state"
    state.mkdir(parents=True)
    runtime = {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": folder.name, "runtime": runtime}))
    (folder / "__main__.py").write_text(program)
    (folder / "manifests.json").write_text(json.dumps(objects or []))
    variables = {key: value for key, value in exports.items() if key != "PULUMI_OPTION_POLICY_PACK"}
    variables["PULUMI_BACKEND_URL"] = f"file://{state}"
    command = ["pulumi", "stack", "init", "bench"]
    subprocess.run(command, cwd=folder, env=variables, check=True, capture_output=True)
    return Project(folder=folder, variables=variables)


def renamed(tenant_id: str) -> Tenant:
    """The tenant globex under another id, with groups and owners of its own."""
    text = load_environment(CONFIG, "twin").tenants["globex"].model_dump_json(by_alias=True)
    return Tenant.model_validate_json(text.replace("globex", tenant_id))


def manifests(tenant_id: str) -> list[Manifest]:
    """What the tenancy block makes of the tenant globex, under another id."""
    tenant = renamed(tenant_id)
    out: list[Manifest] = []
    for entry in tenant.namespaces:
        out.append(values.namespace_of("twin", tenant, entry))
        out += values.guards("twin", tenant, entry, CLASSES)
        out += values.access("twin", tenant, entry)
    return out


def many_tenants(folder: Path, count: int) -> Path:
    """The stack files of an environment with `count` small tenants and machines enough for them."""
    folder.mkdir(parents=True)
    foundation = yaml.safe_load((CONFIG / "Pulumi.twin.foundation.yaml").read_text())
    for pool in foundation["config"]["bastide:pools"]:
        pool["count"] *= count
    platform = (CONFIG / "Pulumi.twin.platform.yaml").read_text()
    platform = platform.replace("monthly: 20000", f"monthly: {20000 * count}")
    domain, shards = "    domain: ai.twin.example\n", -(-count // TENANTS_OF_A_GATEWAY)
    platform = platform.replace(domain, f"{domain}    shards: {shards}\n")
    (folder / "Pulumi.twin.foundation.yaml").write_text(yaml.safe_dump(foundation))
    (folder / "Pulumi.twin.platform.yaml").write_text(platform)
    tenant = (CONFIG / "Pulumi.twin.globex.yaml").read_text()
    for number in range(count):
        shard = f"    shard: {number // TENANTS_OF_A_GATEWAY}\n    monthly: 5000\n"
        own = tenant.replace("globex", f"t{number}").replace("    monthly: 5000\n", shard)
        (folder / f"Pulumi.twin.t{number}.yaml").write_text(own)
    return folder
