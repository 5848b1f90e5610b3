"""Compressed answers and requests, by curl and by Python's own decoders."""

import gzip
import subprocess
import zlib

from http_client import TIMEOUT_S, make_chunked, make_request
from ouro_server import ServerCase, main

CODINGS = ("br", "zstd", "gzip", "deflate")
GZIP_FORMAT = 16 + zlib.MAX_WBITS


class Answers(ServerCase):
    def curl(self, *arguments):
        command = ["curl", "-q", "-sS", "--fail", "--noproxy", "*", *arguments]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=TIMEOUT_S, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_curl_decodes_each_coding(self):
        plain = self.curl(self.server.base + "/")
        self.assertGreater(len(plain), 1024)
        for coding in CODINGS:
            with self.subTest(coding=coding):
                head = self.curl("-I", "-H", f"Accept-Encoding: {coding}", self.server.base + "/")
                self.assertIn(f"content-encoding: {coding}\r\n".encode(), head)
                self.assertEqual(self.curl("--compressed", "-H", f"Accept-Encoding: {coding}",
                                           self.server.base + "/"), plain)

    def test_the_best_of_what_browsers_accept(self):
        response = self.connect().get("/", "Accept-Encoding: gzip, deflate, br, zstd")
        self.assertEqual(response.value("content-encoding"), "br")
        self.assertEqual(response.value("vary"), "accept-encoding")
        self.assertEqual(response.value("content-length"), str(len(response.body)))

    def test_as_it_is_without_wishes(self):
        response = self.connect().get("/")
        self.assertIsNone(response.value("content-encoding"))
        self.assertEqual(response.value("vary"), "accept-encoding")

    def test_large_ones(self):
        response = self.connect().get("/metrics", "Accept-Encoding: gzip")
        self.assertIn(b"ouro_bytes_compressed_in_total",
                      zlib.decompress(response.body, GZIP_FORMAT))

    def test_small_ones_are_left_alone(self):
        response = self.connect().get("/plaintext", "Accept-Encoding: gzip")
        self.assertEqual(response.body, b"Hello, World!")
        self.assertIsNone(response.value("content-encoding"))

    def test_each_piece_of_a_stream_arrives_at_once(self):
        for coding, bits in (("gzip", GZIP_FORMAT), ("deflate", zlib.MAX_WBITS)):
            with self.subTest(coding=coding):
                connection = self.connect()
                decoder = zlib.decompressobj(bits)
                connection.send(make_request("POST", "/echo", "Content-Type: text/plain",
                                             f"Accept-Encoding: {coding}",
                                             "Transfer-Encoding: chunked"))
                for i in range(10):
                    piece = b"piece %d" % i
                    connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                    if i == 0:
                        head = connection.read_head()
                        self.assertEqual(head.value("content-encoding"), coding)
                    got = b""
                    while len(got) < len(piece):
                        size = int(connection.read_until(b"\r\n"), 16)
                        got += decoder.decompress(connection.read_bytes(size + 2)[:-2])
                    self.assertEqual(got, piece)
                connection.send(b"0\r\n\r\n")
                rest = connection.read_until(b"0\r\n\r\n")
                self.assertGreater(len(rest), 5)

    def test_towards_http_1_0(self):
        connection = self.connect()
        body = b"some text " * 1000
        response = connection.ask("POST", "/echo", "Content-Type: text/plain",
                                  "Accept-Encoding: gzip", body=body, version="1.0")
        self.assertEqual(response.value("content-encoding"), "gzip")
        self.assertIsNone(response.value("transfer-encoding"))
        self.assertEqual(zlib.decompress(response.body, GZIP_FORMAT), body)


class Off(ServerCase):
    flags = ("--compress=false",)

    def test_nothing_is_compressed(self):
        response = self.connect().get("/", "Accept-Encoding: gzip, br")
        self.assertIsNone(response.value("content-encoding"))
        self.assertIsNone(response.value("vary"))

    def test_nothing_is_decoded(self):
        body = gzip.compress(b"text " * 100)
        response = self.connect().ask("POST", "/length", "Content-Encoding: gzip", body=body)
        self.assertEqual(int(response.body), len(body))


class Settings(ServerCase):
    flags = ("--compress-bytes-min", "10", "--compress-level", "9", "--decompress",
             "--decompress-ratio-max", "2000")

    def test_they_are_heeded(self):
        connection = self.connect()
        response = connection.get("/users/" + "a" * 100, "Accept-Encoding: gzip")
        self.assertEqual(zlib.decompress(response.body, GZIP_FORMAT), b"a" * 100)
        body = gzip.compress(bytes(1 << 20))
        response = connection.ask("POST", "/length", "Content-Encoding: gzip", body=body)
        self.assertEqual(int(response.body), 1 << 20)


class Requests(ServerCase):
    flags = ("--decompress",)

    def test_bodies_are_decoded(self):
        connection = self.connect()
        body = b"".join(b"line %d\n" % i for i in range(50000))
        for coding, coded in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)),
                              ("gzip, deflate", zlib.compress(gzip.compress(body))),
                              ("identity", body)):
            for fields, sent in (((), coded), (("Transfer-Encoding: chunked",),
                                               make_chunked(coded[:100], coded[100:]))):
                with self.subTest(coding=coding, fields=fields):
                    response = connection.ask("POST", "/length", f"Content-Encoding: {coding}",
                                              *fields, body=sent)
                    self.assertEqual(int(response.body), len(body))

    def test_they_come_back_decoded(self):
        connection = self.connect()
        body = b"".join(b"line %d\n" % i for i in range(80000))
        coded = gzip.compress(body)
        response = connection.ask("POST", "/echo", "Content-Encoding: gzip", body=coded)
        self.assertTrue(response.body == body, "the body came back changed")
        self.assertEqual(connection.get("/plaintext").body, b"Hello, World!")

    def test_bombs_are_413(self):
        for body in (gzip.compress(bytes(1 << 20)), gzip.compress(bytes(100 << 20))):
            response = self.connect().ask("POST", "/length", "Content-Encoding: gzip", body=body)
            self.assertEqual(response.status, 413)
        nested = gzip.compress(gzip.compress(bytes(100 << 20)))
        response = self.connect().ask("POST", "/length", "Content-Encoding: gzip, gzip",
                                      body=nested)
        self.assertEqual(response.status, 413)

    def test_malformed_is_400(self):
        coded = gzip.compress(b"some text")
        for body in (b"some text", coded[:-1], coded + b"x"):
            response = self.connect().ask("POST", "/length", "Content-Encoding: gzip", body=body)
            self.assertEqual(response.status, 400)

    def test_other_codings_are_415(self):
        connection = self.connect()
        response = connection.ask("POST", "/length", "Content-Encoding: compress", body=b"x")
        self.assertEqual(response.status, 415)
        self.assertEqual(response.value("accept-encoding"), "br, zstd, gzip, deflate")
        self.assertEqual(connection.get("/plaintext").body, b"Hello, World!")


if __name__ == "__main__":
    main()
