"""One machine of a lab, as its keeper runs it: an overlay over the shared tree, booted by systemd-nspawn."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.nodes import cgroups
from tests.support.nodes.image import USER
from tests.support.nodes.places import LabError, Place, Subnet

BOOT = 180
"""Seconds that a machine may take until one can log in; it takes two on an idle one."""
_PROPAGATE = Path("/run/systemd/nspawn/propagate")
"""Where systemd-nspawn leaves a folder behind for each machine."""
_REBOOT = 133
"""With this code systemd-nspawn ends where the machine asked for a restart."""
_NETWORK = """[Match]
Name=host0

[Network]
Address={address}/24
Gateway={gateway}
LinkLocalAddressing=no
IPv6AcceptRA=no
"""
_BANNED = ("CAP_SYS_MODULE", "CAP_SYS_TIME", "CAP_SYS_RAWIO")
"""What would reach the kernel, the clock or the hardware of the computer that runs the tests."""
_DEVICES = ("/dev/kmsg", "/dev/fuse", "/dev/net/tun")


@dataclass(kw_only=True)
class Guest:
    """A machine and its files; `start` boots it, `stop` pulls the plug."""

    name: str
    address: str
    place: Place
    subnet: Subnet
    tree: Path
    process: asyncio.subprocess.Process | None = field(default=None, init=False)
    watcher: asyncio.Task[None] | None = field(default=None, init=False)
    switch: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    @property
    def folder(self) -> Path:
        return self.place.disk / self.name

    @property
    def full(self) -> str:
        """Unique on this computer: it names the network link too, so it is short."""
        return f"{self.subnet.bridge}-{self.name}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    @property
    def leader(self) -> int:
        """The process of the machine's systemd; 0 while it is off or restarts."""
        if not self.running or not self.process:
            return 0
        try:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        except OSError:  # it has ended just now
            return 0
        return int(children[0]) if children else 0

    def make(self) -> None:
        """Lay out the machine's files: an overlay, and a plain `/var` for container runtimes."""
        for part in ("upper", "work", "root"):
            (self.folder / part).mkdir(parents=True)
        subprocess.run(["cp", "-a", str(self.tree / "var"), str(self.folder / "var")], check=True)
        self._mount()
        self._write()

    def _mount(self) -> None:
        layers = f"lowerdir={self.tree},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        _run("mount", "-t", "overlay", "-o", layers, self.full, self.folder / "root")
        _run("mount", "--bind", self.folder / "var", self.folder / "root/var")

    def _write(self) -> None:
        root, keys = self.folder / "root", self.folder / "host_key"
        if not keys.exists():
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", keys)
        for suffix in ("", ".pub"):
            shutil.copy(f"{keys}{suffix}", f"{root}/etc/ssh/ssh_host_ed25519_key{suffix}")
        texts = {
            "etc/hostname": f"{self.name}\n",
            "etc/hosts": f"127.0.0.1 localhost\n{self.address} {self.name}\n{self.subnet.gateway} mirror\n",
            "etc/systemd/network/10-host0.network": _NETWORK.format(
                address=self.address, gateway=self.subnet.gateway
            ),
            f"home/{USER}/.ssh/authorized_keys": self.place.key.with_suffix(".pub").read_text(),
        }
        for path, text in texts.items():
            (root / path).write_text(text)

    async def start(self) -> None:
        """Boot, and return when one can log in; raises LabError with the machine's last words."""
        async with self.switch:
            if not self.running:
                await self._boot()

    async def _boot(self) -> None:
        log = self.folder / "console.log"
        with log.open("wb") as out:
            self.process = await asyncio.create_subprocess_exec(
                *("sh", "-ec", self._script()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            )
        try:
            await asyncio.wait_for(self._booted(), BOOT)
            self.watcher = asyncio.create_task(self._watch(self.process))
        except (TimeoutError, LabError) as error:
            await self._stop()
            raise LabError(f"{self.name} did not boot: {error}\n{log.read_text()[-1500:]}") from error

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        if await process.wait() == _REBOOT:
            await self.start()

    def _script(self) -> str:
        groups = cgroups.make(self.place.name, self.name)
        joins = [f"echo $$ > {shlex.quote(str(group / 'cgroup.procs'))}" for group in groups]
        argv = [
            *("setpriv", "--pdeathsig", "KILL"),  # no machine outlives its keeper
            *("systemd-nspawn", "--quiet", "--boot", f"--directory={self.folder / 'root'}"),
            *(f"--machine={self.full}", f"--hostname={self.name}", f"--network-bridge={self.subnet.bridge}"),
            *("--register=no", "--keep-unit", "--console=pipe", "--link-journal=no", "--resolv-conf=off"),
            f"--uuid={uuid.uuid5(uuid.NAMESPACE_DNS, self.full)}",
            *("--capability=all", f"--drop-capability={','.join(_BANNED)}"),
            *("--system-call-filter=@known", "--system-call-filter=~kexec_load kexec_file_load"),
            "--timezone=off",
            *(f"--bind={device}" for device in _DEVICES if Path(device).exists()),
        ]
        return "\n".join([*joins, f"exec {shlex.join(argv)}"])

    async def _booted(self) -> None:
        while True:
            if not self.running:
                raise LabError("systemd-nspawn ended")
            if await self._settled() and await self._answers():
                return
            await asyncio.sleep(0.1)

    async def _settled(self) -> bool:
        if not (leader := self.leader):
            return False
        asked = await asyncio.create_subprocess_exec(
            *("nsenter", "-t", str(leader), "-a", "systemctl", "is-system-running", "--wait"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return (await asked.communicate())[0].strip() in (b"running", b"degraded")

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(self.address, 22)
        except OSError:
            return False
        line = await reader.readline()
        writer.close()
        return line.startswith(b"SSH-")

    async def stop(self) -> None:
        """Pull the plug: nothing is written back, nobody is told."""
        async with self.switch:
            await self._stop()

    async def _stop(self) -> None:
        while self.running and self.process:
            if leader := self.leader:  # systemd-nspawn sees it end, and takes its network link away
                with contextlib.suppress(ProcessLookupError):
                    os.kill(leader, signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), 1)
        await asyncio.to_thread(cgroups.clear, self.place.name, self.name)
        with contextlib.suppress(OSError):
            (_PROPAGATE / self.full).rmdir()

    async def remove(self) -> None:
        """Stop the machine and delete its files."""
        await self.stop()
        for mounted in ("root/var", "root"):
            await _patiently("umount", self.folder / mounted)
        await asyncio.to_thread(shutil.rmtree, self.folder)

    async def reset(self) -> None:
        """Make the machine as it was when it was new: same name, address and host key."""
        keys = {path.name: path.read_bytes() for path in self.folder.glob("host_key*")}
        await self.remove()
        self.folder.mkdir(parents=True)
        for name, content in keys.items():
            (self.folder / name).write_bytes(content)
            (self.folder / name).chmod(0o600)
        await asyncio.to_thread(self.make)
        await self.start()

    @property
    def made(self) -> bool:
        """Whether its files are there: until then nothing can be told of it."""
        return (self.folder / "host_key.pub").exists()

    def facts(self) -> dict[str, str | int | bool]:
        """What a client needs to know."""
        told = _run("ssh-keygen", "-l", "-f", self.folder / "host_key.pub").split()
        public = (self.folder / "host_key.pub").read_text().split()
        return {
            **{"name": self.name, "address": self.address, "user": USER, "running": self.running},
            **{"leader": self.leader, "fingerprint": told[1], "host_key": f"{public[0]} {public[1]}"},
        }


async def _patiently(*command: str | Path) -> None:
    for _ in range(100):
        try:
            await asyncio.to_thread(_run, *command)
        except LabError:
            await asyncio.sleep(0.05)
        else:
            return
    _run(*command)


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout
