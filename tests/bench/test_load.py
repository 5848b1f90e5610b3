"""What the load generator finds, counts and times, against servers that err on purpose."""

import json
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

LOAD = os.environ["OURO_LOAD"]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"
WRONG = HELLO.replace(b"Hello", b"Hellp")
RESET = object()
# So long that other programs cannot keep the server from a few dozen answers.
LONG = ("--slice-ms", "1500")


def answer_to(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Request:
    """One request, read from @file."""

    def __init__(self, file):
        self.method, self.path, _ = file.readline().split()
        self.fields = {}
        while (line := file.readline().strip()):
            name, _, value = line.partition(b":")
            self.fields[name.lower()] = value.strip()
        self.body = self.read_body(file)

    def read_body(self, file):
        if b"transfer-encoding" not in self.fields:
            return file.read(int(self.fields.get(b"content-length", 0)))
        body = b""
        while (size := int(file.readline(), 16)):
            body += file.read(size)
            file.readline()
        file.readline()
        return body

    def kind(self):
        framed = [name for name in (b"content-length", b"transfer-encoding") if name in self.fields]
        return (self.method, self.path, *framed)


class Peer:
    """A server whose answers are what @answer(number, request) says: bytes, RESET, or None for
    none at all. .connections has the kinds of requests of each connection, and how it ended."""

    def __init__(self, answer):
        self.answer = answer
        self.lock = threading.Lock()
        self.number = 0
        self.connections = []
        self.threads = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self.serve, args=(sock,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, sock):
        kinds = []
        connection = {"requests": kinds, "end": None}
        self.connections.append(connection)
        with sock, sock.makefile("rb") as file:
            try:
                while file.peek(1):
                    request = Request(file)
                    kinds.append(request.kind())
                    with self.lock:
                        self.number += 1
                        answer = self.answer(self.number, request)
                    if answer is RESET:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                        struct.pack("ii", 1, 0))
                        return
                    if answer:
                        sock.sendall(answer)
                connection["end"] = "FIN"
            except ConnectionResetError:
                connection["end"] = "RST"

    def wait(self):
        """Until all connections have ended, as they do with the load."""
        for thread in self.threads:
            thread.join(30)

    def stop(self):
        # Wakes who accepts, which closing alone would not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Load(unittest.TestCase):
    def load(self, answer, *options):
        """Runs the load against a server that answers @answer. Its exit status, what it said on
        stderr, what its file says of the server, and the server."""
        peer = Peer(answer)
        self.addCleanup(peer.stop)
        return *self.load_peer(peer, *options), peer

    def load_peer(self, peer, *options, pids=None):
        with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as file:
            done = subprocess.run(
                [LOAD, "--server", f"peer=127.0.0.1:{peer.port},{pids or os.getpid()}",
                 "--connections", "1", "--cycles", "1", "--warmup", "0", "--slice-ms", "500",
                 "--out", file.name, *options], capture_output=True, text=True, timeout=60, check=False)
            lines = [json.loads(line) for line in file]
        found = [line for line in lines if line["kind"] == "server"]
        return done.returncode, done.stderr, found[0] if found else None

    def test_right_answers(self):
        status, _, server, peer = self.load(lambda *_: HELLO)
        self.assertEqual(status, 0)
        # One more, from which the answer was learned.
        self.assertEqual(server["requests"] + 1, peer.number)
        self.assertEqual(sum(server["errors"].values()), 0)
        self.assertEqual(server["times"]["loop"], "closed")
        self.assertEqual(server["times"]["count"], server["requests"])

    def test_cpu_time_of_all_processes_counts(self):
        peer = Peer(lambda *_: HELLO)
        self.addCleanup(peer.stop)
        with subprocess.Popen(["sleep", "60"]) as idle:
            self.addCleanup(idle.kill)
            _, _, alone = self.load_peer(peer, pids=f"{idle.pid}")
            _, _, both = self.load_peer(peer, pids=f"{idle.pid}+{os.getpid()}")
            idle.kill()
        self.assertEqual(alone["cpu_us"], 0)
        self.assertGreater(both["cpu_us"], 0)

    def test_processes_that_are_not_there_are_refused(self):
        peer = Peer(lambda *_: HELLO)
        self.addCleanup(peer.stop)
        for pids, words in ((f"{os.getpid()}+999999999", "process"), (f"{os.getpid()}+", "usage"),
                            ("+".join(["1"] * 65), "usage")):
            with self.subTest(pids=pids):
                status, said, _ = self.load_peer(peer, pids=pids)
                self.assertNotEqual(status, 0)
                self.assertIn(words, said)

    def test_a_wrong_answer_ends_the_run(self):
        status, said, server, _ = self.load(lambda number, _: WRONG if number == 5 else HELLO)
        self.assertEqual(status, 1)
        self.assertIn("differs from the first one", said)
        self.assertIsNone(server)

    def test_an_answer_to_nothing_ends_the_run(self):
        status, said, _, _ = self.load(lambda number, _: 2 * HELLO if number == 5 else HELLO)
        self.assertEqual(status, 1)
        self.assertIn("differs from the first one", said)

    def test_another_date_is_no_error(self):
        def answer(number, _):
            return HELLO.replace(b"\r\n\r\n", b"\r\nDate: Sat, 21 Nov 2026 03:%02d:00 GMT\r\n\r\n" %
                                 (number % 60))

        self.assertEqual(self.load(answer)[0], 0)

    def test_tolerated_errors_are_counted(self):
        sent = {"answer": 0, "reset": 0}

        def answer(number, _):
            if number % 10 == 0:
                sent["reset"] += 1
                return RESET
            if number % 7 == 0:
                sent["answer"] += 1
                return WRONG
            return HELLO

        status, _, server, _ = self.load(answer, "--tolerate", *LONG)
        self.assertEqual(status, 0)
        self.assertGreater(sent["reset"], 0)
        self.assertGreater(sent["answer"], 0)
        self.assertEqual(server["errors"], {"connect": 0, "stall": 0, **sent})

    def test_a_server_that_is_gone_is_a_tolerated_error(self):
        peer = None

        def answer(number, _):
            if number == 5:
                peer.stop()
                return RESET
            return HELLO

        peer = Peer(answer)
        status, _, server = self.load_peer(peer, "--tolerate")
        self.assertEqual(status, 0)
        self.assertEqual(server["errors"]["reset"], 1)
        self.assertGreater(server["errors"]["connect"], 0)

    def test_a_stall_is_a_tolerated_error(self):
        status, _, server, _ = self.load(lambda number, _: None if number == 3 else HELLO,
                                         "--tolerate")
        self.assertEqual(status, 0)
        self.assertEqual(server["errors"]["stall"], 1)

    def test_an_open_loop_leaves_out_no_wait(self):
        # What comes due while the server stands still waits too, though only one request is under
        # way: 50 requests, half of which wait for longer than half of it. All bounds are lower
        # ones.
        def answer(number, _):
            if number == 100:
                time.sleep(0.1)
            return HELLO

        status, _, server, _ = self.load(answer, "--rate", "500", "--slice-ms", "1000")
        self.assertEqual(status, 0)
        times = server["times"]
        self.assertEqual(times["loop"], "open")
        # Of what waited for no connection the load says how long it has waited for the load.
        self.assertLess(server["lag"]["count"], times["count"])
        # What was never sent would count too.
        self.assertEqual(times["count"], 500)
        self.assertEqual(server["requests"] + server["unsent"], 500)
        self.assertGreaterEqual(times["max"], 100000)
        self.assertGreaterEqual(times["p999"], 98000)
        self.assertGreaterEqual(dict(times["quantiles"])[95], 45000)

    def test_what_cannot_be_sent_is_said(self):
        def answer(*_):
            time.sleep(0.01)
            return HELLO

        status, _, server, _ = self.load(answer, "--rate", "5000")
        self.assertEqual(status, 0)
        self.assertGreater(server["unsent"], 0)
        self.assertEqual(server["requests"] + server["unsent"], 2500)
        self.assertGreater(server["late"], 0)

    def check_connections(self, peer, end):
        """All but the first, which learns, and the last, which the end of the run cut short."""
        peer.wait()
        whole = peer.connections[1:-1]
        self.assertGreater(len(whole), 0)
        for connection in whole:
            self.assertEqual(len(connection["requests"]), 10)
            self.assertEqual(connection["end"], end)

    def test_connections_of_ten_requests_end_by_reset(self):
        status, _, _, peer = self.load(lambda *_: HELLO, "--requests-per-connection", "10",
                                       "--reset", *LONG)
        self.assertEqual(status, 0)
        self.check_connections(peer, "RST")

    def test_connections_of_ten_requests_end_by_fin(self):
        status, _, _, peer = self.load(lambda *_: HELLO, "--requests-per-connection", "10", *LONG)
        self.assertEqual(status, 0)
        self.check_connections(peer, "FIN")

    def test_a_mix_goes_in_turn(self):
        bodies = set()

        def answer(_, request):
            if request.method == b"POST":
                bodies.add(request.body)
            return answer_to(request.body or b"Hello, World!")

        status, _, server, peer = self.load(answer, "--request", "mix", "--body-bytes", "1000")
        self.assertEqual(status, 0)
        self.assertEqual([len(body) for body in bodies], [1000])
        turn = [(b"GET", b"/plaintext"), (b"POST", b"/echo", b"content-length"),
                (b"POST", b"/echo", b"transfer-encoding")]
        self.assertGreater(server["requests"], 3)
        for connection in peer.connections:
            for number, kind in enumerate(connection["requests"]):
                self.assertEqual(kind, turn[number % 3])

    def test_answers_in_chunks_are_learned(self):
        chunked = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                   b"8000\r\n" + b"x" * 32768 + b"\r\n8000;a=b\r\n" + b"y" * 32768 +
                   b"\r\n0\r\n\r\n")
        status, _, server, _ = self.load(lambda *_: chunked)
        self.assertEqual(status, 0)
        self.assertEqual(server["response_bytes"], len(chunked))

    def test_an_answer_without_an_end_is_refused(self):
        status, said, _, _ = self.load(lambda *_: b"HTTP/1.1 200 OK\r\n\r\nHello")
        self.assertEqual(status, 1)
        self.assertIn("where it ends", said)


if __name__ == "__main__":
    unittest.main()
