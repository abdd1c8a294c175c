"""The gym sandbox as a container: an episode is reproduced by its seed, there and in another container."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from images.builder.definition import load
from tests.images.conftest import Image
from tests.support.images import contract, podman
from tests.support.images.podman import Container

pytestmark = [
    pytest.mark.images("gym"),
    pytest.mark.skipif(podman.absent() != "", reason=podman.absent()),
]


@pytest.fixture(scope="module")
def gym(image: Callable[[str], Image]) -> Iterator[Container]:
    with podman.running(image("gym"), options=["--memory=512m"]) as container:
        yield container


def play(gym: Container, environment: str, seed: int, actions: list[Any]) -> list[Any]:
    """The first observation, and the steps."""
    begun = gym.ask("POST", "/v1/episodes", {"environment": environment, "seed": seed}).json()
    path = f"/v1/episodes/{begun['episode']}"
    steps = gym.ask("POST", f"{path}/steps", {"actions": actions}).json()["steps"]
    assert gym.ask("DELETE", path).json()["steps"] == len(steps)
    return [begun["observation"], steps]


def test_the_contract_of_containers(image: Callable[[str], Image], gym: Container) -> None:
    definition = load("gym")
    layer = contract.read_layer(image("gym").store, "gym")
    assert [*contract.broken_by_layer(definition, layer)] == []
    assert [*contract.broken_by_container(definition, gym)] == []


def test_every_environment_is_reproduced_by_its_seed(gym: Container) -> None:
    names = gym.ask("GET", "/v1/environments").json()["environments"]
    assert len(names) > 8
    for name in names:
        discrete = not name.startswith(("Pendulum", "MountainCarContinuous"))
        actions: list[Any] = [number % 2 if discrete else [0.5] for number in range(100)]
        assert play(gym, name, 42, actions) == play(gym, name, 42, actions), name
    assert play(gym, "CartPole-v1", 1, [0]) != play(gym, "CartPole-v1", 2, [0])


def test_another_container_plays_the_same(image: Callable[[str], Image], gym: Container) -> None:
    with podman.running(image("gym")) as other:
        for name in ("CartPole-v1", "FrozenLake-v1", "Acrobot-v1"):
            assert play(gym, name, 7, [1] * 50) == play(other, name, 7, [1] * 50), name
