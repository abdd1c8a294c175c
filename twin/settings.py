"""Where a twin lives: its folders and ports. Nothing else in `twin/` reads the environment for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twin.errors import TwinError

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""


@dataclass(frozen=True, kw_only=True)
class TwinSettings:
    """Folders and ports of one twin.

    `home` holds all that belongs to this twin (state, certificates, logs, sockets); `cache` holds the
    toolchain, shared by all twins of a user; `port` is the first of a block of ports, 0 lets the
    operating system choose at the first start (the choice is remembered in `home`).
    """

    name: str
    home: Path
    cache: Path
    port: int = 0

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    @property
    def bin(self) -> Path:
        """The folder to put first on PATH: links to the toolchain and the plug-ins in use."""
        return self.home / "bin"

    @property
    def context(self) -> str:
        """The kubeconfig context, which the stacks' `kubernetes:context` names too."""
        return f"bastide-{self.name}"

    @classmethod
    def of(cls, name: str, environ: Mapping[str, str] = os.environ) -> TwinSettings:
        """The settings of the twin `name`.

        BASTIDE_HOME (default `.bastide` in the checkout), BASTIDE_CACHE (default `bastide` in the user's
        cache folder) and BASTIDE_PORT (default 0: free ones) override. Raises `TwinError` for no number.
        """
        user_cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cls(
            name=name,
            home=Path(environ.get("BASTIDE_HOME") or ROOT / ".bastide").resolve() / name,
            cache=Path(environ.get("BASTIDE_CACHE") or user_cache / "bastide").resolve(),
            port=_port(environ.get("BASTIDE_PORT") or "0"),
        )


def _port(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise TwinError(f"BASTIDE_PORT={text}: not a number", "give the first of six free ports") from error
