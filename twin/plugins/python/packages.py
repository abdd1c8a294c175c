"""What is installed in an environment: Pulumi packages with their plug-ins, and all distributions."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

_PRE_RELEASE = {"a": "alpha", "b": "beta", "rc": "rc"}
_PEP440 = re.compile(
    r"(?P<release>\d+(\.\d+)*)((?P<pre>a|b|rc)(?P<pre_n>\d+))?(\.post(?P<post>\d+))?(\.dev(?P<dev>\d+))?"
)


@dataclass(frozen=True, kw_only=True)
class PluginPackage:
    """A provider plug-in that an installed package needs; `version` has the form `v1.2.3`."""

    name: str
    version: str
    server: str = ""
    parameterization: Mapping[str, Any] = field(default_factory=dict)


def plugin_version(package_version: str) -> str | None:
    """The plug-in version (SemVer with `v`) of a package version (PEP 440), None where there is none."""
    match = _PEP440.fullmatch(package_version)
    if match is None:
        return None
    release = [*match["release"].split("."), "0", "0"]
    version = "v" + ".".join(release[: max(3, len(release) - 2)])
    if match["pre"]:
        version += f"-{_PRE_RELEASE[match['pre']]}.{match['pre_n']}"
    build = "".join(f"{kind}{match[kind]}" for kind in ("post", "dev") if match[kind])
    return f"{version}+{build}" if build else version


def _declared(metadata: Path) -> Mapping[str, Any] | None:
    """The plugin declaration of the package whose `.dist-info` folder is given; empty where there is none."""
    module = metadata.name.partition("-")[0]
    path = metadata.parent / module / "pulumi-plugin.json"
    try:
        declared: Mapping[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {"resource": True} if module.startswith("pulumi_") else None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): install the package anew") from error
    return declared


def plugin_packages(site: Path) -> Iterator[PluginPackage]:
    """The provider plug-ins that the packages in `site` need."""
    for metadata in sorted(site.glob("*.dist-info")):
        declared = _declared(metadata)
        if not declared or not declared.get("resource"):
            continue
        module, _, package_version = metadata.name.removesuffix(".dist-info").partition("-")
        version = declared.get("version") or plugin_version(package_version)
        if version:
            yield PluginPackage(
                name=declared.get("name") or module.removeprefix("pulumi_").replace("_", "-"),
                version=version if version.startswith("v") else f"v{version}",
                server=declared.get("server", ""),
                parameterization=declared.get("parameterization") or {},
            )


def at_hand(plugin: PluginPackage) -> bool:
    """Whether the plug-in is on PATH or in the engine's own plug-in folder."""
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    installed = home / "plugins" / f"resource-{plugin.name}-{plugin.version}"
    return shutil.which(f"pulumi-resource-{plugin.name}") is not None or installed.is_dir()


def dependencies(site: Path, *, transitive: bool) -> list[tuple[str, str]]:
    """(name, version) of the distributions in `site`; without `transitive`, those that no other requires."""
    found = {_canonical(item.name): item for item in distributions(path=[str(site)])}
    required: set[str] = set()
    if not transitive:
        for item in found.values():
            required |= {_canonical(_requirement_name(text)) for text in item.requires or ()}
    return sorted((item.name, item.version) for name, item in found.items() if name not in required)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirement_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return match[0] if match else requirement
