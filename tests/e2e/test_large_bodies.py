"""Bodies that are far larger than the memory of the server: what comes in goes out again."""

import hashlib
import os
import random
import threading

from http_client import make_request
from ouro_server import ServerCase, main

MIB = 1 << 20
COUNT = 256
PIECE = random.Random(2).randbytes(MIB)
SANITIZED = "sanitize" in os.environ.get("SANITIZE", "")
RSS_MAX = (400 if SANITIZED else 24) * MIB


class LargeBodies(ServerCase):
    flags = ("--body-bytes-max", str(1 << 40))

    def memory(self):
        """The most that the server has had resident."""
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))

    def echo(self, framing, chunked):
        """Sends COUNT MiB and reads as much; returns whether it was the same."""
        connection = self.connect()
        connection.send(make_request("POST", "/echo", framing))
        piece = b"%x\r\n%s\r\n" % (MIB, PIECE) if chunked else PIECE

        def send():
            for _ in range(COUNT):
                connection.send(piece)
            if chunked:
                connection.send(b"0\r\n\r\n")
        sender = threading.Thread(target=send)
        sender.start()
        self.assertEqual(connection.read_head().status, 200)
        sent, got = hashlib.sha256(), hashlib.sha256()
        for _ in range(COUNT):
            sent.update(PIECE)
        if chunked:
            while size := int(connection.read_until(b"\r\n"), 16):
                got.update(connection.read_bytes(size))
                self.assertEqual(connection.read_bytes(2), b"\r\n")
            self.assertEqual(connection.read_bytes(2), b"\r\n")
        else:
            for _ in range(COUNT):
                got.update(connection.read_bytes(MIB))
        sender.join(60)
        self.assertEqual(connection.get("/plaintext").status, 200)
        return sent.digest() == got.digest()

    def test_counted(self):
        self.assertTrue(self.echo(f"Content-Length: {COUNT * MIB}", False))
        self.assertLess(self.memory(), RSS_MAX)

    def test_chunked(self):
        self.assertTrue(self.echo("Transfer-Encoding: chunked", True))
        self.assertLess(self.memory(), RSS_MAX)

    def test_client_that_reads_nothing(self):
        """It is not read from either: nothing is piled up for it."""
        connection = self.connect(receive_buffer_bytes=4096)
        connection.socket.settimeout(1)
        connection.send(make_request("POST", "/echo", f"Content-Length: {COUNT * MIB}"))
        with self.assertRaises(TimeoutError):
            for _ in range(COUNT):
                connection.send(PIECE)
        self.assertLess(self.memory(), RSS_MAX)


if __name__ == "__main__":
    main()
