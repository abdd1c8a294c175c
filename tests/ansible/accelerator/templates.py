"""Templates of roles, rendered as Ansible renders them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.support.plugins import COLLECTION


def rendered(role: str, template: str, variables: dict[str, Any]) -> str:
    """A template of a role with the role's defaults and variables below the given ones."""
    folder = COLLECTION / "roles" / role
    loader = DataLoader()
    values: dict[str, Any] = {}
    for file in ("defaults/main.yml", "vars/main.yml"):
        values |= loader.load_from_file(str(folder / file), trusted_as_template=True)
    templar = Templar(loader=loader, variables={**values, **variables})
    text = Path(folder / "templates" / template).read_text(encoding="utf-8")
    return str(templar.template(trust_as_template(text)))
