"""Where third-party software comes from."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from components.model.base import Model
from components.model.quantity import broken
from components.model.types import matching, string_schema

UpstreamMode: TypeAlias = Literal["charts", "stand-ins", "external"]

_MIRROR = r"(oci:/)?(/[A-Za-z0-9._:@-]+)+"
Mirror: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _MIRROR,
            "must be a folder's absolute path, or a registry's address",
            "Write it like `/srv/bastide/charts` or `oci://registry.acme.example/charts`.",
        )
    ),
    string_schema("mirror", _MIRROR, examples=["/srv/bastide/charts", "oci://registry.acme.example/charts"]),
]


_REGISTRY = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]([-a-z0-9._]*[a-z0-9])?)*"
Registry: TypeAlias = Annotated[
    str,
    BeforeValidator(
        matching(
            _REGISTRY,
            "must be a registry's host name, with a port and a path if needed, in lower case",
            "Write it like `registry.acme.example/bastide`, without `https://`, tag or digest.",
        )
    ),
    string_schema("registry", _REGISTRY, examples=["registry.acme.example/bastide"]),
]
"""Where container images are; an image's name follows after a `/`."""


class UpstreamSettings(Model):
    """Who installs third-party software, and from where."""

    mode: UpstreamMode = Field(
        default="stand-ins",
        description="`charts`: the pinned charts are installed; `external`: somebody else installs the "
        "software, we only look; `stand-ins`: custom resources land and nothing acts on them, for twin and "
        "development.",
    )
    mirror: Mirror | None = Field(
        default=None, description="Folder or registry that holds the charts; with `charts` only."
    )

    @model_validator(mode="after")
    def _charts_have_a_mirror(self) -> UpstreamSettings:
        if self.mode == "charts" and self.mirror is None:
            raise broken("`charts` needs `mirror`", "Add `mirror`: a folder or a registry with the charts.")
        if self.mode != "charts" and self.mirror is not None:
            raise broken("`mirror` is read with `mode: charts` only", "Remove `mirror`, or change `mode`.")
        return self
