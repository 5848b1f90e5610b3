"""Clients that keep the server waiting: each timeout, set small by its flag, has its answer.

That it is not too early is measured; how late it may be is not, but for the client's own patience.
"""

import contextlib
import time

from http_client import make_request
from ouro_server import ServerCase, main

TIMEOUT_MS = 300
# The server's clock is read once a turn and counts whole milliseconds.
EARLIEST_S = (TIMEOUT_MS - 20) / 1000


class TimeoutCase(ServerCase):
    @contextlib.contextmanager
    def waited_for(self):
        begin = time.monotonic()
        timeouts = self.server.metrics()["timeouts_total"]
        yield
        self.assertGreaterEqual(time.monotonic() - begin, EARLIEST_S)
        self.assertEqual(self.server.metrics()["timeouts_total"], timeouts + 1)

    def in_time(self, steps):
        """Runs the steps, of which none alone takes too long, though all together do. Where this
        test was itself kept waiting by a busy machine, a timeout says nothing."""
        longest = 0
        before = time.monotonic()
        try:
            for _ in steps:
                now = time.monotonic()
                longest, before = max(longest, now - before), now
        except (EOFError, OSError) as error:
            if max(longest, time.monotonic() - before) < TIMEOUT_MS / 2000:
                raise
            self.skipTest(f"the machine is too busy to tell: {error}")

    def assert_answered_408(self, connection):
        response = connection.read_response()
        self.assertEqual(response.status, 408)
        self.assertEqual(response.value("connection"), "close")
        self.assert_closes(connection)


class HeadTimeout(TimeoutCase):
    flags = ("--head-timeout-ms", str(TIMEOUT_MS))

    def test_half_a_head(self):
        for begin in (b"G", b"GET /plaintext HTTP/1.1\r\nHost: local"):
            with self.subTest(begin=begin), self.waited_for():
                connection = self.connect()
                connection.send(begin)
                self.assert_answered_408(connection)

    def test_second_head(self):
        connection = self.connect()
        connection.get("/plaintext")
        with self.waited_for():
            connection.send(b"GET /")
            self.assert_answered_408(connection)

    def test_head_that_comes_slowly(self):
        # The whole head is waited for, not the next byte of it.
        with self.waited_for():
            connection = self.connect()
            connection.send(b"GET /")
            try:
                while connection.is_silent_for(0.05):
                    connection.send(b"a")
            except (BrokenPipeError, ConnectionResetError):
                self.fail("the answer was lost")
            self.assert_answered_408(connection)

    def test_no_head_is_not_half_a_head(self):
        connection = self.connect()
        self.assertTrue(connection.is_silent_for(4 * TIMEOUT_MS / 1000))
        self.assertEqual(connection.get("/plaintext").status, 200)

    def test_slow_answer_is_no_slow_head(self):
        self.assertEqual(self.server.get(f"/slow?ms={3 * TIMEOUT_MS}").body, b"ok")


class IdleTimeout(TimeoutCase):
    flags = ("--idle-timeout-ms", str(TIMEOUT_MS))

    def test_without_a_request(self):
        with self.waited_for():
            self.assert_closes(self.connect())

    def test_after_a_request(self):
        connection = self.connect()
        for _ in range(3):
            connection.get("/plaintext")
        with self.waited_for():
            self.assert_closes(connection)

    def test_each_request_begins_it_anew(self):
        connection = self.connect()

        def steps():
            for _ in range(20):
                time.sleep(TIMEOUT_MS / 6000)
                self.assertEqual(connection.get("/plaintext").status, 200)
                yield

        self.in_time(steps())

    def test_waiting_for_an_answer_is_not_idle(self):
        self.assertEqual(self.server.get(f"/slow?ms={3 * TIMEOUT_MS}").body, b"ok")


class BodyTimeout(TimeoutCase):
    flags = ("--body-timeout-ms", str(TIMEOUT_MS))

    def test_no_body(self):
        for fields in (("Content-Length: 5",), ("Transfer-Encoding: chunked",)):
            with self.subTest(fields=fields), self.waited_for():
                connection = self.connect()
                connection.send(make_request("POST", "/echo", *fields))
                self.assert_answered_408(connection)

    def test_no_body_after_continue(self):
        with self.waited_for():
            connection = self.connect()
            connection.send(make_request("POST", "/echo", "Content-Length: 5",
                                         "Expect: 100-continue"))
            self.assertEqual(connection.read_response().status, 100)
            self.assert_answered_408(connection)

    def test_half_a_body_that_is_being_echoed(self):
        # The answer has begun: it must not look complete.
        with self.waited_for():
            connection = self.connect()
            connection.send(make_request("POST", "/echo", "Content-Length: 10") + b"hello")
            self.assertEqual(connection.read_head().status, 200)
            self.assertEqual(connection.read_bytes(5), b"hello")
            with self.assertRaises(ConnectionResetError):
                connection.read_to_end()

    def test_rest_of_a_body_that_nobody_wants(self):
        with self.waited_for():
            connection = self.connect()
            connection.send(make_request("POST", "/nowhere", "Content-Length: 10") + b"hello")
            self.assertEqual(connection.read_response().status, 404)
            self.assert_closes(connection)

    def test_body_that_comes_slowly(self):
        # It is the silence that is limited.
        connection = self.connect()

        def steps():
            connection.send(make_request("POST", "/echo", "Content-Length: 20"))
            for _ in range(20):
                time.sleep(TIMEOUT_MS / 6000)
                connection.send(b"x")
                yield
            self.assertEqual(connection.read_response().body, b"x" * 20)

        self.in_time(steps())


class WriteTimeout(TimeoutCase):
    flags = ("--write-timeout-ms", str(TIMEOUT_MS), "--body-bytes-max", str(1 << 30))

    def test_client_that_never_reads(self):
        with self.waited_for():
            connection = self.connect(receive_buffer_bytes=4096)
            connection.send(make_request("POST", "/echo", f"Content-Length: {1 << 30}"))
            data = b"x" * (1 << 16)
            # The server takes what it can pass on; when it cannot, it stops taking, and this
            # stops sending until the reset.
            with self.assertRaises((ConnectionResetError, BrokenPipeError)):
                for _ in range((1 << 30) // len(data)):
                    connection.send(data)

    def test_client_that_reads_slowly(self):
        connection = self.connect(receive_buffer_bytes=4096)
        body = bytes(range(256)) * 1024

        def steps():
            connection.send(make_request("POST", "/echo", body=body))
            self.assertEqual(connection.read_head().status, 200)
            for at in range(0, len(body), 1 << 14):
                time.sleep(TIMEOUT_MS / 6000)
                self.assertEqual(connection.read_bytes(1 << 14), body[at:at + (1 << 14)])
                yield
            self.assertEqual(connection.get("/plaintext").status, 200)

        self.in_time(steps())


if __name__ == "__main__":
    main()
