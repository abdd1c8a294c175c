"""`python -m tests.support.gateway.upstream FILE`: providers that answer as real ones would.

They speak the forms of OpenAI and Anthropic, whole and streamed, and MCP; each has a host name, and all share
127.0.0.1. FILE is JSON: `control` is a Unix socket, `certs` a folder with a certificate for all names,
`providers` a list of `{"name", "host", "port", "tls", "fixed"}`, where `fixed` is the answer to every GET.
They keep what they saw, and fail as told: `GET /NAME` on the control socket gives (and forgets) the requests,
`PUT /NAME` takes a `Behaviour` as JSON.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.gateway.mcp import answer_mcp

_REASONS = {200: "OK", 202: "Accepted"}
_ENDED = b"0\r\n\r\n"


@dataclass
class Behaviour:
    """How a provider answers: so many tokens, after `hang` and with `pause` between events (seconds).

    `left` is the number of requests for which it holds; below 0 for all.
    """

    status: int = 200
    hang: float = 0.0
    left: int = -1
    completion: int = 5
    pause: float = 0.0


@dataclass
class Provider:
    """One provider and all that it saw."""

    name: str
    fixed: Any = None
    behaviour: Behaviour = field(default_factory=Behaviour)
    seen: list[dict[str, Any]] = field(default_factory=list)

    def next(self) -> Behaviour:
        """The behaviour for one request more."""
        now = self.behaviour
        if now.left == 0:
            self.behaviour = now = Behaviour()
        elif now.left > 0:
            now.left -= 1
        return now


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"null")


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    method, path, _ = first.split(" ", 2)
    if headers.get("transfer-encoding") == "chunked":
        body = await _chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readline()
    return b"".join(parts)


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Told')}", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(status: int, content: Any, headers: dict[str, str] | None = None) -> bytes:
    body = b"" if content is None else json.dumps(content).encode()
    told = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    return head(status, told) + body


def count(messages: Any) -> int:
    """Tokens of a prompt: its words, so that a test can foretell them."""
    return len(" ".join(_texts(messages)).split())


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, dict):
        yield from _texts(part.get("content", part.get("text", "")))


def openai(asked: dict[str, Any], completion: int) -> dict[str, Any]:
    prompt = count(asked.get("messages"))
    message = {"role": "assistant", "content": " ".join(["word"] * completion)}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": asked["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
    }


def openai_events(asked: dict[str, Any], completion: int) -> Iterator[str]:
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": asked["model"]}
    for index in range(completion):
        choice = {
            "index": 0,
            "delta": {"role": "assistant", "content": f"word{index} "},
            "finish_reason": None,
        }
        yield f"data: {json.dumps({**common, 'choices': [choice]})}\n\n"
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    yield f"data: {json.dumps({**common, 'choices': [last]})}\n\n"
    if asked.get("stream_options", {}).get("include_usage"):
        usage = openai(asked, completion)["usage"]
        yield f"data: {json.dumps({**common, 'choices': [], 'usage': usage})}\n\n"
    yield "data: [DONE]\n\n"


def embeddings(asked: dict[str, Any]) -> dict[str, Any]:
    prompt = count(asked.get("input"))
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
    usage = {"prompt_tokens": prompt, "total_tokens": prompt}
    return {"object": "list", "data": data, "model": asked["model"], "usage": usage}


def anthropic(asked: dict[str, Any], completion: int) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [{"type": "text", "text": " ".join(["word"] * completion)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": count(asked.get("messages")), "output_tokens": completion},
    }


def anthropic_events(asked: dict[str, Any], completion: int) -> Iterator[str]:
    message = {**anthropic(asked, completion), "content": [], "stop_reason": None}
    message["usage"] = {**message["usage"], "output_tokens": 1}
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
    ]
    for number in range(completion):
        delta = {"type": "text_delta", "text": f"word{number} "}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    events += [
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": completion},
        },
        {"type": "message_stop"},
    ]
    for event in events:
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


async def answer(provider: Provider, request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer one request in the provider's name."""
    behaviour = provider.next()
    seen = {"method": request.method, "path": request.path, "headers": request.headers}
    provider.seen.append({**seen, "body": request.body.decode("utf-8", "replace")})
    await asyncio.sleep(behaviour.hang)
    if behaviour.status != 200:
        failure = {"error": {"message": f"{provider.name} fails as told", "type": "told", "code": "told"}}
        writer.write(whole(behaviour.status, failure))
        return
    if request.method == "GET" and provider.fixed is not None:
        writer.write(whole(200, provider.fixed))
        return
    if request.path.startswith("/mcp"):
        status, content, headers = answer_mcp(provider.name, request.method, request.json())
        writer.write(whole(status, content, headers))
        return
    asked = request.json()
    if request.path.endswith("/embeddings"):
        writer.write(whole(200, embeddings(asked)))
        return
    claude = request.path.endswith("/messages")
    if not asked.get("stream"):
        writer.write(whole(200, (anthropic if claude else openai)(asked, behaviour.completion)))
        return
    writer.write(head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}))
    for event in (anthropic_events if claude else openai_events)(asked, behaviour.completion):
        writer.write(f"{len(event.encode()):x}\r\n{event}\r\n".encode())
        await writer.drain()
        await asyncio.sleep(behaviour.pause)
    writer.write(_ENDED)


async def serve(
    providers: dict[str, Provider], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer a connection's requests, each as the provider that its host names."""
    try:
        while request := await read_request(reader):
            await answer(providers[request.headers["host"].split(":")[0]], request, writer)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def control(
    providers: dict[str, Provider], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while request := await read_request(reader):
        provider = providers[request.path.strip("/")]
        if request.method == "PUT":
            provider.behaviour = Behaviour(**request.json())
            writer.write(whole(200, {}))
        else:
            seen, provider.seen = provider.seen, []
            writer.write(whole(200, seen))
        await writer.drain()
    writer.close()


async def main(settings: dict[str, Any]) -> None:
    hosts, names = {}, {}
    for one in settings["providers"]:
        hosts[one["host"]] = names[one["name"]] = Provider(one["name"], one.get("fixed"))
    for port, tls in {(one["port"], one["tls"]) for one in settings["providers"]}:
        context = _encrypted(Path(settings["certs"])) if tls else None
        await asyncio.start_server(partial(serve, hosts), "127.0.0.1", port, ssl=context)
    server = await asyncio.start_unix_server(partial(control, names), settings["control"])
    await server.serve_forever()


def _encrypted(certs: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "tls.crt", certs / "tls.key")
    return context


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
