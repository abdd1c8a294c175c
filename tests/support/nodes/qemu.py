"""A virtual machine for what a container cannot show: UEFI secure boot, a TPM, device mapper, NVMe, KVM.

QEMU without KVM (TCG), so it runs anywhere, slowly: about half a minute to a login. Firmware, shim, GRUB
and kernel are Debian's signed ones, the TPM is swtpm. The disk is made once (a minute); each machine has a
copy, which is gone when it ends and kept over `reboot`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tests.support.nodes import sources
from tests.support.nodes.places import LabError, cache

PACKAGES = (
    *("ca-certificates", "dbus", "iproute2", "kmod", "openssh-server", "python3", "python3-apt"),
    *("systemd-sysv", "udev"),
    *("linux-image-cloud-amd64", "initramfs-tools", "shim-signed", "grub-efi-amd64-signed", "zstd"),
    *("cryptsetup", "dmeventd", "dmsetup", "e2fsprogs", "fdisk", "gdisk", "lvm2", "nvme-cli"),
    *("thin-provisioning-tools", "libtss2-esys-3.0.2-0", "libtss2-mu0", "libtss2-rc0"),
    *("libtss2-tcti-device0", "mokutil", "tpm2-tools", "xfsprogs"),
)
"""What the roles install on such a machine is there already: it has no package mirror."""
BOOT_SECONDS = 600
FIRMWARE = Path("/usr/share/OVMF")
PROGRAMS = ("mcopy", "mformat", "mke2fs", "mmdebstrap", "qemu-system-x86_64", "ssh", "swtpm")
_NETWORK = "[Match]\nName=en*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n"
_GRUB = "linux /vmlinuz root=LABEL=root ro console=ttyS0 quiet\ninitrd /initrd\nboot\n"
_ESP = {
    "EFI/BOOT/BOOTX64.EFI": "usr/lib/shim/shimx64.efi.signed",
    "EFI/BOOT/grubx64.efi": "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
    "vmlinuz": "boot/vmlinuz-*",
    "initrd": "boot/initrd.img-*",
}
_STEPS = (
    ("systemctl", "enable", "systemd-networkd", "ssh"),
    ("systemctl", "mask", "systemd-networkd-wait-online.service", "e2scrub_reap.service"),
    ("systemctl", "mask", "apt-daily.timer", "apt-daily-upgrade.timer"),
)


def absent() -> str:
    """Why no such machine can be had here; empty where it can."""
    if os.geteuid() != 0:
        return "needs root, to make the machine's disk"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if not (FIRMWARE / "OVMF_CODE_4M.secboot.fd").exists():
        missing.append("ovmf")
    packages = "qemu-system-x86 ovmf swtpm mtools mmdebstrap"
    return f"needs {', '.join(missing)} (packages {packages})" if missing else ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a machine starts from: disks (raw, or qcow2 by name), the key to log in, firmware's variables."""

    disks: Sequence[Path]
    key: Path
    variables: Path = FIRMWARE / "OVMF_VARS_4M.ms.fd"


@dataclass(kw_only=True)
class Guest:
    """A machine. Its NVMe disks are /dev/nvme0n1, /dev/nvme1n1 ... in the order asked for."""

    port: int
    key: Path
    folder: Path
    command: Sequence[str]
    _process: subprocess.Popen[bytes] | None = None
    _tpm: subprocess.Popen[bytes] | None = None

    @property
    def console(self) -> Path:
        return self.folder / "console.log"

    def start(self) -> None:
        """Switch it on, and wait until one can log in."""
        self.switch_on()
        self.wait()

    def switch_on(self) -> None:
        """Start it. The TPM comes and goes with it, and keeps its state."""
        socket = self.folder / "tpm.sock"
        self._tpm = _start(_tpm(self.folder), self.folder / "tpm.log")
        while not socket.exists() and self._tpm.poll() is None:
            time.sleep(0.05)
        self._process = _start(self.command, self.folder / "qemu.log")

    def end(self) -> None:
        """Switch it off at once."""
        for process in filter(None, (self._process, self._tpm)):
            process.kill()
            process.wait()
        (self.folder / "tpm.sock").unlink(missing_ok=True)

    def run(self, *argv: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `argv` as root; raises AssertionError with what it printed where it fails and `check` holds."""
        command = ["ssh", *self.ssh_options(), "-p", str(self.port), "root@127.0.0.1", "--", shlex.join(argv)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
        if check and done.returncode != 0:
            printed = f"{done.stdout}{done.stderr}"
            raise AssertionError(f"{shlex.join(argv)} ended with {done.returncode}: {printed}")
        return done

    def ssh_options(self) -> list[str]:
        """Options of ssh; no host key is known: the machine is new and is reached over the loopback."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        options += ["ConnectTimeout=60", "BatchMode=yes"]
        return ["-i", str(self.key), *(word for option in options for word in ("-o", option))]

    def host(self) -> dict[str, object]:
        """The variables of this machine in an Ansible inventory."""
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": "root",
            "ansible_ssh_common_args": shlex.join(self.ssh_options()),
            "ansible_pipelining": True,
            "ansible_python_interpreter": "/usr/bin/python3",
        }

    def reboot(self) -> None:
        """Boot again through firmware, shim and kernel; the disks and the TPM keep what they hold.

        QEMU ends and is started again: after a reset under emulation this firmware does not come back.
        """
        assert self._process is not None
        self.run("systemctl", "reboot", check=False)
        self._process.wait(BOOT_SECONDS)
        self.end()
        self.start()

    def wait(self) -> None:
        """Wait until one can log in."""
        assert self._process is not None
        ends = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < ends and self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self.run("true", check=False, seconds=90).returncode == 0:
                    self.run("systemctl", "is-system-running", "--wait", check=False)
                    return
            time.sleep(1)
        raise LabError(f"the virtual machine did not come up: {_tail(self.console)}")


@contextlib.contextmanager
def guest(disks: Sequence[int] = (), memory: int = 2048) -> Iterator[Guest]:
    """A booted machine with `memory` MiB and an empty NVMe disk of each size in `disks` (GiB)."""
    image = disk()
    source = Source(disks=(image / "esp.img", image / "root.img"), key=image / "key")
    with off(source, disks, memory) as machine:
        machine.start()
        yield machine


@contextlib.contextmanager
def off(source: Source, disks: Sequence[int] = (), memory: int = 2048) -> Iterator[Guest]:
    """A machine as `guest` gives it, with copies of the disks of `source`, that is switched off."""
    with tempfile.TemporaryDirectory(prefix="bastide-qemu-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        shutil.copy(source.variables, folder / "vars.fd")
        for path in source.disks:
            _do("cp", "--sparse=always", path, folder)
        port = _free_port()
        command = _command(folder, [path.name for path in source.disks], port, disks, memory)
        machine = Guest(port=port, key=source.key, folder=folder, command=command)
        stack.callback(machine.end)
        yield machine


def disk() -> Path:
    """The folder with the root disk, the boot disk and the key to log in; made now where it is missing."""
    parts = [sorted(PACKAGES), _NETWORK, _GRUB, _ESP, _STEPS, repr(sources.read())]
    folder = cache() / "guests" / hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as name:
                made = Path(name, "made")
                made.mkdir()
                _make(made, Path(name, "tree"))
                made.rename(folder)
    return folder


def _make(folder: Path, tree: Path) -> None:
    listed = folder.parent / "lab.sources"
    listed.write_text("\n".join(source.render(source.uri) for source in sources.read()))
    options = ["--variant=minbase", "--format=directory", "--quiet", f"--include={','.join(PACKAGES)}"]
    _do("mmdebstrap", *options, sources.codename(), tree, listed)
    _do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key")
    (tree / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    shutil.copy(folder / "key.pub", tree / "root/.ssh/authorized_keys")
    (tree / "etc/systemd/network/lab.network").write_text(_NETWORK)
    (tree / "etc/fstab").write_text("LABEL=root / ext4 defaults 0 1\n")
    (tree / "etc/hostname").write_text("guest\n")
    for step in _STEPS:
        _do("chroot", tree, *step)
    _boot_disk(folder / "esp.img", tree)
    _do("mke2fs", "-q", "-t", "ext4", "-L", "root", "-b", "4096", "-d", tree, folder / "root.img", "4G")


def _boot_disk(image: Path, tree: Path) -> None:
    _do("truncate", "--size=128M", image)
    _do("mformat", "-i", image, "-F", "::")
    _do("mmd", "-i", image, "::EFI", "::EFI/BOOT", "::EFI/debian")
    for target, source in _ESP.items():
        _do("mcopy", "-i", image, next(tree.glob(source)), f"::{target}")
    grub = image.with_name("grub.cfg")
    grub.write_text(_GRUB)
    _do("mcopy", "-i", image, grub, "::EFI/debian/grub.cfg")


def _tpm(folder: Path) -> list[str]:
    (folder / "tpm").mkdir(exist_ok=True)
    control = f"type=unixio,path={folder}/tpm.sock"
    return ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}/tpm", "--ctrl", control]


def _command(folder: Path, names: Sequence[str], port: int, disks: Sequence[int], memory: int) -> list[str]:
    flash = "if=pflash,format=raw"
    command = [
        *("qemu-system-x86_64", "-machine", "q35,smm=on,accel=tcg", "-cpu", "max"),
        *("-smp", "2", "-m", str(memory), "-no-reboot"),
        *("-display", "none", "-nodefaults", "-serial", f"file:{folder}/console.log"),
        *("-global", "driver=cfi.pflash01,property=secure,value=on"),
        *("-drive", f"{flash},unit=0,readonly=on,file={FIRMWARE}/OVMF_CODE_4M.secboot.fd"),
        *("-drive", f"{flash},unit=1,file={folder}/vars.fd"),
        *(word for name in names for word in ("-drive", _drive(folder / name))),
        *("-chardev", f"socket,id=tpm,path={folder}/tpm.sock", "-tpmdev", "emulator,id=tpm0,chardev=tpm"),
        *("-device", "tpm-crb,tpmdev=tpm0"),
        *("-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22", "-device", "virtio-net-pci,netdev=net"),
    ]
    for index, size in enumerate(disks):
        path = folder / f"nvme{index}.img"
        with path.open("wb") as file:
            file.truncate(size << 30)
        command += ["-drive", f"format=raw,if=none,discard=unmap,file={path},id=n{index}"]
        command += ["-device", f"nvme,drive=n{index},serial=disk{index}"]
    return command


def _drive(path: Path) -> str:
    return f"format={'qcow2' if path.suffix == '.qcow2' else 'raw'},if=virtio,file={path}"


def _start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _do(*argv: str | Path) -> None:
    command = [str(word) for word in argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode != 0:
        raise LabError(f"the disk of the virtual machine could not be made, {argv[0]}: {done.stderr[-2000:]}")


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-1000:] if path.exists() else "it wrote nothing to its console"
