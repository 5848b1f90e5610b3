"""Request bodies, sent back by /echo: counted, chunked, with trailers, after 100 (Continue)."""

import random
import threading

from http_client import make_chunked, make_request
from ouro_server import ServerCase, main

BODY_BYTES_MAX = 1 << 20


def random_bytes(count):
    return random.Random(count).randbytes(count)


class Bodies(ServerCase):
    def exchange(self, connection, request):
        """Sends from a thread of its own: the answer begins before the request has ended."""
        sender = threading.Thread(target=connection.send, args=(request,))
        sender.start()
        response = connection.read_response()
        sender.join()
        self.assertEqual(response.status, 200, response)
        return response

    def assert_goes_on(self, connection):
        self.assertEqual(connection.get("/plaintext").body, b"Hello, World!")

    def test_counted(self):
        connection = self.connect()
        for count in (1, 2, 100, 4095, 4096, 4097, 16384, 16385, 100000, BODY_BYTES_MAX - 1,
                      BODY_BYTES_MAX):
            for method in ("POST", "PUT", "GET"):
                with self.subTest(count=count, method=method):
                    body = random_bytes(count)
                    response = self.exchange(connection, make_request(method, "/echo", body=body))
                    self.assertEqual(response.value("content-length"), str(count))
                    self.assertTrue(response.body == body, "the body came back changed")
        self.assert_goes_on(connection)

    def test_chunked(self):
        connection = self.connect()
        for sizes in ((1,), (5, 1, 5), (16384, 16384), (1,) * 3000, (100000, 3, 200000),
                      (BODY_BYTES_MAX,), (BODY_BYTES_MAX // 16,) * 16):
            with self.subTest(chunks=len(sizes), bytes=sum(sizes)):
                pieces = [random_bytes(size) for size in sizes]
                response = self.exchange(connection, make_request(
                    "POST", "/echo", "Transfer-Encoding: chunked", body=make_chunked(*pieces)))
                self.assertEqual(response.value("transfer-encoding"), "chunked")
                self.assertTrue(response.body == b"".join(pieces), "the body came back changed")
        self.assert_goes_on(connection)

    def test_empty(self):
        connection = self.connect()
        response = connection.ask("POST", "/echo", "Content-Length: 0")
        self.assertEqual((response.status, response.body), (200, b""))
        response = connection.ask("POST", "/echo", "Transfer-Encoding: chunked",
                                  body=make_chunked())
        self.assertEqual((response.status, response.body), (200, b""))
        response = connection.ask("POST", "/echo")
        self.assertEqual((response.status, response.body), (200, b""))
        self.assert_goes_on(connection)

    def test_all_bytes(self):
        body = bytes(range(256)) * 3
        self.assertEqual(self.connect().ask("POST", "/echo", body=body).body, body)

    def test_content_type_is_kept(self):
        connection = self.connect()
        for kind in ("text/plain", "application/x-something; a=b", "multipart/x; boundary=\"a b\""):
            response = connection.ask("POST", "/echo", f"Content-Type: {kind}", body=b"x")
            self.assertEqual(response.value("content-type"), kind)
        self.assertEqual(connection.ask("POST", "/echo", body=b"x").value("content-type"),
                         "application/octet-stream")

    def test_trailers(self):
        connection = self.connect()
        for trailers in ([b"X-Sum: 1"], [b"X-Sum: 1", b"X-Empty:"], [b"x: y"] * 50):
            body = make_chunked(b"hello", trailers=trailers)
            response = connection.ask("POST", "/echo", "Trailer: X-Sum",
                                      "Transfer-Encoding: chunked", body=body)
            self.assertEqual(response.body, b"hello")
        self.assert_goes_on(connection)

    def test_chunk_extensions(self):
        connection = self.connect()
        response = connection.ask("POST", "/echo", "Transfer-Encoding: chunked",
                                  body=b'5;a=b;c="d;e"\r\nhello\r\n0A\r\n0123456789\r\n'
                                       b'0;f\r\n\r\n')
        self.assertEqual(response.body, b"hello0123456789")
        self.assert_goes_on(connection)

    def test_body_that_nobody_wants(self):
        connection = self.connect()
        body = random_bytes(200000)
        self.assertEqual(connection.get("/plaintext", body=body).status, 200)
        self.assertEqual(connection.ask("POST", "/nowhere", "Transfer-Encoding: chunked",
                                        body=make_chunked(body)).status, 404)
        self.assert_goes_on(connection)

    def test_continue(self):
        connection = self.connect()
        for _ in range(2):
            connection.send(make_request("POST", "/echo", "Expect: 100-continue",
                                         "Content-Length: 5"))
            self.assertEqual(connection.read_until(b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.send(b"hello")
            self.assertEqual(connection.read_response().body, b"hello")
        self.assert_goes_on(connection)

    def test_continue_for_a_chunked_body(self):
        connection = self.connect()
        connection.send(make_request("PUT", "/echo", "Expect: 100-Continue",
                                     "Transfer-Encoding: chunked"))
        self.assertEqual(connection.read_response().status, 100)
        connection.send(make_chunked(b"hello"))
        self.assertEqual(connection.read_response().body, b"hello")

    def test_client_that_does_not_wait_for_continue(self):
        connection = self.connect()
        response = connection.ask("POST", "/echo", "Expect: 100-continue", body=b"hello")
        if response.status == 100:
            response = connection.read_response()
        self.assertEqual(response.body, b"hello")
        self.assert_goes_on(connection)

    def test_no_continue_where_the_body_is_not_wanted(self):
        for method, target, status in (("POST", "/nowhere", 404), ("POST", "/json", 405)):
            with self.subTest(target=target):
                connection = self.connect()
                connection.send(make_request(method, target, "Expect: 100-continue",
                                             "Content-Length: 5"))
                # The client may send the body or not, so this cannot go on (RFC 9110, 10.1.1);
                # a client is told so (RFC 9112, 9.6).
                response = connection.read_response()
                self.assertEqual(response.status, status)
                self.assertEqual(response.value("connection"), "close")
                self.assert_closes(connection)

    def test_no_continue_without_a_body_or_in_1_0(self):
        connection = self.connect()
        self.assertEqual(connection.get("/plaintext", "Expect: 100-continue").status, 200)
        response = connection.ask("POST", "/echo", "Expect: 100-continue", "Connection: keep-alive",
                                  body=b"hello", version="1.0")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.body, b"hello")


class SmallBuffers(Bodies):
    """The same where every body straddles buffers, and there are few of them."""

    flags = ("--recv-buffers", "4", "--recv-buffer-bytes", "1024")


if __name__ == "__main__":
    main()
