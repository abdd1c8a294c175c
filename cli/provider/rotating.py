"""The verb `bastide provider rotate`."""

from __future__ import annotations

from dataclasses import dataclass

from cli.console import Steps
from cli.environment import Target, open_environment, require_running
from cli.outcome import CliError, Exit
from cli.provider import evidence, rotation
from cli.provider.rotation import LIMIT_HOURS, Keys
from cli.provider.verbs import Call, Result
from components.model import Gateway
from components.model.errors import did_you_mean


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for: the age of all keys, the virtual keys of a tenant, or a provider's key."""

    provider: str
    tenant: str
    keys: bool
    check: bool


def rotate(call: Call, wanted: Wanted, seconds: float, steps: Steps) -> Result:
    """Rotate or check, and keep a record. Raises `CliError` on options that do not go together."""
    _check(wanted)
    target = open_environment(call.env, call.config, dates=())
    gateway = target.model.platform.gateway
    if gateway is None:
        raise CliError(Exit.CONFIG, f"the platform of {call.env} has no gateway", "add `bastide:gateway`")
    if wanted.check:
        return _ages(require_running(target), gateway)
    keys = _keys(target, gateway, wanted)
    what = wanted.tenant or wanted.provider
    with require_running(target).cluster() as cluster, steps.step(f"rotate {what}") as step:
        done = rotation.rotate(cluster, keys, seconds, step.tell)
        step.note = ", ".join(f"{each.keys} new in {each.secret}" for each in done)
    about = {"environment": call.env, "rotated": [each.as_json() for each in done]}
    path, _ = evidence.keep(call.folder(target), what, "rotate", about)
    return Result(provider=what, state="", done="its keys are new", record=str(path), details=about)


def _check(wanted: Wanted) -> None:
    given = [bool(wanted.provider), wanted.keys, wanted.check]
    if sum(given) != 1 or bool(wanted.tenant) != wanted.keys:
        mend = "bastide provider rotate NAME, or --keys --tenant T, or --check"
        raise CliError(Exit.USAGE, "say what to rotate: one of three", mend)


def _keys(target: Target, gateway: Gateway, wanted: Wanted) -> Keys:
    if wanted.keys:
        if wanted.tenant not in target.model.tenants:
            mend = did_you_mean(wanted.tenant, target.model.tenants)
            raise CliError(Exit.USAGE, f"{target.name} has no tenant {wanted.tenant!r}", mend)
        return rotation.keys_of_tenant(target.model, wanted.tenant)
    provider = gateway.provider(wanted.provider)
    if provider is None:
        mend = did_you_mean(wanted.provider, (each.id for each in gateway.providers))
        raise CliError(Exit.CONFIG, f"{target.name} has no provider {wanted.provider!r}", mend)
    return rotation.keys_of_provider(provider)


def _ages(target: Target, gateway: Gateway) -> Result:
    with target.cluster() as cluster:
        found = rotation.ages(cluster, target.model, gateway)
    old = [age for age in found if not age.fresh]
    done = f"{len(found) - len(old)} of {len(found)} keys are younger than {LIMIT_HOURS} h"
    mend = "bastide provider rotate NAME, or --keys --tenant T" if old else ""
    return Result(
        provider="",
        state="",
        done=done,
        next=mend,
        code=Exit.FINDING if old else Exit.OK,
        details={"keys": [age.as_json() for age in found]},
    )
