"""Bodies that the example `receive` stores as files: of any size, in constant memory, from clients that go
and onto disks that are full."""

import hashlib
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from http_client import make_chunked, make_request
from installed import BUILD
from ouro_server import Server, environment, eventually, main

MIB = 1 << 20
PIECE = random.Random(1).randbytes(MIB)
SPLICE_BYTES_MIN = 256 << 10  # server/save.c
SPLICES = 0.9  # of what is large: what came with the head is received
SANITIZED = "sanitize" in os.environ.get("SANITIZE", "")
RSS_MAX = 400 * MIB if SANITIZED else 24 * MIB


def pieces_of(count):
    """`count` bytes, some at a time."""
    while count > 0:
        yield PIECE[:count]
        count -= len(PIECE)


def sha256_of(pieces):
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


class Receiver(unittest.TestCase):
    """A server that stores beneath a directory, which `make_directory` has made."""

    @classmethod
    def make_directory(cls):
        path = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, path)
        return path

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.make_directory())
        cls.server = Server(command=[BUILD / "examples" / "receive"],
                            env=environment(RECEIVE_DIRECTORY=str(cls.directory)))
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        for path in self.directory.iterdir():
            path.unlink()

    def connect(self, **others):
        connection = self.server.connect(**others)
        self.addCleanup(connection.close)
        return connection

    def announce(self, connection, count):
        connection.send(make_request("PUT", "/files/x", f"Content-Length: {count}"))

    def put(self, connection, count):
        self.announce(connection, count)
        for piece in pieces_of(count):
            connection.send(piece)
        return connection.read_response()

    def assert_stored(self, response, count):
        self.assertEqual((response.status, response.body), (201, b"%d\n" % count))
        path = self.directory / "x"
        self.assertEqual(path.stat().st_size, count)
        with open(path, "rb") as file:
            stored = sha256_of(iter(lambda: file.read(MIB), b""))
        self.assertEqual(stored, sha256_of(pieces_of(count)))
        self.assertEqual(os.listdir(self.directory), ["x"])

    def assert_goes_on(self, connection):
        self.assertEqual(connection.get("/metrics").status, 200)

    def counter(self, name):
        return self.server.metrics()[name + "_total"]

    def memory(self):
        """The most that the server has had resident."""
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


class Sizes(Receiver):
    def test_counted(self):
        connection = self.connect()
        for count in (0, 1, 4096, SPLICE_BYTES_MIN - 1, SPLICE_BYTES_MIN, MIB - 1, MIB, MIB + 1,
                      64 * MIB):
            with self.subTest(count=count):
                self.assert_stored(self.put(connection, count), count)
        self.assert_goes_on(connection)

    def test_large_bodies_do_not_pass_through_the_server(self):
        before = self.counter("bytes_zero_copy"), self.counter("bytes_copied")
        self.assert_stored(self.put(self.connect(), 64 * MIB), 64 * MIB)
        self.assertGreater(self.counter("bytes_zero_copy") - before[0], SPLICES * 64 * MIB)
        self.assertLess(self.counter("bytes_copied") - before[1], MIB)

    def test_chunked(self):
        connection = self.connect()
        for sizes in ((), (1,), (4096, 1, 4096), (MIB,) * 8, (1000,) * 3000):
            with self.subTest(chunks=len(sizes), bytes=sum(sizes)):
                body = b"".join(pieces_of(sum(sizes)))
                chunks, at = [], 0
                for size in sizes:
                    chunks.append(body[at:at + size])
                    at += size
                connection.send(make_request("PUT", "/files/x", "Transfer-Encoding: chunked"))
                connection.send(make_chunked(*chunks))
                self.assert_stored(connection.read_response(), sum(sizes))
        self.assert_goes_on(connection)

    def test_pipelined(self):
        """Each request is behind a body, and none of it gets into the file."""
        for count in (1, SPLICE_BYTES_MIN, MIB + 1, 20 * MIB):
            with self.subTest(count=count):
                connection = self.connect()
                self.announce(connection, count)
                body = b"".join(pieces_of(count))
                connection.send(body + make_request("GET", "/metrics") * 2)
                self.assert_stored(connection.read_response(), count)
                for _ in range(2):
                    self.assertEqual(connection.read_response().status, 200)

    def test_pauses(self):
        count = 3 * MIB
        connection = self.connect()
        self.announce(connection, count)
        for piece in pieces_of(count):
            for at in range(0, len(piece), 300000):
                connection.send(piece[at:at + 300000])
                time.sleep(0.01)
        self.assert_stored(connection.read_response(), count)

    def test_after_100_continue(self):
        connection = self.connect()
        connection.send(make_request("PUT", "/files/x", f"Content-Length: {MIB}",
                                     "Expect: 100-continue"))
        self.assertEqual(connection.read_response().status, 100)
        for piece in pieces_of(MIB):
            connection.send(piece)
        self.assert_stored(connection.read_response(), MIB)

    def test_client_that_closes_its_side_behind_the_body(self):
        for count in (1000, 100000, 8 * MIB):
            with self.subTest(count=count):
                connection = self.connect()
                self.announce(connection, count)
                for piece in pieces_of(count):
                    connection.send(piece)
                connection.end()
                self.assert_stored(connection.read_response(), count)

    def test_many_at_once(self):
        responses = [None] * 12

        def put(index):
            count = (index % 4) * 3 * MIB + index
            with self.server.connect() as connection:
                connection.send(make_request("PUT", f"/files/{index}", f"Content-Length: {count}"))
                for piece in pieces_of(count):
                    connection.send(piece)
                responses[index] = connection.read_response()

        threads = [threading.Thread(target=put, args=(index,)) for index in range(12)]
        for thread in threads:
            thread.start()
        for index, thread in enumerate(threads):
            thread.join(60)
            count = (index % 4) * 3 * MIB + index
            self.assertEqual(responses[index].body, b"%d\n" % count)
            digest = hashlib.sha256((self.directory / str(index)).read_bytes()).hexdigest()
            self.assertEqual(digest, sha256_of(pieces_of(count)))

    def test_curl(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not here")
        with tempfile.NamedTemporaryFile() as file:
            for piece in pieces_of(5 * MIB + 3):
                file.write(piece)
            file.flush()
            for extra in ([], ["-H", "Transfer-Encoding: chunked"]):
                result = subprocess.run(
                    ["curl", "-sS", "-w", "%{http_code}", *extra, "-T", file.name,
                     self.server.base + "/files/x"], capture_output=True, timeout=60, check=True)
                self.assertEqual(result.stdout, b"%d\n201" % (5 * MIB + 3))
                digest = hashlib.sha256((self.directory / "x").read_bytes()).hexdigest()
                self.assertEqual(digest, sha256_of(pieces_of(5 * MIB + 3)))


class Memory(Receiver):
    """Where nothing else has run."""

    def test_a_gigabyte_takes_no_more_memory_than_a_megabyte(self):
        count = 1024 * MIB
        connection = self.connect()
        response = self.put(connection, count)
        self.assertEqual(response.body, b"%d\n" % count)
        self.assertEqual((self.directory / "x").stat().st_size, count)
        connection.send(make_request("PUT", "/files/x", "Transfer-Encoding: chunked"))
        for piece in pieces_of(count // 4):
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")
        self.assertEqual(connection.read_response().body, b"%d\n" % (count // 4))
        self.assertLess(self.memory(), RSS_MAX)


class Gone(Receiver):
    def assert_nothing_stays(self):
        eventually(lambda: not os.listdir(self.directory), "half an upload was left behind")
        # What it had open is closed.
        eventually(lambda: not any("/.upload" in link for link in self.open_files()),
                   "a descriptor is left")

    def open_files(self):
        path = f"/proc/{self.server.process.pid}/fd"
        for name in os.listdir(path):
            try:
                yield os.readlink(f"{path}/{name}")
            except FileNotFoundError:
                pass

    def test_reset_in_the_middle(self):
        for count in (1000, 50000, 20 * MIB):
            for sent in (0, count // 2):
                with self.subTest(count=count, sent=sent):
                    connection = self.connect()
                    self.announce(connection, count)
                    for piece in pieces_of(sent):
                        connection.send(piece)
                    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                 struct.pack("ii", 1, 0))
                    connection.close()
                    self.assert_nothing_stays()

    def test_end_in_the_middle(self):
        for count in (1000, 20 * MIB):
            with self.subTest(count=count):
                connection = self.connect()
                self.announce(connection, count)
                for piece in pieces_of(count // 2):
                    connection.send(piece)
                connection.end()
                self.assertEqual(connection.read_response().status, 400)
                self.assertEqual(connection.read_to_end(), b"")
                self.assert_nothing_stays()


class Full(Receiver):
    """A disk of a few MiB."""

    room = 4 * MIB

    @classmethod
    def make_directory(cls):
        path = super().make_directory()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={cls.room}", "tmpfs", path],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode:
            raise unittest.SkipTest(f"no file system can be mounted: {mounted.stderr.strip()}")
        cls.addClassCleanup(subprocess.run, ["umount", "--lazy", path], check=True)
        return path

    def assert_refused(self, connection, persistence):
        response = connection.read_response()
        self.assertEqual((response.status, response.value("connection")), (507, persistence))
        eventually(lambda: not os.listdir(self.directory), "half an upload was left behind")

    def test_spliced(self):
        connection = self.connect()
        self.announce(connection, 64 * MIB)
        sender = threading.Thread(target=self.send_what_is_taken, args=(connection, 64 * MIB))
        sender.start()
        self.assert_refused(connection, "close")
        connection.end()
        sender.join(60)

    def test_copied(self):
        connection = self.connect()
        connection.send(make_request("PUT", "/files/x", "Transfer-Encoding: chunked"))
        body = make_chunked(*pieces_of(8 * MIB))
        sender = threading.Thread(target=self.send_what_is_taken, args=(connection, body))
        sender.start()
        # How much is to come is not known when this is said.
        self.assert_refused(connection, None)
        connection.end()
        sender.join(60)

    def test_small_rest(self):
        """It fails at the end: what is left is dropped, and the connection goes on."""
        connection = self.connect()
        count = self.room + 100000
        self.announce(connection, count)
        self.send_what_is_taken(connection, count)
        self.assert_refused(connection, None)
        self.assert_goes_on(connection)
        self.assert_stored(self.put(connection, MIB), MIB)

    def send_what_is_taken(self, connection, what):
        try:
            for piece in pieces_of(what) if isinstance(what, int) else (what,):
                connection.send(piece)
        except OSError:
            pass


if __name__ == "__main__":
    main()
