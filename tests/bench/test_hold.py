"""What ouro-hold holds, counts and complains of."""

import os
import socket
import subprocess
import threading
import unittest

HOLD = os.environ["OURO_HOLD"]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"
REQUEST_END = b"\r\n\r\n"


class Peer:
    """A server that answers the first request of each connection with the pieces @answer, which
    are sent one by one, and then holds the connection, or ends it where it @closes."""

    def __init__(self, answer, closes=False):
        self.answer, self.closes = answer, closes
        self.socks = []
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
            self.socks.append(sock)
            request = b""
            while not request.endswith(REQUEST_END):
                request += sock.recv(4096)
            for piece in self.answer:
                sock.sendall(piece)
            if self.closes:
                sock.close()

    def stop(self):
        # Wakes who accepts, which closing alone would not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.socks:
            sock.close()


class Hold(unittest.TestCase):
    def hold(self, peer, commands, kind="http"):
        """Exit status, lines and complaints of ouro-hold with these lines of input."""
        self.addCleanup(peer.stop)
        done = subprocess.run([HOLD, f"127.0.0.1:{peer.port}", kind, "/plaintext"],
                              input=commands, capture_output=True, text=True, timeout=60,
                              check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr

    def test_connections_are_opened_step_by_step_and_answers_counted(self):
        peer = Peer([HELLO])
        self.assertEqual(self.hold(peer, "0\n3\n100\n"),
                         (0, ["0 open, 0 events", "3 open, 3 events", "100 open, 100 events"], ""))
        self.assertEqual(len(peer.socks), 100)

    def test_an_answer_counts_once_it_is_complete(self):
        status, lines, _ = self.hold(Peer([HELLO[:-1]]), "5\n")
        self.assertEqual((status, lines), (0, ["5 open, 0 events"]))

    def test_more_than_the_answer_is_an_error(self):
        status, lines, complaint = self.hold(Peer([HELLO + b"!"]), "1\n")
        self.assertEqual((status, lines), (1, []))
        self.assertIn("something else", complaint)

    def test_a_connection_that_is_closed_is_an_error(self):
        status, _, complaint = self.hold(Peer([HELLO], closes=True), "2\n2\n")
        self.assertEqual(status, 1)
        self.assertIn("did not stay open", complaint)

    def test_another_answer_is_an_error_and_shown(self):
        for head in (b"HTTP/1.1 404 Not Found\r\nContent-Length: 5",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close"):
            with self.subTest(head=head):
                status, lines, complaint = self.hold(Peer([head + REQUEST_END + b"Hello"]), "1\n")
                self.assertEqual((status, lines), (1, []))
                self.assertIn(head.splitlines()[-1].decode(), complaint)

    def test_another_kind_is_refused(self):
        status, _, complaint = self.hold(Peer([HELLO]), "", kind="pigeons")
        self.assertEqual(status, 2)
        self.assertIn("usage:", complaint)


if __name__ == "__main__":
    unittest.main()
