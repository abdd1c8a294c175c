"""Plugins of the collection, as modules: they are in no package of ours."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from twin.settings import ROOT

PLUGINS = ROOT / "ansible" / "plugins"


def load(kind: str, name: str) -> ModuleType:
    """The plugin `name` of a `kind` (`modules`, `filter`, ...)."""
    path = PLUGINS / kind / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bastide_{kind}_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_module(name: str, arguments: Mapping[str, Any], check: bool = False) -> dict[str, Any]:
    """The answer of a module, run by itself with the arguments that Ansible would give it."""
    given = {"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check}}
    command = [sys.executable, str(PLUGINS / "modules" / f"{name}.py")]
    ran = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.strip(), ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer
