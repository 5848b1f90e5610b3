"""A bare WebSocket client (RFC 6455): frames out as the test says, frames in checked and put together."""

import base64
import hashlib
import os
import struct
import zlib

from http_client import Connection, make_request

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TAIL = b"\x00\x00\xff\xff"


def mask(payload, key):
    """RFC 6455, 5.3, with integers as wide as the payload."""
    repeated = (key * (len(payload) // 4 + 1))[:len(payload)]
    whole = int.from_bytes(payload, "little") ^ int.from_bytes(repeated, "little")
    return whole.to_bytes(len(payload), "little")


def make_frame(opcode, payload=b"", fin=True, rsv1=False):
    first = opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0)
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", first, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", first, 0x80 | 127, size)
    key = os.urandom(4)
    return head + key + mask(payload, key)


def make_handshake(target, *fields, key):
    return make_request("GET", target, "Upgrade: websocket", "Connection: Upgrade",
                        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *fields)


class WebSocket(Connection):
    """A connection that has become one; with `deflate` messages are compressed, each by itself."""

    def __init__(self, address, target, *fields, deflate=False, behind=b""):
        super().__init__(address)
        key = base64.b64encode(os.urandom(16)).decode()
        if deflate:
            fields += ("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",)
        self.send(make_handshake(target, *fields, key=key) + behind)
        self.head = self.read_until(b"\r\n\r\n").decode("latin-1")
        assert self.head.startswith("HTTP/1.1 101 "), self.head
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        assert f"\r\nsec-websocket-accept: {accept}\r\n" in self.head, self.head
        self.deflate = "permessage-deflate" in self.head
        assert self.deflate == deflate, self.head

    def say(self, opcode, payload):
        if self.deflate:
            coder = zlib.compressobj(wbits=-15)
            payload = coder.compress(payload) + coder.flush(zlib.Z_SYNC_FLUSH)
            payload = payload.removesuffix(TAIL)
        self.send(make_frame(opcode, payload, rsv1=self.deflate))

    def read_frame(self):
        first, size = self.read_bytes(2)
        assert size < 128, "a server masks"
        if size == 126:
            size, = struct.unpack(">H", self.read_bytes(2))
        elif size == 127:
            size, = struct.unpack(">Q", self.read_bytes(8))
        return first, self.read_bytes(size)

    def hear(self):
        """The next message, or control frame: its opcode and payload."""
        first, payload = self.read_frame()
        opcode, compressed = first & 15, first & 0x40
        while not first & 0x80:
            first, more = self.read_frame()
            payload += more
        if compressed:
            payload = zlib.decompressobj(wbits=-15).decompress(payload + TAIL)
        return opcode, payload

    def leave(self, code=1000):
        """Closes, and returns what the server answers with."""
        self.send(make_frame(CLOSE, struct.pack(">H", code)))
        answer = self.hear()
        self.close()
        return answer
