"""The catalogue is typed, has one form, and is signed anew when it changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from images.builder.catalogue import FILE, SIGNATURE, Catalogue, Proof, load_signed, parse, prove
from images.builder.errors import ImageError
from tests.images.builder.stores import EPOCH, keys, put, sign, store


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    store(tmp_path)
    return tmp_path


def told(root: Path) -> Any:
    return json.loads((root / FILE).read_bytes())


def refused(content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True, separators=(",", ":"))
    with pytest.raises(ImageError) as error:
        parse(text.encode() + b"\n", "store/catalogue.json")
    return error.value.problem


def test_what_is_written_is_read_again(root: Path) -> None:
    catalogue = Catalogue.read(root)
    assert catalogue.canonical() == (root / FILE).read_bytes()
    assert catalogue == load_signed(root, keys(root).public)
    assert sorted(catalogue.images["node-generic"].files) == ["disk.qcow2", "disk.raw"]
    assert catalogue.images["node-generic"].size == 300 + 4096


def test_a_store_without_one_has_an_empty_one(tmp_path: Path) -> None:
    assert Catalogue.read(tmp_path) == Catalogue()


def test_all_problems_are_told_at_once(root: Path) -> None:
    content = told(root)
    code, node = content["images"]["code"], content["images"]["node-generic"]
    code["digest"] = "sha256:12"
    code["colour"] = "red"
    del node["inputs"]
    node["files"]["disk.raw"]["size"] = -1
    node["epoch"] = "today"
    node["kind"] = "floppy"
    content["images"]["../code"] = {**code, "digest": node["digest"]}
    problem = refused(content)
    lines = problem.splitlines()
    assert all(line.startswith("store/catalogue.json: images.") for line in lines)
    for expected in (
        'images.code.digest: "sha256:12" must look like ^sha256:[0-9a-f]{64}$',
        'images.code.colour: "red" is no known field',
        "images.node-generic.inputs: ",
        "images.node-generic.files.disk.raw.size: -1 is refused",
        'images.node-generic.epoch: "today" is refused',
        "images.node-generic.kind: \"floppy\" must be 'container', 'disk' or 'guest'",
        'images.../code: "../code" must look like',
    ):
        assert expected in problem
    assert "must be given: it is missing" in problem


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"images":{}}', '{"format":2,"images":{}}', "[" * 9999]
)
def test_what_is_no_catalogue_is_refused(content: str) -> None:
    assert refused(content).startswith("store/catalogue.json: ")


def test_another_form_of_the_same_content_is_refused(root: Path) -> None:
    content = (root / FILE).read_text().removesuffix("\n")
    assert "in the one form that we write" in refused(content.replace(":", ": ", 1))
    twice = content.replace('{"format":1', '{"format":1,"format":1', 1)
    assert "in the one form that we write" in refused(twice)


def test_a_change_removes_the_signature(root: Path) -> None:
    assert (root / SIGNATURE).exists()
    Catalogue.read(root).write(root)
    assert (root / SIGNATURE).exists()  # nothing has changed
    prove(root, "code", Catalogue.read(root).images["code"].digest, Proof(test="a", at=EPOCH))
    assert not (root / SIGNATURE).exists()
    sign(root)
    load_signed(root, keys(root).public)


def test_proofs_belong_to_the_bytes(root: Path) -> None:
    layout = store(root)
    before = Catalogue.read(root).images["code"]
    assert [each.test for each in before.proven] == ["tests/images/test_container.py"]
    same = put(layout, "code", "container", {"layer": b"the layer " * 20}, proven=False)
    assert same.digest == before.digest
    assert Catalogue.read(root).images["code"].proven == before.proven
    other = put(layout, "code", "container", {"layer": b"other"}, proven=False)
    assert Catalogue.read(root).images["code"] == other
    with pytest.raises(ImageError, match=f"{before.digest} was tested, by now it is {other.digest}"):
        prove(root, "code", before.digest, Proof(test="late", at=EPOCH))
    with pytest.raises(ImageError, match="has no image moon; it has: code, node-generic"):
        prove(root, "moon", before.digest, Proof(test="late", at=EPOCH))


def test_a_test_that_passes_again_keeps_its_first_date(root: Path) -> None:
    digest = Catalogue.read(root).images["code"].digest
    for at in (5, 9):
        prove(root, "code", digest, Proof(test="b", at=at))
    prove(root, "code", digest, Proof(test="a", at=7))
    proven = Catalogue.read(root).images["code"].proven
    assert [(each.test, each.at) for each in proven] == [
        ("a", 7),
        ("b", 5),
        ("tests/images/test_container.py", EPOCH + 60),
    ]


def test_there_is_nothing_to_sign_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="nothing to sign"):
        sign(tmp_path)
