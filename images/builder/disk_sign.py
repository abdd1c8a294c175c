"""The operator's signature on a disk's kernel image, which firmware with secure boot verifies.

The key is an RSA key of 2048 bits or more, since firmware need not know others, with a certificate of its own
(`db.key` and `db.crt`, PEM); the certificate is enrolled in the firmware of the machines.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from images.builder.disk_assemble import KERNEL_IMAGE, Made
from images.builder.disk_inside import Inside
from images.builder.errors import ImageError

VARIABLE: Final = "BASTIDE_SECURE_BOOT"
"""Names the folder with the operator's key and certificate."""


def keys(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder with `db.key` and `db.crt`; None where images are not signed. Raises `ImageError`."""
    named = environ.get(VARIABLE, "")
    if not named:
        return None
    missing = [name for name in ("db.key", "db.crt") if not Path(named, name).is_file()]
    if missing:
        raise ImageError(
            f"{VARIABLE}={named}: there is no {' and no '.join(missing)}",
            "make them: openssl req -x509 -newkey rsa:3072 -noenc -days 3650 -keyout db.key -out db.crt",
        )
    return Path(named)


def sign(tools: Inside, made: Made, folder: Path, own: Path) -> None:
    """Sign the kernel image of the disk in `folder`, the tools' /work, in place. Raises `ImageError`.

    The key stays where it is, in the folder `own`: a build that is killed leaves no copy.
    """
    drop = folder / "sign"
    drop.mkdir()
    laid = replace(tools, binds={**tools.binds, "/mnt": own.resolve()})
    try:
        disk = f"/work/{made.raw.name}@@{made.partitions['esp']}"
        tools.run("sign", "mcopy", "-i", disk, f"::{KERNEL_IMAGE}", "/work/sign/plain.efi")
        # The signature tells its time, which is the archive's as that of all else.
        command = ("faketime", "-f", f"@{_told(tools.epoch)}", "sbsign", "--key", "/mnt/db.key")
        files = ("--cert", "/mnt/db.crt", "--output", "/work/sign/signed.efi", "/work/sign/plain.efi")
        laid.run("sign", *command, *files, variables={"TZ": "UTC"})
        tools.run("sign", "mcopy", "-D", "o", "-i", disk, "/work/sign/signed.efi", f"::{KERNEL_IMAGE}")
    finally:
        shutil.rmtree(drop)


def _told(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M:%S")
