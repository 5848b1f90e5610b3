"""Answers that are complete while a large body is still coming reach the client whole, and no reset
comes before them; of the rest so much is read as is cheap."""

import shutil
import subprocess
import tempfile
import threading
import time

from http_client import make_request
from ouro_server import ServerCase, main

GIB = 1 << 30
PIECE = bytes(1 << 20)
DRAINED_MAX = 256 << 10  # OURO_DRAIN_BYTES_MAX
LINGER_S = 2


class Upload(threading.Thread):
    """Sends `count` bytes, in chunks where that is said, until all are sent or it is no more possible."""

    def __init__(self, connection, count, chunked=False):
        super().__init__(daemon=True)
        self.connection, self.count, self.chunked = connection, count, chunked
        self.sent, self.error = 0, None
        self.start()

    def run(self):
        piece = b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if self.chunked else PIECE
        try:
            while self.sent < self.count:
                self.connection.send(piece)
                self.sent += len(PIECE)
        except OSError as error:
            self.error = error


class Uploads:
    """What holds whatever the reason for the answer is."""

    target = None
    status = None
    curl_options = ([], ["-H", "Expect:"])

    def upload(self, framing, count=GIB):
        connection = self.connect()
        connection.send(make_request("POST", self.target, framing))
        return connection, Upload(connection, count, "chunked" in framing)

    def assert_refused(self, connection, persistence="close"):
        response = connection.read_response()
        self.assertEqual((response.status, response.value("connection")),
                         (self.status, persistence))
        self.assertTrue(response.body)

    def test_who_looks_while_it_sends_a_gigabyte(self):
        connection, upload = self.upload(f"Content-Length: {GIB}")
        self.assert_refused(connection)
        # All that was said is there, then the end of it, while the client still sends.
        self.assertEqual(connection.read_to_end(), b"")
        connection.end()
        upload.join(60)

    def test_who_looks_when_it_has_sent_what_it_can(self):
        connection, upload = self.upload(f"Content-Length: {GIB}")
        upload.join(60)
        self.assertFalse(upload.is_alive())
        self.assert_refused(connection)

    def test_upload_of_ordinary_size_is_read_to_its_end(self):
        """A client that looks at nothing before it has sent all of it."""
        count = 32 << 20
        connection, upload = self.upload(f"Content-Length: {count}", count)
        upload.join(60)
        self.assertIsNone(upload.error)
        self.assert_refused(connection)
        self.assertEqual(connection.read_to_end(), b"")

    def test_flood_ends_and_costs_little(self):
        before, start = self.server.cpu_seconds(), time.monotonic()
        connection, upload = self.upload(f"Content-Length: {1 << 40}", 1 << 40)
        upload.join(60)
        self.assertIsNotNone(upload.error)
        self.assertLess(time.monotonic() - start, LINGER_S + 10)
        # Time enough to read several GiB, and it does not.
        self.assertLess(upload.sent, 512 << 20)
        self.assertLess(self.server.cpu_seconds() - before, 1.5)
        self.assert_refused(connection)

    def test_curl(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not here")
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(GIB)
            for extra in self.curl_options:
                with self.subTest(extra=extra):
                    result = subprocess.run(
                        ["curl", "-sS", "-w", "%{http_code}", *extra, "-T", file.name,
                         self.server.base + self.target],
                        capture_output=True, text=True, timeout=60, check=False)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertTrue(result.stdout.endswith(str(self.status)), result.stdout)


class NotFound(Uploads, ServerCase):
    flags = ("--body-bytes-max", str((1 << 63) - 1))
    target = "/nowhere"
    status = 404
    curl_options = (*Uploads.curl_options, ["-H", "Transfer-Encoding: chunked"])

    def test_chunks_without_end(self):
        connection, upload = self.upload("Transfer-Encoding: chunked")
        # When this is said nobody knows how many there are.
        self.assert_refused(connection, persistence=None)
        self.assertEqual(connection.read_to_end(), b"")
        connection.end()
        upload.join(60)

    def test_small_rest_leaves_the_connection(self):
        connection = self.connect()
        for count in (1, 100000, DRAINED_MAX):
            connection.send(make_request("POST", self.target, body=bytes(count)))
            self.assert_refused(connection, persistence=None)
        self.assertEqual(connection.get("/plaintext").status, 200)


class TooLarge(Uploads, ServerCase):
    flags = ("--body-bytes-max", "1000000")
    target = "/echo"
    status = 413


if __name__ == "__main__":
    main()
