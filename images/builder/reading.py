"""YAML files of definitions, read into their models: all that is wrong at once, with path and value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from images.builder.errors import ImageError


class Model(BaseModel):
    """Part of a definition; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


M = TypeVar("M", bound=Model)


def read(path: Path, model: type[M], **more: Any) -> M:
    """The `model` in the file `path`, with `more` fields; raises `ImageError` with all that is wrong."""
    try:
        return model.model_validate({**yaml.safe_load(path.read_text()), **more})
    except (OSError, yaml.YAMLError, TypeError) as error:
        raise ImageError(f"{path}: {error}", "write it as YAML: a mapping of its fields") from error
    except ValidationError as error:
        wrong = [
            f"{path}: {'.'.join(map(str, each['loc'])) or 'the whole'}: {each['input']!r}: {each['msg']}"
            for each in error.errors()
        ]
        raise ImageError("\n".join(wrong), "correct the values that are named") from error
