"""Rules on people: who approves a grant, and who is still there to answer for things."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.model.document import Path_
from components.model.draft import PLATFORM, Draft
from components.model.errors import ConfigProblem
from components.model.granting import Use, uses
from components.model.grants import ApproverRole, Grant
from components.model.types import person

GUARDIANS: Final[frozenset[ApproverRole]] = frozenset({"data-owner", "security-officer"})
"""Roles of which one approves every grant of sensitive data."""
SENSITIVE_PERSONS: Final = 2
"""Different persons who approve a grant of sensitive data, whatever its tier says."""


def approval_dates(draft: Draft) -> Iterator[ConfigProblem]:
    """An approval was given on some day until today, and holds today."""
    for use in uses(draft):
        for at, grant in use.grants():
            for j, each in enumerate(grant.approvals):
                path: Path_ = (*at, "approvals", j)
                if each.on > draft.today:
                    rule = f"must not be in the future: today is {draft.today}"
                    mend = "Write the day on which it was given."
                    yield draft.problem(use.layer, (*path, "on"), each.on, rule, mend)
                if each.expires < each.on:
                    rule = f"must not be before the approval ({each.on})"
                    mend = "Write the last day on which it holds."
                    yield draft.problem(use.layer, (*path, "expires"), each.expires, rule, mend)
                elif each.expires < draft.today:
                    mend = f"Ask {each.by} again and write the new days, or remove the grant."
                    yield draft.lapsed(use.layer, (*path, "expires"), each.expires, mend)


def approvers(draft: Draft) -> Iterator[ConfigProblem]:
    """Enough different persons approve a grant, not its owner alone."""
    for use in uses(draft):
        for at, grant in use.grants():
            persons = {person(each.by) for each in grant.approvals}
            needed, why = _needed(use, grant)
            path: Path_ = (*at, "approvals")
            if len(persons) < needed:
                value = f"{len(persons)} person{'s' if len(persons) != 1 else ''}"
                rule = f"must be of at least {needed} different person{'s' if needed != 1 else ''}: {why}"
                mend = f"Add {needed - len(persons)} more."
                yield draft.problem(use.layer, path, value, rule, mend)
            elif needed and persons == {person(grant.owner)}:
                rule = "must be of somebody else than the grant's owner, too"
                yield draft.problem(use.layer, path, grant.owner, rule, "Add another person's approval.")


def _needed(use: Use, grant: Grant) -> tuple[int, str]:
    tier = use.gateway.tier(grant.tier)
    asked = tier.approvals if tier else 0
    if asked < SENSITIVE_PERSONS and sensitive(use, grant):
        return SENSITIVE_PERSONS, f"data of class `{grant.data_class}` is sensitive"
    return asked, f"tier `{grant.tier}` asks for them"


def sensitive(use: Use, grant: Grant) -> bool:
    """Whether a grant is for data that may not leave the premises."""
    declared = {each.id for each in use.platform.data_classes}
    return grant.data_class in declared - use.platform.leaving


def guardians(draft: Draft) -> Iterator[ConfigProblem]:
    """Among those who approve a grant of sensitive data is one who answers for data or security."""
    for use in uses(draft):
        for at, grant in use.grants():
            roles = [each.role for each in grant.approvals]
            if roles and sensitive(use, grant) and not GUARDIANS.intersection(roles):
                rule = f"must include a {' or a '.join(sorted(GUARDIANS))}: the data is sensitive"
                mend = "Add the approval of one of them."
                yield draft.problem(use.layer, (*at, "approvals"), ", ".join(roles), rule, mend)


def own_approvals(draft: Draft) -> Iterator[ConfigProblem]:
    """Nobody approves a grant of which they hold a key."""
    for use in uses(draft):
        for at, grant in use.grants():
            holders = {person(each.owner): each.id for each in use.given.keys if each.grant == grant.id}
            for j, each in enumerate(grant.approvals):
                if (key := holders.get(person(each.by))) is not None:
                    rule = f"must not be who uses the grant: the key `{key}` is theirs"
                    path: Path_ = (*at, "approvals", j, "by")
                    yield draft.problem(use.layer, path, each.by, rule, "Ask somebody else.")


def revoked(draft: Draft) -> Iterator[ConfigProblem]:
    """Who left owns nothing and approves nothing."""
    gone = {person(each) for each in draft.gateway.revoked} if draft.gateway else set()
    for layer, path, address in _people(draft) if gone else ():
        if person(address) in gone:
            rule = "must not be one of the gateway's `revoked` people"
            yield draft.problem(layer, path, address, rule, "Write who answers for it now.")


def _people(draft: Draft) -> Iterator[tuple[str, Path_, str]]:
    for i, provider in enumerate(draft.gateway.providers if draft.gateway else ()):
        yield PLATFORM, ("gateway", "providers", i, "lifecycle", "owner"), provider.lifecycle.owner
    for layer, tenant in draft.tenants.items():
        yield layer, ("tenant", "owner"), tenant.owner
        for i, department in enumerate(tenant.departments):
            yield layer, ("tenant", "departments", i, "owner"), department.owner
    for layer, given in draft.gateways.items():
        for i, grant in enumerate(given.grants):
            yield layer, ("gateway", "grants", i, "owner"), grant.owner
            for j, approval in enumerate(grant.approvals):
                yield layer, ("gateway", "grants", i, "approvals", j, "by"), approval.by
        for i, key in enumerate(given.keys):
            yield layer, ("gateway", "keys", i, "owner"), key.owner


RULES = (approval_dates, approvers, guardians, own_approvals, revoked)
