"""The upstream's real definitions on the run's control plane, and objects judged by them strictly.

    def test_every_object_is_what_its_definition_says(definitions: Cluster) -> None:
        found = {resource_name(one): strict(definitions, one) for one in values.all_manifests(...)}
        assert found
        assert {name: errors for name, errors in found.items() if errors} == {}

`definitions` skips where the folder with the upstream's data is absent. Objects are judged by dry runs:
nothing is left behind, and neither their namespace nor what they refer to needs to exist.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from components.cluster import ApiError, Cluster
from components.kubernetes import Manifest
from components.upstream import catalog
from tests.support.plane import Plane
from tests.support.small import path
from twin.settings import ROOT

UPSTREAM = ROOT.parent / "shared" / "upstream"
_API = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_FILES = ("cert-manager", "cilium", "envoy-*", "external-secrets", "gateway-api", "prometheus-operator")
_UNKNOWN = re.compile(r'(?:unknown|duplicate) field "[^"]*"')
_ESTABLISH = 30.0
"""Seconds until the API server serves new definitions."""


@cache
def real() -> dict[str, Manifest]:
    """The real definitions of all kinds of the catalogue, by name. Skips the test without the folder."""
    if not UPSTREAM.is_dir():
        pytest.skip(f"the upstream's definitions are not at {UPSTREAM}")
    wanted = {each.name for chart in catalog.charts() for each in chart.definitions}
    files = sorted(file for name in _FILES for file in (UPSTREAM / "crds").glob(f"{name}.yaml"))
    with ThreadPoolExecutor() as pool:
        parsed = pool.map(_read, files)
    return {
        one["metadata"]["name"]: one for ones in parsed for one in ones if one["metadata"]["name"] in wanted
    }


def _read(file: Path) -> list[Manifest]:
    return [one for one in yaml.load_all(file.read_text(), yaml.CSafeLoader) if one]


def install(cluster: Cluster, definitions: dict[str, Manifest]) -> None:
    """Create definitions and wait until the API server serves them; those that are there already stay."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: _create(cluster, one), definitions.values()))
    deadline = time.monotonic() + _ESTABLISH
    while waiting := [name for name in definitions if not _established(cluster, name)]:
        assert time.monotonic() < deadline, f"not established: {waiting}"
        time.sleep(0.1)


def _create(cluster: Cluster, definition: Manifest) -> None:
    """By creation, which takes the API server a third of the time of an apply."""
    try:
        cluster.request("POST", _API, definition)
    except ApiError as error:
        if error.code != 409:
            raise


def _established(cluster: Cluster, name: str) -> bool:
    conditions = cluster.get(f"{_API}/{name}")["status"]["conditions"] or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


@pytest.fixture(scope="session")
def definitions(plane: Plane) -> Iterator[Cluster]:
    """A client of the run's control plane, which serves every kind of the catalogue as the real one."""
    wanted, done = real(), plane.settings.home / "definitions"
    with plane.cluster() as cluster:
        with FileLock(f"{done}.lock"):
            if not done.exists():
                install(cluster, wanted)
                done.touch()
        yield cluster


def patiently(ask: Callable[[], object]) -> None:
    """A kind is served a moment after its definition."""
    deadline = time.monotonic() + 20
    while True:
        try:
            ask()
        except (ApiError, KeyError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def strict(cluster: Cluster, manifest: Manifest) -> list[str]:
    """All that the API server has against creating the object; none means that it takes it as it stands.

    Unknown fields come first: the server looks at what is known only where nothing is unknown, so it is asked
    again without them. Under a field whose definition preserves unknown fields, none is unknown.
    """
    errors = _created(cluster, manifest, "Strict")
    unknown = [found for error in errors for found in _UNKNOWN.findall(error)]
    return [*unknown, *_created(cluster, manifest, "Ignore")] if unknown else errors


def _created(cluster: Cluster, manifest: Manifest, validation: str) -> list[str]:
    """What the API server says to a dry run of the object's creation."""
    subject = deepcopy(manifest)
    if "namespace" in subject["metadata"]:
        subject["metadata"]["namespace"] = "default"
    params = {"dryRun": "All", "fieldValidation": validation}
    try:
        cluster.request("POST", path(cluster, subject).rpartition("/")[0], subject, params=params)
    except ApiError as error:
        return _causes(error)
    return []


def _causes(error: ApiError) -> list[str]:
    details: dict[str, Any] = error.status.get("details") or {}
    causes = [f"{cause.get('field', '')}: {cause['message']}" for cause in details.get("causes") or []]
    return causes or [error.message]
