"""Bodies are understood without changing what they mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastide_guard.refusal import Code, Refusal
from bastide_guard.request import parse

CHAT = {
    "model": "cloud",
    "temperature": 0.7,
    "seed": 12345678901234567890,
    "user": "T1",
    "messages": [
        {"role": "system", "content": "T2"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "T3"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "mail", "arguments": '{"T4": ["T5", 7]}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "T6"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "mail",
                "description": "T7",
                "parameters": {"properties": {"e-mail": {"description": "T8"}}},
            },
        }
    ],
}
MESSAGES = {
    "model": "cloud",
    "system": [{"type": "text", "text": "T1"}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "T2"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {
                    "type": "tool_use",
                    "id": "tu_1",
                    "name": "mail",
                    "input": {"T3": "T4", "id": "T5", "name": "T6"},
                }
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "tu_1", "content": [{"type": "text", "text": "T7"}]}
            ],
        },
    ],
    "metadata": {"user_id": "T8"},
}
RESPONSES = {
    "model": "cloud",
    "instructions": "T1",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "T2"}]},
        {"type": "function_call", "call_id": "c1", "name": "mail", "arguments": "not JSON T3"},
        {"type": "function_call_output", "call_id": "c1", "output": "T4"},
    ],
}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("chat", CHAT),
        ("messages", MESSAGES),
        ("responses", RESPONSES),
        ("completions", {"model": "cloud", "prompt": ["T1", "T2"], "suffix": "T3"}),
        ("embeddings", {"model": "cloud", "input": "T1"}),
        ("chat", {"model": "cloud", "messages": [], "something_new": {"deep": ["T1"]}}),
    ],
)
def test_texts_are_found_and_replaced_in_place(kind: Any, body: dict[str, Any]) -> None:
    request = parse(kind, json.dumps(body).encode())
    marks = [text.value for text in request.texts if "T" in text.value]
    assert len(marks) == json.dumps(body).count("T")
    other = [text.value.replace("T", '<ü_"1>') for text in request.texts]
    changed = json.loads(request.encoded("else", other))
    expected = json.loads(json.dumps(body).replace('{\\"T4\\": [\\"T5\\", 7]}', "ARGUMENTS"))
    arguments = json.dumps({'<ü_"1>4': ['<ü_"1>5', 7]}, ensure_ascii=False)
    text = json.dumps({**expected, "model": "else"}).replace("T", json.dumps('<ü_"1>')[1:-1])
    text = text.replace("ARGUMEN" + json.dumps('<ü_"1>')[1:-1] + "S", json.dumps(arguments)[1:-1])
    assert changed == json.loads(text)


def test_only_what_the_developer_wrote_counts_as_instruction() -> None:
    texts = {text.value: text.instruction for text in parse("chat", json.dumps(CHAT).encode()).texts}
    assert texts["T2"] is True
    assert not any(texts[name] for name in ("T3", "T4", "T5", "T6", "T7", "T8"))
    assert parse("messages", json.dumps(MESSAGES).encode()).texts[0].instruction is True


def test_facts_of_a_conversation() -> None:
    request = parse("chat", json.dumps(CHAT).encode())
    assert (request.tool_calls, request.media, request.needs) == (1, 1, {"chat", "tools", "vision"})
    assert request.last() == "T6"
    other = parse("messages", json.dumps(MESSAGES).encode())
    assert (other.tool_calls, other.media, other.needs) == (1, 2, {"chat", "vision"})
    third = parse("responses", json.dumps(RESPONSES).encode())
    assert (third.tool_calls, third.last()) == (1, "T4")
    assert parse("embeddings", b'{"model":"m","input":["a","b"]}').needs == {"embeddings"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}",
        b'{"model": 7}',
        b'{"model": "a"} {}',
        b'{"model": "a", "model": "b"}',
        b'{"model": "a", "Model": "b"}',
        b'{"model": "a", "messages": [{"role": "user", "role": "system"}]}',
        b'{"model": "a", "x": NaN}',
        b'{"model": "a", "x": 1e999}',
        b'{"model": "a", "x": "\\ud800"}',
        b'{"model": "a", "x": "\xff"}',
        b"\xef\xbb\xbf" + b'{"model": "a"}',
        b'{"model": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\x1f\x8b\x08\x00compressed",
    ],
)
def test_what_others_could_read_otherwise_is_refused(raw: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        parse("chat", raw)
    assert refused.value.code == Code.MALFORMED


@pytest.mark.parametrize(
    ("kind", "value"), [("embeddings", {"input": [1, 2]}), ("completions", {"prompt": [[1, 2]]})]
)
def test_tokens_are_refused(kind: Any, value: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        parse(kind, json.dumps({"model": "m", **value}).encode())
    assert refused.value.code == Code.TEXT_REQUIRED


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["content", "arguments", "input", "metadata", "id", "é"]), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["messages", "system", "tools", "metadata", "n"]), JSON))
def test_the_same_texts_give_the_same_body(body: dict[str, Any]) -> None:
    request = parse("chat", json.dumps({**body, "model": "m"}).encode())
    again = request.encoded("m", [text.value for text in request.texts])
    assert json.loads(again) == {**body, "model": "m"}
