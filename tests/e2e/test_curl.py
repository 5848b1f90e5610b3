"""curl as a client."""

import os
import pathlib
import subprocess
import tempfile

from http_client import TIMEOUT_S
from ouro_server import ServerCase, main, skip


class Curl(ServerCase):
    def curl(self, *arguments):
        command = ["curl", "-q", "-sS", "--fail", "--noproxy", "*", *arguments]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=TIMEOUT_S, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def test_plain(self):
        result = self.curl("-i", self.server.base + "/plaintext")
        self.assertTrue(result.stdout.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertTrue(result.stdout.endswith(b"\r\n\r\nHello, World!"))

    def test_http_1_0(self):
        result = self.curl("--http1.0", "-i", self.server.base + "/plaintext")
        self.assertIn(b"connection: close\r\n", result.stdout)
        self.assertTrue(result.stdout.endswith(b"\r\n\r\nHello, World!"))

    def test_head(self):
        result = self.curl("-I", self.server.base + "/plaintext")
        self.assertIn(b"content-length: 13\r\n", result.stdout)

    def test_reuses_its_connection(self):
        result = self.curl("-w", "\n%{num_connects}\n", self.server.base + "/plaintext",
                           self.server.base + "/json")
        self.assertEqual(result.stdout,
                         b'Hello, World!\n1\n{"message":"Hello, World!"}\n0\n')

    def test_upload_with_expectation(self):
        body = os.urandom(1 << 20)
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory, "body")
            file.write_bytes(body)
            for arguments in (("-T", file), ("-X", "POST", "--data-binary", f"@{file}"),
                              ("-T", file, "-H", "Transfer-Encoding: chunked")):
                result = self.curl("-v", "-H", "Expect: 100-continue", *arguments,
                                   self.server.base + "/echo")
                self.assertIn(b"< HTTP/1.1 100 Continue\r\n", result.stderr)
                self.assertIn(b"< HTTP/1.1 200 OK\r\n", result.stderr)
                self.assertTrue(result.stdout == body, "the body came back changed")

    def test_ten_at_once(self):
        urls = []
        for i in range(50):
            urls += ["-o", "-", f"{self.server.base}/users/{i}"]
        result = self.curl("--parallel", "--parallel-max", "10", *urls)
        self.assertEqual(len(result.stdout), len("".join(map(str, range(50)))))


if __name__ == "__main__":
    try:
        subprocess.run(["curl", "--version"], capture_output=True, check=True)
    except OSError as failure:
        skip(f"there is no curl here: {failure}")
    main()
