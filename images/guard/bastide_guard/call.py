"""A call as its headers tell it, and the verdict on it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bastide_guard.policy import TenantPolicy
from bastide_guard.refusal import Code, Refusal
from bastide_guard.request import ENDPOINTS, Kind


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a caller sends, but for the body: values of headers, empty where absent."""

    method: str
    path: str
    client: str
    task: str = ""
    task_kind: str = ""

    @property
    def anthropic(self) -> bool:
        """Whether the caller speaks Anthropic's API."""
        return self.kind == "messages"

    @property
    def kind(self) -> Kind | None:
        """What the body is, if the path is known."""
        return ENDPOINTS.get(self.path.partition("?")[0])


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A call may go on."""

    decision: str
    """For the audit: `allow`, then `key=value` pairs, all joined by `;`."""
    fingerprint: str = ""
    body: bytes | None = None
    """In place of the caller's, where it differs."""
    masked: Mapping[str, int]
    """Values by entity."""
    log: str = ""
    """A line of JSON with the masked prompt, where the grant allows one."""


def grant_of(policy: TenantPolicy, client: str, now: float) -> str:
    """Name of the grant behind `x-bastide-client`: a SPIFFE id, or a key's `<grant>.…`. Raises `Refusal`."""
    today = datetime.datetime.fromtimestamp(now, datetime.UTC).date()
    for cut in policy.cut_offs:
        if cut.since <= today and re.fullmatch(cut.clients, client):
            raise Refusal(Code.CUT_OFF, f"Cut off since {cut.since}: {cut.reason}")
    if client.startswith("spiffe://"):
        name = policy.workloads.get(client, "")
    else:
        name = client.partition(".")[0] if policy.keys is None or client in policy.keys else ""
    if name not in policy.grants:
        raise Refusal(Code.UNKNOWN_CLIENT, "The caller has no grant.")
    if policy.keys and today > policy.keys.get(client, today):
        raise Refusal(Code.KEY_EXPIRED, f"The key expired on {policy.keys[client]}.")
    if (last := policy.grants[name].expires) and today > last:
        raise Refusal(Code.GRANT_EXPIRED, f"The grant expired on {last}.")
    return name


def endpoint(call: Call) -> Kind | None:
    """What is asked for; None for the list of models, which has no body. Raises `Refusal`."""
    if call.method == "GET" and call.path.partition("?")[0] == "/v1/models":
        return None
    if call.method != "POST" or call.kind is None:
        raise Refusal(Code.UNKNOWN_ENDPOINT, "The gateway has no such endpoint for models.")
    return call.kind
