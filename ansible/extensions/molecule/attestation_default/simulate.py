"""Lay out /sys of a machine that booted with secure boot and a TPM: `simulate.py FOLDER`."""

import hashlib
import struct
import sys
from pathlib import Path

GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"


def main() -> None:
    root, digest = Path(sys.argv[1]), hashlib.sha256(b"measured").digest()
    body = b"Spec ID Event03\0" + struct.pack("<IBBBBIHHB", 0, 0, 2, 0, 2, 1, 0xB, 32, 0)
    log = struct.pack("<II", 0, 3) + bytes(20) + struct.pack("<I", len(body)) + body
    for register in (0, 7):
        log += struct.pack("<IIIH", register, 1, 1, 0xB) + digest + struct.pack("<I", 0)
    value = hashlib.sha256(bytes(32) + digest).hexdigest().upper()
    files = {
        f"firmware/efi/efivars/SecureBoot-{GLOBAL}": b"\6\0\0\0\1",
        f"firmware/efi/efivars/SetupMode-{GLOBAL}": b"\6\0\0\0\0",
        "kernel/security/lockdown": b"none [integrity] confidentiality\n",
        "kernel/security/ima/ascii_runtime_measurements": b"",
        "kernel/security/tpm0/binary_bios_measurements": log,
        "class/tpm/tpm0/pcr-sha256/0": value.encode(),
        "class/tpm/tpm0/pcr-sha256/7": value.encode(),
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
