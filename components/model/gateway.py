"""The AI gateway as the platform's owner declares it: providers, models, tiers, routing, guardrails."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from components.model.base import Model
from components.model.gateway_types import (
    Amount,
    ClaimValue,
    Currency,
    Date,
    HttpsUrl,
    ModelId,
    ModelVersion,
    PinnedImage,
    StorePath,
    TierId,
    ToolName,
    UpstreamModel,
    UrlPath,
    UrlPrefix,
)
from components.model.masking import Entity
from components.model.types import Count, EmailAddress, Flag, Fqdn, Part, PositiveInt, Slug

Port: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=65535)]
Percent: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=100)]
Rank: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=5)]
Seconds: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=3600)]
Hours: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=23)]
Shards: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=64)]
Status: TypeAlias = Annotated[int, Field(strict=True, ge=400, le=599)]
State: TypeAlias = Literal["proposed", "admitted", "degraded", "exiting", "gone"]
Capability: TypeAlias = Literal["chat", "tools", "vision", "reasoning", "embeddings"]
SERVING: Final[frozenset[State]] = frozenset({"admitted", "degraded"})
"""States in which a provider gets traffic."""


class Endpoint(Model):
    """Where an HTTP service answers."""

    host: Fqdn = Field(description="Domain name; an address in the cluster ends in `.svc.cluster.local`.")
    port: Port = Field(default=443, description="TCP port.")
    tls: Flag = Field(default=True, description="Whether it speaks TLS; without it only on the premises.")


class Price(Model):
    """What a provider charges for a model, in the platform's currency for a million tokens."""

    model: UpstreamModel = Field(description="Name that the provider gives the model.")
    input: Amount = Field(description="A million tokens of input.")
    cached_input: Amount | None = Field(
        default=None, description="A million tokens of input from the provider's cache; like input if absent."
    )
    output: Amount = Field(description="A million tokens of output.")


class Lifecycle(Model):
    """Where a provider stands between admission and exit."""

    state: State = Field(description="Only admitted and degraded providers get traffic.")
    since: Date = Field(description="Day on which the state was reached.")
    owner: EmailAddress = Field(description="Who answers for the provider.")


class Concurrency(Model):
    """The most that one proxy sends to one backend at a time; more is refused at once."""

    connections: PositiveInt = Field(default=1024, description="TCP connections.")
    pending: PositiveInt = Field(default=1024, description="Requests that wait for a connection.")
    requests: PositiveInt = Field(default=1024, description="Requests under way.")


class Provider(Model):
    """A service that serves models."""

    id: Part = Field(description="Id.")
    kind: Literal["model-server", "cloud-service"] = Field(
        description="Whether it is our own model server or somebody's service."
    )
    api: Literal["OpenAI", "Anthropic", "AzureOpenAI"] = Field(description="API that it speaks.")
    prefix: UrlPrefix = Field(default="v1", description="Path before the API's own.")
    endpoint: Endpoint = Field(description="Where it answers.")
    region: Slug = Field(description="Region in which data is processed.")
    on_premises: Flag = Field(description="Whether data stays on the premises.")
    data_classes: tuple[Slug, ...] = Field(min_length=1, description="Data classes it may be sent.")
    key: StorePath | None = Field(
        default=None, description="Path of its API key in the secret store; without one, none is sent."
    )
    lifecycle: Lifecycle = Field(description="Where it stands.")
    prices: tuple[Price, ...] = Field(min_length=1, description="Price of every model it serves here.")

    @property
    def serves(self) -> bool:
        """Whether it gets traffic."""
        return self.lifecycle.state in SERVING

    def price(self, model: str) -> Price | None:
        """The price of a model by the provider's own name for it."""
        return next((price for price in self.prices if price.model == model), None)


class Serving(Model):
    """One place where a model is served: several share the traffic by weight."""

    provider: Part = Field(description="Id of the provider.")
    model: UpstreamModel = Field(description="Name that the provider gives the model.")
    version: ModelVersion = Field(default="", description="Version, for people and the audit.")
    weight: Percent = Field(description="Share of the model's traffic; all weights sum to 100.")


class Retry(Model):
    """What is tried again, and when the next in the fallback order is asked."""

    attempts: Annotated[int, Field(strict=True, ge=0, le=10)] = Field(
        default=2, description="Tries after the first."
    )
    on: tuple[Status, ...] = Field(
        default=(429, 500, 502, 503, 504), description="Statuses that are tried again."
    )
    try_seconds: Seconds = Field(default=60, description="Time for one try.")


class AiModel(Model):
    """A model that callers name."""

    id: ModelId = Field(description="Id: what callers write as `model`.")
    aliases: tuple[ModelId, ...] = Field(default=(), description="Other names for it.")
    capabilities: tuple[Capability, ...] = Field(min_length=1, description="What it can do.")
    context: PositiveInt = Field(description="Context window in tokens.")
    quality: Rank = Field(description="Quality from 1 to 5: the higher, the better.")
    cost: Rank = Field(description="Cost from 1 to 5: the higher, the dearer.")
    high_risk: Flag = Field(
        default=False, description="Whether callers need a second factor: a token with `acr`, never a key."
    )
    serving: tuple[Serving, ...] = Field(min_length=1, description="Where it is served.")
    fallback: ModelId | None = Field(default=None, description="Model that answers when this one cannot.")
    seconds: Seconds = Field(default=300, description="Time for a whole call.")

    @property
    def names(self) -> tuple[str, ...]:
        """Its id and aliases."""
        return (self.id, *self.aliases)


class Tier(Model):
    """The tokens that one client may use in a day, and what it takes to get them."""

    id: TierId = Field(description="Id, e.g. `L1`.")
    tokens_per_day: PositiveInt | None = Field(
        default=None, description="Tokens in a day; without it, every grant says its own."
    )
    data_classes: tuple[Slug, ...] = Field(min_length=1, description="Data classes it may be granted for.")
    approvals: Count = Field(default=0, description="Different persons who must approve a grant of it.")


class Demand(Model):
    """What a kind of agent uses: a tier below it would starve the agent."""

    agent: Slug = Field(description="Kind of agent.")
    tokens_per_day: PositiveInt = Field(description="Tokens in a day.")


class Identity(Model):
    """Who vouches for workloads and for people's second factor."""

    trust_domain: Fqdn = Field(description="SPIFFE trust domain.")
    issuer: HttpsUrl = Field(description="Issuer of the tokens.")
    jwks: HttpsUrl = Field(description="Address of its public keys.")
    audience: Slug = Field(default="ai-gateway", description="Audience that a token must name.")
    second_factor: ClaimValue = Field(default="mfa", description="Value of the claim `acr` that proves it.")


class ToolServer(Model):
    """An MCP server behind the gateway."""

    id: Part = Field(description="Id.")
    endpoint: Endpoint = Field(description="Where it answers.")
    path: UrlPath = Field(default="/mcp", description="Path of its MCP endpoint.")
    on_premises: Flag = Field(description="Whether data stays on the premises.")
    data_classes: tuple[Slug, ...] = Field(min_length=1, description="Data classes it may be sent.")
    key: StorePath | None = Field(default=None, description="Path of its API key in the secret store.")
    tools: tuple[ToolName, ...] = Field(min_length=1, description="Tools that tenants may be granted.")


class Guardrails(Model):
    """What is done with prompts before they leave."""

    image: PinnedImage | None = Field(
        default=None,
        description="Image of the guard, by digest; without one ours, from the platform's `registry`.",
    )
    replicas: PositiveInt = Field(default=2, description="Number of guards.")
    injection: Literal["refuse", "mark", "off"] = Field(
        default="refuse", description="What is done with a prompt that looks like an injection."
    )
    entities: tuple[Entity, ...] = Field(
        min_length=1, description="Kinds of personal data that are masked, as Presidio names them."
    )
    log_prompts: tuple[Slug, ...] = Field(
        default=(), description="Data classes whose masked prompts may be logged."
    )


class Accounting(Model):
    """How cost is counted. Counters are whole numbers below 2^32, in units of a currency."""

    currency: Currency = Field(description="Currency of all amounts, as ISO 4217 has it.")
    unit: Amount = Field(
        default=Decimal("0.0001"), description="Smallest amount that is counted; every call is rounded up."
    )
    steps: tuple[Percent, ...] = Field(
        default=(80, 95), description="Percentages of a budget at which its owner is told; 100 cuts off."
    )
    monthly: Amount = Field(description="Budget of all tenants together in a calendar month.")


class Gateway(Model):
    """The AI gateway."""

    domain: Fqdn = Field(
        description="Domain: a tenant has `<tenant>.keys.<domain>` and `<tenant>.id.<domain>`."
    )
    certificate_issuer: Slug | None = Field(
        default=None, description="ClusterIssuer of its certificates; without one plain HTTP, in a twin only."
    )
    shards: Shards = Field(
        default=1, description="Number of Gateways that share the tenants, each with proxies of its own."
    )
    replicas: PositiveInt = Field(default=2, description="Number of proxies of each Gateway.")
    secret_store: Slug = Field(description="ClusterSecretStore of External Secrets that holds all keys.")
    rotation_hours: Hours = Field(default=12, description="Hours after which a virtual key is replaced.")
    identity: Identity = Field(description="Who vouches for callers without a key.")
    accounting: Accounting = Field(description="How cost is counted.")
    guardrails: Guardrails = Field(description="What is done with prompts.")
    tiers: tuple[Tier, ...] = Field(min_length=1, description="Token tiers.")
    demand: tuple[Demand, ...] = Field(default=(), description="What kinds of agents use.")
    retry: Retry = Field(default=Retry(), description="What is tried again.")
    concurrency: Concurrency = Field(
        default=Concurrency(), description="The most that one model of a provider gets at a time."
    )
    providers: tuple[Provider, ...] = Field(min_length=1, description="Services that serve models.")
    models: tuple[AiModel, ...] = Field(min_length=1, description="Models that callers name.")
    tool_servers: tuple[ToolServer, ...] = Field(default=(), description="MCP servers.")
    tasks: Mapping[Slug, tuple[ModelId, ...]] = Field(
        default={}, description="For callers of the model `auto`: models by kind of task, best first."
    )
    revoked: tuple[EmailAddress, ...] = Field(
        default=(), description="People who left: they own nothing and approve nothing any more."
    )

    def provider(self, provider_id: str) -> Provider | None:
        """The provider with an id."""
        return next((each for each in self.providers if each.id == provider_id), None)

    def model(self, name: str) -> AiModel | None:
        """The model with an id or alias."""
        return next((each for each in self.models if name in each.names), None)

    def tier(self, tier_id: str) -> Tier | None:
        """The tier with an id."""
        return next((each for each in self.tiers if each.id == tier_id), None)

    def needs(self, agent: str | None) -> int:
        """The tokens that a kind of agent uses in a day; 0 where nothing is known of it."""
        return next((each.tokens_per_day for each in self.demand if each.agent == agent), 0)

    def chain(self, model: AiModel) -> tuple[AiModel, ...]:
        """The model and those that answer in its place, in order; a cycle ends where it closes."""
        found = [model]
        while (after := self.model(found[-1].fallback or "")) and after not in found:
            found.append(after)
        return tuple(found)

    def backends(self, model: AiModel) -> tuple[Provider, ...]:
        """The providers of the model and of those that answer in its place, each once."""
        named = [serving.provider for each in self.chain(model) for serving in each.serving]
        return tuple(each for name in dict.fromkeys(named) if (each := self.provider(name)))

    def allowed(self, model: AiModel) -> frozenset[str]:
        """The data classes that may be sent to every one of its backends: a fallback widens nothing."""
        classes = [frozenset(each.data_classes) for each in self.backends(model)]
        return frozenset.intersection(*classes) if classes else frozenset()
