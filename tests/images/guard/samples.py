"""A tenant's policy and bodies of calls, for the guard's tests."""

from __future__ import annotations

import json
from typing import Any

from bastide_guard.call import Call
from bastide_guard.policy import TenantPolicy

HOST = "acme.keys.ai.test"
CLIENT = "chat.-.alice.laptop"
SPIFFE = "spiffe://ai.test/ns/acme-agents/sa/agent"
NOW = 1_800_000_000.0
ENTITIES = ["EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "PHONE_NUMBER", "IP_ADDRESS", "US_SSN", "SECRET"]

MODEL: dict[str, Any] = {
    "leaves": False,
    "context": 100_000,
    "costRank": 2,
    "qualityRank": 3,
    "capabilities": ["chat", "tools"],
}
POLICY: dict[str, Any] = {
    "tenant": "acme",
    "hosts": [HOST, "acme.id.ai.test"],
    "grants": {
        "chat": {
            "dataClass": "internal",
            "models": ["local", "cloud", "cloud-latest", "tiny"],
            "caps": {"minutes": 60, "toolCalls": 2},
            "taskRequired": False,
            "logPrompts": False,
        },
        "agents": {
            "dataClass": "secret",
            "models": ["local"],
            "caps": {"minutes": 5},
            "taskRequired": True,
            "logPrompts": True,
        },
    },
    "workloads": {SPIFFE: "agents"},
    "models": {
        "local": MODEL,
        "cloud": {**MODEL, "leaves": True, "costRank": 5, "capabilities": ["chat", "tools", "vision"]},
        "cloud-latest": {**MODEL, "leaves": True, "costRank": 5, "qualityRank": 5},
        "tiny": {**MODEL, "context": 1_000, "costRank": 1, "capabilities": ["chat", "embeddings"]},
        "other": MODEL,
    },
    "masking": {"entities": ENTITIES, "patterns": [{"name": "case-file", "regex": r"\bCF-[0-9]{4,}\b"}]},
    "guardrails": {"injection": "refuse", "maxInputCharacters": 200_000},
    "routing": {"tasks": {"code": ["other", "cloud-latest", "local"]}},
}


def policy(**changes: Any) -> TenantPolicy:
    """The policy, with other values for some of its keys."""
    return TenantPolicy.model_validate({**POLICY, **changes})


def text(**changes: Any) -> str:
    """The same as in a ConfigMap."""
    return json.dumps({**POLICY, **changes})


def call(path: str = "/v1/chat/completions", **changes: Any) -> Call:
    """A call's headers."""
    return Call(**{"method": "POST", "path": path, "client": CLIENT, **changes})


def chat(content: Any, model: str = "cloud", **more: Any) -> bytes:
    """A body with one message of a user."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": content}], **more}).encode()


def task(begun: float) -> str:
    """A UUIDv7 of a time, in seconds since 1970."""
    stamp = f"{int(begun * 1000):012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7abc-89ab-0123456789ab"
