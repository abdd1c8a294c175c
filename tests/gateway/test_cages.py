"""The programs of a gateway end with whoever started them, and see nothing of the machine's network."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gateway.cages import Cage, hindrance
from tests.support.gateway.wire import until
from tests.support.processes import running
from twin.settings import ROOT

_STARTS = """
import sys, time
from pathlib import Path
from tests.support.gateway.cages import Cage

cage = Cage(Path(sys.argv[1]))
cage.start("idle", ["sleep", "{mark}"])
print("started", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def possible() -> None:
    if reason := hindrance():
        pytest.skip(f"no namespaces on this machine: {reason}")


def test_nothing_is_left_behind_when_the_run_is_killed(tmp_path: Path) -> None:
    mark = "86399.25"
    code = _STARTS.format(mark=mark)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "cage")], cwd=ROOT, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout
        assert run.stdout.readline() == b"started\n"
        until(lambda: running(f"\0{mark}\0"), "the program")
        run.send_signal(signal.SIGKILL)
    until(lambda: not running(f"\0{mark}\0"), "the end of the program", 10)


def test_a_program_has_a_network_and_files_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("mine")
    cage = Cage(tmp_path / "cage")
    try:
        cage.add_address("192.0.2.1")
        script = "cat /certs/text; ls /sys/class/net /etc/shadow; cat /proc/net/fib_trie"
        cage.start("look", ["sh", "-c", script], mounts={"/certs/text": tmp_path / "text"})
        cage.wait("look")
        output = cage.output("look")
        assert output.startswith("mine")
        assert "192.0.2.1" in output
        assert "/etc/shadow" in output.partition("No such file")[0], "the machine's files are seen"
        assert not Path("/certs").exists()
    finally:
        cage.close()


def test_a_relay_joins_two_networks(tmp_path: Path) -> None:
    inner, outer = Cage(tmp_path / "inner"), Cage(tmp_path / "outer", isolated=False)
    try:
        server = "import socket; s = socket.create_server(('127.0.0.1', 7)); s.accept()[0].sendall(b'hello')"
        inner.start("server", [sys.executable, "-c", server])
        inner.relay(tmp_path / "inner.sock", "127.0.0.1:7")
        port = outer.relay("127.0.0.1:0", tmp_path / "inner.sock")
        client = f"import socket; print(socket.create_connection(('127.0.0.1', {port})).recv(9))"

        def heard() -> bool:
            done = subprocess.run([sys.executable, "-c", client], capture_output=True, text=True, check=True)
            return "hello" in done.stdout

        until(heard, "the server", 10)
    finally:
        inner.close()
        outer.close()
