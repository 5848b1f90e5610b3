"""SIGTERM: idle connections go at once, requests in progress are finished, nothing hangs."""

import contextlib
import signal
import threading
import time
import unittest

from http_client import make_request
from ouro_server import Server, eventually, main, raise_open_files


class Drain(unittest.TestCase):
    def test_nothing_open(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number), Server() as server:
                server.signal(number)
                self.assertEqual(server.wait(), 0)
                self.assertIn("stopping", server.log())

    def test_idle_connections_close_at_once(self):
        with Server("--drain-timeout-ms", "600000") as server:
            used, fresh = server.connect(), server.connect()
            used.get("/plaintext")
            # The server has taken the other one too.
            eventually(lambda: server.metrics()["connections"] >= 3, "no connection is counted")
            server.signal(signal.SIGTERM)
            # Who does not end its own side is waited for, though not for long.
            for connection in (used, fresh):
                self.assertEqual(connection.read_to_end(), b"")
                connection.close()
            self.assertEqual(server.wait(), 0)

    def test_request_in_progress_is_answered(self):
        with Server(threads=1) as server:
            idle, busy = server.connect(), server.connect()
            idle.get("/plaintext")
            busy.send(make_request("GET", "/slow?ms=1500") + make_request("GET", "/json"))
            eventually(lambda: server.metrics()["requests_total"] >= 3, "the request is not there")
            server.signal(signal.SIGTERM)
            self.assertEqual(idle.read_to_end(), b"")
            idle.close()
            # No new client gets in meanwhile, but this one's answer comes, and is the last.
            eventually(lambda: self.is_refused(server), "the server still listens")
            response = busy.read_response()
            self.assertEqual(response.body, b"ok")
            self.assertEqual(response.value("connection"), "close")
            self.assertEqual(busy.read_to_end(), b"")
            busy.close()
            self.assertEqual(server.wait(), 0)

    def is_refused(self, server):
        try:
            server.connect().close()
            return False
        except ConnectionError:
            return True

    def test_body_in_progress_is_taken(self):
        with Server() as server, server.connect() as connection:
            connection.send(make_request("POST", "/echo", "Content-Length: 10") + b"hello")
            self.assertEqual(connection.read_head().status, 200)
            self.assertEqual(connection.read_bytes(5), b"hello")
            server.signal(signal.SIGTERM)
            eventually(lambda: self.is_refused(server), "the server still listens")
            connection.send(b"world")
            self.assertEqual(connection.read_bytes(5), b"world")
            self.assertEqual(connection.read_to_end(), b"")
            connection.close()
            self.assertEqual(server.wait(), 0)

    def test_request_longer_than_the_drain(self):
        with Server("--drain-timeout-ms", "300") as server:
            slow, half = server.connect(), server.connect()
            slow.send(make_request("GET", "/slow?ms=60000"))
            half.send(make_request("POST", "/echo", "Content-Length: 10") + b"hello")
            half.read_head()
            eventually(lambda: server.metrics()["requests_total"] >= 3, "the request is not there")
            begin = time.monotonic()
            server.signal(signal.SIGTERM)
            for connection in (slow, half):
                with self.assertRaises(ConnectionResetError):
                    connection.read_to_end()
                connection.close()
            self.assertEqual(server.wait(), 0)
            self.assertGreater(time.monotonic() - begin, 0.29)

    def test_under_load(self):
        with Server() as server:
            connections = [server.connect() for _ in range(50)]
            for connection in connections:
                connection.send(make_request("GET", "/plaintext") * 20)
            for connection in connections:
                self.assertEqual(connection.read_response().status, 200)
            server.signal(signal.SIGTERM)
            for connection in connections:
                # Whole answers only.
                rest = connection.read_to_end()
                self.assertEqual(rest.count(b"HTTP/1.1 200 OK"), rest.count(b"Hello, World!"))
                self.assertTrue(not rest or rest.endswith(b"Hello, World!"))
                connection.close()
            self.assertEqual(server.wait(), 0)

    def test_clients_that_come_all_the_time(self):
        """One that is accepted at the last moment must not keep the server from ending."""
        def come():
            with contextlib.ExitStack() as stack:
                try:
                    while True:
                        stack.enter_context(server.connect())
                except OSError:
                    over.wait()

        for _ in range(2):
            over = threading.Event()
            with Server("--drain-timeout-ms", "600000") as server:
                clients = [threading.Thread(target=come) for _ in range(4)]
                for client in clients:
                    client.start()
                eventually(lambda: server.metrics()["connections"] > 100, "nobody comes")
                server.signal(signal.SIGTERM)
                try:
                    self.assertEqual(server.wait(), 0)
                finally:
                    over.set()

    def test_stopped_at_its_start(self):
        for _ in range(5):
            with Server():
                pass


if __name__ == "__main__":
    raise_open_files()
    main()
