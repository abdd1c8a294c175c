"""What holds of the definitions of all container images, before anything is built."""

from __future__ import annotations

import pytest

from images.builder import definition
from images.builder.definition import FOLDER, Definition

CONTAINERS = [each for name in definition.names() if (each := definition.load(name)).container]
WITH_SHELL = {"code": "cells call programs", "computer": "the terminal runs one"}


def test_all_are_looked_at() -> None:
    assert {each.name for each in CONTAINERS} >= {"browser", "code", "computer", "guard", "gym"}


@pytest.mark.parametrize("image", CONTAINERS, ids=lambda image: image.name)
def test_only_those_that_need_a_shell_have_one_and_say_why(image: Definition) -> None:
    assert image.container is not None
    assert image.container.shell == (image.name in WITH_SHELL)
    if image.container.shell:
        assert f"shell: true # {WITH_SHELL[image.name]}" in (image.folder / "image.yaml").read_text()


@pytest.mark.parametrize("image", CONTAINERS, ids=lambda image: image.name)
def test_nothing_but_scratch_can_be_written(image: Definition) -> None:
    assert image.container is not None
    assert set(image.container.writable) <= {"/tmp", "/home/sandbox"}  # noqa: S108


@pytest.mark.parametrize("image", CONTAINERS, ids=lambda image: image.name)
def test_it_starts_without_a_shell_and_its_sources_are_there(image: Definition) -> None:
    assert image.container is not None
    assert image.container.entrypoint[0] == "/usr/bin/python3"
    assert all((FOLDER / source).is_dir() for source in image.sources.values())
    assert min(image.container.ports) > 1024
