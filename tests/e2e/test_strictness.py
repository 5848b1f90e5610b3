"""Requests that are not as they must be: which status they get, and that nothing follows."""

from http_client import make_chunked, make_request
from ouro_server import ServerCase, main


def request(*fields, line="POST /echo HTTP/1.1", host="Host: localhost", body=b""):
    lines = [line, host, *fields, "", ""] if host else [line, *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def get(*fields, **others):
    return request(*fields, line="GET /plaintext HTTP/1.1", **others)


CHUNKED = "Transfer-Encoding: chunked"
LAST_CHUNK = b"0\r\n\r\n"

BAD = {
    # Framing: RFC 9112, 6.
    "length with coding": (400, request("Content-Length: 5", CHUNKED, body=LAST_CHUNK)),
    "coding with length": (400, request(CHUNKED, "Content-Length: 5", body=LAST_CHUNK)),
    "length twice, equal": (400, request("Content-Length: 5", "Content-Length: 5", body=b"hello")),
    "length twice": (400, request("Content-Length: 5", "Content-Length: 6", body=b"hello")),
    "length as a list": (400, request("Content-Length: 5, 5", body=b"hello")),
    "length signed": (400, request("Content-Length: +5", body=b"hello")),
    "length negative": (400, request("Content-Length: -1")),
    "length hexadecimal": (400, request("Content-Length: 0x5", body=b"hello")),
    "length empty": (400, request("Content-Length:")),
    "length beyond 64 bits": (400, request("Content-Length: 18446744073709551616")),
    "coding without chunked": (501, request("Transfer-Encoding: gzip, chunked", body=LAST_CHUNK)),
    "coding behind chunked": (400, request("Transfer-Encoding: chunked, gzip", body=LAST_CHUNK)),
    "coding not chunked": (400, request("Transfer-Encoding: gzip", body=LAST_CHUNK)),
    "coding identity": (400, request("Transfer-Encoding: identity")),
    "coding chunked twice": (400, request("Transfer-Encoding: chunked, chunked",
                                          body=LAST_CHUNK)),
    "coding in HTTP/1.0": (400, request(CHUNKED, line="POST /echo HTTP/1.0", body=LAST_CHUNK)),
    # Fields: RFC 9112, 5, and RFC 9110, 5.5.
    "space before colon": (400, get("A : b")),
    "tab before colon": (400, get("A\t: b")),
    "folded line": (400, get("A: b", " c")),
    "folded line with a tab": (400, get("A: b", "\tc")),
    "space before the first field": (400, get(host=" Host: localhost")),
    "no colon": (400, get("Abc")),
    "empty name": (400, get(": b")),
    "bare CR": (400, get("A: b\rc")),
    "bare LF": (400, get("A: b\nc: d")),
    "NUL in a value": (400, get("A: b\0c")),
    "NUL in a name": (400, get("A\0: b")),
    "control character": (400, get("A: b\x01c")),
    "DEL": (400, get("A: b\x7fc")),
    "name not a token": (400, get("A(b): c")),
    # Host: RFC 9112, 3.2.
    "no host": (400, get(host=None)),
    "two hosts": (400, get("Host: localhost")),
    "two other hosts": (400, get("Host: example.org")),
    "host with a space": (400, get(host="Host: a b")),
    "host with a path": (400, get(host="Host: a/b")),
    "host with a user": (400, get(host="Host: me@a")),
    "host with a bad port": (400, get(host="Host: a:b")),
    "host with a port too large": (400, get(host="Host: a:65536")),
    "host with half an address": (400, get(host="Host: [::1")),
    # The request line: RFC 9112, 3.
    "two spaces before the target": (400, request(line="GET  /plaintext HTTP/1.1")),
    "two spaces behind the target": (400, request(line="GET /plaintext  HTTP/1.1")),
    "no target": (400, request(line="GET HTTP/1.1")),
    "no version": (400, request(line="GET /plaintext")),
    "target with a fragment": (400, request(line="GET /plaintext#a HTTP/1.1")),
    "target with a control character": (400, request(line="GET /plain\x01text HTTP/1.1")),
    "target beyond ASCII": (400, request(line="GET /plaint\xe9xt HTTP/1.1")),
    "target without a slash": (400, request(line="GET plaintext HTTP/1.1")),
    "asterisk for GET": (400, request(line="GET * HTTP/1.1")),
    "method not a token": (400, request(line="G(T /plaintext HTTP/1.1")),
    "method in lower case": (501, request(line="get /plaintext HTTP/1.1")),
    "unknown method": (501, request(line="BREW /plaintext HTTP/1.1")),
    "version malformed": (400, request(line="GET /plaintext HTTP/1.x")),
    "version in lower case": (400, request(line="GET /plaintext http/1.1")),
    "version 1.2": (505, request(line="GET /plaintext HTTP/1.2")),
    "version 2.0": (505, request(line="GET /plaintext HTTP/2.0")),
    "version 3.0": (505, request(line="GET /plaintext HTTP/3.0")),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "RTSP": (400, request(line="GET /plaintext RTSP/1.0")),
    "TLS": (400, b"\x16\x03\x01\x00\xfa\x01\x00\x00\xf6\x03\x03"),
    # Limits, at their defaults.
    "target too long": (414, request(line=f"GET /{'a' * 8192} HTTP/1.1")),
    "head too large": (431, get("A: " + "b" * 16384)),
    "too many fields": (431, get(*["A: b"] * 100)),
    "body too large": (413, request("Content-Length: 1048577")),
    # RFC 9110, 10.1.1.
    "unknown expectation": (417, request("Expect: a-pony", "Content-Length: 5", body=b"hello")),
}

BAD_CHUNKS = {
    "size not a number": b"x\r\nhello\r\n0\r\n\r\n",
    "size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size with a space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "size beyond 64 bits": b"10000000000000000\r\n",
    "size line with a bare LF": b"5\nhello\r\n0\r\n\r\n",
    "extension with a bare LF": b"5;a\nhello\r\n0\r\n\r\n",
    "trailer malformed": b"0\r\nA : b\r\n\r\n",
    "trailer with a length": b"0\r\nContent-Length: 5\r\n\r\n",
}


class Strictness(ServerCase):
    def assert_refused(self, data, status):
        """The request is answered so, nothing behind it is, and the connection closes."""
        connection = self.connect()
        connection.send(data + make_request("GET", "/json"))
        response = connection.read_response()
        self.assertEqual(response.status, status, response)
        self.assertEqual(response.value("connection"), "close")
        self.assertTrue(response.body.startswith(b"%d " % status), response)
        self.assert_closes(connection)

    def test_bad_requests(self):
        for name, (status, data) in BAD.items():
            with self.subTest(request=name):
                self.assert_refused(data, status)

    def test_bad_requests_behind_a_good_one(self):
        for name, (status, data) in BAD.items():
            with self.subTest(request=name):
                connection = self.connect()
                connection.send(make_request("GET", "/plaintext") + data +
                                make_request("GET", "/json"))
                self.assertEqual(connection.read_response().body, b"Hello, World!")
                self.assertEqual(connection.read_response().status, status)
                self.assert_closes(connection)

    def test_bad_chunks(self):
        for name, body in BAD_CHUNKS.items():
            with self.subTest(body=name):
                self.assert_refused(request(CHUNKED, body=body), 400)

    def test_bad_chunk_in_an_answered_body(self):
        # The echo has begun, so its status is gone; what is left is not to end it in order.
        connection = self.connect()
        connection.send(request(CHUNKED, body=b"5\r\nhello\r\n"))
        self.assertEqual(connection.read_head().status, 200)
        self.assertEqual(connection.read_until(b"hello\r\n"), b"5\r\nhello\r\n")
        connection.send(b"5\r\nhello!\r\n0\r\n\r\n" + make_request("GET", "/json"))
        with self.assertRaises(ConnectionResetError):
            connection.read_to_end()

    def test_at_the_limits(self):
        connection = self.connect()
        target = "/users/" + "a" * (8192 - 7)
        self.assertEqual(connection.get(target).status, 200)
        self.assertEqual(connection.get("/plaintext", *["A: b"] * 99).status, 200)
        size = len(make_request("GET", "/plaintext", "A: "))
        self.assertEqual(connection.get("/plaintext", "A: " + "b" * (16383 - size)).status, 200)

    def test_allowed_though_odd(self):
        connection = self.connect()
        for data in (b"\r\n\r\n" + get(), get("A:b"), get("A:"), get("A: \t b \t "),
                     get("A: \xe4\xff"), get(host="Host:"), get(host="hOST: LOCALHOST:80"),
                     get(host="Host: [::1]:8080"), get("Content-Length: 0"),
                     get("Upgrade: h2c", "Connection: upgrade"), get("Expect: 100-continue"),
                     get("Content-Length: 0000000005", body=b"hello"),
                     get(CHUNKED.upper(), body=make_chunked(b"hello"))):
            with self.subTest(request=data):
                connection.send(data)
                self.assertEqual(connection.read_response().body, b"Hello, World!")


class BodyTooLarge(ServerCase):
    def test_is_readable_by_a_client_that_goes_on(self):
        """A reset would take the answer away from a client that sends before it reads."""
        data = b"x" * (10 << 20)
        for method, target in (("POST", "/echo"), ("PUT", "/nowhere")):
            with self.subTest(target=target):
                connection = self.connect()
                connection.send(make_request(method, target, f"Content-Length: {len(data)}"))
                connection.send(data)
                response = connection.read_response()
                self.assertEqual(response.status, 413)
                self.assertEqual(response.value("connection"), "close")
                self.assert_closes(connection)

    def test_is_not_asked_for(self):
        connection = self.connect()
        connection.send(make_request("POST", "/echo", "Expect: 100-continue",
                                     "Content-Length: 2000000"))
        self.assertEqual(connection.read_response().status, 413)
        self.assert_closes(connection)

    def test_chunk_too_large(self):
        connection = self.connect()
        connection.send(request(CHUNKED, body=b"100001\r\n") + b"x" * (1 << 20))
        self.assertEqual(connection.read_response().status, 413)
        self.assert_closes(connection)


if __name__ == "__main__":
    main()
