"""Choosing a model for callers of `auto`."""

from __future__ import annotations

from bastide_guard.policy import AUTO, Grant, TenantPolicy
from bastide_guard.refusal import Code, Refusal


def choose(
    policy: TenantPolicy, grant: Grant, asked: str, task_kind: str, needs: frozenset[str], tokens: int
) -> str:
    """The model that answers: the one asked for, or for `auto` the first fit one of the kind of task, else the
    cheapest fit one, the better of two that cost the same. Raises `Refusal`."""
    if asked != AUTO:
        if asked not in grant.models:
            granted = ", ".join(sorted(grant.models))
            raise Refusal(Code.MODEL_NOT_GRANTED, f"The model is not granted. Granted are: {granted}.")
        if tokens > policy.models[asked].context:
            raise Refusal(
                Code.CONTEXT_EXCEEDED,
                f"About {tokens} tokens are more than the model's {policy.models[asked].context}.",
            )
        return asked
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
