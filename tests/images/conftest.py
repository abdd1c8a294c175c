"""Images for the tests: built where they are missing, and known as proven by the tests that they pass."""

from __future__ import annotations

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
from images.builder.catalogue import Entry, Proof, prove
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
    """What the tests build from: of what roles install, the programs that the joins are tested with."""
    released = archive(definition.components)
    if not definition.roles:
        return Order(archive=released, tell=print)
    folder = make_bundle(store.root.with_name("images-bundle"))
    return Order(archive=released, tell=print, bundle=folder, digest=write_index(folder)[0])


_tested: dict[str, str] = {}
"""The manifest of each image that a test was given."""
_outcomes: dict[str, dict[str, str]] = defaultdict(dict)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test with `pytest.mark.images("code")` is a proof of that image."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    marker = item.get_closest_marker("images")
    for name in marker.args if marker else ():
        if report.when == "call" or report.outcome != "passed":
            _outcomes[name][item.nodeid] = report.outcome


def pytest_sessionfinish() -> None:
    """Images of which all proofs passed are known as proven from now on."""
    root, now = user_store().root, int(time.time())
    for name, outcomes in _outcomes.items():
        if name in _tested and set(outcomes.values()) == {"passed"}:
            for test in sorted(outcomes):
                prove(root, name, _tested[name], Proof(test=test, at=now))
