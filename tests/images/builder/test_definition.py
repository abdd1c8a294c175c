"""Definitions: those of the house are sound, and what a user gets wrong is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from images.builder import definition
from images.builder.errors import ImageError

GOOD = """
title: An image
kind: container
packages: [python3-minimal]
container: {entrypoint: [/usr/bin/python3], bound: 1000}
"""
BAD = """
title: An image
kind: container
packages: [Python]
colour: red
container: {entrypoint: [], bound: 0, ports: [http]}
"""


def written(folder: Path, text: str) -> Path:
    (folder / "mine").mkdir()
    (folder / "mine/image.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("name", definition.names())
def test_a_definition_of_the_house_is_sound(name: str) -> None:
    found = definition.load(name)
    assert found.name == name
    assert all((definition.FOLDER / source).is_dir() for source in found.sources.values())


def test_there_are_definitions() -> None:
    assert definition.names()


def test_all_that_is_wrong_is_told_with_path_and_value(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        definition.load("mine", written(tmp_path, BAD))
    told = caught.value.problem.splitlines()
    assert len(told) == 5
    for part in ("packages.0: 'Python'", "colour: 'red'", "container.bound: 0", "container.ports.0: 'http'"):
        assert any(part in line for line in told), told
    assert all(line.startswith(f"{tmp_path}/mine/image.yaml: ") for line in told)


@pytest.mark.parametrize("text", ["- a\n", "title: [\n", ""])
def test_what_is_no_definition_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ImageError, match=r"mine/image\.yaml"):
        definition.load("mine", written(tmp_path, text))


def test_an_unknown_image_is_told_with_the_known(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no image nothing") as caught:
        definition.load("nothing")
    assert definition.names()[0] in caught.value.mend


def test_a_section_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="goes with `kind: container`"):
        definition.load("mine", written(tmp_path, GOOD.replace("kind: container", "kind: disk")))


def test_the_digest_tells_content_names_and_modes(tmp_path: Path) -> None:
    mine = definition.load("mine", written(tmp_path, GOOD))
    program = tmp_path / "mine/files/run"
    program.parent.mkdir()
    digests = [mine.digest()]
    program.write_text("a")
    digests.append(mine.digest())
    program.chmod(0o755)
    digests.append(mine.digest())
    program.rename(program.with_name("other"))
    digests.append(mine.digest())
    assert len(set(digests)) == 4
    assert mine.digest() == digests[-1]
