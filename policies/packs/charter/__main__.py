"""The charter as a policy pack: every rule is a mandatory policy of the same name."""

from __future__ import annotations

from functools import partial
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.charter import Charter, text, types
from policies.exceptions import load
from policies.rule import Planned, Rule
from policies.rules.governance.exceptions_valid.rule import RULE as EXCEPTIONS_VALID
from policies.unknown import plain


def main() -> None:
    charter = Charter(exceptions=load())
    PolicyPack(
        name="bastide-charter",
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=[_policy(charter, rule) for rule in charter.rules],
    )


def _policy(charter: Charter, rule: Rule) -> Policy:
    metadata: dict[str, Any] = {
        "name": rule.id,
        "description": rule.title,
        "severity": Severity(rule.severity),
        "tags": list(rule.controls),
        "remediation_steps": rule.remediation,
        "url": rule.url,
    }
    if rule.id == EXCEPTIONS_VALID.id:
        return StackValidationPolicy(validate=partial(_exceptions, charter), **metadata)
    if rule.check_stack:
        return StackValidationPolicy(validate=partial(_stack, charter, rule), **metadata)
    return ResourceValidationPolicy(validate=partial(_resource, charter, rule, types(rule)), **metadata)


def _resource(
    charter: Charter,
    rule: Rule,
    wanted: frozenset[str],
    args: ResourceValidationArgs,
    report: ReportViolation,
) -> None:
    if args.resource_type in wanted:
        for message in charter.object(rule, args.resource_type, plain(args.props)):
            report(text(rule, message), None)


def _stack(charter: Charter, rule: Rule, args: StackValidationArgs, report: ReportViolation) -> None:
    wanted = types(rule)
    planned = [
        Planned(type=one.resource_type, urn=one.urn, props=plain(one.props))
        for one in args.resources
        if one.resource_type in wanted
    ]
    for urn, message in charter.stack(rule, planned):
        report(text(rule, message), urn)


def _exceptions(charter: Charter, args: StackValidationArgs, report: ReportViolation) -> None:
    for problem in charter.exceptions.problems:
        report(text(EXCEPTIONS_VALID, problem), None)


if __name__ == "__main__":
    main()
