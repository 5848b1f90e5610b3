"""Listening at an IPv6 address."""

import socket
import unittest

from http_client import Connection
from ouro_server import Server, main, skip


class Ipv6(unittest.TestCase):
    def test_loopback(self):
        with Server(listen=["tcp://[::1]:0"]) as server:
            self.assertRegex(server.urls[0], r"^tcp://\[::1\]:\d+$")
            self.assertEqual(server.get("/plaintext").body, b"Hello, World!")

    def test_any(self):
        with Server(listen=["tcp://[::]:0"]) as server:
            with Connection(("::1", server.address[1])) as connection:
                self.assertEqual(connection.get("/plaintext").body, b"Hello, World!")

    def test_beside_ipv4(self):
        with Server(listen=["tcp://[::1]:0", "tcp://127.0.0.1:0"]) as server:
            for url in server.urls:
                host, port = url.removeprefix("tcp://").rsplit(":", 1)
                with Connection((host.strip("[]"), int(port))) as connection:
                    self.assertEqual(connection.get("/plaintext").body, b"Hello, World!")


if __name__ == "__main__":
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        skip(f"there is no IPv6 here: {error}")
    main()
