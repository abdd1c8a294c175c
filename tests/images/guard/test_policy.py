"""Policies say what they mean or are refused; a broken one never replaces a good one."""

from __future__ import annotations

import copy
import json
import logging
from typing import Any

import pytest
from pydantic import ValidationError

from bastide_guard.policy import TenantPolicy
from bastide_guard.tenants import Tenants
from tests.images.guard.samples import HOST, POLICY, policy, text


def test_files_and_code_agree() -> None:
    again = TenantPolicy.model_validate_json(policy().model_dump_json())
    assert again == policy()
    assert json.loads(policy().model_dump_json())["grants"]["chat"]["dataClass"] == "internal"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("grant",), {}, "grant"),
        (("hosts",), [], "hosts"),
        (("hosts",), ["acme.test:80"], "hosts"),
        (("grants", "chat", "models"), ["nothing"], "no model 'nothing'"),
        (("grants", "chat", "models"), [], "models"),
        (("grants", "a.b"), POLICY["grants"]["chat"], "no dot"),
        (("grants", "chat", "caps", "minutes"), 0, "minutes"),
        (("grants", "chat", "logPrompts"), "yes", "logPrompts"),
        (("workloads", "spiffe://x/y"), "nobody", "no grant 'nobody'"),
        (("routing", "tasks", "code"), ["nothing"], "no model 'nothing'"),
        (("models", "auto"), POLICY["models"]["local"], "auto"),
        (("models", "local", "context"), 0, "context"),
        (("masking", "entities"), ["PERSON"], "needs a language model"),
        (("masking", "entities"), ["EMAIL"], "no entity 'EMAIL'"),
        (("masking", "patterns"), [{"name": "x", "regex": "("}], "regex of 'x'"),
        (("masking", "patterns"), [{"name": "x", "regex": "a*"}], "empty"),
        (("masking", "patterns"), [{"name": "<x>", "regex": "a"}], "name"),
        (("guardrails", "injection"), "maybe", "injection"),
    ],
)
def test_refused(path: tuple[str, ...], value: Any, said: str) -> None:
    broken = copy.deepcopy(POLICY)
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValidationError) as refused:
        TenantPolicy.model_validate(broken)
    assert said in str(refused.value)


def test_hosts_lead_to_tenants() -> None:
    tenants = Tenants()
    assert tenants.put("acme", text())
    for authority in (HOST, f"{HOST}:8443", HOST.upper(), f"{HOST}."):
        assert tenants.at(authority) is not None, authority
    for authority in ("", "keys.ai.test", f"x.{HOST}", "other.keys.ai.test"):
        assert tenants.at(authority) is None, authority


@pytest.mark.parametrize(
    "broken", ["", "{", "[]", text(tenant="other"), text(hosts=[]), text(masking={"entities": ["PERSON"]})]
)
def test_a_broken_policy_leaves_the_last_good_one(broken: str, caplog: pytest.LogCaptureFixture) -> None:
    tenants = Tenants()
    assert not tenants.put("acme", broken)
    assert tenants.at(HOST) is None
    tenants.put("acme", text())
    with caplog.at_level(logging.ERROR):
        assert not tenants.put("acme", broken)
    assert "the last good one stays" in caplog.text
    assert (tenant := tenants.at(HOST)) is not None
    assert tenant.policy == policy()
    assert tenants.refused == 2


def test_no_tenant_takes_anothers_host() -> None:
    tenants = Tenants()
    tenants.replace({"acme": text(), "zeta": text(tenant="zeta")})
    assert (tenant := tenants.at(HOST)) is not None
    assert tenant.policy.tenant == "acme"
    tenants.replace({"zeta": text(tenant="zeta")})
    assert (tenant := tenants.at(HOST)) is not None
    assert tenant.policy.tenant == "zeta"


def test_a_withdrawn_policy_and_a_withdrawn_host_are_gone() -> None:
    tenants = Tenants()
    tenants.replace({"acme": text()})
    tenants.put("acme", text(hosts=["new.ai.test"]))
    assert tenants.at(HOST) is None
    assert tenants.at("new.ai.test") is not None
    tenants.remove("acme")
    assert tenants.at("new.ai.test") is None
    assert tenants.put("acme", text())
    tenants.replace({})
    assert len(tenants) == 0
