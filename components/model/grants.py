"""A tenant's use of the AI gateway: budgets, grants with their approvals, keys, workloads, tools."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from components.model.base import Model
from components.model.gateway_types import Amount, Date, ModelId, Month, TierId, ToolName
from components.model.masking import MaskName, Regex
from components.model.quantity import broken
from components.model.types import Count, EmailAddress, Part, PositiveInt, Slug, Text

ApproverRole: TypeAlias = Literal["line-manager", "budget-owner", "data-owner", "security-officer"]


class DepartmentBudget(Model):
    """What a department may spend."""

    department: Part = Field(description="Id of the department.")
    monthly: Amount = Field(description="In a calendar month.")


class UserBudget(Model):
    """What a user may spend."""

    user: Slug = Field(description="Id of the user.")
    monthly: Amount = Field(description="In a calendar month.")


class Transfer(Model):
    """Budget that one department gave another, for one month; never changed afterwards."""

    source: Part = Field(description="Department that gives.")
    target: Part = Field(description="Department that gets.")
    amount: Amount = Field(description="How much.")
    month: Month = Field(description="Calendar month for which it holds.")
    on: Date = Field(description="Day on which it was agreed.")
    approved_by: tuple[EmailAddress, ...] = Field(min_length=1, description="Owners who agreed.")
    reason: Text = Field(description="Why.")


class Approval(Model):
    """One person's consent to a grant."""

    by: EmailAddress = Field(description="Who.")
    role: ApproverRole = Field(description="In which role.")
    on: Date = Field(description="When.")
    expires: Date = Field(description="Last day on which it holds.")
    reason: Text = Field(description="Why.")


class TaskCaps(Model):
    """The most that one task of an agent may use; a task is named by the header `x-bastide-task`."""

    tokens: PositiveInt = Field(description="Tokens.")
    minutes: PositiveInt = Field(description="Minutes since the task began.")
    calls: PositiveInt = Field(description="Calls of models and tools.")
    repeats: PositiveInt = Field(default=5, description="Times that the same message may be sent again.")


class Grant(Model):
    """Who may use which models, with which data, how much, until when, approved by whom."""

    id: Slug = Field(description="Id.")
    department: Part | None = Field(default=None, description="Department; without it, the whole tenant.")
    models: tuple[ModelId, ...] = Field(min_length=1, description="Ids of models.")
    data_class: Slug = Field(description="Most sensitive class of data in prompts.")
    tier: TierId = Field(description="Id of the token tier.")
    tokens_per_day: PositiveInt | None = Field(
        default=None, description="Tokens in a day, where the tier leaves them open."
    )
    agent: Slug | None = Field(default=None, description="Kind of agent, whose demand the tier must meet.")
    caps: TaskCaps | None = Field(default=None, description="The most that one task may use.")
    owner: EmailAddress = Field(description="Who answers for it.")
    expires: Date = Field(description="Last day on which it holds.")
    approvals: tuple[Approval, ...] = Field(default=(), description="Who approved it.")


class VirtualKey(Model):
    """A key of one user. Its value is born in the secret store and never seen here."""

    id: Slug = Field(description="Id.")
    grant: Slug = Field(description="Id of the grant.")
    user: Slug = Field(description="Id of the user who holds it.")
    owner: EmailAddress = Field(description="Who answers for it.")
    expires: Date = Field(description="Last day on which it holds.")
    tags: Mapping[Slug, Slug] = Field(default={}, description="Tags that cost is shown by.")


class Workload(Model):
    """Agents of one of the tenant's namespaces, known by their SPIFFE identity."""

    purpose: Part = Field(description="Purpose of the namespace.")
    department: Part | None = Field(default=None, description="Department of the namespace.")
    grant: Slug = Field(description="Id of the grant.")
    tags: Mapping[Slug, Slug] = Field(default={}, description="Tags that cost is shown by.")


class ToolGrant(Model):
    """Tools of an MCP server that a grant may call."""

    server: Part = Field(description="Id of the tool server.")
    grant: Slug = Field(description="Id of the grant.")
    tools: tuple[ToolName, ...] = Field(min_length=1, description="Names of tools.")


class MaskPattern(Model):
    """Something of the tenant's own that must not leave."""

    name: MaskName = Field(description="Name; shown in place of what is masked.")
    regex: Regex = Field(description="Regular expression of Python.")


class CutOff(Model):
    """Calls that are refused from now on, whatever was granted."""

    grant: Slug | None = Field(default=None, description="Grant that is cut off.")
    department: Part | None = Field(default=None, description="Department that is cut off.")
    user: Slug | None = Field(default=None, description="User who is cut off.")
    since: Date = Field(description="Since when.")
    by: EmailAddress = Field(description="Who decided.")
    reason: Text = Field(description="Why; the caller is told.")

    @model_validator(mode="after")
    def _names_one(self) -> CutOff:
        if sum(each is not None for each in (self.grant, self.department, self.user)) != 1:
            rule = "must name exactly one of `grant`, `department` and `user`"
            raise broken(rule, "Write one cut-off for each.")
        return self


class TenantGateway(Model):
    """What a tenant may use of the AI gateway."""

    shard: Count = Field(default=0, description="Number, from 0, of the Gateway that serves the tenant.")
    monthly: Amount = Field(description="Budget of the whole tenant in a calendar month.")
    departments: tuple[DepartmentBudget, ...] = Field(default=(), description="Budgets of departments.")
    users: tuple[UserBudget, ...] = Field(default=(), description="Budgets of users.")
    transfers: tuple[Transfer, ...] = Field(default=(), description="Budget given between departments.")
    grants: tuple[Grant, ...] = Field(default=(), description="Who may use what.")
    keys: tuple[VirtualKey, ...] = Field(default=(), description="Virtual keys.")
    workloads: tuple[Workload, ...] = Field(default=(), description="Agents without a key.")
    tools: tuple[ToolGrant, ...] = Field(default=(), description="Tools by grant.")
    masks: tuple[MaskPattern, ...] = Field(default=(), description="What else is masked.")
    cut_offs: tuple[CutOff, ...] = Field(default=(), description="What is refused.")

    def transferred(self, department: str) -> dict[str, Decimal]:
        """What transfers add to (or take from) a department's budget, by month."""
        found: dict[str, Decimal] = {}
        for transfer in self.transfers:
            if department in (transfer.source, transfer.target):
                signed = transfer.amount if department == transfer.target else -transfer.amount
                found[transfer.month] = found.get(transfer.month, Decimal(0)) + signed
        return found

    def grant(self, grant_id: str) -> Grant | None:
        """The grant with an id."""
        return next((each for each in self.grants if each.id == grant_id), None)

    def limits(self, steps: int) -> int:
        """The number of rate limits that it takes, where budgets have so many steps below 100 %.

        A month with transfers has limits of its own for each department that gave or got.
        """
        changed = {(each.month, one) for each in self.transfers for one in (each.source, each.target)}
        with_budget = {each.department for each in self.departments}
        months = sum(department in with_budget for _, department in changed)
        budgets = 1 + len(self.departments) + months + len(self.users)
        capped = sum(each.caps is not None for each in self.grants)
        return (steps + 1) * budgets + len(self.grants) + 3 * capped
