"""A resource's state as the official provider keeps it: the live object, and beside it what led to it.

Keeping its form lets a stack go from the stand-in to the official plug-in and back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from twin.plugins.kubernetes.objects import annotation
from twin.plugins.kubernetes.values import Object, conceal, from_api, plain, to_api

INPUTS, API_VERSION, MANAGER = "__inputs", "__initialApiVersion", "__fieldManager"
_FIELD_MANAGER = "pulumi.com/patchFieldManager"


@dataclass(frozen=True)
class State:
    """Plain values: the inputs that were applied, the live object, the field manager's name."""

    inputs: Object
    live: Object
    api_version: str
    manager: str


def read_state(wrapped: Object) -> State:
    values = to_api(plain(wrapped))
    live = {key: value for key, value in values.items() if not key.startswith("__")}
    return State(values.get(INPUTS) or {}, live, values.get(API_VERSION, ""), values.get(MANAGER, ""))


def program_inputs(wrapped: Object) -> Object:
    """A program's inputs as the API takes them, without what the SDK keeps for itself."""
    return {key: value for key, value in to_api(plain(wrapped)).items() if not key.startswith("__")}


def manager_of(urn: str, inputs: Object, recorded: str = "") -> str:
    """The field manager: the program's, else the recorded one, else one that is the resource's own.

    It is made from the URN, so that a creation that was cut off is taken up by the next under the same name.
    """
    return (
        annotation(inputs, _FIELD_MANAGER)
        or recorded
        or f"pulumi-kubernetes-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"
    )


def checkpoint(live: Object, inputs: Object, wrapped: Object, *, api_version: str, manager: str) -> Object:
    """The state to record, secrets marked as in the `wrapped` inputs."""
    return {
        **conceal(from_api(live), wrapped),
        INPUTS: conceal(from_api(inputs), wrapped),
        API_VERSION: api_version or inputs.get("apiVersion", ""),
        MANAGER: manager,
    }
