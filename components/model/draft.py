"""An environment as far as its files could be read: what the rules over all files look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from components.model.document import Document, Path_
from components.model.errors import ConfigProblem
from components.model.foundation import Foundation
from components.model.gateway import Gateway
from components.model.grants import TenantGateway
from components.model.platform import Platform
from components.model.tenant import Tenant

PROJECT: Final = "bastide"
FOUNDATION: Final = "foundation"
PLATFORM: Final = "platform"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What could be parsed; a layer with problems of its own is None or left out.

    Tenants and what they use of the gateway are by file; `today` is the day on which dates are judged.
    """

    name: str
    documents: Mapping[str, Document]
    foundation: Foundation | None
    platform: Platform | None
    tenants: Mapping[str, Tenant]
    gateways: Mapping[str, TenantGateway]
    today: date

    @property
    def gateway(self) -> Gateway | None:
        """The platform's gateway."""
        return self.platform.gateway if self.platform else None

    def problem(self, layer: str, path: Path_, value: object, rule: str, mend: str) -> ConfigProblem:
        """A problem at `path` (from our own key on: `("pools", 2, "zone")`) of a layer's file."""
        full = ("config", f"{PROJECT}:{path[0]}", *path[1:])
        return self.documents[layer].problem(full, value, rule, mend)

    def lapsed(self, layer: str, path: Path_, day: date, mend: str) -> ConfigProblem:
        """A last day at `path` that has passed."""
        rule = f"must not be over: today is {self.today}"
        return replace(self.problem(layer, path, day, rule, mend), lapsed=True)

    def contexts(self) -> dict[str, str]:
        """The kubeconfig context that each layer's file names."""
        return dict(self._contexts())

    def _contexts(self) -> Iterator[tuple[str, str]]:
        for layer, document in self.documents.items():
            config = document.data.get("config")
            context = config.get("kubernetes:context") if isinstance(config, dict) else None
            if context:
                yield layer, str(context)
