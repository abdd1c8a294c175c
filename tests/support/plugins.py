"""Programs of the collection, as modules: they are in no package of ours."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from twin.settings import ROOT

COLLECTION = ROOT / "ansible"
PLUGINS = COLLECTION / "plugins"


def load(path: str) -> ModuleType:
    """The module at `path` below the collection, e.g. `plugins/filter/disks.py`."""
    name = "bastide_" + re.sub(r"\W", "_", path.removesuffix(".py"))
    spec = importlib.util.spec_from_file_location(name, COLLECTION / path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
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
