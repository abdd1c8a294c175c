"""Choosing a model for callers of `auto`."""

from __future__ import annotations

from bastide_guard.policy import AUTO, Grant, TenantPolicy
from bastide_guard.refusal import Code, Refusal
from bastide_guard.request import Request


def choose(policy: TenantPolicy, grant: Grant, request: Request, task_kind: str) -> str:
    """The model that answers: the one asked for; for `auto` the first of the kind of task that fits, else the
    cheapest that fits, the better of two that cost the same. Raises `Refusal`.
    """
    tokens, needs = request.tokens, request.needs
    if request.model != AUTO:
        if request.model not in grant.models:
            granted = ", ".join(sorted(grant.models))
            raise Refusal(Code.MODEL_NOT_GRANTED, f"The model is not granted. Granted are: {granted}.")
        room = policy.models[request.model].context
        if tokens > room:
            raise Refusal(Code.CONTEXT_EXCEEDED, f"About {tokens} tokens are more than the model's {room}.")
        return request.model
    fit = [
        name
        for name in grant.models
        if needs <= policy.models[name].capabilities and tokens <= policy.models[name].context
    ]
    if not fit:
        what = ", ".join(sorted(needs))
        raise Refusal(Code.NO_MODEL_FITS, f"No granted model has {what} and room for about {tokens} tokens.")
    preferred = (name for name in policy.routing.tasks.get(task_kind, ()) if name in fit)
    by_cost = min(
        fit, key=lambda name: (policy.models[name].cost_rank, -policy.models[name].quality_rank, name)
    )
    return next(preferred, by_cost)
