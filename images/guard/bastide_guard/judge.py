"""The decision on one call: a pure function of the tenant's policy, the call and the time."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Final

from bastide_guard.call import Call, Verdict, endpoint
from bastide_guard.injection import suspect
from bastide_guard.masking import Masked, mask
from bastide_guard.memory import Memory
from bastide_guard.policy import TenantPolicy
from bastide_guard.refusal import Code, Refusal
from bastide_guard.request import Request, parse
from bastide_guard.routing import choose
from bastide_guard.tasks import check_task, check_tool_calls

FINGERPRINT_DIGITS: Final = 16
_SUSPECT: Final = Memory(suspect)


def judge(policy: TenantPolicy, grant_name: str, call: Call, raw: bytes, now: float) -> Verdict:
    """Check, mask and route a call; `now` is in seconds since 1970. Raises `Refusal` and `TimeoutError`."""
    grant = policy.grants[grant_name]
    kind = endpoint(call)
    if kind is None:
        return Verdict(decision=f"allow;class={grant.data_class}", masked={})
    check_task(grant, call.task, now)
    request = parse(kind, raw)
    if request.size > policy.guardrails.max_input_characters:
        most = policy.guardrails.max_input_characters
        raise Refusal(Code.INPUT_TOO_LARGE, f"The texts have more than {most} characters.")
    check_tool_calls(grant, request.tool_calls)
    model = choose(policy, grant, request, call.task_kind)
    marked = _check_prompt(policy, request)
    leaves = policy.models[model].leaves
    hidden = (
        mask([text.value for text in request.texts], policy.masking) if leaves or grant.log_prompts else None
    )
    sent = hidden.texts if hidden and hidden.total and leaves else None
    facts = {
        "class": grant.data_class,
        **({"masked": str(hidden.total)} if hidden and leaves else {}),
        **({"chosen": model} if model != request.model else {}),
        **({"marked": marked} if marked else {}),
        **({"media": str(request.media)} if request.media else {}),
    }
    decision = ";".join(["allow", *(f"{key}={value}" for key, value in facts.items())])
    return Verdict(
        decision=decision,
        fingerprint=fingerprint(request.last()),
        body=request.encoded(model, sent) if sent or model != request.model else None,
        masked=hidden.counts if hidden and leaves else {},
        log=_line(policy, call, model, decision, hidden) if hidden and grant.log_prompts else "",
    )


def fingerprint(text: str) -> str:
    """The first hexadecimal digits of the SHA-256 of a text, case and spaces made equal."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.sha256(plain.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def _check_prompt(policy: TenantPolicy, request: Request) -> str:
    """The name of the rule that a prompt breaks, where that is only marked."""
    if policy.guardrails.injection == "off":
        return ""
    checked = (text.value for text in request.texts if not text.instruction)
    broken = next((name for text in checked if (name := _SUSPECT(text))), "")
    if broken and policy.guardrails.injection == "refuse":
        raise Refusal(Code.PROMPT_REFUSED, f"The prompt looks like an attack on the model ({broken}).")
    return broken


def _line(policy: TenantPolicy, call: Call, model: str, decision: str, hidden: Masked) -> str:
    fields = {
        "event": "prompt",
        "tenant": policy.tenant,
        "client": call.client,
        "task": call.task,
        "model": model,
        "decision": decision,
        "texts": hidden.texts,
    }
    return json.dumps(fields, ensure_ascii=False)
