"""The policies in force, by tenant and host name."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from typing import Final

import regex
from pydantic import ValidationError

from bastide_guard.policy import TenantPolicy

LOG: Final = logging.getLogger(__name__)


class PolicyError(Exception):
    """A policy that cannot be put in force."""


class Tenant:
    """A policy in force."""

    def __init__(self, policy: TenantPolicy) -> None:
        self.policy = policy
        self._cuts: dict[str, bytes] = {}

    def rules(self, grant: str) -> bytes:
        """What a worker needs for calls of a grant, pickled once."""
        if grant not in self._cuts:
            self._cuts[grant] = pickle.dumps(self.policy.only(grant))
        return self._cuts[grant]


class Tenants:
    """All policies. A broken one is refused, logged, and leaves the last good one in force."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._tenants: dict[str, Tenant] = {}
        self._hosts: dict[str, Tenant] = {}
        self.refused = 0
        self.synchronized = False

    def __len__(self) -> int:
        return len(self._tenants)

    def at(self, authority: str) -> Tenant | None:
        """The tenant whose host name `authority` is; a port is left out."""
        return self._hosts.get(authority.partition(":")[0].lower().rstrip("."))

    def put(self, name: str, text: str) -> bool:
        """Put a tenant's policy in force; False if it was refused."""
        if self._texts.get(name) == text:
            return True
        try:
            policy = self._checked(name, text)
        except PolicyError as error:
            self.refused += 1
            kept = "the last good one stays" if name in self._tenants else "its calls are refused"
            LOG.error("policy of %s refused, %s: %s", name, kept, error)
            return False
        self._drop(name)
        self._texts[name] = text
        self._tenants[name] = Tenant(policy)
        self._hosts.update(dict.fromkeys(policy.hosts, self._tenants[name]))
        LOG.info("policy of %s in force", name)
        return True

    def remove(self, name: str) -> None:
        """Refuse a tenant's calls from now on."""
        if name in self._tenants:
            self._drop(name)
            LOG.info("policy of %s withdrawn", name)

    def replace(self, texts: Mapping[str, str]) -> None:
        """Put these policies in force, and no others."""
        for name in self._tenants.keys() - texts.keys():
            self.remove(name)
        for name, text in sorted(texts.items()):
            self.put(name, text)
        self.synchronized = True

    def _drop(self, name: str) -> None:
        self._texts.pop(name, None)
        tenant = self._tenants.pop(name, None)
        self._hosts = {host: each for host, each in self._hosts.items() if each is not tenant}

    def _checked(self, name: str, text: str) -> TenantPolicy:
        try:
            policy = TenantPolicy.model_validate_json(text)
            for pattern in policy.masking.patterns:
                regex.compile(pattern.regex)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False, include_context=False)
            where = [f"{'.'.join(map(str, each['loc'])) or 'policy'}: {each['msg']}" for each in found]
            raise PolicyError("; ".join(where)) from None
        except regex.error as error:
            raise PolicyError(f"masking.patterns: {error.msg}") from None
        if policy.tenant != name:
            raise PolicyError(f"it is for {policy.tenant}")
        taken = [
            host for host in policy.hosts if host in self._hosts and self._hosts[host].policy.tenant != name
        ]
        if taken:
            raise PolicyError(f"host {taken[0]} is another tenant's")
        return policy
