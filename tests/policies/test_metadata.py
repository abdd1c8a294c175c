"""What must hold for every rule, whatever it judges."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from policies import admission, docs
from policies.exceptions import load
from policies.objects import OPENSTACK, token
from policies.registry import HERE, RULES, rules
from policies.rule import Rule

ALL = rules()
NEVER_AT_THE_API = ("helm.sh/", "bastide.dev/", f"{OPENSTACK}/")
each = pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)


def test_every_folder_is_a_complete_rule() -> None:
    folders = [path for path in RULES.glob("*/*") if path.is_dir() and path.name != "__pycache__"]
    assert len(ALL) == len(folders) >= 16
    for path in folders:
        names = {file.name for file in path.iterdir()} - {"__pycache__"}
        assert {"rule.py", "cases.yaml"} <= names <= {"rule.py", "cases.yaml", "admission.yaml"}


def test_ids_are_unique_and_sorted() -> None:
    ids = [rule.id for rule in ALL]
    assert ids == sorted(set(ids))


@each
def test_metadata(rule: Rule) -> None:
    known = docs.controls()
    requirements = yaml.safe_load((HERE.parent / "components" / "requirements.yaml").read_text())
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.id)
    assert (rule.check is None) != (rule.check_stack is None)
    assert len(f"bastide-{rule.id}") <= 63
    assert rule.kinds
    assert "P1" in rule.covers
    assert set(rule.covers) <= set(requirements)
    assert rule.controls
    assert len(set(rule.controls)) == len(rule.controls)
    for control in rule.controls:
        framework, _, name = control.partition(":")
        assert name in known[framework]["controls"], control
    assert rule.remediation.endswith(".")
    assert not rule.title.endswith(".")


@each
def test_the_url_leads_somewhere(rule: Rule) -> None:
    path, _, anchor = rule.url.partition("#")
    assert f"\n## {anchor}\n" in (HERE.parent / path).read_text()


@each
def test_a_rule_about_one_object_of_the_api_has_an_admission_form(rule: Rule) -> None:
    at_the_api = rule.check is not None and not rule.kinds[0].startswith(NEVER_AT_THE_API)
    assert admission.path(rule).exists() is at_the_api


def test_every_control_is_named_by_a_rule() -> None:
    listed = {
        f"{framework}:{control}"
        for framework, about in docs.controls().items()
        for control in about["controls"]
    }
    assert listed == {control for rule in ALL for control in rule.controls}


def test_every_kind_is_one_of_the_kubernetes_provider() -> None:
    others = ("bastide.dev/", f"{OPENSTACK}/")
    kinds = {kind for rule in ALL for kind in rule.kinds if not kind.startswith(others)}
    assert token("v1/Pod") == "kubernetes:core/v1:Pod"
    assert all(
        re.fullmatch(r"kubernetes:[a-z0-9./-]+/v\d((alpha|beta)\d)?:[A-Z][A-Za-z]+", token(kind))
        for kind in kinds
    )


def test_the_page_is_fresh() -> None:
    page = (HERE.parent / "docs" / "reference" / "policies.md").read_text()
    assert page == docs.page(), "run `make docs`"


def test_admission_manifests() -> None:
    made = admission.manifests({"app.kubernetes.io/part-of": "bastide"})
    admitted = [rule for rule in ALL if admission.path(rule).exists()]
    assert len(made) == 2 * len(admitted) >= 28
    for rule, policy, binding in zip(admitted, made[::2], made[1::2], strict=True):
        assert policy["metadata"]["name"] == binding["spec"]["policyName"] == f"bastide-{rule.id}"
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert binding["spec"]["validationActions"] == ["Deny", "Audit"]
        for validation in policy["spec"]["validations"]:
            assert validation["message"].startswith(f"{rule.id}: ")
            assert rule.url in validation["message"]


def test_the_exceptions_of_this_checkout_are_valid() -> None:
    assert load(HERE / "exceptions.yaml").problems == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [("- [", "no valid YAML"), ("rule: x", "must be a list"), ("- x", "[0] must be a mapping")],
)
def test_a_broken_file_of_exceptions_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "exceptions.yaml"
    file.write_text(text)
    found = load(file)
    assert found.waivers == ()
    assert len(found.problems) == 1
    assert str(file) in found.problems[0]
    assert words in found.problems[0]
