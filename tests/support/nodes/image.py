"""The root tree that all test machines start from: made once, kept by the digest of its definition."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

from tests.support.nodes import sources
from tests.support.nodes.mirror import Mirror, Store
from tests.support.nodes.places import LabError, cache

PACKAGES = (
    *("ca-certificates", "dbus", "iproute2", "iputils-ping", "kmod", "openssh-server", "procps"),
    *("python3", "python3-apt", "sudo", "systemd", "systemd-sysv", "udev"),
)
"""What a plain Debian server has; everything else is for the roles to install."""
USER = "debian"
"""Who may log in: by the lab's key, with sudo, as on Debian's cloud images."""
_KERNEL = Path(__file__).with_name("kernel.sh")
_UNIT = """[Unit]
Description=Give this test machine its own control groups and kernel settings
DefaultDependencies=no
Before=sysinit.target systemd-sysctl.service systemd-journald.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/lab/kernel

[Install]
WantedBy=sysinit.target
"""
_FILES = {
    "etc/apt/apt.conf.d/80lab": 'Acquire::Languages "none";\n',
    "etc/dpkg/dpkg.cfg.d/lab": "force-unsafe-io\n",
    "etc/systemd/system/lab-kernel.service": _UNIT,
    f"etc/sudoers.d/{USER}": f"{USER} ALL=(ALL) NOPASSWD: ALL\n",
    "etc/machine-id": "",
}
_STEPS = (
    ("useradd", "--create-home", "--shell", "/bin/bash", USER),
    ("install", "-d", "-m", "0700", "-o", USER, "-g", USER, f"/home/{USER}/.ssh"),
    ("systemctl", "enable", "systemd-networkd", "lab-kernel", "ssh"),
    ("systemctl", "mask", "systemd-networkd-wait-online", "apt-daily.timer", "apt-daily-upgrade.timer"),
)


def digest(archives: list[sources.Source]) -> str:
    """Names the tree by all that it is made of."""
    parts = [repr(archives), *(file.read_text() for file in (Path(__file__), _KERNEL))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def tree(archives: list[sources.Source]) -> Path:
    """The folder of the root tree, made now (a minute) where it is not there yet."""
    folder = cache() / "trees" / digest(archives)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            _make(folder, archives)
    return folder


def _make(folder: Path, archives: list[sources.Source]) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        part, listed = Path(name, "tree"), Path(name, "lab.sources")
        listed.write_text("\n".join(source.render(source.uri) for source in archives))
        command = [
            *("mmdebstrap", "--variant=minbase", "--format=directory", "--quiet"),
            *(f"--include={','.join(PACKAGES)}", sources.codename(), str(part), str(listed)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        if done.returncode != 0:
            raise LabError(f"the tree of the test machines could not be made: {done.stderr[-2000:]}")
        _finish(part, archives)
        part.rename(folder)


def _finish(part: Path, archives: list[sources.Source]) -> None:
    listed = part / "etc/apt/sources.list.d"
    for file in [part / "etc/apt/sources.list", *listed.iterdir(), *part.glob("etc/ssh/ssh_host_*")]:
        file.unlink(missing_ok=True)
    mirrored = (source.render(f"http://mirror/apt/{n}") for n, source in enumerate(archives))
    for path, text in {**_FILES, "etc/apt/sources.list.d/debian.sources": "\n".join(mirrored)}.items():
        (part / path).write_text(text)
    (part / "usr/local/lib/lab").mkdir()
    shutil.copy(_KERNEL, part / "usr/local/lib/lab/kernel")
    (part / "usr/local/lib/lab/kernel").chmod(0o755)
    (part / f"etc/sudoers.d/{USER}").chmod(0o440)
    for step in _STEPS:
        subprocess.run(["chroot", str(part), *step], check=True, capture_output=True, timeout=60)
    _update(part, archives)


def _update(part: Path, archives: list[sources.Source]) -> None:
    """Bring the package lists in, as on an image of today: a first `apt update` is spared for an hour."""
    mirror = Mirror("127.0.0.1", Store(cache() / "archives", archives), part, port=0)
    proxy = f"Acquire::http::Proxy=http://127.0.0.1:{mirror.server.server_address[1]}"
    command = ["chroot", str(part), "apt-get", "-qq", "-o", proxy, "update"]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    mirror.close()
