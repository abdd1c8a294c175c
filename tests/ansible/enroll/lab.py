"""A real Ironic on loopback: API and conductor of Debian's packages in their own tree, SQLite, no auth."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from tests.support.nodes.places import cache

PACKAGES = "python3-ironic"
SUITES = (
    "deb http://deb.debian.org/debian bookworm main",
    "deb http://deb.debian.org/debian-security bookworm-security main",
)
_CONF = """
[DEFAULT]
auth_strategy = noauth
host = lab
my_ip = 127.0.0.1
rpc_transport = json-rpc
state_path = {home}
default_network_interface = noop
enabled_hardware_types = fake-hardware,redfish
enabled_bios_interfaces = no-bios,redfish
enabled_boot_interfaces = fake,redfish-virtual-media
enabled_console_interfaces = no-console
enabled_deploy_interfaces = fake,direct
enabled_inspect_interfaces = fake,no-inspect,redfish
enabled_management_interfaces = fake,redfish
enabled_network_interfaces = noop
enabled_power_interfaces = fake,redfish
enabled_raid_interfaces = no-raid,redfish
enabled_rescue_interfaces = no-rescue
enabled_storage_interfaces = noop
enabled_vendor_interfaces = no-vendor
[api]
host_ip = 127.0.0.1
port = {api}
api_workers = 1
[json_rpc]
auth_strategy = noauth
host_ip = 127.0.0.1
port = {rpc}
[database]
connection = sqlite:///{home}/ironic.sqlite
[conductor]
automated_clean = false
workers_pool_size = 8
[dhcp]
dhcp_provider = none
[redfish]
connection_attempts = 1
"""
_PROGRAM = "import sys; from ironic.cmd.{0} import main; sys.argv[0] = '{0}'; sys.exit(main())"


def missing() -> str:
    """Why no Ironic can be had here; empty where it can."""
    if os.geteuid() != 0:
        return "a real Ironic needs root (chroot)"
    return "" if shutil.which("mmdebstrap") else "a real Ironic needs: apt-get install mmdebstrap"


def tree() -> Path:
    """The tree with Ironic, made where it is not there yet (some minutes)."""
    folder = cache() / "ironic-bookworm"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            part = Path(tempfile.mkdtemp(dir=folder.parent))
            command = ["mmdebstrap", "--variant=minbase", "--format=directory", "--quiet"]
            command += [f"--include={PACKAGES}", "bookworm", str(part), *SUITES]
            subprocess.run(command, check=True, timeout=1200)
            part.rename(folder)
    return folder


@contextmanager
def ironic() -> Iterator[str]:
    """Starts an Ironic with an empty database; gives the address of its API."""
    root = tree()
    with tempfile.TemporaryDirectory(dir=root / "srv") as made:
        home = "/" + str(Path(made).relative_to(root))
        api, rpc = _ports()
        Path(made, "ironic.conf").write_text(_CONF.format(home=home, api=api, rpc=rpc))
        options = ["--config-file", f"{home}/ironic.conf"]
        program = ["chroot", str(root), "python3", "-c"]
        schema = [*program, _PROGRAM.format("dbsync"), *options, "create_schema"]
        subprocess.run(schema, check=True, capture_output=True, timeout=120)
        with Path(made, "log").open("w") as log:
            command = [*program, _PROGRAM.format("singleprocess"), *options]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _await(f"http://127.0.0.1:{api}/v1/drivers", process, Path(made, "log"))
            yield f"http://127.0.0.1:{api}"
        finally:
            process.terminate()
            process.wait(timeout=60)


def _ports() -> tuple[int, int]:
    """Two ports that are free now."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the conductor has told the API of its drivers."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
                if b"fake-hardware" in answer.read():
                    return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.3)
    raise AssertionError(f"Ironic did not start: {log.read_text()[-2000:]}")
