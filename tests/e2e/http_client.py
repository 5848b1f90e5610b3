"""A bare HTTP/1 client: what goes out is what the test wrote, what came in is kept byte by byte."""

import errno
import re
import socket

# Long enough for a sanitizer build on a busy machine. Nothing waits for it unless it fails.
TIMEOUT_S = 60

DATE_LINE = re.compile(rb"(\r\ndate: )([^\r]*)(\r\n)")


class Response:
    """One response. `head` and `body` are the bytes as they came, `body` without its chunks, whose
    `trailers` are fields as well."""

    def __init__(self, head, body=b""):
        lines = head[:-4].decode("latin-1").split("\r\n")
        self.head = head
        self.body = body
        self.trailers = []
        self.version, status, self.reason = lines[0].split(" ", 2)
        self.status = int(status)
        self.fields = [tuple(line.split(": ", 1)) for line in lines[1:]]

    def values(self, name):
        return [value for field, value in self.fields if field.lower() == name]

    def value(self, name):
        """The value of the field that must not be there twice; None where there is none."""
        values = self.values(name)
        assert len(values) <= 1, f"{name} is repeated: {self.head!r}"
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.head!r} {self.body[:200]!r}>"


def mask_dates(data):
    """The bytes with the value of each date field replaced, so that they can be compared."""
    return DATE_LINE.sub(rb"\1DATE\3", data)


def make_request(method, target, *fields, body=b"", version="1.1", host="localhost"):
    """A request's bytes. Content-Length is added where there is a body; `host` may be None."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    if body and not any(field.lower().startswith("transfer-encoding") for field in fields):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, *fields, "", ""]).encode("latin-1") + body


def make_chunked(*pieces, trailers=()):
    """The pieces as a chunked body."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return chunks + b"0\r\n" + b"".join(line + b"\r\n" for line in trailers) + b"\r\n"


class Connection:
    """A connection to `address`, as `socket.connect` takes it; a string is a unix socket."""

    def __init__(self, address, receive_buffer_bytes=None):
        unix = isinstance(address, str)
        family = socket.AF_UNIX if unix else socket.AF_INET6 if ":" in address[0] \
            else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT_S)
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        if not unix:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self.unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def end(self):
        """Nothing more is sent; what the server says can still be read."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            # The server may have ended it already; reading tells how.
            if error.errno != errno.ENOTCONN:
                raise

    def _more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError(f"the connection ended after {self.unread!r}")
        self.unread += data

    def _take(self, count):
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def read_bytes(self, count):
        pieces, missing = [], count
        while missing > len(self.unread):
            missing -= len(self.unread)
            pieces.append(self._take(len(self.unread)))
            self._more()
        return b"".join(pieces) + self._take(missing)

    def read_until(self, end):
        while end not in self.unread:
            self._more()
        return self._take(self.unread.index(end) + len(end))

    def _read_chunks(self):
        body, trailers = b"", []
        while size := int(self.read_until(b"\r\n"), 16):
            body += self.read_bytes(size)
            assert self.read_bytes(2) == b"\r\n"
        while line := self.read_until(b"\r\n")[:-2]:
            trailers.append(tuple(line.decode("latin-1").split(": ", 1)))
        return body, trailers

    def read_head(self):
        return Response(self.read_until(b"\r\n\r\n"))

    def read_response(self, method="GET"):
        """The next response, interim ones (1xx) included."""
        response = self.read_head()
        length = response.value("content-length")
        if method == "HEAD" or response.status < 200 or response.status in (204, 304):
            return response
        if response.value("transfer-encoding") is not None:
            assert response.value("transfer-encoding") == "chunked" and length is None
            response.body, response.trailers = self._read_chunks()
        elif length is not None:
            response.body = self.read_bytes(int(length))
        else:
            response.body = self.read_to_end()
        return response

    def read_to_end(self):
        """All until the server has closed in order; a reset is a ConnectionResetError."""
        try:
            while True:
                self._more()
        except EOFError:
            return self._take(len(self.unread))

    def is_silent_for(self, seconds):
        """Whether nothing comes, not even the end."""
        assert not self.unread
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT_S)

    def ask(self, method, target, *fields, **others):
        """Sends one request and reads its response."""
        self.send(make_request(method, target, *fields, **others))
        return self.read_response(method)

    def get(self, target, *fields, **others):
        return self.ask("GET", target, *fields, **others)
