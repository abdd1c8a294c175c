"""Reading what a caller sends: OpenAI's chat, completions, responses and embeddings, Anthropic's messages.

Every string of a body counts as text unless its place says otherwise, so that a field that is not known here
is checked and masked too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from bastide_guard.refusal import Code, Refusal

Kind: TypeAlias = Literal["chat", "completions", "responses", "embeddings", "messages"]
Visit: TypeAlias = Callable[[str, bool], str]

ENDPOINTS: Final[dict[str, Kind]] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/responses": "responses",
    "/v1/embeddings": "embeddings",
    "/v1/messages": "messages",
    "/anthropic/v1/messages": "messages",
}
"""Paths whose bodies are understood; all others are refused."""

INSTRUCTIONS: Final = frozenset({"system", "instructions", "response_format", "text"})
"""Fields that the application's developer writes: masked, but no place to look for injections."""

_KEPT: Final = frozenset({"model", "role", "type", "id", "name", "signature", "encrypted_content"})
_FREE: Final = frozenset({"input", "arguments", "metadata"})
_TOOL_CALLS: Final = frozenset(
    {"tool_use", "function_call", "server_tool_use", "mcp_call", "custom_tool_call"}
)
_MEDIA: Final = frozenset(
    {"image", "image_url", "input_image", "input_audio", "file", "input_file", "document"}
)
_BINARY: Final = ("data:image/", "data:audio/", "data:video/", "data:application/")


@dataclass(frozen=True)
class Text:
    """A string of a body; `instruction` if the application's developer wrote it."""

    value: str
    instruction: bool


@dataclass(frozen=True)
class Request:
    """A body that was understood."""

    kind: Kind
    body: dict[str, Any]
    texts: tuple[Text, ...]

    @property
    def model(self) -> str:
        """The model that is asked for."""
        return str(self.body["model"])

    @property
    def size(self) -> int:
        """Characters of all texts."""
        return sum(len(text.value) for text in self.texts)

    @property
    def tokens(self) -> int:
        """An estimate: four bytes to a token."""
        return sum(len(text.value.encode()) for text in self.texts) // 4

    @property
    def media(self) -> int:
        """Images, sounds and files, which are not looked into."""
        return sum(part.get("type") in _MEDIA for part in _objects(self.body))

    @property
    def tool_calls(self) -> int:
        """Tools that the model called in this conversation so far."""
        return sum(
            (each.get("type") in _TOOL_CALLS)
            + (len(each["tool_calls"]) if isinstance(each.get("tool_calls"), list) else 0)
            for each in _objects(self.body)
        )

    @property
    def needs(self) -> frozenset[str]:
        """Capabilities that a model needs for it."""
        needed = {"embeddings" if self.kind == "embeddings" else "chat"}
        if self.body.get("tools") or self.body.get("functions"):
            needed.add("tools")
        if any(part.get("type") in {"image", "image_url", "input_image"} for part in _objects(self.body)):
            needed.add("vision")
        return frozenset(needed)

    def last(self) -> str:
        """The text of the last message, for its fingerprint."""
        turns = self.body.get("messages", self.body.get("input", self.body.get("prompt")))
        final = turns[-1] if isinstance(turns, list) and turns else turns
        return "\n".join(text.value for text in _texts(final))

    def encoded(self, model: str, texts: Sequence[str] | None = None) -> bytes:
        """As JSON, for a model; with other texts if given, one for each of `texts`."""
        body = self.body
        if texts is not None:
            left = iter(texts)
            body = _object(body, lambda _value, _instruction: next(left), instruction=False, top=True)
        return json.dumps({**body, "model": model}, ensure_ascii=False, separators=(",", ":")).encode()


def parse(kind: Kind, raw: bytes) -> Request:
    """Understand a body. Raises `Refusal` where it could mean something else to the next who reads it."""
    try:
        body = json.loads(raw.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        if not isinstance(body, dict) or not isinstance(body.get("model"), str):
            raise ValueError
        if any(key != "model" and key.casefold() == "model" for key in body):
            raise ValueError
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
        _refuse_tokens(body)
        return Request(kind, body, _texts(body, top=True))
    except (ValueError, RecursionError):
        raise Refusal(
            Code.MALFORMED,
            "The body must be one JSON object in UTF-8 with a `model`, without duplicate keys.",
        ) from None


def _refuse_tokens(body: dict[str, Any]) -> None:
    """Tokens cannot be read, so nothing could be masked in them."""
    for key in ("prompt", "input"):
        items = body.get(key)
        if isinstance(items, list):
            nested = (each for item in items for each in (item if isinstance(item, list) else [item]))
            if any(isinstance(each, int | float) for each in nested):
                raise Refusal(Code.TEXT_REQUIRED, f"`{key}` must be text: tokens cannot be checked.")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_constant(_: str) -> None:
    raise ValueError


def _texts(value: Any, *, top: bool = False) -> tuple[Text, ...]:
    found: list[Text] = []

    def collect(text: str, instruction: bool) -> str:
        found.append(Text(text, instruction))
        return text

    if top:
        _object(value, collect, instruction=False, top=True)
    else:
        _walk(value, collect, instruction=False)
    return tuple(found)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of the API's own structure, tools' schemas and their arguments left out."""
    if isinstance(value, list):
        for item in value:
            yield from _objects(item)
    elif isinstance(value, dict):
        yield value
        for key, item in value.items():
            if key not in {"tools", "functions", "arguments", "metadata"} and not (
                key == "input" and isinstance(item, dict)
            ):
                yield from _objects(item)


def _walk(value: Any, visit: Visit, *, instruction: bool) -> Any:
    if isinstance(value, str):
        return visit(value, instruction)
    if isinstance(value, list):
        return [_walk(item, visit, instruction=instruction) for item in value]
    if isinstance(value, dict):
        return _object(value, visit, instruction=instruction)
    return value


def _object(value: dict[str, Any], visit: Visit, *, instruction: bool, top: bool = False) -> dict[str, Any]:
    written = instruction or value.get("role") in ("system", "developer")
    return {
        key: _member(value, key, item, visit, written or (top and key in INSTRUCTIONS))
        for key, item in value.items()
    }


def _member(parent: dict[str, Any], key: str, item: Any, visit: Visit, instruction: bool) -> Any:
    if key in _FREE and isinstance(item, dict):
        return _free(item, visit, instruction)
    if isinstance(item, str):
        if key == "arguments":
            return _arguments(item, visit, instruction)
        if key in _KEPT or (key.endswith("_id") and key != "user_id") or _is_binary(parent, key, item):
            return item
    return _walk(item, visit, instruction=instruction)


def _is_binary(parent: dict[str, Any], key: str, item: str) -> bool:
    encoded = key == "data" and (parent.get("type") == "base64" or "format" in parent)
    return encoded or (key in {"url", "image_url", "file_data"} and item.startswith(_BINARY))


def _free(value: Any, visit: Visit, instruction: bool) -> Any:
    """What a tool is given: its keys are texts like its values."""
    if isinstance(value, dict):
        return {visit(key, instruction): _free(item, visit, instruction) for key, item in value.items()}
    if isinstance(value, list):
        return [_free(item, visit, instruction) for item in value]
    return visit(value, instruction) if isinstance(value, str) else value


def _arguments(item: str, visit: Visit, instruction: bool) -> str:
    """What a tool is given, as JSON within a string; written anew only where a text changes."""
    try:
        given = json.loads(item, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        json.dumps(given, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return visit(item, instruction)
    changed = _free(given, visit, instruction)
    return item if changed == given else json.dumps(changed, ensure_ascii=False)
