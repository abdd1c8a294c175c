"""What catalog.yaml and images.yaml pin, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from components.model.own_images import own_images

FILE = Path(__file__).with_name("catalog.yaml")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A kind of somebody else's that we write objects of; the first of `versions` is the one stored."""

    group: str
    kind: str
    plural: str
    versions: tuple[str, ...]
    scope: str = "Namespaced"

    @property
    def name(self) -> str:
        """The name of its CustomResourceDefinition."""
        return f"{self.plural}.{self.group}"


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Third-party software: the chart that installs it, and the definitions that come with it.

    `digest` is the archive's, None where it is not known; `needs` names charts that come before; `part_of` is
    the software's name; `provided` software comes with the cluster and is never installed by us.
    """

    name: str
    source: str
    chart: str
    version: str
    digest: str | None
    licence: str
    namespace: str
    values: Mapping[str, Any]
    needs: tuple[str, ...]
    part_of: str
    provided: bool
    definitions: tuple[Definition, ...]

    @property
    def title(self) -> str:
        """The software and its version: `envoy-gateway 1.9.1`."""
        return f"{self.part_of} {self.version.removeprefix('v')}"

    @property
    def archive(self) -> str:
        """The file name that `helm pull` gives the chart."""
        return f"{self.chart}-{self.version}.tgz"

    @property
    def served(self) -> tuple[str, ...]:
        """The API versions of its definitions: `gateway.networking.k8s.io/v1`."""
        found = {f"{each.group}/{version}" for each in self.definitions for version in each.versions}
        return tuple(sorted(found))


@cache
def entries(section: str) -> dict[str, dict[str, Any]]:
    """All entries of a section: `images`, `charts`."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())[section]
    return found


def image(name: str) -> str:
    """The reference of an image, by digest: `registry.k8s.io/pause@sha256:...`."""
    entry = entries("images")[name]
    return f"{entry['source']}@{entry['digest']}"


def own_image(name: str, registry: str) -> str:
    """The reference of an image of our own, by the digest that was proven, in a registry that holds it.

    Raises `KeyError` where none is pinned; the model's rules ask before.
    """
    return own_images()[name].reference(registry)


@cache
def charts() -> tuple[Chart, ...]:
    """All charts, in order of installation."""
    return tuple(_chart(name, entry) for name, entry in entries("charts").items())


def _chart(name: str, entry: Mapping[str, Any]) -> Chart:
    rest = {"values": {}, "provided": False, "part_of": name, **entry}
    definitions = tuple(
        Definition(group=group, **{**each, "versions": tuple(each["versions"])})
        for group, listed in rest.pop("definitions", {}).items()
        for each in listed
    )
    return Chart(name=name, **{**rest, "needs": tuple(rest.get("needs", ()))}, definitions=definitions)


@cache
def programs() -> dict[str, str]:
    """Versions of the programs of real machines, by the variable of the Ansible role that takes them."""
    return {each["variable"]: each["version"] for each in entries("hosts").values()}
