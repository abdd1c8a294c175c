"""Which upgrade Kubernetes allows.

Source: https://kubernetes.io/releases/version-skew-policy/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_OLDEST = 3  # minor versions that a kubelet may be behind its API server


def _minor(version: str) -> tuple[int, int]:
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None:
        raise ValueError(f"no Kubernetes version: {version!r}")
    return int(found[1]), int(found[2])


def problems(
    target: str,
    server: str,
    kubelets: Mapping[str, str],
    upgraded: Sequence[str],
    control_plane: Sequence[str],
) -> list[str]:
    """Why the upgrade to `target` is refused; empty where it is allowed.

    `kubelets` maps every node to its version, `upgraded` are the hosts of this run, `control_plane` all hosts
    of the control plane.
    """
    (major, wanted), (old_major, running) = _minor(target), _minor(server)
    told = []
    if (major, wanted) < (old_major, running):
        told.append(f"from {server} to {target}: Kubernetes does not go back; name {server} or later")
    elif major != old_major or wanted - running > 1:
        step = f"{old_major}.{running + 1}"
        told.append(f"from {server} to {target}: one minor version at a time; upgrade to {step} first")
    elif wanted > running and not set(control_plane) <= set(upgraded):
        left = ", ".join(sorted(set(control_plane) - set(upgraded)))
        told.append(f"from {server} to {target}: the control plane goes first, {left} must be in the run")
    for node, version in sorted(kubelets.items()):
        behind = wanted - _minor(version)[1]
        if behind > _OLDEST:
            told.append(
                f"{node} runs kubelet {version}, {behind} minor versions behind {target}; at most {_OLDEST}"
            )
        if behind < 0 and node not in upgraded:
            told.append(f"{node} runs kubelet {version}, newer than {target}")
    return told
