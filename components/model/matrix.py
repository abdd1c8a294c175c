"""Which driver, firmware, toolkit and partitions go together on an accelerator: the rules over `matrix.yaml`.

Pure: plain values in, problems or a row out. The row goes with the inventory to the host, where the role
`accelerator` holds the machine's release, kernel and devices against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from components.model.errors import did_you_mean

Row = Mapping[str, Any]
"""A mapping of `matrix.yaml`; its head says which keys there are."""
Software = Mapping[str, str | None]
"""Versions: `driver`, `firmware` (none where the driver brings it), `toolkit`."""

_FILE: Final = Path(__file__).with_name("matrix.yaml")
_PRE_RELEASE: Final = re.compile(r"(?i)rc(\d+)")
_PARTS: Final = 8
"""Parts of a version that are compared."""


class Problem(NamedTuple):
    """One value that does not go with the others. `field` is as in the accelerator: `software.driver`."""

    field: str
    value: str
    rule: str
    mend: str


@cache
def matrix() -> Row:
    """The whole of `matrix.yaml`."""
    loaded: Row = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return loaded


def version(text: str) -> tuple[int, ...]:
    """A version to compare by: `25.5.0` > `25.5.RC1` > `25.4`. What is no number counts as 0."""
    parts: list[int] = []
    for part in re.split(r"[.\-+]", text):
        rc = _PRE_RELEASE.fullmatch(part)
        parts += [-1, int(rc[1])] if rc else [int(part) if part.isdigit() else 0]
    return tuple(parts[:_PARTS] + [0] * (_PARTS - len(parts)))


def within(text: str, span: Row) -> bool:
    """Whether a version is in a range: `from` belongs to it, `below` does not.

    >>> within("6.1.0", {"from": "6.1", "below": "6.2"})
    True
    """
    return version(span["from"]) <= version(text) < version(span["below"])


def problems(
    vendor: str, family: str, model: str, software: Software, partitions: Mapping[str, int]
) -> list[Problem]:
    """What is wrong with the software and the partitions of an accelerator; empty where all is supported."""
    families = [each for each in matrix()["families"] if each["vendor"] == vendor]
    if not families:
        vendors = sorted({each["vendor"] for each in matrix()["families"]})
        return [Problem("vendor", vendor, "is not in the version matrix", did_you_mean(vendor, vendors))]
    named = {each["family"]: each for each in families}
    if family not in named:
        mend = did_you_mean(family, named)
        return [Problem("family", family, f"is not in the version matrix of {vendor}", mend)]
    models = {each["id"]: each for each in matrix()["models"] if each["family"] == family}
    if model not in models:
        mend = did_you_mean(model, models)
        return [Problem("id", model, f"is not in the version matrix of {vendor} {family}", mend)]
    found = list(_software(vendor, family, model, software))
    return [*found, *_partitions(models[model], partitions)]


def supported(vendor: str, family: str, model: str, software: Software) -> dict[str, Any]:
    """The row for the host: the combination, and what the family and the model need. Plain values only.

    Raises `LookupError` where `problems` would tell of the accelerator or its driver.
    """
    own = _row(_combinations(vendor, family, model), software.get("driver"))
    if own is None:
        raise LookupError(f"driver {software.get('driver')} of {model} is not in the version matrix")
    of_family = next(each for each in matrix()["families"] if each["family"] == family)
    of_model = next(each for each in matrix()["models"] if each["id"] == model)
    systems = matrix()["systems"]
    return {
        "combination": own["id"],
        "driver": own["driver"],
        "systems": {each: systems[each]["kernels"] for each in own["systems"]},
        "container_toolkit": own.get("container_toolkit", ""),
        "kernel_module": of_family["kernel_module"],
        "package": of_model.get("package", ""),
        "divisible": "profiles" in of_model,
        "fabric_manager": of_model.get("fabric_manager", False),
        "subnet_manager": of_model.get("subnet_manager", False),
        "pci_vendor": matrix()["pci"][vendor]["vendor"],
        "pci_devices": of_model["devices"],
        "verified": own["verified"],
        "reason": own.get("reason", ""),
    }


def fits(layout: str, asked: Sequence[str]) -> bool:
    """Whether instances of these kinds find room on one device together, each where its kind may begin."""
    kinds = matrix()["layouts"][layout]
    for kind in set(asked):
        if asked.count(kind) > kinds[kind].get("most", len(asked)):
            return False
    ordered = sorted(asked, key=lambda kind: -int(kinds[kind]["size"]))
    return _placed([kinds[kind] for kind in ordered], frozenset())


def most(model: str, profile: str) -> int:
    """How many instances of one profile fit on a device of this model."""
    own = next(each for each in matrix()["models"] if each["id"] == model)
    kind, count = own["profiles"][profile], 0
    while fits(own["layout"], [kind] * (count + 1)):
        count += 1
    return count


def _placed(kinds: Sequence[Row], taken: frozenset[int]) -> bool:
    if not kinds:
        return True
    first, rest = kinds[0], kinds[1:]
    for start in first["starts"]:
        slices = frozenset(range(start, start + first["size"]))
        if not slices & taken and _placed(rest, taken | slices):
            return True
    return False


def _row(combinations: Sequence[Row], driver: str | None) -> Row | None:
    return next((each for each in combinations if driver and within(driver, each["driver"])), None)


def _combinations(vendor: str, family: str, model: str) -> list[Row]:
    return [
        each
        for each in matrix()["combinations"]
        if each["vendor"] == vendor and family in each["families"] and model in each.get("models", [model])
    ]


def _nearest(combinations: Sequence[Row], driver: str) -> Row:
    """The combination next to this driver: by the first part; of two as near, the older."""

    def recommended(each: Row) -> tuple[int, ...]:
        return version(each["driver"]["recommended"])

    ordered = sorted(combinations, key=recommended)
    older = [each for each in ordered if recommended(each) < version(driver)]
    newer = [each for each in ordered if recommended(each) >= version(driver)]
    beside = [*older[-1:], *newer[:1]]
    return min(beside, key=lambda each: abs(recommended(each)[0] - version(driver)[0]))


def _software(vendor: str, family: str, model: str, software: Software) -> Iterator[Problem]:
    combinations = _combinations(vendor, family, model)
    driver = software.get("driver")
    if not combinations:
        rule = "has no supported combination of driver, firmware and toolkit in the version matrix"
        yield Problem("id", model, rule, "Use another model, or add a row with its source.")
        return
    if not driver:
        recommended = combinations[-1]["driver"]["recommended"]
        yield Problem("software.driver", "(missing)", "must be given", f"Write `{recommended}`.")
        return
    row = _row(combinations, driver)
    if row is None:
        near = _nearest(combinations, driver)
        until = f", supported until {near['until']}" if "until" in near else ""
        mend = f"The nearest that is: `{near['driver']['recommended']}` ({near['id']}{until})."
        yield Problem("software.driver", driver, _refused(vendor, model, driver), mend)
        return
    yield from _firmware(row, driver, software.get("firmware"))
    yield from _toolkit(row, family, software.get("toolkit"))


def _refused(vendor: str, model: str, driver: str) -> str:
    for each in matrix()["ended"]:
        if each["vendor"] == vendor and within(driver, each["driver"]):
            return f"is of a branch that reached its end in {each['day']}"
    return f"is not in the version matrix of `{model}`"


def _firmware(row: Row, driver: str, firmware: str | None) -> Iterator[Problem]:
    pairs: Mapping[str, Any] = row["firmware"]
    if not pairs:
        if firmware:
            rule = f"must be left out: driver {driver} brings its firmware"
            yield Problem("software.firmware", firmware, rule, "Remove it.")
        return
    known = {version(each): pair for each, pair in pairs.items() if each != "*"}
    pair = known.get(version(driver), pairs.get("*"))
    if pair is None:
        names = " or ".join(f"`{each}`" for each in pairs)
        rule = f"has no firmware in the version matrix ({row['id']})"
        yield Problem("software.driver", driver, rule, f"Use {names}.")
        return
    allowed = [pair] if isinstance(pair, str) else list(pair)
    if firmware not in allowed:
        rule = f"does not go with driver {driver} ({row['id']})"
        mend = f"Write {' or '.join(f'`{each}`' for each in allowed)}."
        yield Problem("software.firmware", firmware or "(missing)", rule, mend)


def _toolkit(row: Row, family: str, toolkit: str | None) -> Iterator[Problem]:
    least = next(each for each in matrix()["families"] if each["family"] == family).get("toolkit", "0")
    spans = [{**each, "from": max(each["from"], least, key=version)} for each in row["toolkit"]]
    if toolkit and any(within(toolkit, span) for span in spans):
        return
    allowed = " or ".join(f"from {span['from']} to below {span['below']}" for span in spans)
    rule = f"does not run on {family} with driver {row['driver']['from']} ({row['id']})"
    yield Problem("software.toolkit", toolkit or "(missing)", rule, f"Use one {allowed}.")


def _partitions(model: Row, partitions: Mapping[str, int]) -> Iterator[Problem]:
    profiles: Mapping[str, str] = model.get("profiles", {})
    if partitions and not profiles:
        rule = f"cannot be made: `{model['id']}` is not divided"
        yield Problem("partitions", ", ".join(partitions), rule, "Remove `partitions`.")
        return
    alone = [_alone(model, *each) for each in partitions.items()]
    if any(alone):
        yield from filter(None, alone)
        return
    asked = [profiles[profile] for profile, count in partitions.items() for _ in range(count)]
    if asked and not fits(model["layout"], asked):
        written = ", ".join(f"{count} x {profile}" for profile, count in partitions.items())
        rule = f"do not fit on one `{model['id']}` together"
        yield Problem("partitions", written, rule, "Take away one, or take smaller ones.")


def _alone(model: Row, profile: str, count: int) -> Problem | None:
    """What is wrong with a number of instances of one profile, whatever stands beside them."""
    field, name = f"partitions.{profile}", model["id"]
    if profile not in model["profiles"]:
        mend = f"It has {', '.join(f'`{each}`' for each in model['profiles'])}."
        return Problem(field, str(count), f"is no profile of `{name}`", mend)
    if count < 1:
        return Problem(field, str(count), "must be at least 1", "Raise or remove it.")
    if count > most(name, profile):
        return Problem(field, str(count), f"do not fit on one `{name}`", f"At most {most(name, profile)} do.")
    return None
