"""Images are named by digest: what was approved is what runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.pods import POD_KINDS, images
from policies.rule import Object, Rule
from policies.unknown import matches

DIGEST = re.compile(r"^[^@\s]+@sha256:[0-9a-f]{64}$")


def check(obj: Object) -> Iterator[str]:
    for where, reference in images(obj):
        if not matches(DIGEST, reference):
            yield f"{where}: the image must end in @sha256:<64 hex digits>"


RULE = Rule(
    id="image-digests",
    title="Images are named by digest",
    severity="high",
    controls=(
        "NIST-800-53:SI-7",
        "NIST-800-53:SR-4",
        "NIST-800-190:4.1.5",
        "NIST-800-190:4.2.2",
        "MLPS-2.0:8.1.4.5",
        "MLPS-2.0:8.1.4.7",
        "OWASP-LLM:LLM03",
    ),
    remediation="Name the image as repository[:tag]@sha256:<digest>, with the digest that was scanned.",
    kinds=POD_KINDS,
    covers=("P1", "X5"),
    check=check,
)
