"""A server with nothing to do does nothing, whatever state its connections are in."""

import contextlib
import socket
import struct
import time
import unittest

from http_client import make_request
from ouro_server import Server, eventually, main

CPU_SECONDS_MAX = 0.25


class Quiet(unittest.TestCase):
    @contextlib.contextmanager
    def server(self):
        """A server that is measured for a second after the block has set the scene."""
        with Server("--write-timeout-ms", "60000", "--body-bytes-max", str(1 << 30)) as server, \
                contextlib.ExitStack() as stack:
            yield server, stack
            # What the scene itself cost comes first; a slow machine may need some seconds for it.
            # A server that spins is never quiet, however long it is looked at.
            eventually(lambda: self.second_of_cpu(server) < CPU_SECONDS_MAX,
                       "the server has nothing to do and does not rest")

    @staticmethod
    def second_of_cpu(server):
        server.get("/plaintext")
        before = server.cpu_seconds()
        time.sleep(1)
        return server.cpu_seconds() - before

    def test_no_connection(self):
        with self.server():
            pass

    def test_idle_connections(self):
        with self.server() as (server, stack):
            for _ in range(100):
                stack.enter_context(server.connect()).get("/plaintext")

    def test_half_closed_clients_that_wait(self):
        with self.server() as (server, stack):
            for _ in range(10):
                connection = stack.enter_context(server.connect())
                connection.send(make_request("GET", "/slow?ms=1500"))
                connection.end()

    def test_clients_that_were_reset_while_they_waited(self):
        with self.server() as (server, _):
            for _ in range(10):
                with server.connect() as connection:
                    connection.send(make_request("GET", "/slow?ms=1500"))
                    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                 struct.pack("ii", 1, 0))

    def test_halves_of_requests(self):
        with self.server() as (server, stack):
            for half in (b"GET /pl", make_request("POST", "/echo", "Content-Length: 5") + b"he"):
                stack.enter_context(server.connect()).send(half)

    def test_clients_that_do_not_read(self):
        with self.server() as (server, stack):
            for _ in range(4):
                connection = stack.enter_context(server.connect(receive_buffer_bytes=4096))
                connection.send(make_request("POST", "/echo", f"Content-Length: {1 << 30}"))
                connection.socket.settimeout(0.2)
                with self.assertRaises(TimeoutError):
                    while True:
                        connection.send(b"x" * (1 << 16))

    def test_pipelines_behind_a_wait(self):
        with self.server() as (server, stack):
            connection = stack.enter_context(server.connect())
            connection.send(make_request("GET", "/slow?ms=1500"))
            connection.socket.settimeout(0.2)
            with self.assertRaises(TimeoutError):
                while True:
                    connection.send(make_request("GET", "/plaintext") * 1000)


if __name__ == "__main__":
    main()
