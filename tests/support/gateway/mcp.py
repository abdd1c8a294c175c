"""The answers of an MCP server (Model Context Protocol, revision 2025-06-18), whole ones in JSON."""

from __future__ import annotations

from typing import Any

TOOLS = ("web_search", "fetch_page", "delete_page")
"""What the server has; the platform knows of the first two only."""
PROTOCOL = "2025-06-18"


def answer_mcp(name: str, method: str, message: Any) -> tuple[int, Any, dict[str, str]]:
    """Status, content and headers for one message to the server `name`."""
    if method == "DELETE":
        return 200, None, {}
    if method != "POST":
        return 405, None, {}
    if "id" not in message:
        return 202, None, {}
    result = _result(name, message["method"], message.get("params") or {})
    headers = {"mcp-session-id": f"{name}-session"} if message["method"] == "initialize" else {}
    return 200, {"jsonrpc": "2.0", "id": message["id"], **result}, headers


def _result(name: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
    match method:
        case "initialize":
            server = {"name": name, "version": "1.0.0"}
            capabilities = {"tools": {"listChanged": False}}
            return {
                "result": {"protocolVersion": PROTOCOL, "capabilities": capabilities, "serverInfo": server}
            }
        case "tools/list":
            schema = {"type": "object", "properties": {"page": {"type": "string"}}}
            return {"result": {"tools": [{"name": tool, "inputSchema": schema} for tool in TOOLS]}}
        case "tools/call":
            text = f"{params['name']} of {name} done"
            return {"result": {"content": [{"type": "text", "text": text}], "isError": False}}
        case "ping":
            return {"result": {}}
    return {"error": {"code": -32601, "message": f"no method {method}"}}
