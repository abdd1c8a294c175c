"""From plain values to models: pydantic's errors become problems with path, rule and mend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from components.model.document import Document, Path_, dotted
from components.model.draft import PROJECT
from components.model.errors import MISSING, did_you_mean
from components.model.pools import OpenStackPool, SimulatedPool, StaticPool

_M = TypeVar("_M", bound=BaseModel)
_POOLS: Final[dict[str, type[BaseModel]]] = {
    "simulated": SimulatedPool,
    "openstack": OpenStackPool,
    "static": StaticPool,
}
_RULES: Final[dict[str, tuple[str, str]]] = {
    "int_type": ("must be a whole number", "Write digits only, without quotes."),
    "bool_type": ("must be true or false", "Write `true` or `false`, without quotes."),
    "string_type": ("must be text", "Put it in quotes."),
    "tuple_type": ("must be a list", "Write it like `[a, b]`, or one `- item` on each line."),
    "mapping_type": ("must be a mapping", "Write it like `{{key: value}}`."),
    "dict_type": ("must be a mapping", "Write it like `{{key: value}}`."),
    "model_type": ("must be a mapping", "Write it like `{{key: value}}`."),
    "model_attributes_type": ("must be a mapping", "Write it like `{{key: value}}`."),
    "greater_than_equal": ("must be at least {ge}", "Write `{ge}` or more."),
    "less_than_equal": ("must be at most {le}", "Write `{le}` or less."),
    "too_short": ("must have at least {min_length} item", "Add one."),
}


def parse(model: type[_M], document: Document) -> _M | None:
    """The model of the document's own keys (`bastide:...`); None after a problem."""
    own = f"{PROJECT}:"
    config = document.data["config"].items()
    raw = {key.removeprefix(own): value for key, value in config if key.startswith(own)}
    try:
        return model.model_validate(raw, by_alias=True, by_name=False)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            _report(model, raw, each, document)
    return None


def _report(model: type[BaseModel], raw: object, error: Mapping[str, Any], document: Document) -> None:
    path, owner = _resolve(model, raw, error["loc"])
    full = ("config", f"{PROJECT}:{path[0]}", *path[1:]) if path else ("config",)
    if any(known.path == dotted(full) for known in document.problems):
        return  # what is wrong with it as YAML comes first
    value = error["input"]
    kind = error["type"]
    if kind == "too_short" and value:
        return  # it has items, and these have problems of their own
    if kind == "missing":
        field = _fields(owner).get(str(path[-1]))
        mend = f"Add `{full[-1]}`: {_lower(field.description or '') if field else 'a value.'}"
        document.refuse(full, MISSING, "must be given", mend)
    elif kind == "extra_forbidden":
        document.refuse(full, value, "is not a known key", did_you_mean(str(path[-1]), _fields(owner)))
    else:
        document.refuse(full, value, *_rule(kind, error, value))


def _rule(kind: str, error: Mapping[str, Any], value: object) -> tuple[str, str]:
    context = error.get("ctx", {})
    if kind == "rule":
        return context["rule"], context["mend"]
    if kind == "literal_error":
        known = [word.strip(" '") for word in context["expected"].replace(" or ", ",").split(",")]
        return f"must be one of {', '.join(known)}", did_you_mean(str(value), known)
    if kind == "union_tag_invalid":
        return f"must have as `kind` one of {', '.join(_POOLS)}", did_you_mean(context["tag"], _POOLS)
    if kind == "union_tag_not_found":
        return "must have a `kind`", f"Add `kind`, one of: {', '.join(_POOLS)}."
    if kind in _RULES:
        rule, mend = _RULES[kind]
        return rule.format(**context), mend.format(**context)
    return f"is refused: {error['msg']}", "See docs/reference/configuration.md."


def _lower(sentence: str) -> str:
    return sentence if sentence[:2].isupper() or sentence[:1] == "`" else sentence[:1].lower() + sentence[1:]


def _resolve(
    model: type[BaseModel], raw: object, loc: tuple[str | int, ...]
) -> tuple[Path_, type[BaseModel] | None]:
    """The path in the file of an error's location, and the model that holds its last key.

    pydantic puts a union's tag and `[key]` into locations; neither is in the file.
    """
    path: list[str | int] = []
    owner: type[BaseModel] | None = model
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(raw, list) and isinstance(part, int):
            raw = raw[part] if part < len(raw) else None
        elif len(path) == 2 and path[0] == "pools" and part in _POOLS:
            owner = current = _POOLS[str(part)]
            continue
        elif part == "[key]":
            continue
        else:
            owner = current
            current = _model_of(_fields(current).get(str(part)))
            raw = raw.get(part) if isinstance(raw, dict) else None
        path.append(part)
    return tuple(path), owner


def _fields(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    if model is None:
        return {}
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_of(field: FieldInfo | None) -> type[BaseModel] | None:
    return next(_models(field.annotation), None) if field else None


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
