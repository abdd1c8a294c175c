"""Before the first release nothing of ours is pinned, and the rule is silent."""

from __future__ import annotations

from typing import Any

import pytest

from components.model.own_images import OwnImage
from policies.registry import rules
from policies.unknown import UNKNOWN
from tests.policies.court import court
from tests.policies.test_rules import cases, judge
from tests.support.plane import Plane

RULE = next(rule for rule in rules() if rule.id == "images-proven")
DENIED = [case["object"] for case in cases(RULE)["denied"]]


def test_nothing_pinned_refuses_nothing(pinned: dict[str, OwnImage]) -> None:
    pinned.clear()
    assert [judge(RULE, case) for case in DENIED] == [[]] * len(DENIED)


@pytest.mark.plane
def test_a_policy_without_any_image_is_valid(plane: Plane, pinned: dict[str, OwnImage]) -> None:
    pinned.clear()
    with court(plane, RULE) as judged:  # the API server compiles the policy here
        judged.sit()
        assert judged.refusal(DENIED[0]) == ""


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize("image", [UNKNOWN, "", "guard", "guard@", None])
def test_what_is_not_known_passes_and_what_is_no_digest_does_not(image: Any) -> None:
    container = {"name": "app", "image": image}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": [container]}}
    wrong = isinstance(image, str) and image != ""
    assert bool(judge(RULE, pod)) == wrong
