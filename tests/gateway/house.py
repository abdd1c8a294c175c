"""A gateway with its tenants: who asks, with which key or token, and what became of it."""

from __future__ import annotations

import json
import secrets
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components import naming
from components.governance import values
from components.governance.values import access
from components.governance.values.scope import Scope
from components.kubernetes import Manifest
from components.model.loading import EnvironmentModel
from tests.support.gateway import site
from tests.support.gateway.live import LiveGateway, secret_value
from tests.support.gateway.wire import Answer, until
from tests.support.plane import Plane
from twin.settings import ROOT

_FILES = (
    "cilium",
    "envoy-ai-gateway",
    "envoy-gateway",
    "external-secrets",
    "gateway-api",
    "gateway-api-inference-extension",
    "prometheus-operator",
)
_GROUPS = ("envoyproxy.io", "gateway.networking.k8s.io", "inference.networking.k8s.io")
_KINDS = ("ExternalSecret", "Password", "PushSecret", "PodMonitor", "PrometheusRule", "CiliumNetworkPolicy")
"""What else the blocks register; the controllers of these do not run here."""
CHAT = "/v1/chat/completions"
MESSAGES = "/anthropic/v1/messages"


def task(age: float = 0.0) -> dict[str, str]:
    """The header of a task that began `age` seconds ago: a UUID of version 7."""
    begun = int((time.time() - age) * 1000)
    digits = f"{begun:012x}7{secrets.token_hex(2)[:3]}8{secrets.token_hex(8)[:15]}"
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return {naming.TASK_HEADER: "-".join(parts)}


@dataclass(frozen=True)
class House:
    """The live gateway and the environment that it serves."""

    model: EnvironmentModel
    live: LiveGateway

    def open(self) -> bool:
        """Whether every tenant is served, by key and by token."""
        keys = [self.ask(tenant=tenant).status for tenant in site.TENANTS]
        return [*keys, self.ask_as_workload().status] == [200] * (len(keys) + 1)

    def scope(self, tenant: str) -> Scope:
        return values.scope_of(
            self.model.name, self.model.tenants[tenant], self.model.gateways[tenant], self.live.gateway
        )

    def key(self, tenant: str, key: str) -> str:
        """The value of a virtual key."""
        found = next(each for each in self.model.gateways[tenant].keys if each.id == key)
        return secret_value(access.store_path(tenant, found))

    def client(self, tenant: str, key: str) -> str:
        """The client id of a virtual key."""
        scope = self.scope(tenant)
        return scope.key(next(each for each in scope.use.keys if each.id == key))

    def workload(self, tenant: str) -> str:
        """The SPIFFE id of the tenant's first workload."""
        scope = self.scope(tenant)
        return scope.workload(scope.use.workloads[0])

    def host(self, tenant: str, listener: str = naming.KEYS_LISTENER) -> str:
        return site.host(self.model, tenant, listener)

    def ask(
        self,
        model: str = "chat",
        text: str = "one two three",
        *,
        key: str = "desk",
        tenant: str = "acme",
        target: str = CHAT,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Answer:
        """A prompt of `text` to `model`, with a virtual key."""
        whole = {"model": model, "messages": [{"role": "user", "content": text}], **body}
        given = {"authorization": f"Bearer {self.key(tenant, key)}", **(headers or {})}
        return self.live.call(self.host(tenant), target, whole, given)

    def ask_as_workload(self, subject: str = "", model: str = "chat", **claims: Any) -> Answer:
        """A prompt with a token for `subject` (by default, acme's own workload)."""
        token = self.live.issuer.token(subject or self.workload("acme"), **claims)
        body = {"model": model, "messages": [{"role": "user", "content": "one two three"}]}
        host = self.host("acme", naming.ID_LISTENER)
        return self.live.call(host, CHAT, body, {"authorization": f"Bearer {token}"})

    def many(
        self, calls: int, connections: int, key: str = "desk", model: str = "chat", *, bare: bool = False
    ) -> dict[str, Any]:
        """Many calls of acme at once; what `load` measured. `bare` asks the provider `halls` itself.

        All are made in the gateway's own network.
        """
        end = next(each.endpoint for each in self.live.gateway.providers if each.id == "halls")
        asked = "qwen3-32b" if bare else model
        body = json.dumps({"model": asked, "messages": [{"role": "user", "content": "one two three"}]})
        headers = {
            "host": end.host if bare else self.host("acme"),
            "authorization": f"Bearer {self.key('acme', key)}",
            "content-type": "application/json",
        }
        order = {
            "address": f"127.0.0.1:{end.port}" if bare else self.live.address,
            "connections": connections,
            "calls": calls,
            "target": CHAT,
            "headers": headers,
            "body": body,
        }
        name = f"load-{uuid.uuid4().hex[:6]}"
        program = [sys.executable, "-m", "tests.support.gateway.load", json.dumps(order)]
        self.live.data.start(name, program, {"PYTHONPATH": str(ROOT)})
        assert self.live.data.wait(name) == 0, self.live.data.output(name)
        found: dict[str, Any] = json.loads(self.live.data.output(name))
        return found

    def settled(self) -> int:
        """The number of audit lines, once all calls so far have theirs."""
        time.sleep(0.3)  # longer than a proxy keeps lines back
        return len(self.live.records())

    def record(self, **wanted: Any) -> dict[str, Any]:
        """The last audit line with these fields."""

        def last() -> dict[str, Any] | None:
            found = [line for line in self.live.records() if wanted.items() <= line.items()]
            return found[-1] if found else None

        time.sleep(0.15)  # longer than a proxy keeps lines back
        return until(last, f"an audit line with {wanted}", 5) or {}


def read_published(folder: Path) -> dict[str, Manifest]:
    """The upstream's definitions, by name, that the controllers and our objects need."""
    texts = [(folder / f"{name}.yaml").read_text(encoding="utf-8") for name in _FILES]
    return {
        one["metadata"]["name"]: one
        for text in texts
        for one in yaml.load_all(text, yaml.CSafeLoader)
        if one and (one["spec"]["group"].endswith(_GROUPS) or one["spec"]["names"]["kind"] in _KINDS)
    }


@contextmanager
def serving(plane: Plane, programs: Mapping[str, Path], folder: Path) -> Iterator[House]:
    """A gateway that serves the tenants of `site`, on a plane with the definitions."""
    model = site.model(folder)
    live = LiveGateway(plane, programs, site.gateway_of(model), folder)
    try:
        live.start()
        live.deploy(site.platform(model))
        for tenant in site.TENANTS:
            live.deploy(site.tenant(model, tenant))
        live.run_pods()
        made = House(model, live)
        until(made.open, "a gateway that answers each tenant", 60)
        yield made
    finally:
        live.close()
