"""How long a connection lives: versions, Connection, pipelining, half-closing."""

import contextlib

from http_client import make_chunked, make_request
from ouro_server import ServerCase, main


class Persistence(ServerCase):
    def assert_goes_on(self, connection):
        self.assertEqual(connection.get("/plaintext").body, b"Hello, World!")

    def test_1_1_stays_open(self):
        connection = self.connect()
        for _ in range(100):
            self.assertIsNone(connection.get("/plaintext").value("connection"))

    def test_1_1_closes_when_asked(self):
        for field in ("Connection: close", "connection: Close", "Connection: foo, close",
                      "Connection: keep-alive, close"):
            with self.subTest(field=field):
                connection = self.connect()
                response = connection.get("/plaintext", field)
                self.assertEqual(response.value("connection"), "close")
                self.assertEqual(response.body, b"Hello, World!")
                self.assert_closes(connection)

    def test_1_1_does_not_close_for_other_words(self):
        connection = self.connect()
        for field in ("Connection: closed", "Connection: x-close", "Keep-Alive: close"):
            self.assertIsNone(connection.get("/plaintext", field).value("connection"))

    def test_1_0_closes(self):
        connection = self.connect()
        response = connection.get("/plaintext", version="1.0", host=None)
        self.assertEqual(response.version, "HTTP/1.1")
        self.assertEqual(response.value("connection"), "close")
        self.assertEqual(response.body, b"Hello, World!")
        self.assert_closes(connection)

    def test_1_0_keeps_alive_when_asked(self):
        connection = self.connect()
        for _ in range(3):
            response = connection.get("/plaintext", "Connection: keep-alive", version="1.0",
                                      host=None)
            self.assertEqual(response.value("connection"), "keep-alive")
        self.assert_goes_on(connection)

    def test_1_0_with_a_body(self):
        connection = self.connect()
        response = connection.ask("POST", "/echo", "Connection: keep-alive", body=b"hello",
                                  version="1.0", host=None)
        self.assertEqual(response.body, b"hello")
        self.assertIsNone(response.value("transfer-encoding"))
        self.assert_goes_on(connection)

    def test_nothing_is_answered_after_close(self):
        connection = self.connect()
        connection.send(make_request("GET", "/plaintext", "Connection: close") +
                        make_request("GET", "/json"))
        self.assertEqual(connection.read_response().body, b"Hello, World!")
        self.assert_closes(connection)

    def test_pipeline_of_100(self):
        connection = self.connect()
        connection.send(b"".join(make_request("GET", f"/users/{i}") for i in range(100)))
        for i in range(100):
            self.assertEqual(connection.read_response().body, b"%d" % i)

    def test_pipeline_of_many_sizes(self):
        # Bodies, waits and errors in one piece; more than one receive buffer of it.
        connection = self.connect()
        requests, answers = [], []
        for i in range(40):
            body = bytes([i]) * (i * 100)
            requests.append(make_request("POST", "/echo", body=body))
            answers.append((200, body))
            requests.append(make_request("POST", "/echo", "Transfer-Encoding: chunked",
                                         body=make_chunked(b"a" * (i + 1), b"b")))
            answers.append((200, b"a" * (i + 1) + b"b"))
            requests.append(make_request("GET", f"/slow?ms={i % 3}"))
            answers.append((200, b"ok"))
            requests.append(make_request("GET", f"/users/{i}"))
            answers.append((200, b"%d" % i))
            requests.append(make_request("GET", "/nowhere"))
            answers.append((404, None))
        connection.send(b"".join(requests))
        for status, body in answers:
            response = connection.read_response()
            self.assertEqual(response.status, status)
            if body is not None:
                self.assertEqual(response.body, body)

    def test_pipeline_behind_a_wait(self):
        connection = self.connect()
        connection.send(make_request("GET", "/slow?ms=100") +
                        make_request("GET", "/plaintext") * 2000)
        self.assertEqual(connection.read_response().body, b"ok")
        for _ in range(2000):
            self.assertEqual(connection.read_response().body, b"Hello, World!")

    def test_pipeline_that_ends(self):
        connection = self.connect()
        connection.send(make_request("GET", "/json") * 20)
        connection.end()
        for _ in range(20):
            self.assertEqual(connection.read_response().status, 200)
        self.assert_closes(connection)

    def test_half_closed_client_is_answered(self):
        connection = self.connect()
        connection.send(make_request("GET", "/json"))
        connection.end()
        self.assertEqual(connection.read_response().status, 200)
        self.assert_closes(connection)

    def test_half_closed_client_is_taken_for_gone_where_a_handler_waits(self):
        connection = self.connect()
        connection.send(make_request("GET", "/slow?ms=60000"))
        connection.end()
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(connection.read_to_end(), b"")

    def test_half_closed_without_a_request(self):
        connection = self.connect()
        connection.end()
        self.assert_closes(connection)

    def test_end_within_a_head(self):
        connection = self.connect()
        connection.send(b"GET /plaintext HTTP/1.1\r\nHost: local")
        connection.end()
        self.assertEqual(connection.read_response().status, 400)
        self.assert_closes(connection)

    def test_client_that_leaves(self):
        for request in (b"GET /pl", make_request("GET", "/slow?ms=50"),
                        make_request("POST", "/echo", "Content-Length: 10") + b"hello"):
            with self.subTest(request=request):
                with self.server.connect() as connection:
                    connection.send(request)
        self.assert_goes_on(self.connect())


if __name__ == "__main__":
    main()
