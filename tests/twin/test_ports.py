"""Ports: given or found, remembered, and never shared in silence."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from twin.controlplane.ports import HOST, ports_for, refuse_taken, remembered_ports
from twin.errors import TwinError
from twin.settings import TwinSettings


def settings(folder: Path, port: int = 0) -> TwinSettings:
    return TwinSettings(name="t", home=folder / "t", cache=folder / "cache", port=port)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_free_ports_are_distinct_and_remembered(tmp_path: Path) -> None:
    first = ports_for(settings(tmp_path))
    assert len(set(asdict(first).values())) == len(asdict(first))
    assert ports_for(settings(tmp_path)) == first == remembered_ports(settings(tmp_path))


def test_two_homes_get_ports_of_their_own(tmp_path: Path) -> None:
    assert ports_for(settings(tmp_path / "a")) != ports_for(settings(tmp_path / "b"))


def test_a_given_block_counts_up(tmp_path: Path) -> None:
    assert list(asdict(ports_for(settings(tmp_path, 7000))).values()) == list(range(7000, 7006))


@pytest.mark.parametrize("port", [-1, 80, 65535, 99999])
def test_a_block_outside_of_the_range_is_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(TwinError, match=f"BASTIDE_PORT={port}"):
        ports_for(settings(tmp_path, port))


def test_a_taken_port_is_named_with_its_mend(tmp_path: Path, taken: int) -> None:
    ports = ports_for(settings(tmp_path))
    refuse_taken({"apiserver": ports.apiserver})
    path = settings(tmp_path).home / "ports.json"
    path.write_text(json.dumps({**asdict(ports), "apiserver": taken}))
    with pytest.raises(TwinError) as caught:
        refuse_taken({"apiserver": ports_for(settings(tmp_path)).apiserver})
    assert f"port {taken}" in caught.value.problem
    assert "BASTIDE_PORT" in caught.value.mend


@pytest.mark.parametrize("text", ["", "[]", '{"apiserver": 1}', '{"apiserver": "x"}'])
def test_a_damaged_memory_is_named_with_its_mend(tmp_path: Path, text: str) -> None:
    path = settings(tmp_path).home / "ports.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(TwinError) as caught:
        ports_for(settings(tmp_path))
    assert str(path) in caught.value.problem
    assert "delete this file" in caught.value.mend
