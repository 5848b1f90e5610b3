"""Handlers that wait, and those that panic: what a client sees, and what the server is like after."""

import pathlib
import signal
import socket
import struct
import subprocess
import tempfile

from http_client import TIMEOUT_S, make_request
from ouro_server import ServerCase, eventually, main

SLEEPERS = 50
UPLOAD_BYTES = 100 << 20
# Buffers, stacks and pools for one connection, and what a sanitizer adds.
GROWTH_BYTES_MAX = 48 << 20


def resident_bytes(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


class Waiting(ServerCase):
    def gone(self):
        metrics = self.server.metrics()
        # The one that asks is there.
        return metrics["connections"] == 1 or None

    def test_client_that_is_killed(self):
        curl = subprocess.Popen(["curl", "-q", "-sS", "--noproxy", "*",
                                 self.server.base + "/slow?ms=60000"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        eventually(lambda: self.server.metrics()["connections"] == 2, "curl does not come")
        curl.send_signal(signal.SIGKILL)
        curl.wait(TIMEOUT_S)
        eventually(self.gone, "the server keeps what has gone", seconds=5)

    def test_clients_that_reset(self):
        clients = [self.server.connect() for _ in range(SLEEPERS)]
        for client in clients:
            client.send(make_request("GET", "/slow?ms=60000"))
        eventually(lambda: self.server.metrics()["connections"] >= SLEEPERS + 1,
                   "not all have come")
        for client in clients:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        eventually(self.gone, "the server keeps what has gone", seconds=5)

    def test_panic(self):
        for _ in range(20):
            with self.server.connect() as connection:
                response = connection.ask("GET", "/panic")
                self.assertEqual(response.status, 500)
                self.assertEqual(response.value("connection"), "close")
                self.assertEqual(connection.read_to_end(), b"")
        self.assertEqual(self.server.get("/plaintext").body, b"Hello, World!")
        self.assertGreaterEqual(self.server.metrics()["panics_total"], 20)
        self.assertIn("the handler of /panic panicked: as it was asked to", self.server.log())


class Uploads(ServerCase):
    flags = ("--body-bytes-max", str(UPLOAD_BYTES))

    def upload(self, *arguments):
        with tempfile.NamedTemporaryFile() as sent, tempfile.NamedTemporaryFile() as got:
            sent.truncate(UPLOAD_BYTES)
            result = subprocess.run(["curl", "-q", "-sS", "--fail", "--noproxy", "*", "-T",
                                     sent.name, "-o", got.name, *arguments,
                                     self.server.base + "/echo"],
                                    stdin=subprocess.DEVNULL, capture_output=True,
                                    timeout=TIMEOUT_S, check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(pathlib.Path(got.name).stat().st_size, UPLOAD_BYTES)

    def test_in_constant_memory(self):
        self.server.get("/plaintext")
        before = resident_bytes(self.server)
        for arguments in ((), ("-H", "Transfer-Encoding: chunked"),
                          ("--limit-rate", "200M")):
            with self.subTest(arguments=arguments):
                self.upload(*arguments)
                self.assertLess(resident_bytes(self.server) - before, GROWTH_BYTES_MAX)


if __name__ == "__main__":
    main()
