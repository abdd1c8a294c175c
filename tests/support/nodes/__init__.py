"""Debian machines to test roles on: booted with systemd, real sshd, own network, no way out.

`Lab` starts them from Python, `python -m tests.support.nodes` by hand. See README.md beside this file.
"""

from tests.support.nodes.lab import Lab, LabError, Machine

__all__ = ["Lab", "LabError", "Machine"]
