"""Where the server can listen: TCP, unix sockets, inherited descriptors, several at once."""

import contextlib
import itertools
import os
import pathlib
import signal
import socket
import tempfile
import threading
import unittest

from http_client import Connection, make_request
from ouro_server import BACKEND, LISTENING, Server, eventually, main, parse_address, run_ouro

# An address of the loopback network that nobody else is likely to use: a port that was free a
# moment ago is still free here, whatever else runs on this machine.
OWN_HOST = f"127.{os.getpid() >> 16 & 127}.{os.getpid() >> 8 & 255}.{os.getpid() & 255 | 2}"


class Listeners(unittest.TestCase):
    def assert_serves(self, address, clients=50):
        """All of many clients at once: a loop that blocks in accept would serve only some."""
        failures = []

        def client():
            try:
                with Connection(address) as connection:
                    for _ in range(5):
                        assert connection.get("/plaintext").body == b"Hello, World!"
            except (AssertionError, OSError, EOFError) as failure:
                failures.append(failure)

        threads = [threading.Thread(target=client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def assert_refused(self, *urls, saying):
        arguments = [argument for url in urls for argument in ("--listen", url)]
        result = run_ouro("demo", "--backend", BACKEND, *arguments)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(saying, result.stderr)
        self.assertNotRegex(result.stderr, LISTENING)

    @contextlib.contextmanager
    def socket_path(self):
        with tempfile.TemporaryDirectory() as directory:
            yield pathlib.Path(directory, "ouro.sock")

    def test_tcp(self):
        with Server() as server:
            self.assertRegex(server.urls[0], r"^tcp://127\.0\.0\.1:\d+$")
            self.assert_serves(server.address)

    def test_tcp_by_name(self):
        try:
            socket.getaddrinfo("localhost", 0)
        except OSError as error:
            self.skipTest(f"this machine does not know localhost: {error}")
        with Server(listen=["tcp://localhost:0"]) as server:
            self.assert_serves(server.address)

    def test_tcp_all_addresses(self):
        for url in ("tcp://*:0", "tcp://0.0.0.0:0"):
            with self.subTest(url=url), Server(listen=[url]) as server:
                self.assert_serves(("127.0.0.1", server.address[1]))

    def test_unix(self):
        with self.socket_path() as path:
            with Server(listen=[f"unix:{path}"]) as server:
                self.assertEqual(server.urls, [f"unix:{path}"])
                self.assert_serves(str(path))
            self.assertFalse(path.exists(), "the path is still there")

    def test_unix_stale_path(self):
        with self.socket_path() as path:
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(path))
            self.assertTrue(path.is_socket())
            with Server(listen=[f"unix:{path}"]):
                self.assert_serves(str(path))

    def test_unix_live_path(self):
        with self.socket_path() as path, Server(listen=[f"unix:{path}"]):
            self.assert_refused(f"unix:{path}", saying="Address already in use")
            self.assert_serves(str(path))

    def test_unix_path_of_something_else(self):
        with self.socket_path() as path:
            path.write_text("precious", encoding="ascii")
            self.assert_refused(f"unix:{path}", saying="Address already in use")
            self.assertEqual(path.read_text(encoding="ascii"), "precious")

    def test_inherited(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            fd = listener.fileno()
            with Server(listen=[f"fd:{fd}"], inherit=[fd]) as server:
                self.assertEqual(server.address, listener.getsockname())
                self.assert_serves(server.address)

    def test_inherited_unix(self):
        with self.socket_path() as path, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(100)
            fd = listener.fileno()
            with Server(listen=[f"fd:{fd}"], inherit=[fd]):
                self.assert_serves(str(path))
            self.assertTrue(path.exists(), "the path is not the server's to remove")

    def test_several(self):
        with self.socket_path() as path, socket.create_server(("127.0.0.1", 0)) as listener:
            fd = listener.fileno()
            urls = ["tcp://127.0.0.1:0", f"unix:{path}", f"fd:{fd}", "tcp://127.0.0.1:0"]
            with Server(listen=urls, inherit=[fd]) as server:
                self.assertEqual(len(set(server.urls)), 4)
                for url in server.urls:
                    with self.subTest(url=url):
                        self.assert_serves(parse_address(url), clients=10)
                self.assertEqual(server.metrics()["requests_total"], 4 * 10 * 5 + 1)
            self.assertFalse(path.exists())

    def test_address_in_use(self):
        with Server(listen=[f"tcp://{OWN_HOST}:0"]) as server:
            self.assert_refused(server.urls[0], saying=f"cannot listen at "
                                f"{server.urls[0].removeprefix('tcp://')}: Address already in use")
            self.assert_serves(server.address)

    def test_one_of_several_in_use(self):
        with self.socket_path() as path, Server(listen=[f"tcp://{OWN_HOST}:0"]) as server:
            self.assert_refused(f"unix:{path}", server.urls[0], saying="Address already in use")
            self.assertFalse(path.exists(), "the path is still there")

    def test_address_in_use_by_another_program(self):
        with socket.create_server((OWN_HOST, 0)) as other:
            port = other.getsockname()[1]
            self.assert_refused(f"tcp://{OWN_HOST}:{port}", saying="Address already in use")

    def test_restart_at_once(self):
        urls = [f"tcp://{OWN_HOST}:0"]
        for _ in range(4):
            with Server(listen=urls) as server:
                urls = server.urls
                # Connections that the server closes leave the port in TIME_WAIT.
                with server.connect() as closed, server.connect() as idle, \
                        server.connect() as busy:
                    closed.get("/plaintext", "Connection: close")
                    self.assertEqual(closed.read_to_end(), b"")
                    idle.get("/plaintext")
                    before = server.metrics()["requests_total"]
                    busy.send(make_request("GET", "/slow?ms=50"))
                    # Each look is a request too; one more than these is the slow one.
                    looks = itertools.count(1)
                    eventually(lambda: server.metrics()["requests_total"] > before + next(looks),
                               "the slow request was not received")
                    server.signal(signal.SIGTERM)
                    self.assertEqual(idle.read_to_end(), b"")
                    # Who does not end its side is waited for, though not for long.
                    idle.close()
                    self.assertEqual(busy.read_response().body, b"ok")
                    busy.close()
                    self.assertEqual(server.wait(), 0)

    def test_restart_after_a_kill(self):
        with self.socket_path() as path:
            first = Server(listen=[f"tcp://{OWN_HOST}:0", f"unix:{path}"])
            with first.connect() as connection:
                connection.get("/plaintext")
                first.kill()
            self.assertTrue(path.exists())
            with Server(listen=first.urls) as second:
                self.assert_serves(second.address)
                self.assert_serves(str(path))


if __name__ == "__main__":
    main()
