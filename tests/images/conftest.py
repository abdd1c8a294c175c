"""Images for the tests: built where they are missing, and known as proven by the tests that they pass."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from cli.nodes.bundle import write_index
from images.builder import debian
from images.builder.build import Order, build
from images.builder.catalogue import Entry, Proof, prove, withdraw
from images.builder.definition import Definition, resolve
from images.builder.layout import Layout, user_store
from tests.support.nodes.kubernetes import make_bundle


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image of the store, by its name in the catalogue."""

    name: str
    entry: Entry
    store: Layout

    def file(self, title: str) -> Path:
        """The path of one of its files."""
        return self.store.path(self.entry.files[title].digest)


@cache
def archive(components: tuple[str, ...]) -> debian.Archive:
    return debian.read_archive(components=components)


@pytest.fixture(scope="session")
def store() -> Layout:
    return user_store()


@pytest.fixture(scope="session")
def image(store: Layout) -> Callable[[str], Image]:
    """The image of that name (`code`, `node-generic`), as it is in the store or built now."""

    def get(name: str) -> Image:
        definition, variants = resolve(name)
        ((made, entry, _),) = build(definition, store, order_of(definition, store), variants)
        _tested[made] = entry.digest
        return Image(name=made, entry=entry, store=store)

    return get


def order_of(definition: Definition, store: Layout) -> Order:
    """What the tests build from: of what roles install, the operator's bundle, else `bundle_of`."""
    released = archive(definition.components)
    if not definition.roles:
        return Order(archive=released, tell=print)
    folder, digest = bundle_of(store)
    return Order(archive=released, tell=print, bundle=folder, digest=digest)


def bundle_of(store: Layout) -> tuple[Path, str]:
    """The bundle that is named, and its digest; else one of the programs that the joins are tested with."""
    if named := os.environ.get(BUNDLE):
        return Path(named), os.environ[BUNDLE_DIGEST]
    folder = make_bundle(store.root.with_name("images-bundle"))
    return folder, write_index(folder)[0]


BUNDLE, BUNDLE_DIGEST = "BASTIDE_IMAGES_BUNDLE", "BASTIDE_IMAGES_DIGEST"
"""Name the operator's bundle for nodes and its digest (`python -m tests.images --bundle`)."""
_tested: dict[str, str] = {}
"""The manifest of each image that a test was given."""
_proofs: dict[str, set[str]] = defaultdict(set)
"""All tests of each image, those too that this run leaves out."""
_outcomes: dict[str, dict[str, str]] = defaultdict(dict)


def _images(item: pytest.Item) -> tuple[str, ...]:
    marker = item.get_closest_marker("images")
    return marker.args if marker else ()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note the proofs before anything chooses among them."""
    for item in items:
        for name in _images(item):
            _proofs[name].add(item.nodeid)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test with `pytest.mark.images("code")` is a proof of that image."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    for name in _images(item):
        if report.when == "call" or report.outcome != "passed":
            _outcomes[name][item.nodeid] = report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    """An image is proven by all of its tests in one run of whole folders; one failure takes its proofs."""
    root, now = user_store().root, int(time.time())
    whole = all(Path(argument).is_dir() for argument in session.config.args)
    for name, digest in _tested.items():
        outcomes = _outcomes[name]
        if "failed" in outcomes.values():
            withdraw(root, name, digest)
        elif whole and outcomes.keys() == _proofs[name] and {*outcomes.values()} == {"passed"}:
            for test in sorted(outcomes):
                prove(root, name, digest, Proof(test=test, at=now))
