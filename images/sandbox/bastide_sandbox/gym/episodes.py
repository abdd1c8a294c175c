"""Episodes under way. An episode is one environment, reset with a seed."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import gymnasium
import numpy
from gymnasium import spaces

from bastide_sandbox.errors import SandboxError

EPISODES: Final = 64
"""How many there may be at once."""
_SOURCES: Final = ("gymnasium.envs.classic_control", "gymnasium.envs.toy_text")
"""Where the environments come from that need nothing but numpy."""


def offered() -> dict[str, str]:
    """The newest version of each environment: its full name by its bare one (`CartPole`: `CartPole-v1`)."""
    found = [
        spec
        for spec in gymnasium.registry.values()
        if isinstance(spec.entry_point, str) and spec.entry_point.startswith(_SOURCES)
    ]
    newest = sorted(found, key=lambda spec: spec.version or 0)
    return {spec.name: spec.id for spec in newest}


@dataclass
class _Episode:
    environment: gymnasium.Env[Any, Any]
    over: bool = False
    steps: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Episodes:
    """Begins, steps and ends episodes; every method raises `SandboxError` for what cannot be."""

    def __init__(self) -> None:
        self.environments = tuple(sorted(offered().values()))
        self._episodes: dict[str, _Episode] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def begin(self, name: str, seed: int) -> dict[str, Any]:
        """A new episode: its id, first observation and spaces."""
        if name not in self.environments:
            raise SandboxError(404, "no_such_environment", f"choose one of {', '.join(self.environments)}")
        environment = gymnasium.make(name)
        observation, info = environment.reset(seed=seed)
        with self._lock:
            if len(self._episodes) >= EPISODES:
                raise SandboxError(429, "too_many_episodes", f"{EPISODES} episodes are under way: end one")
            key = str(next(self._numbers))
            self._episodes[key] = _Episode(environment)
        return {
            "episode": key,
            "environment": name,
            "seed": seed,
            "observation": plain(observation),
            "info": plain(info),
            "actions": described(environment.action_space),
            "observations": described(environment.observation_space),
        }

    def step(self, key: str, actions: Sequence[Any]) -> list[dict[str, Any]]:
        """Take `actions` one after the other, until the episode is over."""
        episode = self._of(key)
        with episode.lock:
            if episode.over:
                raise SandboxError(409, "episode_over", f"episode {key} is over: begin another")
            taken = [_action(episode.environment.action_space, each) for each in actions]
            told = []
            for action in taken:
                observation, reward, terminated, truncated, info = episode.environment.step(action)
                episode.over = terminated or truncated
                episode.steps += 1
                told.append(
                    {
                        "observation": plain(observation),
                        "reward": float(reward),
                        "terminated": bool(terminated),
                        "truncated": bool(truncated),
                        "info": plain(info),
                    }
                )
                if episode.over:
                    break
            return told

    def end(self, key: str) -> int:
        """End an episode; how many steps it took."""
        episode = self._of(key)
        with self._lock:
            self._episodes.pop(key, None)
        with episode.lock:
            episode.over = True
            episode.environment.close()
        return episode.steps

    def _of(self, key: str) -> _Episode:
        try:
            return self._episodes[key]
        except KeyError:
            raise SandboxError(404, "no_such_episode", f"there is no episode {key}") from None


def _action(space: spaces.Space[Any], given: Any) -> Any:
    try:
        action = given if isinstance(space, spaces.Discrete) else numpy.asarray(given, dtype=space.dtype)
        fits = not isinstance(given, bool) and space.contains(action)
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise SandboxError(400, "bad_action", f"{given!r:.100} is not in {space}")
    return action


def described(space: spaces.Space[Any]) -> dict[str, Any]:
    """A space: its kind, and how many values, or its bounds."""
    if isinstance(space, spaces.Discrete):
        return {"kind": "discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.Box):
        bounds = {"low": plain(space.low), "high": plain(space.high)}
        return {"kind": "box", "shape": list(space.shape), **bounds}
    if isinstance(space, spaces.Tuple):
        return {"kind": "tuple", "spaces": [described(each) for each in space.spaces]}
    return {"kind": type(space).__name__.lower()}


def plain(value: Any) -> Any:
    """`value` as JSON has it; what is not finite becomes text."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, numpy.ndarray | numpy.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float) and not numpy.isfinite(value):
        return str(value)
    return value
