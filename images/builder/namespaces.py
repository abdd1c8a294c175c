"""Words before a command of root that keep together what it starts: namespaces of util-linux's `unshare`."""

from __future__ import annotations

from typing import Final

OWN: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""The command gets namespaces of its own: when it ends, its processes end and its mounts are gone."""
CONTAINED: Final = ("setpriv", "--pdeathsig", "KILL", *OWN)
"""The same, and it ends with the thread that started it, however that ends."""
