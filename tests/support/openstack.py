"""Two sites of OpenStack with all that pools may ask for, a cloud that answers, the provider's schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from components.model import Foundation
from components.nodes.args import NodePoolsArgs
from components.nodes.component import NodePools
from components.nodes.values import openstack
from components.openstack import Lookup, Wanted
from tests.support.registrations import Answers, Recording, record
from twin.settings import ROOT

SCHEMA = ROOT.parent / "shared" / "upstream" / "pulumi" / "openstack.schema.json"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0cH3mNPjPdDzPVPvzzn+X4eVQP9a6Pq5wPpRjSPFzV site"

FOUNDATION = f"""
environment:
  name: duo
  kind: production
  region: north
  zones:
    - {{id: a, racks: [a1, a2], site: east}}
    - {{id: b, racks: [b1], site: west}}
networks:
  - {{id: pods, role: pods, cidr: 10.64.0.0/12}}
  - {{id: services, role: services, cidr: 10.96.0.0/16}}
  - {{id: machines, role: management, cidr: 10.10.0.0/24, zone: a}}
  - {{id: fabric, role: fabric, cidr: "fd00:a::/64", zone: a}}
  - {{id: disks, role: storage, cidr: 10.12.0.0/24}}
  - {{id: edge, role: public, cidr: "fd00:b::/64", zone: b}}
pools:
  - id: control
    kind: openstack
    role: system
    zone: a
    racks: [a1, a2]
    count: 3
    controlPlane: true
    machine: {{cpu: 8, memory: 32Gi, pods: 110}}
    flavor: vm.control
    image: node
    network: machines
    keyPair: site
    rootVolume: {{size: 100Gi, type: luks}}
    floating: true
    hostKeys: {{control-1: "SHA256:{"C" * 43}"}}
  - id: gpu
    kind: openstack
    role: storage
    zone: a
    racks: [a1, a2]
    count: 2
    machine: {{cpu: 64, memory: 512Gi, pods: 110}}
    flavor: bm.gpu
    image: node
    network: machines
    moreNetworks: [fabric, disks]
    keyPair: site
    volumes: [{{size: 1Ti, type: luks}}, {{size: 20Gi, type: luks}}]
  - id: edge
    kind: openstack
    role: system
    zone: b
    racks: [b1]
    count: 1
    machine: {{cpu: 4, memory: 8Gi, pods: 40}}
    flavor: m1.large
    image: debian-13
    network: edge
    keyPair: ops
sites:
  - id: east
    openstack:
      cloud: east
      region: one
      externalNetwork: public
      nameServers: [10.8.0.2]
      loadBalancer: true
      encryptedVolumeTypes: [luks]
      availabilityZones: {{a: hall-a, a2: hall-a2}}
      flavors:
        - {{name: vm.control, vcpus: 8, memory: 32Gi, disk: 40Gi}}
        - name: bm.gpu
          vcpus: 64
          memory: 512Gi
          disk: 400Gi
          resourceClass: CUSTOM_GPU
          traits: [CUSTOM_UEFI, HW_CPU_X86_AVX2]
      images:
        - name: node
          url: https://mirror.site.example/node.qcow2
          format: qcow2
          digest: sha256:{"b" * 64}
      keyPairs: [{{name: site, publicKey: {KEY}}}]
  - id: west
    openstack: {{cloud: west, region: two, externalNetwork: out, nameServers: ["fd00:8::2"]}}
hosts:
  administration: [10.8.0.0/16, "fd00:8::/64"]
  administrators: [{{name: ada, keys: [{KEY}]}}]
  timeServers: [10.8.0.3]
  artifacts: {{url: https://mirror.site.example/artifacts, digest: sha256:{"b" * 64}}}
  controlPlane: {{endpoint: 10.10.0.5}}
"""


def foundation(**environment: Any) -> Foundation:
    """Both sites; `environment` changes fields of the environment, e.g. its kind."""
    found: Foundation = Foundation.model_validate(yaml.safe_load(FOUNDATION))
    changed = found.environment.model_copy(update=environment)
    return found.model_copy(update={"environment": changed})


def clouds(found: Foundation | None = None) -> dict[str, openstack.Cloud]:
    """The sites by id."""
    return {cloud.id: cloud for cloud in openstack.clouds(found or foundation())}


@cache
def planned(site: str = "") -> tuple[Lookup | Wanted, ...]:
    """The plan of one site, or of both."""
    chosen = [cloud for name, cloud in clouds().items() if site in ("", name)]
    return tuple(part for cloud in chosen for part in openstack.plan(cloud))


def wanted(kind: str, site: str = "") -> list[Wanted]:
    """The resources of a kind in the plan."""
    parts = (part for part in planned(site) if isinstance(part, Wanted))
    return [part for part in parts if part.kind.rsplit(".", 1)[-1] == kind]


def part(key: str) -> Any:
    """One part of the plan."""
    return next(one for one in planned() if one.key == key)


def answers(**functions: Any) -> Answers:
    """A cloud in which everything is there; `functions` change what one answers, e.g. `getNetwork`."""
    told = {
        "networking/getNetwork": lambda asked: {**asked, "id": "external-1", "subnets": ["subnet-1"]},
        "identity/getAuthScope": lambda asked: {**asked, "id": "1", "projectId": "project-1"},
        "compute/getQuotaSetV2": lambda asked: {
            **asked,
            "id": "1",
            "instances": 20,
            "cores": -1,
            "ram": 2**20,
        },
        "compute/getFlavor": lambda asked: {**asked, "id": f"id-of-{asked['name']}"},
        "compute/getKeypair": lambda asked: {**asked, "id": asked["name"]},
        "images/getImage": lambda asked: {**asked, "id": f"id-of-{asked['name']}"},
        "compute/getAvailabilityZones": lambda asked: {**asked, "id": "1", "names": ["hall-a", "hall-a2"]},
    }
    named = {name: functions.get(name.partition("/")[2], answer) for name, answer in told.items()}
    return Answers(
        functions={f"openstack:{name}:{name.partition('/')[2]}": answer for name, answer in named.items()},
        outputs={
            "openstack:networking/port:Port": lambda inputs: {"allFixedIps": [f"of {inputs['name']}"]},
            "openstack:networking/floatingIp:FloatingIp": lambda inputs: {
                "address": f"floating of {inputs['portId']}"
            },
            "openstack:loadbalancer/loadBalancer:LoadBalancer": lambda inputs: {"vipAddress": "10.10.0.5"},
        },
    )


def deployed(found: Foundation | None = None, told: Answers | None = None) -> Recording:
    """What the block registers, with the outputs of the stack."""
    args = NodePoolsArgs(foundation=found or foundation())
    return record(lambda: NodePools("pools", args), answers=told or answers())


@cache
def schema() -> Mapping[str, Any]:
    """The provider's own schema; skips where it is not there."""
    if not SCHEMA.is_file():
        pytest.skip(f"the provider's schema is not there: {SCHEMA}")
    found: Mapping[str, Any] = json.loads(SCHEMA.read_text())
    return found


def wrong(type_: str, inputs: Mapping[str, Any]) -> list[str]:
    """What the provider's schema says against a resource's inputs."""
    if type_ == "pulumi:providers:openstack":
        about = {"inputProperties": schema()["provider"]["inputProperties"]}
        inputs = {key: _parsed(value) for key, value in inputs.items()}
    else:
        about = schema()["resources"].get(type_, {})
        if not about:
            return [f"{type_} is none of the provider's"]
    missing = [f"{name} is missing" for name in about.get("requiredInputs", ()) if name not in inputs]
    return [*missing, *_properties(about["inputProperties"], inputs, "")]


def _properties(known: Mapping[str, Any], given: Mapping[str, Any], at: str) -> Iterator[str]:
    for name, value in given.items():
        if name not in known:
            yield f"{at}{name} is none of its inputs"
        else:
            yield from _value(known[name], value, f"{at}{name}")


def _value(about: Mapping[str, Any], value: Any, at: str) -> Iterator[str]:
    kinds = {
        "string": str,
        "integer": int,
        "boolean": bool,
        "number": (int, float),
        "array": list,
        "object": dict,
    }
    if "$ref" in about:
        part = schema()["types"][about["$ref"].removeprefix("#/types/")]
        if not isinstance(value, dict):
            yield f"{at} is no object"
            return
        yield from (f"{at}.{name} is missing" for name in part.get("required", ()) if name not in value)
        yield from _properties(part["properties"], value, f"{at}.")
        return
    kind = about["type"]
    if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{at} is no {kind}"
    elif kind == "array":
        for index, item in enumerate(value):
            yield from _value(about["items"], item, f"{at}[{index}]")
    elif kind == "object":
        for key, item in value.items():
            yield from _value(about["additionalProperties"], item, f"{at}.{key}")


def _parsed(value: Any) -> Any:
    """A provider's inputs are JSON texts where they are no strings."""
    return json.loads(value) if value in ("true", "false") else value
