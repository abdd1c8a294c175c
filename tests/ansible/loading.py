"""Loads a plugin of the collection by its file: Ansible's own loader is not needed for pure functions."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PLUGINS = Path(__file__).parents[2] / "ansible/plugins"


def load(path: str) -> ModuleType:
    """The module at `path` below ansible/plugins."""
    name = "bastide_" + path.removesuffix(".py").replace("/", "_")
    spec = importlib.util.spec_from_file_location(name, PLUGINS / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
