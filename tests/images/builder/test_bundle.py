"""A node image is proven as it was built: from the operator's bundle, where one is named."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from images.builder.definition import load
from images.builder.layout import Layout
from tests.images import __main__ as command
from tests.images import conftest
from tests.images.builder.test_build import ARCHIVE

DIGEST = "sha256:" + "12" * 32


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that the proofs got."""
    environ: dict[str, str] = {}

    def run(_: object, env: dict[str, str], **__: Any) -> subprocess.CompletedProcess[str]:
        environ.update(env)
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr("tests.images.__main__.subprocess.run", run)
    monkeypatch.setattr("tests.images.__main__.packages.install", lambda: None)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv(conftest.BUNDLE, raising=False)
    return environ


def _main(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr("sys.argv", ["tests.images", *map(str, words)])
    return command.main()


def test_the_named_bundle_is_what_nodes_are_built_from(
    ran: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _main(monkeypatch, "--bundle", "mine", "--digest", DIGEST, "node") == 0
    for name in (conftest.BUNDLE, conftest.BUNDLE_DIGEST):
        monkeypatch.setenv(name, ran[name])
    monkeypatch.setattr(conftest, "archive", lambda components: ARCHIVE)
    monkeypatch.setattr(conftest, "make_bundle", lambda folder: pytest.fail("the lab's bundle was made"))
    order = conftest.order_of(load("node"), Layout(tmp_path / "store"))
    assert (order.bundle, order.digest) == (tmp_path / "mine", DIGEST)
    assert conftest.bundle_of(Layout(tmp_path / "store")) == (tmp_path / "mine", DIGEST)
    assert conftest.order_of(load("gym"), Layout(tmp_path / "store")).bundle is None


def test_without_one_it_is_the_labs(
    ran: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _main(monkeypatch, "node") == 0
    assert conftest.BUNDLE not in ran
    monkeypatch.setattr(conftest, "make_bundle", lambda folder: folder)
    monkeypatch.setattr(conftest, "write_index", lambda folder: (DIGEST, folder))
    assert conftest.bundle_of(Layout(tmp_path / "store")) == (tmp_path / "images-bundle", DIGEST)


@pytest.mark.parametrize("words", [("--bundle", "mine"), ("--digest", DIGEST)])
def test_a_bundle_goes_with_its_digest(
    ran: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        _main(monkeypatch, *words, "node")
    assert "go together" in capsys.readouterr().err
    assert not ran
