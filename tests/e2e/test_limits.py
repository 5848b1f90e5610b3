"""Limits as flags: what is just within them goes, what is just over them gets its answer."""

import threading

from http_client import make_chunked, make_request
from ouro_server import ServerCase, main


class Sizes(ServerCase):
    flags = ("--head-bytes-max", "512", "--target-bytes-max", "64", "--fields-max", "4",
             "--body-bytes-max", "1000")

    def ask(self, *arguments, **others):
        connection = self.connect()
        response = connection.ask(*arguments, **others)
        if response.status >= 400:
            self.assertEqual(response.value("connection"), "close")
            self.assert_closes(connection)
        return response.status

    def test_target(self):
        self.assertEqual(self.ask("GET", "/users/" + "a" * 57), 200)
        self.assertEqual(self.ask("GET", "/users/" + "a" * 58), 414)
        self.assertEqual(self.ask("GET", "/users/" + "a" * 10000), 414)

    def test_target_that_never_ends(self):
        # It is refused when it is too long, not when it is complete.
        connection = self.connect()
        connection.send(b"GET /" + b"a" * 65)
        self.assertEqual(connection.read_response().status, 414)
        self.assert_closes(connection)

    def test_fields(self):
        self.assertEqual(self.ask("GET", "/plaintext", "A: 1", "B: 2", "C: 3"), 200)
        self.assertEqual(self.ask("GET", "/plaintext", "A: 1", "B: 2", "C: 3", "D: 4"), 431)

    def test_head(self):
        bare = len(make_request("GET", "/plaintext", "A: "))
        self.assertEqual(self.ask("GET", "/plaintext", "A: " + "b" * (511 - bare)), 200)
        self.assertEqual(self.ask("GET", "/plaintext", "A: " + "b" * (513 - bare)), 431)
        self.assertEqual(self.ask("GET", "/plaintext", "A: " + "b" * 100000), 431)

    def test_head_that_never_ends(self):
        connection = self.connect()
        connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 512)
        self.assertEqual(connection.read_response().status, 431)
        self.assert_closes(connection)

    def test_trailers(self):
        for count, status in ((4, 200), (5, 431)):
            self.assertEqual(self.ask(
                "POST", "/echo", "Transfer-Encoding: chunked",
                body=make_chunked(trailers=[b"A: b"] * count)), status)

    def test_body(self):
        self.assertEqual(self.ask("POST", "/echo", body=b"x" * 1000), 200)
        self.assertEqual(self.ask("POST", "/echo", body=b"x" * 1001), 413)

    def test_chunked_body(self):
        chunked = "Transfer-Encoding: chunked"
        self.assertEqual(self.ask("POST", "/echo", chunked, body=make_chunked(b"x" * 1000)), 200)
        self.assertEqual(self.ask("POST", "/echo", chunked, body=make_chunked(b"x" * 1001)), 413)

    def test_chunked_body_that_grows_too_large(self):
        connection = self.connect()
        connection.send(make_request("POST", "/echo", "Transfer-Encoding: chunked",
                                     body=b"5\r\nhello\r\n"))
        connection.read_until(b"hello\r\n")
        connection.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n")
        with self.assertRaises(ConnectionResetError):
            connection.read_to_end()


class ConnectionsMax(ServerCase):
    flags = ("--connections-max", "4")
    threads = 1

    def test_more_wait_until_there_is_room(self):
        open_ones = [self.connect() for _ in range(4)]
        for connection in open_ones:
            self.assertEqual(connection.get("/plaintext").status, 200)
        late = self.connect()
        late.send(make_request("GET", "/json"))
        self.assertTrue(late.is_silent_for(0.3))
        self.assertEqual(open_ones[3].get("/plaintext").status, 200)
        open_ones[0].close()
        self.assertEqual(late.read_response().status, 200)
        for connection in (*open_ones[1:], late):
            connection.close()

    def test_a_burst_is_served_in_the_end(self):
        failures = []

        def client():
            try:
                with self.server.connect() as connection:
                    response = connection.get("/slow?ms=5", "Connection: close")
                    assert response.body == b"ok" and connection.read_to_end() == b""
            except (AssertionError, OSError, EOFError) as failure:
                failures.append(failure)

        clients = [threading.Thread(target=client) for _ in range(50)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        self.assertEqual(failures, [])


if __name__ == "__main__":
    main()
