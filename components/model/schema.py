"""JSON Schema and reference page, generated from the model: `python -m components.model.schema`.

Editors complete stack files by the schema that each names in its first line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from components.model.draft import PROJECT
from components.model.foundation import Foundation
from components.model.loading import ENGINE_KEYS
from components.model.platform import Platform
from components.model.reference import page
from components.model.tenant import TenantStack

STACKS: Final[dict[str, type[BaseModel]]] = {
    "foundation": Foundation,
    "platform": Platform,
    "tenant": TenantStack,
}
REFERENCE: Final = Path("docs/reference")
_CONTEXT = {"type": "string", "minLength": 1, "description": "Context in the kubeconfig of the cluster."}


def schema(layer: str) -> dict[str, Any]:
    """The JSON Schema of a whole stack file of a layer: `foundation`, `platform` or `tenant`."""
    model = STACKS[layer].model_json_schema(by_alias=True)
    own = {f"{PROJECT}:{key}": value for key, value in model["properties"].items()}
    config = {
        "type": "object",
        "description": "Configuration of the stack.",
        "properties": {"kubernetes:context": _CONTEXT, **own},
        "required": ["kubernetes:context", *(f"{PROJECT}:{key}" for key in model["required"])],
        "patternProperties": {rf"^(?!{PROJECT}:)[A-Za-z][A-Za-z0-9_-]*:.+$": {}},
        "additionalProperties": False,
    }
    engine = {key: {"type": "string", "description": "Written by the engine."} for key in ENGINE_KEYS}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Bastide: {layer}",
        "description": model["description"],
        "type": "object",
        "properties": {"config": config, **engine},
        "required": ["config"],
        "additionalProperties": False,
        "$defs": model["$defs"],
    }


def files() -> dict[Path, str]:
    """All generated files below the checkout, by path."""
    schemas = {layer: schema(layer) for layer in STACKS}
    made = {REFERENCE / "schema" / f"{layer}.json": _text(each) for layer, each in schemas.items()}
    return {**made, REFERENCE / "configuration.md": page(schemas)}


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main(root: Path) -> None:
    for path, text in files().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[2])
