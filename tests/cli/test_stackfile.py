"""A stack file is written whole or not at all, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from cli.outcome import CliError, Exit
from cli.provider import steps
from cli.provider.stackfile import StackFile
from tests.cli.providers import Site
from tests.support.command import ROOT

TODAY = date.today().isoformat()


def test_a_file_that_changed_meanwhile_is_not_written(site: Site) -> None:
    change = steps.step(StackFile(site.config, "site"), "halls", "degraded", date.today())
    site.edit("rank: 1, offPremises", "rank: 0, offPremises")
    between = site.text
    with pytest.raises(CliError) as refused:
        change.write()
    assert refused.value.code == Exit.LOCKED
    assert site.text == between


def test_rights_links_and_marks_of_the_file_stay(site: Site, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.yaml"
    real.write_bytes(b"\xef\xbb\xbf" + site.text.replace("\n", "\r\n").encode())
    real.chmod(0o640)
    site.path.unlink()
    site.path.symlink_to(real)
    steps.step(StackFile(site.config, "site"), "halls", "degraded", date.today()).write()
    assert site.path.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert real.read_bytes().startswith(b"\xef\xbb\xbf# yaml")
    assert real.read_bytes().count(b"\r\n") == real.read_bytes().count(b"\n") > 50
    assert {path.name for path in tmp_path.iterdir()} == {"config", "elsewhere.yaml"}, "no temporary file"


KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from cli.provider import steps
from cli.provider.stackfile import StackFile
change = steps.step(StackFile(Path(sys.argv[1]), "site"), "halls", "degraded", date.today())
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
change.write()
"""


def test_killed_in_the_middle_of_writing_leaves_the_old_file(site: Site) -> None:
    before = site.text
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(site.config)], cwd=ROOT, env=os.environ, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert site.text == before
    assert site.provider("degrade", "halls", "--reason", "x", "--yes").code == Exit.OK
    assert "state: degraded, since: 2026-06-01" in site.text.replace(TODAY, "2026-06-01")


def test_a_layout_that_is_not_understood_is_left_to_a_person(site: Site) -> None:
    site.edit(
        "          - {provider: abroad, model: large-1, weight: 100}\n",
        """\
          - # one
            provider: abroad
            model: large-1
            weight: 70
          - {provider: halls, model: qwen3-32b, weight: 30}
""",
    )
    before = site.text
    done = site.provider("exit", "abroad", "--drain", "--yes")
    assert done.code == Exit.CONFIG
    assert "by hand" in done.err
    assert site.text == before
