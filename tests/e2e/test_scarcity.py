"""Many clients at once on a server with hardly any receive buffers, and, on the ring, a completion
queue far too short for them: slower, but nothing is lost."""

import selectors

from http_client import make_chunked, make_request
from ouro_server import ServerCase, main, raise_open_files

CLIENTS = 300


class Scarcity(ServerCase):
    flags = ("--recv-buffers", "2", "--recv-buffer-bytes", "512", "--completion-entries", "16")
    threads = 1

    def exchange(self, request, expected):
        """Sends and receives on all connections as far as each goes, until each has got as many
        bytes as it must; they come in order, so that they can be compared at the end."""
        selector = selectors.DefaultSelector()
        for _ in range(CLIENTS):
            connection = self.server.connect()
            self.addCleanup(connection.close)
            connection.socket.setblocking(False)
            connection.to_send = memoryview(request)
            selector.register(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE,
                              connection)
        while selector.get_map():
            ready = selector.select(60)
            self.assertTrue(ready, f"{len(selector.get_map())} clients are forgotten")
            for key, events in ready:
                connection = key.data
                if events & selectors.EVENT_WRITE:
                    sent = connection.socket.send(connection.to_send)
                    connection.to_send = connection.to_send[sent:]
                    if not connection.to_send:
                        selector.modify(connection.socket, selectors.EVENT_READ, connection)
                if events & selectors.EVENT_READ:
                    data = connection.socket.recv(1 << 16)
                    self.assertTrue(data, f"the connection ended after {connection.unread!r}")
                    connection.unread += data
                if connection.unread.endswith(expected):
                    selector.unregister(connection.socket)
                    connection.socket.setblocking(True)
                    yield connection

    def test_pipelines(self):
        request = make_request("GET", "/plaintext", "A: " + "b" * 700) * 30
        request += make_request("GET", "/users/last")
        for connection in self.exchange(request, b"\r\n\r\nlast"):
            for _ in range(30):
                self.assertEqual(connection.read_response().body, b"Hello, World!")
            self.assertEqual(connection.read_response().body, b"last")

    def test_bodies(self):
        body = bytes(range(256)) * 128
        request = make_request("POST", "/echo", body=body)
        request += make_request("POST", "/echo", "Transfer-Encoding: chunked",
                                body=make_chunked(*[body[:1000]] * 10))
        request += make_request("GET", "/users/last")
        for connection in self.exchange(request, b"\r\n\r\nlast"):
            self.assertTrue(connection.read_response().body == body, "the body changed")
            self.assertTrue(connection.read_response().body == body[:1000] * 10,
                            "the body changed")
            self.assertEqual(connection.read_response().body, b"last")

    def test_closing(self):
        request = make_request("GET", "/plaintext", "Connection: close")
        for _ in range(5):
            for connection in self.exchange(request, b"Hello, World!"):
                self.assertEqual(connection.read_response().body, b"Hello, World!")
                self.assert_closes(connection)
                connection.close()


if __name__ == "__main__":
    raise_open_files()
    main()
