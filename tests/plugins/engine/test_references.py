"""Stack references: how the layers are joined."""

from __future__ import annotations

import pytest

from tests.support.engine import Engine, Project

pytestmark = pytest.mark.engine

LOWER = """
    import pulumi
    pulumi.export("networks", [{"id": "pods", "cidr": "10.64.0.0/12"}])
    pulumi.export("token", pulumi.Output.secret("s3cr3t-t0ken"))
"""
UPPER = """
    import pulumi
    below = pulumi.StackReference("organization/bench/twin.platform")
    pulumi.export("cidr", below.require_output("networks").apply(lambda networks: networks[0]["cidr"]))
    pulumi.export("token", below.get_output("token"))
    pulumi.export("nothing", below.get_output("absent"))
"""


@pytest.fixture
def upper(engine: Engine) -> Project:
    """A stack on top of another, on one backend."""
    project = engine.project(LOWER, stack="twin.platform")
    project.up().ok()
    project.program(UPPER)
    project.init("twin.acme")
    return project


def test_outputs_arrive_and_secret_ones_stay_secret(upper: Project) -> None:
    upper.up().ok()
    assert upper.outputs() == {"cidr": "10.64.0.0/12", "token": "[secret]"}
    assert upper.outputs("--show-secrets")["token"] == "s3cr3t-t0ken"
    assert "s3cr3t-t0ken" not in upper.state_file.read_text()


def test_a_missing_output_is_named(upper: Project) -> None:
    upper.program(UPPER.replace('require_output("networks")', 'require_output("netwroks")'))
    upper.preview().failed("netwroks", "organization/bench/twin.platform")


def test_a_missing_stack_is_named(upper: Project) -> None:
    upper.program(UPPER.replace("twin.platform", "twin.plattform"))
    upper.preview().failed("twin.plattform")


def test_a_short_name_is_enough_within_a_project(upper: Project) -> None:
    upper.program(UPPER.replace("organization/bench/", ""))
    upper.up().ok()
    assert upper.outputs()["cidr"] == "10.64.0.0/12"
