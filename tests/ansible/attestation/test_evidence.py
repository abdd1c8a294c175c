"""The evidence of a boot, from a simulated /sys with an event log that is made here, event by event."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest

from tests.support.plugins import load

evidence = load("plugins/modules/evidence.py")
GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"


def header() -> bytes:
    body = b"Spec ID Event03\0" + struct.pack("<IBBBB", 0, 0, 2, 0, 2)
    body += struct.pack("<IHHHH", 2, 0x4, 20, 0xB, 32) + b"\0"
    return struct.pack("<II", 0, 3) + bytes(20) + struct.pack("<I", len(body)) + body


def event(register: int, digest: bytes, kind: int = 1, data: bytes = b"") -> bytes:
    digests = struct.pack("<H", 0x4) + bytes(20) + struct.pack("<H", 0xB) + digest
    return struct.pack("<III", register, kind, 2) + digests + struct.pack("<I", len(data)) + data


def extended(*digests: bytes, start: bytes = bytes(32)) -> str:
    value = start
    for digest in digests:
        value = hashlib.sha256(value + digest).digest()
    return value.hex()


A, B = hashlib.sha256(b"a").digest(), hashlib.sha256(b"b").digest()


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A machine with secure boot whose registers 0 and 7 were extended."""
    files = {
        f"firmware/efi/efivars/SecureBoot-{GLOBAL}": b"\6\0\0\0\1",
        f"firmware/efi/efivars/SetupMode-{GLOBAL}": b"\6\0\0\0\0",
        "kernel/security/lockdown": b"none [integrity] confidentiality\n",
        "kernel/security/ima/ascii_runtime_measurements": b"",
        "kernel/security/tpm0/binary_bios_measurements": header() + event(0, A) + event(7, A) + event(7, B),
        "class/tpm/tpm0/pcr-sha256/0": extended(A).upper().encode() + b"\n",
        "class/tpm/tpm0/pcr-sha256/7": extended(A, B).upper().encode() + b"\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def test_all_is_read_and_explained(sysfs: Path) -> None:
    found = evidence.gather(sysfs, [0, 7])
    assert found["secure_boot"] is True
    assert found["setup_mode"] is False
    assert found["lockdown"] == "integrity"
    assert found["registers"] == {"0": extended(A), "7": extended(A, B)}
    assert (found["log"]["events"], found["log"]["unexplained"]) == (3, [])
    assert found["ima_loaded"] is True


def test_register_that_the_log_does_not_give_is_named(sysfs: Path) -> None:
    (sysfs / "class/tpm/tpm0/pcr-sha256/7").write_text(extended(B))
    assert evidence.gather(sysfs, [0, 7])["log"]["unexplained"] == ["7"]


def test_policy_that_can_still_be_written_is_not_loaded(sysfs: Path) -> None:
    (sysfs / "kernel/security/ima/policy").touch()
    assert evidence.gather(sysfs, [0])["ima_loaded"] is False


def test_machine_without_any_of_it(tmp_path: Path) -> None:
    assert set(evidence.gather(tmp_path, [0]).values()) == {None}


def test_first_register_starts_where_the_firmware_says() -> None:
    started = event(0, bytes(32), kind=3, data=b"StartupLocality\0\3")
    count, registers = evidence.replay(header() + started + event(0, A))
    assert count == 2
    assert registers[0] == extended(A, start=bytes(31) + b"\3")


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (header()[:-4], "cut off"),
        (header() + event(0, A)[:-2], "cut off"),
        (header().replace(b"Event03", b"Event00"), "not of TPM 2.0"),
        (header() + struct.pack("<IIIH", 0, 1, 1, 0x12), "unknown algorithm 0x12"),
    ],
)
def test_broken_log_says_where(log: bytes, told: str) -> None:
    with pytest.raises(evidence.LogError, match=told):
        evidence.replay(log)
