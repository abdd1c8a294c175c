"""Networks, ids and hosts: what is taken, what is refused."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from components.model.loading import load_environment
from components.model.types import Address, Cidr, Digest, Fqdn, Part, TenantId, Version
from components.naming import LABEL_MAX, namespace
from tests.support.configs import ENVIRONMENT, GOOD

TENANTS = load_environment(GOOD, ENVIRONMENT).tenants
CIDR: TypeAdapter[Any] = TypeAdapter(Cidr)


@given(st.ip_addresses(), st.data())
def test_a_cidr_has_no_host_bits(address: Any, data: st.DataObject) -> None:
    prefix = data.draw(st.integers(0, address.max_prefixlen))
    network = ipaddress.ip_network((address, prefix), strict=False)
    assert CIDR.validate_python(str(network)) == network
    assert CIDR.dump_python(network, mode="json") == str(network)
    if network.network_address != address:
        with pytest.raises(ValidationError, match="no host bits") as refused:
            CIDR.validate_python(f"{address}/{prefix}")
        assert refused.value.errors()[0]["ctx"]["mend"] == f"Write `{network}`."


@given(st.one_of(st.text(), st.integers(), st.none(), st.lists(st.integers())))
def test_anything_else_is_no_cidr(raw: object) -> None:
    with pytest.raises(ValidationError) as refused:
        CIDR.validate_python(raw)
    assert refused.value.errors()[0]["type"] == "rule"


@given(*[st.from_regex(r"[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?", fullmatch=True)] * 3)
def test_no_namespace_name_is_ever_truncated(tenant: str, department: str, purpose: str) -> None:
    for part in (tenant, department, purpose):
        TypeAdapter(Part).validate_python(part)
    name = namespace(tenant, purpose, department)
    assert name == f"{tenant}-{department}-{purpose}"
    assert len(name) <= LABEL_MAX


def test_the_model_and_naming_agree_on_namespaces() -> None:
    spaces = [(each, tenant) for tenant in TENANTS.values() for each in tenant.namespaces]
    assert len({each.department for each, _ in spaces}) == 2
    for each, tenant in spaces:
        assert tenant.namespace_name(each) == namespace(tenant.id, each.purpose, each.department)


@pytest.mark.parametrize("name", ["platform", "foundation", "default", "kube-x", "bastide-system", "system"])
def test_reserved_names_are_no_tenants(name: str) -> None:
    with pytest.raises(ValidationError, match="reserved"):
        TypeAdapter(TenantId).validate_python(name)


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [
        (Version, ["1.36.3", "v1.2", "1.0.0-rc.1"], ["1", "latest", "1.x"]),
        (Digest, ["sha256:" + "0a" * 32], ["sha256:0A", "md5:00", "0a" * 32]),
        (Fqdn, ["a.b", "gateway.acme.example"], ["a", "A.b", "a..b", "-a.b", "a.b."]),
        (Address, ["10.0.0.1", "fd00::1", "host-1", "h.example"], ["10.0.0.300", "10.0.0.1/8", "a b", "", 5]),
    ],
)
def test_strings_with_rules(kind: Any, taken: list[str], refused: list[object]) -> None:
    adapter = TypeAdapter[str](kind)
    assert [adapter.validate_python(text) for text in taken] == taken
    for raw in refused:
        with pytest.raises(ValidationError):
            adapter.validate_python(raw)
