"""What is measured of both backends: settings, servers for them, and the proof that these do equal
work."""

import contextlib
import dataclasses
import os
import re
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import Failure, Server, inside, program  # noqa: E402

POST_BYTES = 1024
LARGE_BYTES = 65536
WS_BYTES = 20
KEEP_ALIVE_BOUND = 1.10
EPOLL_BOUND = 1.05

OURS = ("ouro-uring", "ouro-epoll")
FLOORS = ("floor-uring", "floor-epoll")
CONTROL = ("ouro-uring-again", "ouro-uring")
BACKEND_PAIR = ("ouro-epoll", "ouro-uring")

GET = ("get", "/plaintext")
POST = ("post", "/echo")
CHUNKED = ("post-chunked", "/echo")


@dataclasses.dataclass(frozen=True)
class Setting:
    name: str
    connections: int
    load: tuple = ()  # options of ouro-load
    floor: tuple = ()  # options of the floors
    requests: tuple = (GET,)  # what a connection asks for, in turn
    close: bool = False
    bound: float = 0  # of ours by the floor of the same backend; 0: none
    no_floor: str = ""  # why there is none
    not_at_rate: str = ""  # why there is no open loop of it
    tools: bool = False  # others' load generators can do the same

    @property
    def load_options(self):
        return ["--connections", str(self.connections), *self.load]


KEPT = [Setting(f"keep-alive {count}", count, bound=KEEP_ALIVE_BOUND, tools=True)
        for count in (1, 16, 64, 360, 1000)]
SETTINGS = [
    *KEPT,
    Setting("pipelined x16, 64", 64, ("--pipeline", "16"),
            not_at_rate="requests are sent by sixteens, which no rate is"),
    Setting("close 64", 64, ("--mode", "close"), ("--close",), close=True),
    Setting("ten a connection, reset, 64", 64, ("--requests-per-connection", "10", "--reset")),
    Setting("mix 64", 64, ("--request", "mix", "--body-bytes", str(POST_BYTES)),
            ("--echo-bytes", str(POST_BYTES), "--ends", "1,1,2"), (GET, POST, CHUNKED)),
    Setting("post 1 KiB, 64", 64, ("--request", "post", "--body-bytes", str(POST_BYTES)),
            ("--echo-bytes", str(POST_BYTES)), (POST,), tools=True),
    Setting("answer 64 KiB, 64", 64, ("--path", "/large"), ("--body-bytes", str(LARGE_BYTES)),
            (("get", "/large"),), tools=True),
    Setting("WebSocket echo 20 B, 64", 64,
            ("--mode", "ws", "--message-bytes", str(WS_BYTES), "--path", "/ws/echo"), requests=(),
            no_floor="a loop that knows no frames cannot echo what they hold",
            not_at_rate="messages come back in a closed loop only"),
]


def chosen(options):
    found = [setting for setting in SETTINGS if not options.only or options.only in setting.name]
    if not found:
        raise Failure(f"no setting is called {options.only}")
    return found


@dataclasses.dataclass(frozen=True)
class Place:
    """Where servers listen and the load runs."""
    name: str = "loopback"
    host: str = "127.0.0.1"
    server_netns: str = None
    client_netns: str = None


# ---- Servers ----


def start(options, setting, place, name):
    """Starts what is called @name for @setting."""
    kind, backend = name.split("-")[:2]
    if kind == "floor":
        argv = [program(options, f"bench/{name}"), "--host", place.host, *setting.floor]
    else:
        argv = [program(options, "bench/bench-http"), backend, f"tcp://{place.host}:0"]
    return Server(name, argv, netns=place.server_netns, host=place.host)


@contextlib.contextmanager
def started(options, setting, place, names):
    """Servers that have been shown to do equal work. There are no floors where there can be
    none."""
    servers = []
    try:
        for name in names:
            if not (setting.no_floor and name in FLOORS):
                servers.append(start(options, setting, place, name))
        inside(place.client_netns, check_equal_work, servers, setting)
        yield servers
    finally:
        for server in servers:
            server.stop()


def pairs_of(servers):
    """The pairs that are compared, of those there are; the last is the control."""
    names = {server.name for server in servers}
    wanted = [("ouro-uring", "floor-uring"), ("ouro-epoll", "floor-epoll"), BACKEND_PAIR, FLOORS,
              CONTROL]
    return [pair for pair in wanted if names.issuperset(pair)]


# ---- Equal work ----


def body_bytes():
    """What ouro-load sends with a POST."""
    return bytes(ord("a") + at % 26 for at in range(POST_BYTES))


def request_bytes(kind, path, close=False):
    body = body_bytes() if kind != "get" else b""
    fields = ["Host: localhost"] + (["Connection: close"] if close else [])
    if kind == "post":
        fields.append(f"Content-Length: {len(body)}")
    elif kind == "post-chunked":
        fields.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    method = "GET" if kind == "get" else "POST"
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""])
    return head.encode() + body


def read_answer(sock, close):
    """One answer, as bytes; up to the server's FIN with @close."""
    answer = b""
    while True:
        head, end, body = answer.partition(b"\r\n\r\n")
        found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if end and found and len(body) >= int(found.group(1)) and not close:
            return answer
        data = sock.recv(65536)
        if not data:
            return answer
        answer += data


def ask(server, requests, close=False):
    """The answers to @requests on one connection."""
    answers = []
    with socket.create_connection((server.host, server.port), timeout=5) as sock:
        for kind, path in requests:
            sock.sendall(request_bytes(kind, path, close))
            answers.append(read_answer(sock, close))
    return answers


def check_equal_work(servers, setting):
    """All servers must answer the same bytes, but for the date, and echo what they were sent."""
    expected = None
    for server in servers:
        answers = [re.sub(rb"\r\ndate: [^\r]{29}\r\n", b"\r\ndate: (any)\r\n", answer)
                   for answer in ask(server, setting.requests, setting.close)]
        for (kind, _), answer in zip(setting.requests, answers):
            if kind != "get" and not answer.endswith(b"\r\n\r\n" + body_bytes()):
                raise Failure(f"{server.name} does not echo: {answer[:400]!r}")
        expected = expected or answers
        if answers != expected:
            raise Failure(f"{setting.name}: {server.name} and {servers[0].name} do not answer the "
                          f"same bytes:\n  {[answer[:300] for answer in expected]}\n"
                          f"  {[answer[:300] for answer in answers]}")
