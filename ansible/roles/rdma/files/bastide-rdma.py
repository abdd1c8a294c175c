#!/usr/bin/python3
"""Set up a network interface for RDMA as /etc/bastide/rdma.json declares, or tell how it is set up.

    bastide-rdma INTERFACE      set it up: virtual functions, MTU, address, lossless priority, marks
    bastide-rdma --check        tell how all declared interfaces are set up, as JSON

Run again it changes only what differs. Files that only the vendor's driver has are written where they are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

CONFIG = Path("/etc/bastide/rdma.json")
CNP = {"dscp": 48, "priority": 6}
"""Congestion notifications: the mark and priority that cards send them with by default."""
ECN_CAPABLE = 2
"""The two lowest bits of a traffic class: switches may mark the packet instead of dropping it."""

Run = Callable[[Sequence[str]], None]


class RdmaError(Exception):
    """The interface cannot be set up as declared; the text says what mends it."""


def run(command: Sequence[str]) -> None:
    """Run a command; raises `RdmaError` with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RdmaError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")


def read(path: Path) -> str:
    """Content of a file of sysfs; empty where there is none, or it does not answer."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


class Interface:
    """One interface, with its files in sysfs and configfs."""

    def __init__(self, name: str, config: dict, command: Run = run) -> None:
        self.name = name
        self.config = config
        self.command = command
        self.sysfs = Path(config.get("sysfs", "/sys"))
        self.net = self.sysfs / "class/net" / name
        self.changes: list[str] = []

    @property
    def device(self) -> str:
        """Name of its RDMA device, like `mlx5_0`; empty for none."""
        folder = self.net / "device/infiniband"
        return min((each.name for each in folder.iterdir()), default="") if folder.is_dir() else ""

    @property
    def port(self) -> Path:
        return self.sysfs / "class/infiniband" / self.device / "ports/1"

    def write(self, path: Path, value: str) -> None:
        """Write a file that has another content."""
        if read(path) != value:
            path.write_text(value, encoding="ascii")
            self.changes.append(f"{path}={value}")

    def set_up(self) -> list[str]:
        """All steps in the order in which the card takes them; what was changed."""
        if not self.net.exists():
            raise RdmaError(f"{self.name}: there is no such interface; correct rdma_interfaces of the host")
        self.functions()
        self.link()
        if self.config["mode"] == "roce":
            self.lossless()
            self.marks()
        return self.changes

    def functions(self) -> None:
        """Virtual functions; another number is reached through 0."""
        asked, device = self.config["virtual_functions"], self.net / "device"
        possible = int(read(device / "sriov_totalvfs") or 0)
        if asked > possible:
            raise RdmaError(
                f"{self.name}: {asked} virtual functions are asked for, the card offers {possible}; set "
                f"SRIOV_EN=1 NUM_OF_VFS={asked} in its firmware (mstconfig) and in the BIOS, and reboot"
            )
        there = int(read(device / "sriov_numvfs") or 0)
        if there != asked:
            if there:
                self.write(device / "sriov_numvfs", "0")
            if asked:
                self.write(device / "sriov_numvfs", str(asked))

    def link(self) -> None:
        """MTU, state and address."""
        self.command(["ip", "link", "set", "dev", self.name, "mtu", str(self.config["mtu"]), "up"])
        address = self.config["interfaces"].get(self.name)
        if address:
            self.command(["ip", "address", "replace", address, "dev", self.name])

    def lossless(self) -> None:
        """One priority is not dropped but paused (PFC), has half of the bandwidth (ETS), goes by DSCP."""
        own = self.config["priority"]
        pause = ["prio-pfc", "all:off", f"{own}:on"]
        shares = ["willing", "off", "tc-tsa", "all:strict", "0:ets", f"{own}:ets"]
        shares += ["tc-bw", "all:0", "0:50", f"{own}:50", "prio-tc", "all:0", f"{own}:{own}"]
        found = ["dscp-prio", f"{self.config['dscp']}:{own}", f"{CNP['dscp']}:{CNP['priority']}"]
        self.command(["dcb", "pfc", "set", "dev", self.name, *pause])
        self.command(["dcb", "ets", "set", "dev", self.name, *shares])
        self.command(["dcb", "app", "replace", "dev", self.name, *found])

    def marks(self) -> None:
        """What RDMA sends carries the mark of the lossless priority, over RoCE v2, and obeys ECN."""
        if not self.device:
            raise RdmaError(f"{self.name}: has no RDMA device; load its driver (`modprobe mlx5_ib`)")
        mark = str((self.config["dscp"] << 2) | ECN_CAPABLE)
        manager = Path(self.config.get("configfs", "/sys/kernel/config")) / "rdma_cm"
        if manager.is_dir():
            own = manager / self.device
            own.mkdir(exist_ok=True)
            self.write(own / "ports/1/default_roce_mode", "RoCE v2")
            self.write(own / "ports/1/default_roce_tos", mark)
        for path, value in (
            (self.sysfs / "class/infiniband" / self.device / "tc/1/traffic_class", mark),
            (self.net / f"ecn/roce_np/enable/{self.config['priority']}", "1"),
            (self.net / f"ecn/roce_rp/enable/{self.config['priority']}", "1"),
        ):
            if path.exists():
                self.write(path, value)

    def state(self) -> dict[str, object]:
        """How the interface is set up. `gid` is the index of a routable RoCE v2 address, -1 for none."""
        return {
            "present": self.net.exists(),
            "device": self.device,
            "mtu": int(read(self.net / "mtu") or 0),
            "functions": int(read(self.net / "device/sriov_numvfs") or 0),
            "state": read(self.port / "state").rpartition(" ")[2] if self.device else "",
            "layer": read(self.port / "link_layer") if self.device else "",
            "gigabits": float((read(self.port / "rate") or "0").split()[0]) if self.device else 0.0,
            "gid": self.gid() if self.device else -1,
        }

    def gid(self) -> int:
        """A GID of RoCE v2 that is no link-local one: with it a packet passes a router."""
        folder = self.port / "gid_attrs/types"
        for path in sorted(folder.iterdir(), key=lambda each: int(each.name)) if folder.is_dir() else []:
            value = read(self.port / "gids" / path.name)
            empty = not value.replace(":", "").strip("0")
            if read(path) == "RoCE v2" and not empty and not value.startswith("fe80:"):
                return int(path.name)
        return -1


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Exit 0: done; 1: told on standard error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("interface", nargs="?")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--config", type=Path, default=CONFIG)
    asked = parser.parse_args(arguments)
    config = json.loads(asked.config.read_text(encoding="utf-8"))
    if asked.check:
        print(json.dumps({name: Interface(name, config).state() for name in config["interfaces"]}))
        return 0
    if not asked.interface:
        parser.error("name an interface, or --check")
    try:
        changes = Interface(asked.interface, config).set_up()
    except (RdmaError, OSError) as error:
        print(f"bastide-rdma: {error}", file=sys.stderr)
        return 1
    print("\n".join(changes) or "nothing differed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
