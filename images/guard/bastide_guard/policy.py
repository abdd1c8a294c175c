"""What the guard enforces for one tenant: the contract between the gateway block and the guard.

It travels as the key `policy.json` of the ConfigMap `guard-<tenant>`, camelCase. Needs pydantic alone:
those who write policies can check them here.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from bastide_guard.entities import NEED_A_MODEL, SUPPORTED

Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,252}$")]
Host: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
Count: TypeAlias = Annotated[int, Field(strict=True, ge=1)]
Rank: TypeAlias = Annotated[int, Field(strict=True, ge=0)]
Flag: TypeAlias = Annotated[bool, Field(strict=True)]

AUTO: Final = "auto"
"""The model's name with which a caller leaves the choice to the guard."""


class Part(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class Caps(Part):
    """The most that one task may use."""

    minutes: Count | None = Field(default=None, description="Minutes since the task began.")
    tool_calls: Count | None = Field(default=None, description="Tool calls in one conversation.")


class Grant(Part):
    """What a caller may do."""

    data_class: Name = Field(description="Most sensitive class of data in prompts.")
    models: tuple[Name, ...] = Field(min_length=1, description="Ids and aliases of models.")
    caps: Caps | None = Field(default=None, description="The most that one task may use.")
    task_required: Flag = Field(default=False, description="Whether `x-bastide-task` must be sent.")
    log_prompts: Flag = Field(default=False, description="Whether masked prompts are logged.")
    expires: datetime.date | None = Field(default=None, description="Last day on which it holds.")


class Model(Part):
    """A model as far as the guard must know it."""

    leaves: Flag = Field(description="Whether any backend, fallbacks too, is off the premises.")
    context: Count = Field(description="Context window in tokens.")
    cost_rank: Rank = Field(description="The higher, the dearer.")
    quality_rank: Rank = Field(description="The higher, the better.")
    capabilities: frozenset[Name] = Field(
        description="Of `chat`, `tools`, `vision`, `reasoning`, `embeddings`."
    )


class MaskPattern(Part):
    """Something of the tenant's own that must not leave."""

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$", description="Shown, in capitals, in its place."
    )
    regex: str = Field(min_length=1, max_length=256, description="Regular expression of Python.")

    @model_validator(mode="after")
    def _compiles(self) -> MaskPattern:
        try:
            compiled = re.compile(self.regex)
        except re.error as error:
            raise ValueError(f"regex of {self.name!r}: {error}") from error
        if compiled.match(""):
            raise ValueError(f"regex of {self.name!r} matches the empty text, so it would mask nothing")
        return self


class Masking(Part):
    """What is masked in prompts for models that leave the premises."""

    entities: tuple[str, ...] = Field(description="Kinds of personal data; see `bastide_guard.entities`.")
    patterns: tuple[MaskPattern, ...] = Field(default=(), description="The tenant's own.")

    @model_validator(mode="after")
    def _known(self) -> Masking:
        unknown = [entity for entity in self.entities if entity not in SUPPORTED]
        if unknown:
            why = [f"{each!r} needs a language model" for each in unknown if each in NEED_A_MODEL]
            why += [f"no entity {each!r}" for each in unknown if each not in NEED_A_MODEL]
            raise ValueError("; ".join(why))
        return self


class Guardrails(Part):
    """Checks of every prompt, wherever it goes."""

    injection: Literal["refuse", "mark", "off"] = Field(default="refuse")
    max_input_characters: Count = Field(default=1_000_000, description="Of all texts of one call together.")


class Routing(Part):
    """How a model is chosen for callers of `auto`."""

    tasks: Mapping[Name, tuple[Name, ...]] = Field(
        default={}, description="Models by kind of task, best first."
    )


class CutOff(Part):
    """Callers who are refused, whatever was granted."""

    clients: str = Field(min_length=1, description="Regular expression over the whole of `x-bastide-client`.")
    since: datetime.date = Field(description="First day.")
    reason: str = Field(description="Why; the caller is told.")

    @model_validator(mode="after")
    def _compiles(self) -> CutOff:
        try:
            re.compile(self.clients)
        except re.error as error:
            raise ValueError(f"clients: {error}") from error
        return self


class TenantPolicy(Part):
    """All rules of one tenant. Everything that it names exists in it."""

    tenant: Name
    hosts: tuple[Host, ...] = Field(min_length=1, description="Host names of the tenant, without a port.")
    grants: Mapping[Name, Grant]
    keys: Mapping[str, datetime.date] | None = Field(
        default=None, description="Last day by a key's client id; a key that is not here is refused."
    )
    workloads: Mapping[str, Name] = Field(default={}, description="Grant by SPIFFE id.")
    models: Mapping[Name, Model] = Field(description="By id and by alias.")
    masking: Masking
    guardrails: Guardrails = Guardrails()
    routing: Routing = Routing()
    cut_offs: tuple[CutOff, ...] = ()

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> TenantPolicy:
        wrong = [
            *(
                f"grants.{name}.models: no model {model!r}"
                for name, grant in self.grants.items()
                for model in grant.models
                if model not in self.models
            ),
            *(
                f"workloads.{spiffe}: no grant {grant!r}"
                for spiffe, grant in self.workloads.items()
                if grant not in self.grants
            ),
            *(
                f"routing.tasks.{task}: no model {model!r}"
                for task, models in self.routing.tasks.items()
                for model in models
                if model not in self.models
            ),
            *(f"grants.{name}: a grant's name has no dot" for name in self.grants if "." in name),
            *(f"models.{AUTO}: is the name for a choice" for _ in (1,) if AUTO in self.models),
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def only(self, grant: str) -> TenantPolicy:
        """What matters for calls of one grant."""
        models = self.grants[grant].models
        return self.model_copy(
            update={
                "grants": {grant: self.grants[grant]},
                "keys": None,
                "workloads": {},
                "cut_offs": (),
                "models": {name: self.models[name] for name in models},
            }
        )
