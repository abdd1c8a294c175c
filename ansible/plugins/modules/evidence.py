"""Ansible module: say how a machine was booted, from firmware variables, TPM and the log of the boot."""

from __future__ import annotations

import hashlib
import json
import platform
import struct
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: evidence
short_description: Say how a machine was booted
description:
  - Reads secure boot, kernel lockdown, the registers (PCRs) of the TPM and the firmware's event log.
  - The log is replayed. Registers of the firmware whose value it does not give are named in C(unexplained).
  - It is what the machine says of itself, not a quote that the TPM has signed.
options:
  sysfs:
    description: Where /sys is read.
    type: path
    default: /sys
  registers:
    description: The registers to read, from 0 to 23.
    type: list
    elements: int
    required: true
  kept:
    description: File on the machine in which the evidence is kept; nothing is written in check mode.
    type: path
author: The Bastide authors (@bastide-dev)
"""

EXAMPLES = """
- name: Say how the machine was booted
  bastide.nodes.evidence:
    registers: [0, 2, 4, 7]
"""

RETURN = """
evidence:
  description: What was found; a value of null could not be read, so the machine has no such thing.
  returned: success
  type: dict
"""

SHA256 = 0x000B
NO_ACTION = 3
EFI_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
LOCALITY = b"StartupLocality\0"
FIRMWARE_REGISTERS = range(8)
"""What the firmware alone extends; later ones go on growing after its log has ended."""


class LogError(Exception):
    """The event log is not one; the text says where it ends to make sense."""


class Reader:
    """Takes fields off the front of `data`."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def more(self):
        """Whether anything is left."""
        return self.at < len(self.data)

    def take(self, size):
        """The next `size` bytes."""
        if self.at + size > len(self.data):
            raise LogError(f"the event log is cut off at byte {len(self.data)}")
        self.at += size
        return self.data[self.at - size : self.at]

    def numbers(self, layout):
        """The next little-endian numbers, as `struct` names them."""
        return struct.unpack(f"<{layout}", self.take(struct.calcsize(f"<{layout}")))


def replay(data):
    """Replay an event log of the TCG PC Client profile: the number of events, and the SHA-256 registers."""
    reader = Reader(data)
    sizes = _header(reader)
    registers, events = {}, 0
    while reader.more():
        index, kind, count = reader.numbers("III")
        digests = {}
        for _ in range(count):
            (algorithm,) = reader.numbers("H")
            if algorithm not in sizes:
                raise LogError(f"event {events} has the unknown algorithm {algorithm:#x}")
            digests[algorithm] = reader.take(sizes[algorithm])
        event = reader.take(reader.numbers("I")[0])
        events += 1
        if kind == NO_ACTION:
            if event.startswith(LOCALITY):
                registers[0] = bytes(31) + event[len(LOCALITY) : len(LOCALITY) + 1]
        elif SHA256 in digests:
            before = registers.get(index, bytes(32))
            registers[index] = hashlib.sha256(before + digests[SHA256]).digest()
    return events, {index: value.hex() for index, value in registers.items()}


def _header(reader):
    """Read the first event, which states the algorithms and the sizes of their digests."""
    reader.take(8 + 20)
    header = Reader(reader.take(reader.numbers("I")[0]))
    if header.take(16) != b"Spec ID Event03\0":
        raise LogError("the event log is not of TPM 2.0 (no Spec ID Event03)")
    header.take(8)
    (count,) = header.numbers("I")
    return dict(header.numbers("HH") for _ in range(count))


def variable(sysfs, name):
    """The last byte of a firmware variable as a truth value; None where there is none."""
    path = sysfs / "firmware/efi/efivars" / f"{name}-{EFI_GLOBAL}"
    return bool(path.read_bytes()[-1]) if path.is_file() else None


def lockdown(sysfs):
    """The level of kernel lockdown; None where the kernel knows none."""
    path = sysfs / "kernel/security/lockdown"
    levels = path.read_text().split() if path.is_file() else []
    return next((level.strip("[]") for level in levels if level.startswith("[")), None)


def registers(sysfs, wanted):
    """The wanted SHA-256 registers in hex, or None where there is no TPM 2.0."""
    folder = sysfs / "class/tpm/tpm0/pcr-sha256"
    if not folder.is_dir():
        return None
    return {str(index): (folder / str(index)).read_text().strip().lower() for index in wanted}


def gather(sysfs, wanted):
    """All evidence as plain data."""
    found = registers(sysfs, wanted)
    log = sysfs / "kernel/security/tpm0/binary_bios_measurements"
    told = None
    if log.is_file():
        data = log.read_bytes()
        events, replayed = replay(data)
        told = {
            "events": events,
            "sha256": hashlib.sha256(data).hexdigest(),
            "unexplained": [
                index
                for index, value in sorted((found or {}).items())
                if int(index) in FIRMWARE_REGISTERS and replayed.get(int(index), "0" * 64) != value
            ],
        }
    policy = sysfs / "kernel/security/ima"
    return {
        "secure_boot": variable(sysfs, "SecureBoot"),
        "setup_mode": variable(sysfs, "SetupMode"),
        "lockdown": lockdown(sysfs),
        "registers": found,
        "log": told,
        "ima_loaded": not (policy / "policy").exists() if policy.is_dir() else None,
    }


def keep(path, evidence):
    """Write the evidence as JSON, for its owner only."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps({**evidence, "host": platform.node()}, indent=1) + "\n")


def main():
    module = AnsibleModule(
        argument_spec={
            "sysfs": {"type": "path", "default": "/sys"},
            "registers": {"type": "list", "elements": "int", "required": True},
            "kept": {"type": "path"},
        },
        supports_check_mode=True,
    )
    wanted = module.params["registers"]
    if not all(0 <= index <= 23 for index in wanted):
        module.fail_json(msg=f"registers are numbered from 0 to 23, not {wanted}")
    try:
        evidence = gather(Path(module.params["sysfs"]), wanted)
        if module.params["kept"] and not module.check_mode:
            keep(Path(module.params["kept"]), evidence)
        module.exit_json(changed=False, evidence=evidence)
    except (LogError, OSError) as error:
        module.fail_json(msg=f"the evidence cannot be read: {error}")


if __name__ == "__main__":
    main()
