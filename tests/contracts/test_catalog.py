"""The catalogue is whole, all that it pins is used, and nothing is pinned elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain

from components.upstream import catalog
from tests.support.command import ROOT
from tests.support.pages import STACKS, recorded

FIELDS = {"source", "version", "digest", "licence"}
CHART = FIELDS | {"chart", "namespace"}
CHART_MAY = {"definitions", "needs", "part_of", "provided", "values"}
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
VERSION = re.compile(r"v?\d+\.\d+\.\d+")
SOURCES = [
    path
    for folder in ("components", "stacks", "cli", "twin")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
]
DEFINED = [each for chart in catalog.charts() for each in chart.definitions]
KUBERNETES = re.compile(r"[a-z]*|(?!gateway\.)[a-z.]+\.k8s\.io")


def test_every_image_is_whole_and_named_by_digest() -> None:
    images = catalog.entries("images")
    assert images
    for name, entry in images.items():
        assert set(entry) == FIELDS, name
        assert DIGEST.fullmatch(entry["digest"]), name
        assert catalog.image(name).endswith(f"@{entry['digest']}")


def test_every_image_is_used() -> None:
    texts = [path.read_text() for path in SOURCES]
    for name in catalog.entries("images"):
        assert any(f'image("{name}")' in text for text in texts), f"{name} is pinned, but not used"


def test_every_chart_is_whole_and_of_one_version() -> None:
    charts = catalog.entries("charts")
    assert len(charts) >= 5
    for name, entry in charts.items():
        assert set(entry) >= CHART, name
        assert set(entry) <= CHART | CHART_MAY, name
        assert entry["source"].startswith(("oci://", "https://")), name
        assert VERSION.fullmatch(entry["version"]), name
        assert entry.get("part_of", name) in charts, name
        assert entry["digest"] is None or DIGEST.fullmatch(entry["digest"]), name


def test_charts_come_after_what_they_need() -> None:
    before: set[str] = set()
    for chart in catalog.charts():
        assert set(chart.needs) <= before, chart.name
        before.add(chart.name)


def test_every_definition_has_one_owner() -> None:
    names = Counter(each.name for each in DEFINED)
    assert len(names) >= 20
    assert [name for name, count in names.items() if count > 1] == []
    assert all(each.versions and each.scope in ("Cluster", "Namespaced") for each in DEFINED)


def test_every_definition_is_used() -> None:
    rules = (ROOT / "policies").glob("*.py")
    texts = [path.read_text() for path in (*SOURCES, *rules)]
    unused = [each.kind for each in DEFINED if not any(each.kind in text for text in texts)]
    assert unused == []


def test_every_custom_kind_of_a_stack_is_defined() -> None:
    known = {(f"{each.group}/{version}", each.kind) for each in DEFINED for version in each.versions}
    inputs = chain.from_iterable((one.inputs for one in recorded(stack).resources) for stack in STACKS)
    kinds = {(one["apiVersion"], one["kind"]) for one in inputs if "apiVersion" in one}
    custom = {kind for kind in kinds if not KUBERNETES.fullmatch(kind[0].rpartition("/")[0])}
    assert custom
    assert custom - known == set()


def test_nothing_is_pinned_elsewhere() -> None:
    assert len(SOURCES) > 50
    strays = [str(path) for path in SOURCES if DIGEST.search(path.read_text())]
    assert strays == []
