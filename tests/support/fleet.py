"""An environment with machines of every kind, as its foundation puts it out."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import yaml

from components.model import Foundation, FoundationOutputs
from components.nodes.values import outputs

KEY = "SHA256:" + "A" * 43
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0cH3mNPjPdDzPVPvzzn+X4eVQP9a6Pq5wPpRjSPFzV ada"
PROGRAMS = {"kubernetes_version": "1.36.3", "runtime_version": "2.3.7", "runtime_cni_version": "1.9.1"}

_FOUNDATION = f"""
environment:
  name: site
  kind: production
  region: north
  zones:
    - {{id: east, racks: [e1, e2], site: hall}}
    - {{id: far-west, racks: [w1], site: cloud}}
networks:
  - {{id: pods, role: pods, cidr: 10.64.0.0/12}}
  - {{id: services, role: services, cidr: 10.96.0.0/16}}
  - {{id: machines, role: management, cidr: 10.8.0.0/16}}
  - {{id: fabric, role: fabric, cidr: "fd00:a::/64"}}
accelerators:
  - id: nvidia-h100
    vendor: nvidia
    kind: gpu
    family: hopper
    generation: 2
    memory: 80Gi
    fp16Tflops: 900
    watts: 700
    isa: cuda
    frameworks: [pytorch]
    interconnect: nvlink
    software: {{driver: 580.173.02, toolkit: 13.0.2}}
sites:
  - {{id: hall}}
  - {{id: cloud}}
hosts:
  administration: [10.8.0.0/24]
  administrators:
    - {{name: ada, keys: [{SSH}]}}
  timeServers: [10.8.0.3]
  artifacts: {{url: "https://mirror.site.example/artifacts", digest: "sha256:{"b" * 64}"}}
  controlPlane: {{endpoint: 10.8.0.10}}
  registryMirrors: {{docker.io: "https://mirror.site.example/docker"}}
  journal:
    sink: https://journal.site.example
    ca: /etc/ssl/logs-ca.pem
    certificate: /etc/ssl/logs.pem
    key: /etc/ssl/private/logs.pem
pools:
  - id: gpu
    kind: static
    role: accelerator
    zone: east
    racks: [e1, e2]
    machine: {{cpu: 64, memory: 512Gi, pods: 110}}
    accelerators: {{model: nvidia-h100, count: 8, partitions: {{1g.10gb: 7}}}}
    rdma: {{network: fabric, virtualFunctions: 4}}
    storage: {{devices: [/dev/disk/by-id/nvme-a]}}
    trust: {{}}
    hugePages: 512
    hosts:
      - {{name: gpu-10, address: 10.8.1.10, hostKey: "{KEY}", rack: e1}}
      - {{name: gpu-9, address: 10.8.1.9, hostKey: "{KEY}", rack: e1, port: 2222, user: ops}}
      - {{name: gpu-1, address: 10.8.1.1, hostKey: "{KEY}", rack: e2}}
  - id: rented
    kind: static
    role: sandbox
    zone: far-west
    racks: [w1]
    machine: {{cpu: 64, memory: 512Gi, pods: 110}}
    hosts:
      - {{name: rented-0, address: 10.8.2.1, hostKey: "{KEY}"}}
  - id: masters
    kind: static
    role: system
    zone: far-west
    racks: [w1]
    controlPlane: true
    machine: {{cpu: 8, memory: 32Gi, pods: 110}}
    hosts:
      - {{name: one, address: 10.8.0.11, hostKey: "{KEY}"}}
"""


def fleet() -> FoundationOutputs:
    """A control plane machine, three with accelerators, one whose host key nobody knows yet."""
    known = outputs(Foundation.model_validate(yaml.safe_load(_FOUNDATION)))
    hosts = (
        host.model_copy(update={"host_key": None}) if host.pool == "rented" else host for host in known.hosts
    )
    return known.model_copy(update={"hosts": tuple(hosts)})


def many(count: int) -> FoundationOutputs:
    """The same environment with so many machines with accelerators."""
    known = fleet()
    first, *_, rented, one = known.hosts
    hosts = tuple(
        first.model_copy(
            update={"name": f"gpu-{i}", "address": f"10.8.{64 + i // 250}.{i % 250}", "rack": f"e{i % 2 + 1}"}
        )
        for i in range(count - 2)
    )
    return known.model_copy(update={"hosts": (one, rented, *hosts)})


def changed(path: str, value: Any) -> FoundationOutputs:
    """The fleet with another value at a dotted path of its outputs, e.g. `hosts.0.address`."""
    told: Any = copy.deepcopy(fleet().dump())
    *parents, last = path.split(".")
    inner = told
    for key in parents:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    inner[int(last) if isinstance(inner, list) else last] = value
    return FoundationOutputs.parse(told)


def write(outputs_: FoundationOutputs, folder: Path) -> Path:
    """A source of the inventory plugin beside a file of outputs, as an air gap has them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outputs.json").write_text(json.dumps({"foundation": outputs_.dump()}))
    source = folder / f"{outputs_.environment}.bastide.yaml"
    content = {"plugin": "bastide.nodes.stack", "environment": outputs_.environment}
    source.write_text(yaml.safe_dump({**content, "outputs": "outputs.json"}))
    return source


def of(machines: dict[str, tuple[str, str, str]]) -> FoundationOutputs:
    """The first of `machines` (address, user, host key by name) as control plane, the others as workers."""
    told = fleet().dump()
    masters = next(pool for pool in told["pools"] if pool["id"] == "masters")
    told["pools"] = [masters, {**masters, "id": "workers", "controlPlane": False}]
    told["networks"] = [each for each in told["networks"] if each["role"] in ("pods", "services")]
    told["hosts"] = []
    for name, (address, user, key) in machines.items():
        pool = "workers" if told["hosts"] else "masters"
        host = {"name": name, "pool": pool, "rack": "w1", "address": address, "user": user, "hostKey": key}
        told["hosts"].append(host)
        told["networks"].append({"id": f"of-{name}", "role": "management", "cidr": f"{address}/32"})
    return FoundationOutputs.parse(told)
