"""Drives the real Pulumi engine: fixture `engine`, a factory of projects in folders of their own.

    project = engine.project('''
        import pulumi
        pulumi.export("answer", 42)
    ''')
    project.up().ok()
    assert project.outputs() == {"answer": 42}

Nothing of the machine leaks in: own PULUMI_HOME, file backend, passphrase and PATH. The language host and the
providers are those of this project. Every process of a project dies with its test.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml

from tests.support.project import Project, Result, Running, Step, eventually
from twin.toolchain.model import Toolchain

__all__ = ["Engine", "Project", "Result", "Running", "Step", "encodings", "eventually"]

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "correct horse"
_PLUGINS = {
    f"language-python-v{version('pulumi')}": ("pulumi-language-python", "-m twin.plugins.python"),
    f"resource-kubernetes-v{version('pulumi-kubernetes')}": (
        "pulumi-resource-kubernetes",
        "-m twin.plugins.kubernetes",
    ),
    "resource-lab-v1.0.0": ("pulumi-resource-lab", f"{ROOT}/tests/support/labprovider.py"),
}


class Engine:
    """Makes projects below a folder."""

    def __init__(self, folder: Path, pulumi: Path) -> None:
        self._folder = folder
        self._pulumi = pulumi
        self._projects: list[Project] = []

    def project(
        self,
        program: str = "",
        *,
        stack: str = "dev",
        options: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Project:
        """A project with `program` and an empty stack.

        `options` are runtime options, `settings` further keys of Pulumi.yaml, `environ` more environment,
        e.g. `KUBECONFIG`.
        """
        root = self._folder / f"project{len(self._projects)}"
        (root / "state").mkdir(parents=True)
        (root / "lab").mkdir()
        runtime = {"name": "python", "options": dict(options or {})}
        about = {"name": "bench", "runtime": runtime, "backend": {"url": f"file://{root / 'state'}"}}
        (root / "Pulumi.yaml").write_text(yaml.safe_dump({**about, **(settings or {})}))
        project = Project(root=root, environ=_environ(root, self._home(), self._pulumi) | dict(environ or {}))
        self._projects.append(project)
        project.program(program)
        project.init(stack)
        return project

    def sibling(self, other: Project, program: str, *, name: str) -> Project:
        """A further project on the backend of `other`."""
        settings = {"name": name, "backend": {"url": f"file://{other.backend}"}}
        return self.project(program, stack=other.stack, settings=settings)

    def close(self) -> None:
        for project in self._projects:
            project.close()

    def _home(self) -> Path:
        """A PULUMI_HOME with the plug-ins of this project, as if installed: the engine then trusts them."""
        home = self._folder / f"home{len(self._projects)}"
        for folder, (program, arguments) in _PLUGINS.items():
            wrapper = home / "plugins" / folder / program
            wrapper.parent.mkdir(parents=True)
            wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
            wrapper.chmod(0o755)
        return home


def _environ(root: Path, home: Path, pulumi: Path) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("HOME", "LANG", "TMPDIR") if key in os.environ}
    return kept | {
        "PATH": os.pathsep.join((str(pulumi.parent), str(Path(sys.executable).parent), "/usr/bin:/bin")),
        "PULUMI_HOME": str(home),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PYTHONPATH": str(ROOT),
        "PULUMI_DEBUG_COMMANDS": "true",  # where --event-log is a flag
        "NO_COLOR": "1",
        "LAB": str(root / "lab"),
    }


def encodings(secret: str) -> list[str]:
    """The forms in which a leaked secret may show: plain, base64 (at every offset), URL-encoded."""
    forms = {secret, quote(secret, safe=""), quote_plus(secret)}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + secret.encode()).decode().rstrip("=")
        forms.add(encoded[4 if offset else 0 : -2])
    return sorted(forms)


@pytest.fixture
def engine(tmp_path: Path, toolchain: Toolchain) -> Iterator[Engine]:
    """Makes projects for the real engine; all their processes are killed at the end of the test."""
    made = Engine(tmp_path, toolchain.programs["pulumi"])
    yield made
    made.close()
