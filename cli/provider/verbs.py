"""What each verb does: look, check the whole configuration, show, ask, write, keep a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from cli.environment import Target, open_environment
from cli.outcome import CliError, Exit
from cli.provider import evidence, health, purge
from cli.provider.stackfile import Change, StackFile
from cli.provider.steps import ADMITTED, DEGRADED, EXITING, GONE, state_of, step
from components.model import Provider
from components.model.errors import did_you_mean
from components.model.loading import list_environments


@dataclass(frozen=True, kw_only=True)
class Call:
    """How a verb is called. `agree` is shown a change and says whether to make it."""

    env: str
    config: Path
    name: str
    evidence: Path | None
    agree: Callable[[Change], bool]

    def folder(self, target: Target) -> Path:
        """Where records are kept."""
        return self.evidence or target.evidence


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a verb did, and what comes next."""

    provider: str
    state: str
    done: str
    next: str = ""
    diff: str = ""
    record: str = ""
    code: Exit = Exit.OK
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        told = (("provider", self.provider), ("state", self.state), ("done", self.done), ("next", self.next))
        return {
            **dict(told),
            "diff": self.diff,
            "record": self.record,
            "exit": int(self.code),
            **self.details,
        }


def chosen_environment(env: str, config: Path) -> str:
    """The environment that was named, or the only one there is. Raises `CliError` where that is not clear."""
    known = list_environments(config)
    if env in known or (not env and len(known) == 1):
        return env or known[0]
    if env:
        raise CliError(Exit.CONFIG, f"there is no environment {env!r} in {config}", did_you_mean(env, known))
    mend = f"name one with --env: {', '.join(known)}" if known else "write its stack files first"
    raise CliError(Exit.USAGE, f"{len(known)} environments are in {config}", mend)


def admit(call: Call, tries: int, seconds: float, ca: Path | None, unchecked: str) -> Result:
    """Admit a provider that is proposed or degraded, once it answers."""
    file = StackFile(call.config, call.env)
    if done := _already(file, call, ADMITTED):
        return done
    change = step(file, call.name, ADMITTED, date.today())
    target = _target(call, change)
    found: dict[str, Any] = {"unchecked": unchecked}
    if not unchecked:
        checked = health.examine(
            _provider(target, call.name), lambda: target.cluster(seconds), tries, seconds, ca
        )
        found = {"health": checked.as_json()}
        if not checked.well:
            wrong = sorted({answer.problem for answer in checked.answers if answer.problem})
            message = f"{call.name} is not well at {checked.asked}: {'; '.join(wrong)}"
            raise CliError(Exit.FINDING, message, "nothing was changed; look at the provider, then try again")
    return _make(call, target, change, "admit", ADMITTED, about=found)


def degrade(call: Call, reason: str) -> Result:
    """Note that an admitted provider serves badly."""
    file = StackFile(call.config, call.env)
    if done := _already(file, call, DEGRADED):
        return done
    change = step(file, call.name, DEGRADED, date.today())
    return _make(call, _target(call, change), change, "degrade", DEGRADED, about={"reason": reason})


def leave(call: Call, *, drain: bool) -> Result:
    """Begin the exit of a provider: it gets no more traffic."""
    file = StackFile(call.config, call.env)
    following = f"bastide up {call.env}, then bastide provider exit {call.name} --finish"
    if state_of(file.provider(call.name)[1]) in (EXITING, GONE):
        state = state_of(file.provider(call.name)[1])
        return Result(provider=call.name, state=state, done="it exits already", next=following)
    change = step(file, call.name, EXITING, date.today(), drain=drain)
    return _make(
        call, _target(call, change), change, "exit", EXITING, about={"drained": drain}, following=following
    )


def finish(call: Call, revoked_at: str, reference: str) -> Result:
    """End an exit: prove that nothing is sent any more, then that nothing is left.

    Each run does what is due next, so one that was interrupted is run again.
    """
    file = StackFile(call.config, call.env)
    again = f"bastide provider exit {call.name} --finish --revoked-at DAY --revocation-reference TEXT"
    if state_of(file.provider(call.name)[1]) != GONE:
        return _drained(call, file, f"bastide up {call.env}, then {again}")
    target = open_environment(call.env, call.config, dates=())
    provider = _provider(target, call.name)
    since = provider.lifecycle.since.isoformat()
    for path, record in evidence.kept(call.folder(target), call.name, "purged"):
        if record.get("since") == since:
            told = {"purge": record}
            done = "it is purged already"
            return Result(provider=call.name, state=GONE, done=done, record=str(path), details=told)
    revocation = _revocation(provider, revoked_at, reference, again)
    return _purged(call, target, file, {"since": since, "revocation": revocation})


def _drained(call: Call, file: StackFile, following: str) -> Result:
    change = step(file, call.name, GONE, date.today())
    target = _target(call, change)
    with target.cluster() as cluster:
        checks = purge.drained(cluster, call.name)
    if left := _left(checks):
        mend = f"bastide up {call.env}, then again"
        raise CliError(Exit.FINDING, f"{call.name} is still in use: {left}", mend)
    found = {"checks": [check.as_json() for check in checks]}
    return _make(call, target, change, "drained", GONE, about=found, following=following)


def _purged(call: Call, target: Target, file: StackFile, about: Mapping[str, Any]) -> Result:
    with target.cluster() as cluster:
        checks = purge.purged(cluster, call.name)
        who = {"server": cluster.server, "identity": evidence.identity(cluster)}
    if left := _left(checks):
        mend = f"bastide up {call.env} deletes what is the stack's; then again"
        raise CliError(Exit.FINDING, f"something of {call.name} is left: {left}", mend)
    told = [check.as_json() for check in checks]
    facts = {"environment": call.env, **about, **who, "configuration": file.digest, "checks": told}
    path, record = evidence.keep(call.folder(target), call.name, "purged", facts)
    return Result(
        provider=call.name,
        state=GONE,
        done="nothing of it is left",
        next=f"keep {call.name} in {file.path.name} as long as months with its calls are charged",
        record=str(path),
        details={"purge": record},
    )


def _revocation(provider: Provider, at: str, reference: str, again: str) -> dict[str, str]:
    """When and under which reference the key was revoked at the provider: only a person can tell."""
    if provider.key is None:
        return {"key": "none was ever sent"}
    wrong = []
    try:
        if date.fromisoformat(at) > date.today():
            wrong.append(f"--revoked-at {at}: must not be in the future")
    except ValueError:
        wrong.append(
            f"--revoked-at {at or '(missing)'}: must be the day on which the key was revoked, like 2026-11-30"
        )
    if not reference.strip():
        wrong.append("--revocation-reference: must say where the provider confirms it")
    if wrong:
        raise CliError(Exit.USAGE, "\n  ".join(wrong), f"revoke the key at the provider, then: {again}")
    return {"key": provider.key, "at": at, "reference": reference.strip()}


def _already(file: StackFile, call: Call, state: str) -> Result | None:
    _, provider = file.provider(call.name)
    if state_of(provider) != state:
        return None
    return Result(
        provider=call.name, state=state, done=f"it is {state} already", next=f"bastide up {call.env}"
    )


def _target(call: Call, change: Change) -> Target:
    return open_environment(call.env, call.config, change.override, dates=())


def _provider(target: Target, name: str) -> Provider:
    gateway = target.model.platform.gateway
    found = gateway.provider(name) if gateway else None
    if found is None:
        raise CliError(Exit.CONFIG, f"{target.name} has no provider {name!r}")
    return found


def _left(checks: list[purge.Check]) -> str:
    return "; ".join(f"{check.what}: {', '.join(check.left)}" for check in checks if check.left)


def _make(
    call: Call,
    target: Target,
    change: Change,
    verb: str,
    state: str,
    *,
    about: Mapping[str, Any],
    following: str = "",
) -> Result:
    """Make the change if it is agreed to, and keep a record of it."""
    following = following or f"bastide up {call.env}"
    if not call.agree(change):
        before = state_of(change.file.provider(call.name)[1])
        return Result(
            provider=call.name, state=before, done="nothing was changed", diff=change.diff, details=about
        )
    written = change.write()
    facts = {"environment": call.env, "state": state, "before": change.file.digest, "after": written, **about}
    path, _ = evidence.keep(call.folder(target), call.name, verb, facts)
    return Result(
        provider=call.name,
        state=state,
        done=f"it is {state}",
        next=following,
        diff=change.diff,
        record=str(path),
        details=about,
    )
