"""An image is proven by all of its tests in one run, and no longer once one of them fails."""

from __future__ import annotations

from collections import defaultdict

import pytest

from images.builder.catalogue import FILE, SIGNATURE, Catalogue
from tests.images import conftest
from tests.images.builder.stores import store
from tests.support.machines import IMAGES_SWITCH

pytest_plugins = ["pytester"]

HOOKS = """
import pytest
from images.builder.catalogue import Catalogue
from tests.images import conftest
from tests.images.conftest import (
    pytest_collection_modifyitems, pytest_runtest_makereport, pytest_sessionfinish
)

@pytest.fixture
def tested():
    for name, entry in Catalogue.read(conftest.user_store().root).images.items():
        conftest._tested[name] = entry.digest
"""
TESTS = """
import os
import pytest

pytestmark = [pytest.mark.images("code"), pytest.mark.usefixtures("tested")]

def test_one(): pass

@pytest.mark.parametrize("way", ["two"])
def test_other(way):
    if os.environ["WAY"] == "fails":
        assert False
    if os.environ["WAY"] == "interrupted":
        raise KeyboardInterrupt
    if os.environ["WAY"] == "skips":
        pytest.skip("cannot")

def test_three(): pass
"""
QUIET = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
DISK = """
import pytest

@pytest.mark.images("node-generic")
@pytest.mark.usefixtures("tested")
def test_boot():
    assert False
"""
OLD = ["tests/images/test_container.py"]
OTHER = ["tests/images/test_disk.py"]


@pytest.mark.parametrize(
    ("way", "words", "proven"),
    [
        ("passes", [], ["one", "other[two]", "three"]),
        ("passes", ["-k", "one"], OLD),
        ("passes", ["--deselect", "test_it.py::test_three"], OLD),
        ("passes", ["test_it.py"], OLD),
        ("skips", [], OLD),
        ("interrupted", [], OLD),
        ("fails", [], []),
        ("fails", ["-x"], []),
        ("fails", ["-k", "other"], []),
    ],
)
def test_proofs(
    way: str, words: list[str], proven: list[str], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = ran(pytester, monkeypatch, way, *words)
    new = [f"test_it.py::test_{each}" for each in proven if each not in OLD]
    assert images["code"] == sorted([*(OLD if proven else []), *new])
    assert images["node-generic"] == OTHER


def test_one_image_is_proven_without_the_others(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(IMAGES_SWITCH, "code")
    pytester.makepyfile(test_disk=DISK)
    images = ran(pytester, monkeypatch, "passes", "-p", "tests.support.machines")
    assert len(images["code"]) == 4
    assert images["node-generic"] == OTHER


def ran(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, way: str, *words: str
) -> dict[str, list[str]]:
    """The tests that each image has passed after a run; what changes the catalogue removes the signature."""
    root = store(pytester.path.parent / f"{pytester.path.name}-store").root
    monkeypatch.setenv("WAY", way)
    monkeypatch.setenv("BASTIDE_IMAGES", str(root))
    monkeypatch.setattr(conftest, "_tested", {})
    monkeypatch.setattr(conftest, "_proofs", defaultdict(set))
    monkeypatch.setattr(conftest, "_outcomes", defaultdict(dict))
    pytester.makeconftest(HOOKS)
    pytester.makepyfile(test_it=TESTS)
    before = (root / FILE).read_bytes()
    pytester.runpytest_inprocess(*QUIET, *words, no_reraise_ctrlc=True)
    assert (root / SIGNATURE).exists() == ((root / FILE).read_bytes() == before)
    images = Catalogue.read(root).images
    return {name: [proof.test for proof in entry.proven] for name, entry in images.items()}
