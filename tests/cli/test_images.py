"""`bastide images …` as a user calls it: what is signed is used, what is not is refused with a code."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import yaml

from cli.images import verbs
from cli.outcome import CliError, Exit
from components.model import own_images
from images.builder.catalogue import Entry
from images.builder.debian import Archive
from images.builder.definition import Definition
from images.builder.errors import ImageError
from images.builder.layout import Layout
from tests.cli.inprocess import invoke
from tests.images.builder import stores
from tests.support.command import Done

ARCHIVE = Archive(mirror="http://mirror", components=("main",), epoch=1_000_000_000, releases={})


@pytest.fixture
def store(tmp_path: Path) -> Layout:
    return stores.store(tmp_path / "store")


def images(store: Layout, *words: str | Path) -> Done:
    environ = {"COSIGN_PASSWORD": stores.PASSPHRASE.decode()}
    return invoke("images", *words, "--store", store.root, env=environ)


def altered(store: Layout) -> None:
    """Flip a byte of the largest blob."""
    blob = max((store.root / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    content = blob.read_bytes()
    blob.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def test_what_is_defined_and_not_built_is_listed_too(store: Layout) -> None:
    rows = {row["name"]: row for row in images(store, "list", "--json").json}
    assert rows["code"]["proven"] is True
    assert rows["node-generic"]["kind"] == "disk"
    assert rows["guest"]["digest"] == ""
    assert "not built" in images(store, "list").out


def test_a_signed_store_is_verified_and_a_changed_one_refused(store: Layout) -> None:
    done = images(store, "verify", "--key", stores.keys(store.root).public, "--json")
    assert [row["name"] for row in done.json] == ["code", "node-generic"]
    altered(store)
    done = images(store, "verify", "--key", stores.keys(store.root).public)
    assert done.code == Exit.IMAGE
    assert "it was altered" in done.err
    assert "mend: do not use this store" in done.err
    assert "(--again)" in done.err


def test_signing_compares_every_byte_first(store: Layout) -> None:
    assert images(store, "sign", "--key", stores.keys(store.root).private).code == 0
    altered(store)
    done = images(store, "sign", "--key", stores.keys(store.root).private)
    assert done.code == Exit.IMAGE
    assert "image node-generic: file disk.raw" in done.err


def test_a_key_is_made_and_its_passphrase_appears_nowhere(store: Layout, tmp_path: Path) -> None:
    done = invoke("images", "key", tmp_path / "keys", env={"COSIGN_PASSWORD": "a long enough secret"})
    assert done.code == 0, done.text
    private, public = map(Path, done.out.split())
    assert private.stat().st_mode & 0o077 == 0
    assert "a long enough secret" not in done.text + private.read_text() + public.read_text()
    assert images(store, "verify", "--key", public).code == Exit.IMAGE


def test_exported_containers_are_archives_of_one_image(store: Layout, tmp_path: Path) -> None:
    done = images(store, "export", tmp_path / "out", "code", "--key", stores.keys(store.root).public)
    assert done.code == 0, done.text
    assert [Path(line).name for line in done.out.splitlines()] == [
        "code.tar",
        "code.spdx.json",
        "code.provenance.json",
    ]
    with tarfile.open(tmp_path / "out/code.tar") as archive:
        names = archive.getnames()
        index = json.load(archive.extractfile("index.json") or pytest.fail("no index"))
    assert names[0] == "oci-layout"
    assert f"blobs/sha256/{index['manifests'][0]['digest'][7:]}" in names


def test_nothing_is_deleted_that_an_image_consists_of(
    store: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store.add_bytes(b"of an image that was", "text/plain")
    assert images(store, "prune").out == "1 files deleted\n"
    assert images(store, "prune").out == "0 files deleted\n"
    assert images(store, "verify", "--key", stores.keys(store.root).public).code == 0


def test_a_scan_that_nobody_answered_is_no_success(store: Layout) -> None:
    done = images(store, "scan", "--offline")
    assert done.code == Exit.FINDING
    assert "code: NOT SCANNED" in done.out
    assert images(store, "scan", "--offline", "--fail-on", "awful").code == Exit.USAGE


def test_digests_are_pinned_once_images_are_proven(
    store: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = tmp_path / "images.yaml"
    pins.write_text("# head\nimages: {}\n")
    monkeypatch.setattr(own_images, "FILE", pins)
    assert verbs.pin(store, ["code"], stores.keys(store.root).public) == ("code",)
    digest = next(row["digest"] for row in verbs.rows(store) if row["name"] == "code")
    assert yaml.safe_load(pins.read_text())["images"]["code"]["digest"] == digest
    unproven = stores.store(tmp_path / "unproven", proven=False)
    with pytest.raises(ImageError, match="not proven"):
        verbs.pin(unproven, [], stores.keys(unproven.root).public)


def test_a_bundle_goes_with_its_digest(store: Layout, tmp_path: Path) -> None:
    with pytest.raises(CliError, match="go together"):
        verbs.build(["code"], store, verbs.Wanted(bundle=tmp_path), None)  # type: ignore[arg-type]


def test_an_unknown_image_is_refused_before_the_archive_is_asked(store: Layout) -> None:
    done = images(store, "build", "cod", "--mirror", "http://127.0.0.1:1")
    assert done.code == Exit.IMAGE
    assert "there is no image cod" in done.err


def test_a_mirror_that_is_down_is_named(store: Layout) -> None:
    done = images(store, "build", "code", "--mirror", "http://127.0.0.1:1")
    assert done.code == Exit.IMAGE
    assert "http://127.0.0.1:1/debian/dists/trixie/InRelease" in done.err


def test_an_image_that_fails_does_not_keep_the_others(
    store: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(one: Definition, into: Layout, *_: object) -> list[tuple[str, Entry, bool]]:
        if one.name != "gym":
            raise ImageError(f"{one.name} failed", f"mend {one.name}")
        return [(one.name, stores.put(into, one.name, "container", {"layer": b"gym"}), True)]

    monkeypatch.setattr(verbs, "built", built)
    monkeypatch.setattr(verbs, "read_archive", lambda mirror: ARCHIVE)
    done = images(store, "build", "code", "gym", "guest")
    assert done.code == Exit.IMAGE
    assert all(f"{name} failed" in done.err and f"mend {name}" in done.err for name in ("code", "guest"))
    assert "gym" in {row["name"] for row in verbs.rows(store) if row["digest"]}


def test_a_variable_names_the_store(store: Layout) -> None:
    rows = invoke("images", "list", "--json", env={"BASTIDE_IMAGES": str(store.root)}).json
    assert {row["name"] for row in rows if row["proven"]} == {"code", "node-generic"}
