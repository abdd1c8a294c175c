"""A tenant's tools: MCP servers by tool and grant, nothing by wildcard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from components import naming
from components.governance.values import access
from components.governance.values.routes import parent
from components.governance.values.scope import Scope, keys_of_grants
from components.kubernetes import Manifest
from components.manifests import API_KEY, backend
from components.model import ToolServer


def tools(scope: Scope) -> list[Manifest]:
    """The MCP endpoint `/mcp/<tenant>` at the listener of tools, and the servers behind it.

    An MCPRoute reaches backends of its own namespace only, so the servers stand in the tenant's.
    Source: https://aigateway.envoyproxy.io/docs/capabilities/mcp/
    """
    servers = [each for each in scope.gateway.tool_servers if _granted(scope, each)]
    if not servers or not scope.use.keys:
        return []
    return [*(manifest for each in servers for manifest in _server(scope, each)), _route(scope, servers)]


def _granted(scope: Scope, server: ToolServer) -> list[str]:
    """The tools of a server that some grant names, in the server's order."""
    named = {tool for each in scope.use.tools if each.server == server.id for tool in each.tools}
    return [tool for tool in server.tools if tool in named]


def backend_name(server: str) -> str:
    """The name of a tool server's Backend and Secret."""
    return naming.join("tools", server)


def _server(scope: Scope, server: ToolServer) -> Iterator[Manifest]:
    name = backend_name(server.id)
    labels = {**scope.labels, naming.PREMISES: naming.premises(server.on_premises)}
    yield backend(name, scope.namespace, labels, server.endpoint)
    if server.key:
        yield access.stored(scope, name, {API_KEY: server.key}, "1h")


def _route(scope: Scope, servers: list[ToolServer]) -> Manifest:
    secrets = [name for name, _ in access.shards(scope.use.keys)]
    spec = {
        "parentRefs": [parent(scope, naming.TOOLS_LISTENER)],
        "path": f"/mcp/{scope.tenant}",
        "backendRefs": [_reference(scope, server) for server in servers],
        "securityPolicy": {
            "apiKeyAuth": access.api_key_auth(secrets),
            "authorization": {"defaultAction": "Deny", "rules": list(_rules(scope))},
        },
    }
    return scope.manifest(
        f"{naming.AI_GATEWAY_API}/v1beta1", "MCPRoute", naming.join(scope.tenant, "tools"), spec
    )


def _reference(scope: Scope, server: ToolServer) -> dict[str, Any]:
    made: dict[str, Any] = {
        "group": naming.ENVOY_GATEWAY_API,
        "kind": "Backend",
        "name": backend_name(server.id),
        "path": server.path,
        "toolSelector": {"include": _granted(scope, server)},
    }
    if server.key:
        made["securityPolicy"] = {"apiKey": {"secretRef": {"name": backend_name(server.id)}}}
    return made


def _rules(scope: Scope) -> Iterator[dict[str, Any]]:
    """A grant's clients may call the tools that it names."""
    for each in scope.use.tools:
        tools_of_grant = [{"backend": backend_name(each.server), "tool": tool} for tool in each.tools]
        pattern = json.dumps(f"^{keys_of_grants([each.grant])}$")
        cel = f'request.headers["{naming.CLIENT_HEADER}"].matches({pattern})'
        yield {"action": "Allow", "cel": cel, "target": {"tools": tools_of_grant}}
