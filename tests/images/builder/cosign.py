"""The real cosign, of Debian's archive: fetched once, never installed."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cosign:
    """cosign as a program; it asks no network and keeps no log."""

    program: Path
    passphrase: bytes = b"of cosign's own"

    def run(
        self, *arguments: str, cwd: Path, check: bool = True, passphrase: bytes = b""
    ) -> subprocess.CompletedProcess[str]:
        """Run it in a folder that is its home, too; raises `CalledProcessError` if told to check."""
        words = (passphrase or self.passphrase).decode()
        environ = {**os.environ, "COSIGN_PASSWORD": words, "HOME": str(cwd)}
        return subprocess.run(
            [str(self.program), *arguments], cwd=cwd, env=environ, check=check, capture_output=True, text=True
        )

    def verify(self, blob: Path, signature: Path, public: Path) -> bool:
        """Whether cosign takes the signature."""
        options = ["--insecure-ignore-tlog", "--offline", "--signature", str(signature), "--key", str(public)]
        done = self.run("verify-blob", *options, str(blob), cwd=blob.parent, check=False)
        assert done.returncode == 0 or "invalid signature" in done.stderr, done.stderr
        return done.returncode == 0

    def sign(self, blob: Path, private: Path, passphrase: bytes = b"") -> str:
        """The signature that cosign makes."""
        options = ["--tlog-upload=false", "--yes", "--key", str(private)]
        done = self.run("sign-blob", *options, str(blob), cwd=blob.parent, passphrase=passphrase)
        return done.stdout
