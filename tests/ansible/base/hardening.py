"""Makes docs/reference/hardening.md from the role's own data: `python -m tests.ansible.base.hardening`."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.command import ROOT

DATA = ROOT / "ansible/roles/base/meta/judges.yml"
PAGE = ROOT / "docs/reference/hardening.md"
SCOPES = {
    "node": "Not done on a node, on purpose",
    "judge": "Done, but the rule cannot see it",
    "lab": "Not possible in the container that is judged",
}
_HEAD = """# Hardening of a host, as judged from outside

Made from `ansible/roles/base/meta/judges.yml` by `python -m tests.ansible.base.hardening`; do not edit.

The role `base` hardens a Debian host. Two judges that are not ours look at the same machine of a lab (Debian
12, a container with its own systemd) before and after the role: `tests/nodes/test_judges.py`, in
`make test-nodes`. No test of a judge is switched off. Published figures may not be better than measured ones,
a rule that fails is excepted below with its reason or counts as open, and an exception that is not needed
any more fails the test.

| judge | before | after | aim |
| --- | --- | --- | --- |
"""
_TAIL = """
## What this does not show

- Kernel parameters outside of the network are copies in the test machine: the judge reads what the role has
  set, but the kernel of the lab does not obey it. `auditd`, `chronyd` and AppArmor do not run there.
- The machine has no boot loader, so the judge leaves its rules out (password, IOMMU, mitigations at boot).
- The content for Debian 12 has no CIS profile; ANSSI-BP-028, level "enhanced", asks for more in most places.
"""


def page(data: dict[str, Any]) -> str:
    """The text of the page."""
    lynis, openscap = data["lynis"], data["openscap"]
    before, after = openscap["before"], openscap["after"]
    excepted = sum(len(group["rules"]) for group in data["exceptions"])
    asked = after["passed"] + after["failed"] - excepted
    rows = [
        f"| lynis, hardening index | {lynis['before']} | {lynis['after']} | {lynis['aim']} |",
        f"| OpenSCAP `{openscap['profile']}`, rules that apply and pass "
        f"| {_share(before)} | {_share(after)} | |",
        f"| the same without the {excepted} excepted rules | | {after['passed']} of {asked} "
        f"({100 * after['passed'] / asked:.1f} %) | {openscap['aim']} % |",
    ]
    return _HEAD + "\n".join(rows) + "\n\n## Exceptions of OpenSCAP\n" + _exceptions(data) + _TAIL


def _share(figures: dict[str, int]) -> str:
    whole = figures["passed"] + figures["failed"]
    return f"{figures['passed']} of {whole} ({100 * figures['passed'] / whole:.1f} %)"


def _exceptions(data: dict[str, Any]) -> str:
    lines = []
    for scope, title in SCOPES.items():
        lines += [f"\n### {title}\n\n", "| rules | reason |\n| --- | --- |\n"]
        for group in data["exceptions"]:
            if group["scope"] == scope:
                lines.append(f"| {', '.join(f'`{rule}`' for rule in group['rules'])} | {group['reason']} |\n")
    return "".join(lines)


def read() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    PAGE.write_text(page(read()), encoding="utf-8")
