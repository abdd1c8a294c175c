"""Rules on the gateway's models: names, where they are served, what answers in their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.model.checks import Named, repeated
from components.model.document import Path_
from components.model.draft import PLATFORM, Draft
from components.model.errors import ConfigProblem, did_you_mean
from components.model.gateway import AiModel, Capability, Gateway, Provider

AUTO: Final = "auto"
"""The model's name with which a caller leaves the choice to the gateway."""
FORMS: Final[frozenset[Capability]] = frozenset({"chat", "tools", "embeddings"})
"""Capabilities without which a call cannot be answered at all; the others make an answer better."""
_MENDS: Final = {
    "proposed": "Admit it first with `bastide provider admit {}`, or take it out of `serving`.",
    "exiting": "Take it out of `serving`: a provider is drained before it exits.",
    "gone": "Take it out of `serving`.",
}


def model_names(draft: Draft) -> Iterator[ConfigProblem]:
    """No two models share an id or an alias, and none is called `auto`."""
    if draft.gateway is None:
        return
    named = list(_names(draft.gateway))
    yield from repeated(draft, PLATFORM, "model", named)
    for path, name in named:
        if name == AUTO:
            rule = "must not be `auto`: callers write it to leave the choice to the gateway"
            yield draft.problem(PLATFORM, path, name, rule, "Choose another name.")


def _names(gateway: Gateway) -> Iterator[tuple[Path_, str]]:
    for i, model in enumerate(gateway.models):
        yield ("gateway", "models", i, "id"), model.id
        for j, alias in enumerate(model.aliases):
            yield ("gateway", "models", i, "aliases", j), alias


def servings(draft: Draft) -> Iterator[ConfigProblem]:
    """A model is served by providers that exist, that get traffic, and that have a price for it."""
    if draft.gateway is None:
        return
    for i, model in enumerate(draft.gateway.models):
        at: Path_ = ("gateway", "models", i, "serving")
        places = (f"{each.provider}/{each.model}" for each in model.serving)
        named = (((*at, j, "model"), place) for j, place in enumerate(places))
        yield from repeated(draft, PLATFORM, "serving of the model", named)
        for j, serving in enumerate(model.serving):
            provider = draft.gateway.provider(serving.provider)
            if provider is None:
                mend = did_you_mean(serving.provider, (each.id for each in draft.gateway.providers))
                path: Path_ = (*at, j, "provider")
                yield draft.problem(PLATFORM, path, serving.provider, "must be the id of a provider", mend)
            else:
                yield from _served(draft, (*at, j), provider, serving.model)


def _served(draft: Draft, at: Path_, provider: Provider, model: str) -> Iterator[ConfigProblem]:
    state = provider.lifecycle.state
    if not provider.serves:
        rule = f"must be a provider that is admitted or degraded: it is {state}"
        mend = _MENDS[state].format(provider.id)
        yield draft.problem(PLATFORM, (*at, "provider"), provider.id, rule, mend)
    if provider.price(model) is None:
        rule = f"must have a price at the provider `{provider.id}`"
        mend = did_you_mean(model, (each.model for each in provider.prices))
        yield draft.problem(PLATFORM, (*at, "model"), model, rule, f"Add its price there. {mend}")


def weights(draft: Draft) -> Iterator[ConfigProblem]:
    """The weights of a model's servings sum to 100."""
    for i, model in enumerate(draft.gateway.models if draft.gateway else ()):
        whole = sum(each.weight for each in model.serving)
        if whole != 100:
            listed = " + ".join(str(each.weight) for each in model.serving)
            mend = f"Add {100 - whole} to one of them." if whole < 100 else f"Take {whole - 100} off them."
            path: Path_ = ("gateway", "models", i, "serving")
            yield draft.problem(
                PLATFORM, path, f"{listed} = {whole}", "must have weights that sum to 100", mend
            )


def misnamed(draft: Draft, layer: str, named: Named, gateway: Gateway) -> Iterator[ConfigProblem]:
    """A problem for each name that is not the id of a model; an alias is for callers only."""
    ids = {each.id for each in gateway.models}
    for path, name in named:
        if name is not None and name not in ids:
            model = gateway.model(name)
            mend = f"Write its id, `{model.id}`." if model else did_you_mean(name, ids)
            yield draft.problem(layer, path, name, "must be the id of a model", mend)


def model_references(draft: Draft) -> Iterator[ConfigProblem]:
    """Models that fallbacks and tasks name are declared; a task names each once."""
    if draft.gateway is None:
        return
    at: Path_ = ("gateway", "models")
    fallbacks = (((*at, i, "fallback"), each.fallback) for i, each in enumerate(draft.gateway.models))
    yield from misnamed(draft, PLATFORM, fallbacks, draft.gateway)
    for task, models in draft.gateway.tasks.items():
        named: list[tuple[Path_, str]] = [
            (("gateway", "tasks", task, j), name) for j, name in enumerate(models)
        ]
        yield from misnamed(draft, PLATFORM, named, draft.gateway)
        yield from repeated(draft, PLATFORM, "model of the task", named)


def cycles(draft: Draft) -> Iterator[ConfigProblem]:
    """Fallbacks end: no model answers, by way of others, in its own place."""
    if draft.gateway is None:
        return
    seen: set[str] = set()
    for i, model in enumerate(draft.gateway.models):
        chain = draft.gateway.chain(model)
        if draft.gateway.model(chain[-1].fallback or "") is model and model.id not in seen:
            seen |= {each.id for each in chain}
            way = " -> ".join(f"`{each.id}`" for each in (*chain, model))
            rule = f"must not lead back: {way}"
            path: Path_ = ("gateway", "models", i, "fallback")
            yield draft.problem(PLATFORM, path, model.fallback, rule, "Remove one `fallback` of these.")


def fallbacks(draft: Draft) -> Iterator[ConfigProblem]:
    """What answers in a model's place takes the same calls, and asks for a second factor only if it did."""
    for i, model in enumerate(draft.gateway.models if draft.gateway else ()):
        after = draft.gateway.model(model.fallback) if draft.gateway and model.fallback else None
        if after is None:
            continue
        path: Path_ = ("gateway", "models", i, "fallback")
        missing = _forms(model) - _forms(after)
        if missing:
            rule = f"must have all that calls of `{model.id}` need: it lacks {', '.join(sorted(missing))}"
            yield draft.problem(PLATFORM, path, after.id, rule, "Choose a model that has it.")
        if after.high_risk and not model.high_risk:
            rule = f"must not be of high risk: callers of `{model.id}` need no second factor"
            mend = f"Choose another one, or write `highRisk: true` for `{model.id}` too."
            yield draft.problem(PLATFORM, path, after.id, rule, mend)


def apis(draft: Draft) -> Iterator[ConfigProblem]:
    """Calls in OpenAI's form are not translated for a provider that speaks Anthropic's; the reverse is."""
    for i, model in enumerate(draft.gateway.models if draft.gateway else ()):
        if draft.gateway is None:
            return
        spoken = [(each, _apis(draft.gateway, each)) for each in draft.gateway.chain(model)]
        own = spoken[0][1]
        path: Path_ = ("gateway", "models", i)
        if own > {"Anthropic"}:
            rule = "must be served by providers that all speak Anthropic's API, or none of them"
            mend = "Make it two models, or choose other providers."
            yield draft.problem(PLATFORM, (*path, "serving"), model.id, rule, mend)
        elif own and "Anthropic" not in own:
            for each, api in spoken[1:]:
                if "Anthropic" in api:
                    rule = f"must not lead to `{each.id}`, which speaks Anthropic's API, unlike `{model.id}`"
                    mend = "Choose a model behind OpenAI's API: calls in its form are not translated."
                    yield draft.problem(PLATFORM, (*path, "fallback"), model.fallback, rule, mend)


def _apis(gateway: Gateway, model: AiModel) -> set[str]:
    """The APIs of the providers that serve a model."""
    providers = (gateway.provider(serving.provider) for serving in model.serving)
    return {provider.api for provider in providers if provider}


def _forms(model: AiModel) -> frozenset[Capability]:
    return FORMS.intersection(model.capabilities)


RULES = (model_names, servings, weights, model_references, cycles, fallbacks, apis)
