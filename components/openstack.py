"""OpenStack resources as Pulumi resources, from a plan.

A block's pure functions make the plan: what is looked up and what is made, in order, as plain values that
may point at each other by `Ref`. This module hands it to the SDK, which is imported only when needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import pulumi

_FILES: Final = ("OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE")


@dataclass(frozen=True, kw_only=True)
class Ref:
    """An output of a part of the plan that stands before: `index` picks one of a list; a lookup has one."""

    key: str
    output: str = "id"
    index: int | None = None


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """Something that is there already. It is asked for in the preview, so what is missing stops it there.

    `kind` is module and function of the SDK (`networking.get_network`); `pick` takes the answer and gives the
    value that `Ref` stands for, or raises `Unusable`.
    """

    key: str
    kind: str
    inputs: Mapping[str, Any]
    pick: Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A resource to make.

    `kind` is module and class of the SDK (`networking.Subnet`), `key` its Pulumi name, `inputs` its arguments
    by their names in the SDK. It follows all that `inputs` and `after` point at. `options` are further fields
    of `pulumi.ResourceOptions`.
    """

    key: str
    kind: str
    inputs: Mapping[str, Any]
    after: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


class Unusable(pulumi.RunError):
    """What is there cannot be used as configured."""


def refs(value: Any) -> Iterable[Ref]:
    """All pointers in a plain value."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Mapping):
        yield from (ref for item in value.values() for ref in refs(item))
    elif isinstance(value, list | tuple):
        yield from (ref for item in value for ref in refs(item))


def provider(name: str, *, cloud: str, region: str, opts: pulumi.ResourceOptions) -> pulumi.ProviderResource:
    """The provider of one cloud of `clouds.yaml`.

    Variables `OS_...` would count before `clouds.yaml`, in all sites alike: they are refused (`Unusable`),
    and whatever else the SDK would take from them is given.
    """
    import pulumi_openstack  # noqa: PLC0415 (needed only where there is an OpenStack)

    if found := sorted(name for name in os.environ if name.startswith("OS_") and name not in _FILES):
        raise Unusable(
            f"cloud {cloud}: {', '.join(found)} in the environment would count before clouds.yaml. "
            f"Unset them; only {' and '.join(_FILES)} may be set, to say where that file is."
        )
    return pulumi_openstack.Provider(
        name,
        cloud=cloud,
        region=region,
        allow_reauth=True,
        delayed_auth=True,
        endpoint_type="public",
        insecure=False,
        swauth=False,
        opts=opts,
    )


def register(
    plan: Iterable[Lookup | Wanted], provider: pulumi.ProviderResource, opts: pulumi.ResourceOptions
) -> dict[str, Any]:
    """Register a plan in its order; `opts` hold for every resource. Gives resources and values by key."""
    made: dict[str, Any] = {}
    for part in plan:
        if isinstance(part, Lookup):
            call = _member(part.kind, "_output")
            given = {name: _resolved(value, made) for name, value in part.inputs.items()}
            asked = call(**given, opts=pulumi.InvokeOutputOptions(provider=provider))
            made[part.key] = asked.apply(part.pick)
        else:
            own = pulumi.ResourceOptions(
                provider=provider, depends_on=[made[key] for key in part.after], **part.options
            )
            inputs = {name: _resolved(value, made) for name, value in part.inputs.items()}
            merged = pulumi.ResourceOptions.merge(opts, own)
            made[part.key] = _member(part.kind)(part.key, opts=merged, **inputs)
    return made


def output(made: Mapping[str, Any], ref: Ref) -> pulumi.Output[Any]:
    """What a pointer stands for, once its part of the plan is registered."""
    found = made[ref.key]
    value: pulumi.Output[Any] = found if isinstance(found, pulumi.Output) else getattr(found, ref.output)
    return value if ref.index is None else value.apply(partial(_item, index=ref.index))


def _item(values: list[Any], index: int) -> Any:
    return values[index]


def _member(kind: str, ending: str = "") -> Any:
    import pulumi_openstack  # noqa: PLC0415 (see `provider`)

    module, _, name = kind.partition(".")
    return getattr(getattr(pulumi_openstack, module), f"{name}{ending}")


def _resolved(value: Any, made: Mapping[str, Any]) -> Any:
    if isinstance(value, Ref):
        return output(made, value)
    if isinstance(value, Mapping):
        return {key: _resolved(item, made) for key, item in value.items()}
    return [_resolved(item, made) for item in value] if isinstance(value, list | tuple) else value
