"""Episodes over HTTP: reproduced by their seed, refused where an action does not fit."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("gymnasium")

from bastide_sandbox.gym import episodes, serve
from tests.images.sandbox.client import Client


@pytest.fixture(scope="module")
def gym() -> Iterator[Client]:
    server, close = serve.serve(("127.0.0.1", 0), Namespace())
    server.start()
    yield Client(port=server.server_port)
    server.shutdown()
    server.server_close()
    close()


def play(gym: Client, environment: str, seed: int, actions: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    status, begun = gym.ask("POST", "/v1/episodes", {"environment": environment, "seed": seed})
    assert status == 201, begun
    status, told = gym.ask("POST", f"/v1/episodes/{begun['episode']}/steps", {"actions": actions})
    assert status == 200, told
    taken = len(told["steps"])
    ended = {"episode": begun["episode"], "steps": taken}
    assert gym.ask("DELETE", f"/v1/episodes/{begun['episode']}") == (200, ended)
    return begun, told["steps"]


@pytest.mark.parametrize("environment", sorted(episodes.offered().values()))
def test_every_environment_is_reproduced_by_its_seed(gym: Client, environment: str) -> None:
    discrete = not environment.startswith(("Pendulum", "MountainCarContinuous"))
    actions: list[Any] = [number % 2 if discrete else [0.5] for number in range(50)]
    first, again = (play(gym, environment, 7, actions) for _ in range(2))
    assert {**first[0], "episode": ""} == {**again[0], "episode": ""}
    assert first[1] == again[1]


def test_another_seed_is_another_episode(gym: Client) -> None:
    seen = [play(gym, "CartPole-v1", seed, [0, 1])[0]["observation"] for seed in (1, 2)]
    assert seen[0] != seen[1]


def test_an_episode_ends_and_says_so(gym: Client) -> None:
    begun = gym.ask("POST", "/v1/episodes", {"environment": "CartPole-v1", "seed": 1})[1]
    path = f"/v1/episodes/{begun['episode']}/steps"
    steps = gym.ask("POST", path, {"actions": [1] * 500})[1]["steps"]
    assert [step["terminated"] for step in steps] == [False] * (len(steps) - 1) + [True]
    assert len(steps) < 500
    status, told = gym.ask("POST", path, {"actions": [1]})
    assert (status, told["error"]["code"]) == (409, "episode_over")


@pytest.mark.parametrize("action", [2, -1, "0", True, None, 0.5, [0], 10**30])
def test_actions_that_do_not_fit_are_refused_and_nothing_is_stepped(gym: Client, action: Any) -> None:
    begun = gym.ask("POST", "/v1/episodes", {"environment": "CartPole-v1", "seed": 1})[1]
    path = f"/v1/episodes/{begun['episode']}"
    status, told = gym.ask("POST", f"{path}/steps", {"actions": [0, action]})
    assert (status, told["error"]["code"]) == (400, "bad_action")
    assert gym.ask("DELETE", path)[1]["steps"] == 0


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/episodes", {"environment": "Doom-v1", "seed": 1}, 404, "no_such_environment"),
        ("/v1/episodes", {"environment": "CartPole-v1"}, 400, "missing_field"),
        ("/v1/episodes", {"environment": "CartPole-v1", "seed": -1}, 400, "bad_field"),
        ("/v1/episodes", {"environment": "CartPole-v1", "seed": 1.5}, 400, "bad_field"),
        ("/v1/episodes/999999/steps", {"actions": [0]}, 404, "no_such_episode"),
        ("/v1/episodes/999999/steps", {"actions": []}, 400, "bad_field"),
    ],
)
def test_bad_calls_are_refused_with_a_code(gym: Client, path: str, body: Any, status: int, code: str) -> None:
    found, told = gym.ask("POST", path, body)
    assert (found, told["error"]["code"]) == (status, code)


def test_there_may_be_only_so_many(gym: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episodes, "EPISODES", 0)
    told = gym.ask("POST", "/v1/episodes", {"environment": "CartPole-v1", "seed": 1})[1]
    assert told["error"]["code"] == "too_many_episodes"


def test_health(gym: Client) -> None:
    assert gym.ask("GET", "/healthz") == (200, {"status": "ok"})
    assert "CartPole-v1" in gym.ask("GET", "/v1/environments")[1]["environments"]
