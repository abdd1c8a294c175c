"""What becomes of a program's inputs before anything is done with them."""

from __future__ import annotations

import base64
import threading
from typing import Any

import pytest

from twin.plugins.kubernetes.check import CheckError, checked
from twin.plugins.kubernetes.engine import Engine
from twin.plugins.kubernetes.kinds import kind_of_type
from twin.plugins.kubernetes.naming import NamingError
from twin.plugins.kubernetes.session import Session
from twin.plugins.kubernetes.settings import Settings
from twin.plugins.kubernetes.stubs import provider_pb2
from twin.plugins.kubernetes.values import UNKNOWN, is_secret, plain, secret

Options = provider_pb2.CheckRequest.AutonamingOptions


CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


@pytest.fixture
def session() -> Session:
    """A session whose cluster is given up: every kind is judged without one."""
    return Session(
        Settings(kubeconfig="/nonexistent", delete_unreachable=True, namespace="home"),
        Engine(),
        threading.Event(),
    )


def check(
    session: Session,
    inputs: dict[str, Any],
    token: str = CONFIG_MAP,
    old: dict[str, Any] | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    request = provider_pb2.CheckRequest(
        urn=f"urn:pulumi:dev::p::{token}::thing", randomSeed=b"seed", autonaming=options
    )
    return checked(session, kind_of_type(token), request, inputs, old or {})


def test_a_name_is_the_same_for_the_same_seed_and_is_kept(session: Session) -> None:
    first, second = check(session, {}), check(session, {})
    assert first == second
    assert first["metadata"]["name"].startswith("thing-")
    renamed = {"metadata": {"name": "thing-old", "annotations": {"pulumi.com/autonamed": "true"}}}
    assert check(session, {}, old=renamed)["metadata"]["name"] == "thing-old"
    assert check(session, {}, old={"metadata": {"name": "given"}})["metadata"]["name"] != "given"


def test_the_engines_proposal_is_taken(session: Session) -> None:
    proposed = Options(proposed_name="proposed", mode=Options.PROPOSE)
    assert check(session, {}, options=proposed)["metadata"]["name"] == "proposed"
    with pytest.raises(NamingError, match="autonaming"):
        check(session, {}, options=Options(mode=Options.DISABLE))


def test_namespace_by_scope(session: Session) -> None:
    assert check(session, {})["metadata"]["namespace"] == "home"
    assert "namespace" not in check(session, {}, "kubernetes:core/v1:Namespace")["metadata"]
    assert check(session, {"metadata": {"namespace": "x"}})["metadata"]["namespace"] == "x"


def test_unknown_values_stay(session: Session) -> None:
    assert check(session, {"metadata": UNKNOWN})["metadata"] == UNKNOWN
    known = check(session, {"metadata": {"name": UNKNOWN, "annotations": UNKNOWN}, "data": {"a": [UNKNOWN]}})
    assert known["metadata"]["name"] == UNKNOWN
    assert known["data"] == {"a": [UNKNOWN]}


def test_what_the_sdk_keeps_for_itself_is_dropped(session: Session) -> None:
    done = check(session, {"__fieldManager": "x", "metadata": {"uid": "u", "creationTimestamp": None}})
    assert "__fieldManager" not in done
    assert set(done["metadata"]) == {"name", "namespace", "annotations"}


def test_secret_data_is_one_and_secret(session: Session) -> None:
    done = check(
        session, {"stringData": {"a": "b"}, "data": {"c": secret("ZA==")}}, "kubernetes:core/v1:Secret"
    )
    assert is_secret(done["data"])
    assert plain(done["data"]) == {"a": base64.b64encode(b"b").decode(), "c": "ZA=="}
    assert "stringData" not in done
    marked = check(session, {"data": {"a": secret("x"), "b": "y"}})
    assert marked["data"] == {"a": secret("x"), "b": "y"}


@pytest.mark.parametrize(
    ("inputs", "token", "path", "words"),
    [
        ({"kind": "Secret"}, "kubernetes:core/v1:ConfigMap", "kind", "does not fit"),
        ({"apiVersion": "v2"}, "kubernetes:core/v1:ConfigMap", "apiVersion", "does not fit"),
        ({"metadata": {"name": 3}}, "kubernetes:core/v1:ConfigMap", "metadata.name", "string"),
        ({"metadata": []}, "kubernetes:core/v1:ConfigMap", "metadata", "object"),
        ({"items": []}, "kubernetes:core/v1:ConfigMapList", "kind", "underlying resource type"),
        ({"chart": "a"}, "kubernetes:helm.sh/v3:Release", "chart", "does not install Helm releases"),
        ({}, "kubernetes:core/v1:ConfigMapPatch", "metadata.name", "name it"),
    ],
)
def test_inputs_that_cannot_be(
    session: Session, inputs: dict[str, Any], token: str, path: str, words: str
) -> None:
    with pytest.raises(CheckError, match=words) as caught:
        check(session, inputs, token)
    assert caught.value.path == path


def test_generated_names_need_another_mode(session: Session) -> None:
    with pytest.raises(NamingError, match="generateName"):
        check(session, {"metadata": {"generateName": "a-"}})
    both = check(session, {"metadata": {"generateName": "a-", "name": "b"}})
    assert both["metadata"]["name"] == "b"
