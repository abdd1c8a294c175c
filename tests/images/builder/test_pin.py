"""What is pinned is what was proven, and what the blocks read."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.model.own_images import FILE, read
from images.builder.catalogue import Catalogue
from images.builder.errors import ImageError
from images.builder.pin import pin
from tests.images.builder.stores import put, store


@pytest.fixture(name="target")
def _target(tmp_path: Path) -> Path:
    """The file as it is before the first release."""
    head = "".join(line for line in FILE.read_text().splitlines(keepends=True) if line.startswith("#"))
    (tmp_path / "images.yaml").write_text(f"{head}images: {{}}\n")
    return tmp_path / "images.yaml"


def test_what_is_pinned_is_what_the_blocks_read(tmp_path: Path, target: Path) -> None:
    store(tmp_path / "store")
    catalogue = Catalogue.read(tmp_path / "store")
    assert pin(catalogue, target) == ("code", "node-generic")
    found = read(target)
    for name, entry in catalogue.images.items():
        assert (found[name].kind, found[name].digest) == (entry.kind, entry.digest)
        assert found[name].files == {title: file.digest for title, file in entry.files.items()}
    assert target.read_text().startswith("# Our own images by name")


def test_pinning_again_changes_nothing(tmp_path: Path, target: Path) -> None:
    store(tmp_path / "store")
    catalogue = Catalogue.read(tmp_path / "store")
    pin(catalogue, target)
    before = target.read_bytes()
    assert pin(catalogue, target) == ()
    assert target.read_bytes() == before


def test_one_image_is_pinned_and_the_others_stay(tmp_path: Path, target: Path) -> None:
    layout = store(tmp_path / "store")
    pin(Catalogue.read(layout.root), target)
    node = read(target)["node-generic"]
    put(layout, "node-generic", "disk", {"disk.raw": b"new"})
    code = put(layout, "code", "container", {"layer": b"new"})
    assert pin(Catalogue.read(layout.root), target, ["code"]) == ("code",)
    assert read(target)["code"].digest == code.digest
    assert read(target)["node-generic"] == node


def test_without_names_what_the_catalogue_lacks_goes(tmp_path: Path, target: Path) -> None:
    layout = store(tmp_path / "store")
    catalogue = Catalogue.read(layout.root)
    pin(catalogue, target)
    assert pin(Catalogue(images={"code": catalogue.images["code"]}), target) == ("node-generic",)
    assert sorted(read(target)) == ["code"]


def test_what_no_test_has_proven_is_not_pinned(tmp_path: Path, target: Path) -> None:
    layout = store(tmp_path / "store", proven=False)
    before = target.read_bytes()
    with pytest.raises(ImageError, match="not proven by any test: code, node-generic"):
        pin(Catalogue.read(layout.root), target)
    with pytest.raises(ImageError, match="has no image moon"):
        pin(Catalogue.read(layout.root), target, ["moon"])
    assert target.read_bytes() == before
