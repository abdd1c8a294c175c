"""Images of our own are the ones that were built, proven and pinned."""

from __future__ import annotations

from collections.abc import Iterator

from policies.images import name, proven
from policies.pods import POD_KINDS, images
from policies.rule import Object, Rule


def check(obj: Object) -> Iterator[str]:
    digests = proven()
    for where, reference in images(obj):
        digest = digests.get(name(reference)) if isinstance(reference, str) else None
        if digest and not str(reference).endswith(f"@{digest}"):
            yield f"{where}: the image {name(str(reference))} must be the proven one: @{digest}"


RULE = Rule(
    id="images-proven",
    title="Images of our own are the proven ones",
    severity="high",
    controls=(
        "NIST-800-53:SI-7",
        "NIST-800-53:SR-4",
        "NIST-800-190:4.1.5",
        "NIST-800-190:4.2.2",
        "MLPS-2.0:8.1.4.7",
        "OWASP-LLM:LLM03",
    ),
    remediation="Take the digest of components/upstream/images.yaml; a new image is proven and pinned first.",
    kinds=POD_KINDS,
    covers=("P1", "X5"),
    check=check,
)
