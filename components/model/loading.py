"""Read an environment: all its files, all their problems at once."""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from pydantic import BaseModel

from components.model.document import Document, read
from components.model.draft import FOUNDATION, PLATFORM, PROJECT, Draft
from components.model.errors import MISSING, ConfigError, ConfigProblem, did_you_mean
from components.model.foundation import Foundation
from components.model.grants import TenantGateway
from components.model.platform import Platform
from components.model.rules import RULES
from components.model.tenant import Tenant, TenantStack
from components.model.validation import parse

LAYERS: Final[Mapping[str, type[BaseModel]]] = {FOUNDATION: Foundation, PLATFORM: Platform}
"""The model of each layer; every other layer is a tenant."""
ENGINE_KEYS: Final = ("encryptionsalt", "secretsprovider", "encryptedkey")
"""Keys beside `config` that the engine writes."""

Override: TypeAlias = tuple[str, Mapping[str, Any]]
"""A layer and the values that the engine has for it, by key without namespace, in place of its file's."""

_FILE = re.compile(r"Pulumi\.([^.]+)\.([^.]+)\.yaml")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*:[A-Za-z][A-Za-z0-9_./-]*")


@dataclass(frozen=True, kw_only=True)
class EnvironmentModel:
    """An environment whose configuration holds as a whole."""

    name: str
    context: str
    foundation: Foundation
    platform: Platform
    tenants: Mapping[str, Tenant]
    gateways: Mapping[str, TenantGateway]
    files: Mapping[str, Path]


def list_environments(config_dir: Path) -> list[str]:
    """The names of the environments that have files in `config_dir`."""
    found = (_FILE.fullmatch(path.name) for path in config_dir.glob("Pulumi.*.yaml"))
    return sorted({match[1] for match in found if match})


def load_environment(
    config_dir: Path,
    env: str,
    override: Override | None = None,
    today: date | None = None,
    dates: Collection[str] | None = None,
) -> EnvironmentModel:
    """The environment `env`. Raises `ConfigError` with every problem of all its files.

    `today` is the day on which approvals and keys must hold; left out, it is this machine's. `dates` names
    the layers of which they must; left out, of all. A key that has run out need not stop another tenant.
    """
    draft, problems = _examine(config_dir, env, override, today)
    if dates is not None:
        judged = {draft.documents[layer].file for layer in dates if layer in draft.documents}
        problems = [problem for problem in problems if not problem.lapsed or problem.file in judged]
    if problems or draft.foundation is None or draft.platform is None:
        raise ConfigError(problems)
    return EnvironmentModel(
        name=env,
        context=draft.contexts().get(FOUNDATION, ""),
        foundation=draft.foundation,
        platform=draft.platform,
        tenants=draft.tenants,
        gateways=draft.gateways,
        files={layer: Path(document.file) for layer, document in draft.documents.items()},
    )


def check_environment(
    config_dir: Path, env: str, override: Override | None = None, today: date | None = None
) -> list[ConfigProblem]:
    """Every problem of the environment `env`, by file and line; none means that it loads."""
    return _examine(config_dir, env, override, today)[1]


def _examine(
    config_dir: Path, env: str, override: Override | None, today: date | None
) -> tuple[Draft, list[ConfigProblem]]:
    with _collector_paused():
        return _examined(config_dir, env, override, today or date.today())


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Reading makes many objects and no cycles; the collector's walks over them take half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _examined(
    config_dir: Path, env: str, override: Override | None, today: date
) -> tuple[Draft, list[ConfigProblem]]:
    documents = {layer: read(path) for layer, path in _files(config_dir, env).items()}
    if override:
        layer, values = override
        documents[layer] = _overridden(documents.get(layer), layer, values)
    draft = _draft(env, documents, today)
    problems = [*_absent(config_dir, env, documents), *_stray(config_dir, env, documents)]
    problems += [problem for document in documents.values() for problem in document.problems]
    if all(document.root is not None or document.data for document in documents.values()):
        problems += [problem for rule in RULES for problem in rule(draft)]
    return draft, sorted(set(problems))


def _files(config_dir: Path, env: str) -> dict[str, Path]:
    found = ((path, _FILE.fullmatch(path.name)) for path in sorted(config_dir.glob(f"Pulumi.{env}.*.yaml")))
    return {match[2]: path for path, match in found if match and match[1] == env}


def _overridden(document: Document | None, layer: str, values: Mapping[str, Any]) -> Document:
    """The layer's document with the engine's values; lines stay those of the file, where it has them."""
    own = {f"{PROJECT}:{key}": value for key, value in values.items()}
    if document is None:
        return Document(file=f"(stack {layer})", data={"config": own})
    config = document.data.get("config")
    held = config if isinstance(config, dict) else {}
    fields = LAYERS.get(layer, TenantStack).model_fields
    known = {f"{PROJECT}:{field.alias or name}" for name, field in fields.items()}
    others = {key: value for key, value in held.items() if key not in known}
    document.data["config"] = {**others, **own}
    return document


def _draft(env: str, documents: Mapping[str, Document], today: date) -> Draft:
    parsed: dict[str, BaseModel | None] = {}
    for layer, document in documents.items():
        if _envelope(document):
            parsed[layer] = parse(LAYERS.get(layer, TenantStack), document)
    stacks = {layer: model for layer, model in parsed.items() if isinstance(model, TenantStack)}
    foundation, platform = parsed.get(FOUNDATION), parsed.get(PLATFORM)
    return Draft(
        name=env,
        documents=documents,
        foundation=foundation if isinstance(foundation, Foundation) else None,
        platform=platform if isinstance(platform, Platform) else None,
        tenants={layer: stack.tenant for layer, stack in stacks.items()},
        gateways={layer: stack.gateway for layer, stack in stacks.items() if stack.gateway},
        today=today,
    )


def _envelope(document: Document) -> bool:
    """Check what surrounds our own values; whether these can be looked at."""
    if not document.data and not isinstance(document.root, yaml.MappingNode):
        return False
    for key in document.data:
        if key != "config" and key not in ENGINE_KEYS:
            mend = did_you_mean(key, ("config", *ENGINE_KEYS))
            document.refuse((key,), document.data[key], "is not a known key", mend)
    config = document.data.get("config")
    if not isinstance(config, dict):
        mend = "Begin the file with `config:` and put the keys below it, indented."
        document.refuse(("config",), MISSING if config is None else config, "must be a mapping", mend)
        return False
    for key, value in config.items():
        if not _KEY.fullmatch(key):
            document.refuse(("config", key), value, "must be `namespace:name`", f"Write `{PROJECT}:{key}`.")
    if document.root is not None and not config.get("kubernetes:context"):
        mend = "Add `kubernetes:context` with the name of the cluster's kubeconfig context."
        document.refuse(("config", "kubernetes:context"), MISSING, "must be given", mend)
    return not list(_secrets(config, document))


def _secrets(config: Mapping[str, Any], document: Document) -> Iterator[str]:
    for key, value in config.items():
        if key.startswith(f"{PROJECT}:") and isinstance(value, dict) and "secure" in value:
            mend = f"Run `pulumi config rm {key}` and write the values in plain: none of them is a secret."
            document.refuse(("config", key), value, "must not be encrypted", mend)
            yield key


def _absent(config_dir: Path, env: str, documents: Mapping[str, Document]) -> Iterator[ConfigProblem]:
    if not documents:
        mend = did_you_mean(env, list_environments(config_dir))
        yield _no_file(config_dir, f"{env}.{FOUNDATION}", f"an environment `{env}` must have files", mend)
        return
    for layer in (FOUNDATION, PLATFORM):
        if layer not in documents:
            mend = f"Write it; stacks/config/Pulumi.twin.{layer}.yaml is an example."
            yield _no_file(config_dir, f"{env}.{layer}", "every environment must have this file", mend)


def _stray(config_dir: Path, env: str, documents: Mapping[str, Document]) -> Iterator[ConfigProblem]:
    """Files that look like this environment's and that nothing would ever read."""
    read_ones = {Path(document.file).name for document in documents.values()}
    for path in sorted(config_dir.glob(f"Pulumi.{env}.*")):
        if path.name not in read_ones:
            rule = f"must be named `Pulumi.{env}.<layer>.yaml`, the layer without a dot"
            mend = "Rename it, or move it out of this folder."
            yield ConfigProblem(
                file=str(path), line=0, path="(file)", value="a stray file", rule=rule, mend=mend
            )


def _no_file(folder: Path, stack: str, rule: str, mend: str) -> ConfigProblem:
    file = str(folder / f"Pulumi.{stack}.yaml")
    return ConfigProblem(file=file, line=0, path="(file)", value=MISSING, rule=rule, mend=mend)
