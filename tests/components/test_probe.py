"""What drills ask with: patience where the API server asks for it, and only there."""

from __future__ import annotations

from typing import Any, cast

import pytest

from components import probe
from components.cluster import ApiError, Cluster, Identity


class Answers:
    """An API server that refuses with the given reasons, then accepts."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = list(reasons)
        self.made: list[str] = []

    def request(self, method: str, path: str, body: Any, identity: Identity) -> None:
        if self.reasons:
            raise ApiError(409, {"reason": self.reasons.pop(0), "message": "refused"})
        self.made.append(f"{method} {path} as {identity.user}")


def _create(answers: Answers) -> None:
    probe.create(cast(Cluster, answers), "/pods", {}, probe.member("g"), seconds=5)


def test_a_quota_in_another_hands_is_asked_again() -> None:
    answers = Answers("Conflict", "Conflict")
    _create(answers)
    assert answers.made == ["POST /pods as bastide:drill"]


def test_what_exists_already_is_told_at_once() -> None:
    answers = Answers("AlreadyExists", "AlreadyExists")
    with pytest.raises(ApiError, match="AlreadyExists"):
        _create(answers)
    assert answers.reasons == ["AlreadyExists"]
