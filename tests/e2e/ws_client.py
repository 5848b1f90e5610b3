"""A bare WebSocket client (RFC 6455): frames out as the test says, frames in checked and put together."""

import base64
import hashlib
import os
import re
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


def make_fragments(opcode, payload, fragment=None, rsv1=False):
    """The frames of one message, each of up to `fragment` bytes."""
    size = fragment or max(len(payload), 1)
    pieces = [payload[at:at + size] for at in range(0, max(len(payload), 1), size)]
    return [make_frame(0 if index else opcode, piece, fin=index == len(pieces) - 1,
                       rsv1=rsv1 and not index) for index, piece in enumerate(pieces)]


def make_handshake(target, *fields, key):
    return make_request("GET", target, "Upgrade: websocket", "Connection: Upgrade",
                        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *fields)


class WebSocket(Connection):
    """A connection that has become one. `deflate` is an offer of compression, True the usual one, which must
    be accepted; messages are then compressed as it was agreed."""

    OFFER = "permessage-deflate; client_max_window_bits"

    def __init__(self, address, target, *fields, deflate=False, behind=b""):
        super().__init__(address)
        key = base64.b64encode(os.urandom(16)).decode()
        if deflate:
            offer = self.OFFER if deflate is True else deflate
            fields += (f"Sec-WebSocket-Extensions: {offer}",)
        self.send(make_handshake(target, *fields, key=key) + behind)
        self.head = self.read_until(b"\r\n\r\n").decode("latin-1")
        assert self.head.startswith("HTTP/1.1 101 "), self.head
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        assert f"\r\nsec-websocket-accept: {accept}\r\n" in self.head, self.head
        self.deflate = "permessage-deflate" in self.head
        assert self.deflate == bool(deflate), self.head
        self.coder = self.decoder = None

    def agreed_bits(self, name):
        """RFC 7692, 7.1.2: the window's size, as a power of two."""
        found = re.search(rf"; {name}=(\d+)", self.head)
        return int(found[1]) if found else 15

    def compress(self, payload):
        """RFC 7692, 7.2.1, in the window that was agreed on, with what was in it where that is kept."""
        if not self.coder or "client_no_context_takeover" in self.head:
            self.coder = zlib.compressobj(wbits=-self.agreed_bits("client_max_window_bits"))
        payload = self.coder.compress(payload) + self.coder.flush(zlib.Z_SYNC_FLUSH)
        return payload.removesuffix(TAIL)

    def decompress(self, payload):
        """RFC 7692, 7.2.2. A window larger than the one agreed on would hide it if the server's were."""
        if not self.decoder or "server_no_context_takeover" in self.head:
            self.decoder = zlib.decompressobj(wbits=-self.agreed_bits("server_max_window_bits"))
        payload = self.decoder.decompress(payload + TAIL)
        assert not self.decoder.unused_data and not self.decoder.eof
        return payload

    def say(self, opcode, payload, fragment=None):
        """Sends a message in one frame, or in frames of `fragment` bytes."""
        if self.deflate:
            payload = self.compress(payload)
        self.send(b"".join(make_fragments(opcode, payload, fragment, rsv1=self.deflate)))

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
            payload = self.decompress(payload)
        return opcode, payload

    def leave(self, code=1000):
        """Closes, and returns what the server answers with."""
        self.send(make_frame(CLOSE, struct.pack(">H", code)))
        answer = self.hear()
        self.close()
        return answer
