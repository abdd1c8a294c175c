"""Everything in a cloud says which environment and which block it belongs to."""

from __future__ import annotations

from collections.abc import Iterator

from policies.openstack import TAGGED, told
from policies.rule import Object, Rule
from policies.unknown import whole

_KEYS = ("bastide:environment", "bastide:block")


def check(obj: Object) -> Iterator[str]:
    if obj["kind"] == "Volume":  # block storage takes metadata, no tags
        yield from (f"metadata must have {key}" for key in _KEYS if not told(obj).get(key))
        return
    tags = obj.get("tags")
    if whole(tags):
        given = {str(tag).partition("=")[0] for tag in tags or () if str(tag).partition("=")[2]}
        yield from (f"tags must have {key}=..." for key in _KEYS if key not in given)


RULE = Rule(
    id="resources-tagged",
    title="Resources of OpenStack say whose they are",
    severity="medium",
    controls=("NIST-800-53:CM-8", "MLPS-2.0:8.1.10.2", "ISO-42001:A.4.2"),
    remediation="Tag it with bastide:environment=<environment> and bastide:block=<block>.",
    kinds=TAGGED,
    check=check,
)
