"""Ansible module: compare what a machine is with what it must be, all at once, and report it as JSON."""

from __future__ import annotations

import json
import re
import stat
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: validate
short_description: Compare what a machine is with what it must be
description:
  - Runs every check, changes nothing, and fails with all that differs, each with its value, rule and mend.
  - A report is kept on the machine, so that it can be collected before and after a change.
options:
  role:
    description: The role whose promise is checked.
    type: str
    required: true
  phase:
    description: Whether this comes before the role changes anything, or after.
    type: str
    choices: [preflight, validation]
    required: true
  checks:
    description: What to compare. Each has one source and at least one judgement.
    type: list
    elements: dict
    required: true
    suboptions:
      id: {type: str, required: true, description: "Name, unique in the list."}
      mend: {type: str, required: true, description: "What to do where it differs."}
      hardware: {type: bool, default: false, description: "Only a machine with the hardware can pass it."}
      patience: {type: int, default: 0, description: "Seconds to come true, asked every two seconds."}
      found: {type: raw, description: "Source, a value that is known already."}
      command: {type: list, elements: str, description: "Source, what a program prints, stripped."}
      path: {type: path, description: "Source, the content of a file."}
      equals: {type: str, description: "Judgement, the value as text is this."}
      matches: {type: str, description: "Judgement, this regular expression is found in it."}
      lacks: {type: str, description: "Judgement, this regular expression is not found in it."}
      one_of: {type: list, elements: str, description: "Judgement, the value as text is one of these."}
      at_least: {type: str, description: "Judgement, the number or version is this or higher."}
      at_most: {type: str, description: "Judgement, the number or version is this or lower."}
      exists: {type: bool, description: "Judgement, the path is there, or is not."}
      mode: {type: str, description: "Judgement, the permissions of the path in octal."}
      owner: {type: int, description: "Judgement, the user id that owns the path."}
  hardware:
    description: Whether the machine has the hardware; where not, checks that need it are skipped.
    type: bool
    default: true
  reports:
    description: Folder of the reports on the machine; nothing is written in check mode.
    type: path
    default: /var/lib/bastide/reports
author: The Bastide authors (@bastide-dev)
"""

EXAMPLES = """
- name: Check the kernel
  bastide.nodes.validate:
    role: microvm
    phase: preflight
    checks:
      - id: kernel
        found: "{{ ansible_facts.kernel }}"
        at_least: "6.1"
        mend: Boot a kernel of 6.1 or later.
"""

RETURN = """
report:
  description: Role, phase, whether all passed, and each check with id, status, expected, found and mend.
  returned: always
  type: dict
"""

SOURCES = ("found", "command", "path")
_OF_TEXTS = ("equals", "matches", "lacks", "one_of", "at_least", "at_most")
_OF_PATHS = ("exists", "mode", "owner")
_TEXTS = ("equals", "matches", "lacks", "at_least", "at_most", "mode")
_BEFORE = ("alpha", "beta", "dev", "pre", "rc")
_SHOWN = 200
_TIMEOUT = 60
_PAUSE = 2


class MisuseError(Exception):
    """A check that is no check: without a source, without a judgement, with an id of another one."""


def version(text):
    """Comparable parts of a number or version: `6.1.0-13` comes before `6.10`, `1.0-rc1` before `1.0`."""
    parts = re.findall(r"\d+|[A-Za-z]+", text)
    if not parts:
        raise ValueError(text)
    words = [(3, int(part), "") if part.isdigit() else (_word(part), 0, part) for part in parts]
    return [*words, (1, 0, "")]


def _word(part):
    return 0 if part.lower() in _BEFORE else 2


WORDS = {
    "equals": "{}",
    "matches": "something like {}",
    "lacks": "nothing like {}",
    "one_of": "one of {}",
    "at_least": "at least {}",
    "at_most": "at most {}",
    "exists": "that it exists: {}",
    "mode": "mode {}",
    "owner": "owner {}",
}
HOLDS = {
    "equals": lambda want, text, path: text == want,
    "matches": lambda want, text, path: re.search(want, text) is not None,
    "lacks": lambda want, text, path: re.search(want, text) is None,
    "one_of": lambda want, text, path: text in want,
    "at_least": lambda want, text, path: _ordered(want, text),
    "at_most": lambda want, text, path: _ordered(text, want),
    "exists": lambda want, text, path: path.exists() == want,
    "mode": lambda want, text, path: stat.S_IMODE(path.stat().st_mode) == int(want, 8),
    "owner": lambda want, text, path: path.stat().st_uid == want,
}


def expectation(check):
    """What is expected, in words."""
    wanted = {name: check[name] for name in WORDS if check.get(name) is not None}
    return "; ".join(WORDS[name].format(_plain(want)) for name, want in wanted.items())


def holds(check, text, path):
    """Whether all judgements of a check hold."""
    return all(test(check[name], text, path) for name, test in HOLDS.items() if check.get(name) is not None)


def _plain(want):
    if isinstance(want, bool):
        return "yes" if want else "no"
    return ", ".join(want) if isinstance(want, list) else str(want)


def _ordered(lower, higher):
    try:
        return version(lower) <= version(higher)
    except ValueError:
        return False


def plan_problems(checks):
    """What is wrong with the checks themselves, in words."""
    ids = [check["id"] for check in checks]
    for check in checks:
        sources = [name for name in SOURCES if check.get(name) is not None]
        judgements = [name for name in WORDS if check.get(name) is not None]
        if len(sources) != 1:
            yield f"{check['id']}: must have one of {', '.join(SOURCES)}"
        if not judgements:
            yield f"{check['id']}: must have one of {', '.join(WORDS)}"
        if "path" not in sources and set(judgements) & set(_OF_PATHS):
            yield f"{check['id']}: {', '.join(_OF_PATHS)} judge a path only"
        if ids.count(check["id"]) > 1:
            yield f"{check['id']}: must be the id of one check only"
    if not checks:
        yield "there is nothing to check"


def run(check, execute):
    """One check done: id, status, expected, found, mend. `execute` runs a program: code, output, error."""
    ends = time.monotonic() + check.get("patience", 0)
    while True:
        answer = _judged(check, execute)
        if answer["status"] == "passed" or time.monotonic() + _PAUSE > ends:
            return answer
        time.sleep(_PAUSE)


def _judged(check, execute):
    path = Path(check["path"]) if check.get("path") is not None else None
    answer = {"id": check["id"], "mend": check["mend"], "expected": expectation(check)}
    try:
        text, told = _source(check, path, execute)
        status = "passed" if holds(check, text, path) else "failed"
    except (OSError, re.error, ValueError) as error:
        status, told = "failed", str(error)
    return {**answer, "status": status, "found": told}


def _source(check, path, execute):
    """The text to judge, and how it is told: in short, and where a program failed, with what it said."""
    if path is not None:
        if check.get("exists") is None and not path.exists():
            raise OSError(f"{path} does not exist")
        readable = path.is_file() and any(check.get(name) is not None for name in _OF_TEXTS)
        text = path.read_text(errors="replace").strip() if readable else ""
        return text, (text[:_SHOWN] if readable else _told(path))
    if check.get("command") is not None:
        code, out, err = execute(check["command"])
        text = out.strip()
        if code:
            raise OSError(f"{' '.join(check['command'])} ended with {code}: {(err or out).strip()[:_SHOWN]}")
        return text, text[:_SHOWN]
    found = check["found"]
    text = str(found).lower() if isinstance(found, bool) else str(found)
    return text, text[:_SHOWN]


def _told(path):
    """A path in words."""
    if not path.exists():
        return f"{path} does not exist"
    status = path.stat()
    return f"{path} has mode {stat.S_IMODE(status.st_mode):04o} and owner {status.st_uid}"


def reported(role, phase, checks, hardware, execute):
    """The report over all checks. Raises `MisuseError` where the checks themselves are wrong."""
    if wrong := sorted(set(plan_problems(checks))):
        raise MisuseError(f"{role} {phase}: {'; '.join(wrong)}")
    done = []
    for check in checks:
        if check["hardware"] and not hardware:
            told = {"expected": "hardware", "found": "not looked for: this machine is said to have none"}
            done.append({"id": check["id"], "mend": check["mend"], "status": "skipped", **told})
        else:
            done.append(run(check, execute))
    passed = not any(each["status"] == "failed" for each in done)
    return {"role": role, "phase": phase, "passed": passed, "checks": done}


def message(report):
    """All that differs, in one text."""
    failed = [each for each in report["checks"] if each["status"] == "failed"]
    lines = [
        f"- {each['id']}: found {each['found']!r}, expected {each['expected']}. {each['mend']}"
        for each in failed
    ]
    head = f"{report['role']} {report['phase']}: {len(failed)} of {len(report['checks'])} checks failed"
    return "\n".join([head, *lines])


def main():
    options = {
        "role": {"type": "str", "required": True},
        "phase": {"type": "str", "choices": ["preflight", "validation"], "required": True},
        "checks": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "id": {"type": "str", "required": True},
                "mend": {"type": "str", "required": True},
                "hardware": {"type": "bool", "default": False},
                "patience": {"type": "int", "default": 0},
                "found": {"type": "raw"},
                "command": {"type": "list", "elements": "str"},
                "path": {"type": "path"},
                "one_of": {"type": "list", "elements": "str"},
                "exists": {"type": "bool"},
                "owner": {"type": "int"},
                **{name: {"type": "str"} for name in _TEXTS},
            },
        },
        "hardware": {"type": "bool", "default": True},
        "reports": {"type": "path", "default": "/var/lib/bastide/reports"},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    given = module.params

    def execute(command):
        try:
            return module.run_command(["timeout", str(_TIMEOUT), *command], check_rc=False)
        except OSError as error:
            return 127, "", str(error)

    try:
        report = reported(given["role"], given["phase"], given["checks"], given["hardware"], execute)
    except MisuseError as error:
        module.fail_json(msg=str(error), report={})
    if not module.check_mode:
        folder = Path(given["reports"])
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        (folder / f"{given['role']}.{given['phase']}.json").write_text(json.dumps(report, indent=1) + "\n")
    if not report["passed"]:
        module.fail_json(msg=message(report), report=report)
    module.exit_json(changed=False, report=report)


if __name__ == "__main__":
    main()
