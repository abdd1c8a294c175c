"""The SDK's generated gRPC stubs, without the SDK around them.

`import pulumi` costs half a second and the host needs none of it. The packages above the stubs are entered as
bare packages, so that only the stubs' own modules are executed.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_BARE = ("pulumi", "pulumi.runtime", "pulumi.runtime.proto")


def _enter_bare(name: str) -> None:
    """Make `name` importable as a package whose own code is not run."""
    spec = find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(
            f"The Pulumi SDK is not installed in {sys.prefix}: no package {name}", name=name
        )
    module = ModuleType(name)
    module.__path__ = list(spec.submodule_search_locations)
    module.__spec__ = ModuleSpec(name, None, is_package=True)
    module.__spec__.submodule_search_locations = module.__path__
    sys.modules[name] = module


if "pulumi" not in sys.modules:
    for _name in _BARE:
        _enter_bare(_name)

from pulumi.runtime.proto import (  # noqa: E402
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    plugin_pb2,
)

__all__ = ["engine_pb2", "engine_pb2_grpc", "language_pb2", "language_pb2_grpc", "plugin_pb2"]
