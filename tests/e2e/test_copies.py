"""What the copy counters say of the paths that should copy nothing."""

import os
import pathlib
import tempfile

from http_client import make_request
from ouro_server import Server, ServerCase, main

SIZES = (0, 1, 512, 1000, 16384, 16385, 1 << 20, (4 << 20) + 1)


class Copies(ServerCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.files = {}
        for size in SIZES:
            cls.files[size] = os.urandom(size)
            (pathlib.Path(directory.name) / str(size)).write_bytes(cls.files[size])
        cls.server = Server("--root", directory.name, threads=1)
        cls.addClassCleanup(cls.server.stop)

    def counters(self):
        metrics = self.server.metrics()
        return metrics["bytes_copied_total"], metrics["bytes_zero_copy_total"]

    def test_files_are_not_copied(self):
        with self.server.connect() as connection:
            for size, content in self.files.items():
                copied, zero_copy = self.counters()
                with self.subTest(size=size):
                    self.assertEqual(connection.get(f"/files/{size}").body, content)
                    after = self.counters()
                    self.assertEqual(after[0], copied)
                    # Small ones leave from memory, where they were read to once.
                    self.assertEqual(after[1] - zero_copy, size if size > 16384 else 0)

    def test_ranges_of_files_are_not_copied(self):
        copied, zero_copy = self.counters()
        with self.server.connect() as connection:
            response = connection.get(f"/files/{1 << 20}", "Range: bytes=5-70000,200000-200009")
        self.assertEqual(response.status, 206)
        self.assertEqual(self.counters(), (copied, zero_copy + 69996 + 10))

    def test_bodies_that_come_in_one_piece_are_not_copied(self):
        body = os.urandom(8000)
        with self.server.connect() as connection:
            copied, _ = self.counters()
            for _ in range(20):
                connection.send(make_request("POST", "/echo", body=body))
                self.assertEqual(connection.read_response().body, body)
            self.assertEqual(self.counters()[0], copied)

    def test_streams_are_not_copied(self):
        copied, _ = self.counters()
        self.assertEqual(len(self.server.get("/stream?chunks=10&bytes=100000").body), 1000000)
        self.assertEqual(self.counters()[0], copied)


if __name__ == "__main__":
    main()
