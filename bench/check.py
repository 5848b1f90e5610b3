#!/usr/bin/env python3
"""Says of each HTTP peer, and of ours, what it answers: bench/check.py [NAME..]

How long the answers are, which fields they have, whether they come on a connection that is kept, end
one that is not to be, come for 16 requests at once, and with a body of either kind. What fails is
said; then it ends with 1.
"""

import argparse
import os
import re
import socket
import sys

from harness import ROOT, Failure, Server
from peers import find_http_peers, ours

TIMEOUT_S = 5
PIPELINED = 16
EXPECTED = {"/plaintext": b"Hello, World!", "/hello": b"Hello", "/large": b"x" * 65536}
BODY = b"what is posted"


class Connection:
    def __init__(self, server):
        self.sock = socket.create_connection((server.host, server.port), timeout=TIMEOUT_S)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        data = self.sock.recv(1 << 16)
        self.data += data
        return bool(data)

    def answer(self):
        """The next answer: its head and its body."""
        while b"\r\n\r\n" not in self.data:
            if not self.more():
                raise Failure(f"the connection ended before an answer: {self.data!r}")
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            return head, self.chunked()
        found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not found:
            raise Failure(f"no length in {head!r}")
        return head, self.take(int(found.group(1)))

    def take(self, length):
        while len(self.data) < length:
            if not self.more():
                raise Failure("the connection ended within an answer")
        body, self.data = self.data[:length], self.data[length:]
        return body

    def line(self):
        while b"\r\n" not in self.data:
            if not self.more():
                raise Failure("the connection ended within a chunk")
        line, _, self.data = self.data.partition(b"\r\n")
        return line

    def chunked(self):
        body = b""
        while (length := int(self.line().split(b";")[0], 16)) > 0:
            body += self.take(length)
            self.line()
        self.line()
        return body

    def ends(self):
        return not self.data and not self.more()


def request(path, *fields):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def expect(head, body, wanted):
    if not head.startswith(b"HTTP/1.1 200 ") or body != wanted:
        raise Failure(f"not what was asked for: {head!r} {body[:40]!r}")


def check_kept(server, path):
    """The length of the answer, and its head."""
    with Connection(server) as connection:
        for _ in range(2):
            connection.send(request(path))
            head, body = connection.answer()
            expect(head, body, EXPECTED[path])
    return len(head) + 4 + len(body), head


def check_close(server):
    with Connection(server) as connection:
        connection.send(request("/plaintext", "Connection: close"))
        head, body = connection.answer()
        expect(head, body, EXPECTED["/plaintext"])
        if not connection.ends():
            raise Failure("the connection does not end")
    return len(head) + 4 + len(body)


def check_pipelined(server):
    with Connection(server) as connection:
        connection.send(request("/plaintext") * PIPELINED)
        for _ in range(PIPELINED):
            expect(*connection.answer(), EXPECTED["/plaintext"])


def check_posts(server):
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"
    counted = head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:5], BODY[5:])) + b"0\r\n\r\n"
    taken = []
    for name, whole in (("counted", counted), ("chunked", chunked)):
        try:
            with Connection(server) as connection:
                connection.send(whole)
                expect(*connection.answer(), BODY)
            taken.append(name)
        except (Failure, OSError) as error:
            taken.append(f"NOT {name} ({str(error)[:80]})")
    return ", ".join(taken)


def check(server, paths, note, pipelines):
    """Prints what it does; whether it does what is said of it."""
    print(f"\n{server.name}{': ' + note if note else ''}")
    right = True
    try:
        for path in sorted(paths - {"/echo"}):
            length, head = check_kept(server, path)
            if path == "/plaintext":
                print(f"  {length} bytes, {check_close(server)} with Connection: close")
                print("  " + " | ".join(head.decode("latin-1").split("\r\n")))
        if pipelines:
            check_pipelined(server)
        if "/echo" in paths:
            print(f"  bodies: {check_posts(server)}")
    except (Failure, OSError) as error:
        print(f"  WRONG: {error}")
        right = False
    return right


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="peers; all unless told")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"),
                        help="the build directory (build/release)")
    options = parser.parse_args()
    right = True
    try:
        peers = find_http_peers(options.names)
        for backend in ("uring", "epoll"):
            server = ours(options, backend)
            right &= check(server, frozenset([*EXPECTED, "/echo"]), "", True)
            server.stop()
        for peer in peers:
            server = peer.start()
            right &= check(server, peer.paths, f"{peer.version}. {peer.note}", peer.pipelines)
            server.stop()
    finally:
        Server.stop_all()
    return 0 if right else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"bench/check.py: {failure}", file=sys.stderr)
        sys.exit(1)
