"""A Redis server of a test's own: on a free port, in a folder of its own, without persistence, and gone when the
test ends."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

from http_client import TIMEOUT_S
from ouro_server import eventually, run_ouro


def find_program():
    """Debian's redis-tools has the server's program as redis-check-rdb, which looks at the name that it is
    called by."""
    for path in ("/usr/bin/redis-server", "/usr/local/bin/redis-server", "/usr/bin/redis-check-rdb"):
        if os.access(path, os.X_OK):
            return path
    return shutil.which("redis-server")


def why_not():
    """Why there can be no test with Redis; None where there can."""
    if not find_program():
        return "there is no redis-server (Debian: redis-tools)"
    if "without hiredis" in run_ouro("routes", "--hub", "redis://127.0.0.1").stderr:
        return "ouro was built without hiredis"
    return None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis:
    def __init__(self, password="", started=True):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="ouro-redis-"))
        self.port = free_port()
        self.password = password
        self.url = f"redis://127.0.0.1:{self.port}"
        self.process = None
        if started:
            self.start()

    def start(self):
        """Starts it on the same port as before, with nothing of what it had."""
        with open(self.root / "log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--requirepass", self.password],
                executable=find_program(), cwd=self.root, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        eventually(self._answers, "redis-server did not start")

    def _answers(self):
        assert self.process.poll() is None, "redis-server has ended"
        try:
            return self.ask("PING").startswith(("+PONG", "-NOAUTH"))
        except OSError:
            return False

    def ask(self, command):
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(4096).decode()

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait(TIMEOUT_S)
            self.process = None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.kill()
        shutil.rmtree(self.root)
