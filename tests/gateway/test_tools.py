"""Tools: an MCP session through the gateway, which calls are let through and which are not."""

from __future__ import annotations

from typing import Any

import pytest

from components import naming
from tests.gateway.house import House
from tests.support.gateway.mcp import PROTOCOL
from tests.support.gateway.wire import Answer

pytestmark = pytest.mark.plane


class Session:
    """An MCP session of a tenant's key."""

    def __init__(self, house: House, key: str = "desk", tenant: str = "acme", path: str = "") -> None:
        self.house, self.tenant = house, tenant
        self.path = path or f"/mcp/{tenant}"
        self.headers = {
            "accept": "application/json, text/event-stream",
            "authorization": f"Bearer {house.key(tenant, key)}",
        }
        about = {"name": "test", "version": "1"}
        start = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": about}
        self.opened = self.send("initialize", start)
        if session := self.opened.headers.get("mcp-session-id"):
            self.headers["mcp-session-id"] = session

    def send(self, method: str, params: dict[str, Any]) -> Answer:
        host = f"{naming.TOOLS_LISTENER}.{self.house.live.gateway.domain}"
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.house.live.call(host, self.path, body, self.headers)

    def tool(self, name: str) -> Answer:
        return self.send("tools/call", {"name": f"tools-search__{name}", "arguments": {}})


def test_a_granted_tool_is_listed_and_called(house: House) -> None:
    session = Session(house)
    assert session.opened.status == 200, session.opened.text
    (listed,) = session.send("tools/list", {}).events()
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["tools-search__web_search"]
    answer = session.tool("web_search")
    assert (answer.status, answer.json()["result"]["isError"]) == (200, False)
    assert house.record(status=200, tool=None, path="/mcp/acme")["client"] == house.client("acme", "desk")


def test_other_tools_are_refused_before_the_server_hears_of_them(house: House) -> None:
    session = Session(house)
    house.live.seen("tools-search")
    assert session.tool("fetch_page").status in (400, 403)
    assert session.tool("delete_page").status in (400, 403)
    assert house.live.seen("tools-search") == []


def test_a_grant_without_tools_calls_none(house: House) -> None:
    session = Session(house, key="trial")
    house.live.seen("tools-search")
    assert session.tool("web_search").status == 403
    assert house.live.seen("tools-search") == []


def test_keys_of_one_tenant_reach_no_tools_of_another(house: House) -> None:
    assert Session(house, tenant="globex", path="/mcp/acme").opened.status == 401


def test_the_callers_key_does_not_reach_the_server(house: House) -> None:
    Session(house).tool("web_search")
    seen = house.live.seen("tools-search")
    assert seen
    assert house.key("acme", "desk") not in str(seen)
