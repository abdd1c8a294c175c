"""The floor of a cold start: etcd and the API server alone, with certificates already made."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from twin.controlplane.health import ailment
from twin.controlplane.layout import Layout
from twin.controlplane.lifecycle import reset_plane, start_plane, stop_plane
from twin.controlplane.members import members
from twin.controlplane.ports import ports_for
from twin.settings import TwinSettings
from twin.toolchain.resolve import resolve_toolchain


def bare_plane(home: Path) -> float:
    """Seconds from the start of etcd and the API server, on empty data, until both are well."""
    settings = TwinSettings(name="bare", home=home, cache=TwinSettings.of("bare").cache)
    programs = resolve_toolchain(settings).programs
    start_plane(settings, programs)  # makes certificates and configurations
    stop_plane(settings)
    layout = Layout(home)
    subprocess.run(["rm", "-rf", layout.data], check=True)
    pair = members(layout, ports_for(settings), programs)[:2]
    begun = time.perf_counter()
    children = []
    try:
        for member in pair:
            children.append(
                subprocess.Popen(member.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            while ailment(member, layout.pki):
                time.sleep(0.02)
        return time.perf_counter() - begun
    finally:
        for child in reversed(children):
            child.terminate()
            child.wait()
        reset_plane(settings)
