"""A store is used only where every byte is what the signed catalogue says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from images.builder.catalogue import FILE, SIGNATURE, Catalogue
from images.builder.errors import ImageError
from images.builder.layout import Layout
from images.builder.signing import generate_key
from images.builder.verify import verify
from tests.images.builder.stores import PASSPHRASE, keys, put, sign, store


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    store(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture(name="shared", scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store for those who put back what they changed."""
    root = tmp_path_factory.mktemp("shared")
    store(root)
    return root


def refused(root: Path, public: Path | None = None) -> str:
    """The problems with which the store is refused."""
    with pytest.raises(ImageError) as error:
        verify(root, public or keys(root).public)
    return error.value.problem


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and path.name != ".lock")


def test_a_whole_store_is_verified(root: Path) -> None:
    told: list[str] = []
    catalogue = verify(root, keys(root).public, told.append)
    assert told == sorted(catalogue.images) == ["code", "node-generic"]
    assert catalogue == Catalogue.read(root)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_refused(shared: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(files(shared)), label="file")
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1), label="byte")
    bit = data.draw(st.integers(0, 7), label="bit")
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
    try:
        refused(shared)
    finally:
        path.write_bytes(whole)


def test_what_is_flipped_is_named(root: Path) -> None:
    layout = Layout(root)
    entry = Catalogue.read(root).images["node-generic"]
    path = layout.path(entry.files["disk.qcow2"].digest)
    path.write_bytes(b"X" + path.read_bytes()[1:])
    problem = refused(root)
    assert problem.startswith("image node-generic: file disk.qcow2: ")
    assert f"is not {entry.files['disk.qcow2'].digest}: it was altered" in problem
    assert "code" not in problem


def test_every_difference_is_told_at_once(root: Path) -> None:
    layout = Layout(root)
    images = Catalogue.read(root).images
    layout.path(images["code"].digest).unlink()
    layout.path(images["node-generic"].sbom).write_bytes(b"{}")
    path = layout.path(images["node-generic"].files["disk.raw"].digest)
    path.write_bytes(path.read_bytes() + b"\0")
    lines = refused(root).splitlines()
    assert [line.rpartition(f": {root}")[0] for line in lines] == [
        "image code: manifest",
        "image node-generic: sbom",
        "image node-generic: file disk.raw",
    ]


def test_a_missing_blob_is_named(root: Path) -> None:
    digest = Catalogue.read(root).images["code"].provenance
    Layout(root).path(digest).unlink()
    assert refused(root) == f"image code: provenance: {root}: {digest} is not there"


def test_an_image_that_the_catalogue_does_not_have_is_named(root: Path) -> None:
    signed, signature = (root / FILE).read_bytes(), (root / SIGNATURE).read_bytes()
    put(Layout(root), "smuggled", "guest", {"kernel": b"k"})
    (root / FILE).write_bytes(signed)
    (root / SIGNATURE).write_bytes(signature)
    assert "index.json: image smuggled is not in the catalogue" in refused(root)


def test_a_name_that_leads_elsewhere_is_refused(root: Path) -> None:
    layout = Layout(root)
    index = json.loads((root / "index.json").read_bytes())
    code, node = index["manifests"]
    code["digest"], node["digest"] = node["digest"], code["digest"]
    (root / "index.json").write_text(json.dumps(index, sort_keys=True, separators=(",", ":")))
    problem = refused(root)
    assert f"image code must be {Catalogue.read(root).images['code'].digest}" in problem
    assert f"here it is {layout.names()['code']}" in problem


def test_files_that_the_catalogue_has_otherwise_are_refused(root: Path) -> None:
    catalogue = Catalogue.read(root)
    code, node = catalogue.images["code"], catalogue.images["node-generic"]
    wrong = code.model_copy(update={"files": {"layer": node.files["disk.raw"]}})
    Catalogue(images={"code": wrong, "node-generic": node}).write(root)
    sign(root)
    assert "image code: file layer: the catalogue has sha256:" in refused(root)


def test_an_unsigned_catalogue_is_refused(root: Path) -> None:
    (root / SIGNATURE).unlink()
    assert refused(root).endswith("is not there: the catalogue is not signed")


def test_a_signature_by_somebody_else_is_refused(root: Path, tmp_path: Path) -> None:
    _, public = generate_key(tmp_path / "other", PASSPHRASE)
    assert f"is no signature of {FILE} by the owner of {public}" in refused(root, public)


def test_a_store_without_catalogue_is_refused(root: Path) -> None:
    (root / FILE).unlink()
    assert "the store has no catalogue" in refused(root)
    shutil.rmtree(root)
    assert "the store has no catalogue" in refused(root)


def test_a_store_without_index_is_refused(root: Path) -> None:
    (root / "index.json").unlink()
    (root / "oci-layout").unlink()
    problem = refused(root)
    assert "index.json: is no index" in problem
    assert "oci-layout: must be" in problem


def test_blobs_that_no_image_has_do_no_harm(root: Path) -> None:
    """What an older build left is never reached by a name."""
    Layout(root).add_bytes(b"left over", "text/plain")
    verify(root, keys(root).public)
