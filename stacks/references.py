"""What one layer reads of another: typed outputs, known before the first resource is registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import pulumi
from pulumi.runtime.sync_await import _sync_await

from components.model.outputs import Outputs, OutputsError

Read = TypeVar("Read", bound=Outputs)


def read(outputs: type[Read], environment: str, layer: str) -> Read:
    """The outputs of `<environment>.<layer>`. Raises `OutputsError` where they are missing or not ours.

    The reference is awaited here, as the SDK itself awaits an invoke: were it passed on as a promise, a
    wrong value would be found only after half of the resources had been registered.
    """
    stack = f"{environment}.{layer}"
    reference = pulumi.StackReference(stack, f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}")
    details = _sync_await(reference.get_output_details(layer))
    if details.value is None:
        raise OutputsError(
            f"stack {stack}: it has no output `{layer}` yet. Deploy it first: `pulumi up -s {stack}`."
        )
    return outputs.parse(_whole(details.value), stack)


def _whole(value: Any) -> Any:
    """`value` with whole numbers as integers: the engine's protocol knows floating point only."""
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
