"""What a test's program sees of the lab provider: see labprovider.py."""

from __future__ import annotations

from typing import Any

import pulumi


class Record(pulumi.CustomResource):
    """An object in the lab's folder; `uid` is given at its creation."""

    uid: pulumi.Output[str]
    value: pulumi.Output[Any]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None, **inputs: Any) -> None:
        super().__init__("lab:index:Record", name, {"uid": None, "value": None, **inputs}, opts)
