"""The cases of the Autobahn test suite by a client of our own, so that they are run wherever there is Python:
1 to 7 and 10 from the table that sessions are tested with (tests/ws/cases.c); 6.4, 9, 12 and 13 from here.

RFC 6455; RFC 7692. Each is sent at once, and what is short, byte by byte.
"""

import json
import os
import random
import struct
import subprocess
import threading

from http_client import TIMEOUT_S
from ouro_server import ServerCase, main
from ws_client import BINARY, CLOSE, PING, PONG, TEXT, WebSocket, make_frame

MIB = 1 << 20
CHOPPED_BYTES_MAX = 300
NORMAL = struct.pack(">H", 1000)
FIN, RSV1 = 0x80, 0x40

# Sizes of messages in 12 and 13, and of their fragments. The suite sends 1000 of each, and here as many as
# make some 128 KiB.
COMPRESSED_SIZES = [(16, None), (64, None), (256, None), (1024, None), (4096, None), (8192, None),
                    (16384, None), (32768, None), (65536, None), (131072, None),
                    (8192, 256), (16384, 256), (32768, 256), (65536, 256), (131072, 256),
                    (131072, 1024), (131072, 4096), (131072, 32768)]
CASE_BYTES, MESSAGES_MAX, DATA_BYTES = 128 * 1024, 50, 256 * 1024

# 13's offers, and what has to be agreed on.
PMD = "permessage-deflate; client_no_context_takeover; client_max_window_bits"
ALONE, NINE = "server_no_context_takeover", "server_max_window_bits=9"
OFFERS = [
    (PMD, ()),
    (f"{PMD}; {ALONE}", (ALONE,)),
    (f"{PMD}; {NINE}", (NINE,)),
    (f"{PMD}; server_max_window_bits=15", ()),
    (f"{PMD}; {ALONE}; {NINE}", (ALONE, NINE)),
    (f"{PMD}; {ALONE}; server_max_window_bits=15", (ALONE,)),
    (f"{PMD}; {ALONE}; {NINE}, {PMD}; {ALONE}, {PMD}", (ALONE, NINE)),
]


def make_json():
    draw = random.Random(1).randrange
    lines = (b'{"id": %d, "name": "user%d", "tags": ["a", "b%d"]},\n'
             % (draw(100000), draw(500), draw(20)) for _ in range(DATA_BYTES // 32))
    return b"".join(lines)[:DATA_BYTES]


def make_picture():
    """Neighbours differ by little."""
    draw, grey, pixels = random.Random(2).randrange, 128, bytearray()
    for _ in range(DATA_BYTES):
        grey = (grey + draw(9) - 4) & 255
        pixels.append(grey)
    return bytes(pixels)


def make_prose():
    """With letters outside ASCII, so that it is sent as binary: messages end anywhere."""
    words = "nun ach Philosophie Juristerei und Medizin durchaus studiert heißem Bemühn".split()
    draw = random.Random(3).choice
    return " ".join(draw(words) for _ in range(DATA_BYTES // 4)).encode()[:DATA_BYTES]


def make_html():
    draw = random.Random(4).randrange
    lines = (b'<li class="item%d"><a href="/page/%d">%d</a></li>\n' % (draw(4), draw(1000), draw(1000))
             for _ in range(DATA_BYTES // 40))
    return b"".join(lines)[:DATA_BYTES]


def make_pdf():
    """Much that does not compress, and some text about it."""
    data = bytearray(random.Random(5).randbytes(DATA_BYTES))
    for at in range(0, DATA_BYTES, 4096):
        data[at:at + 392] = b"0 obj << /Length >> stream\n "[:28] * 14
    return bytes(data)


KINDS = [(TEXT, make_json), (BINARY, make_picture), (BINARY, make_prose), (TEXT, make_html),
         (BINARY, make_pdf)]


def read_cases():
    """The cases of the table. Payloads are unfolded: a frame is its first byte and its payload."""
    printed = subprocess.run([os.environ["OURO_WS_CASES"]], stdin=subprocess.DEVNULL,
                             capture_output=True, check=True, timeout=TIMEOUT_S).stdout
    cases = [json.loads(line) for line in printed.splitlines()]
    for case in cases:
        for side in ("in", "out"):
            case[side] = [(first, unfold(bytes.fromhex(unit), size))
                          for first, unit, size in case[side]]
    return cases


def unfold(unit, size):
    return (unit * (size // max(len(unit), 1) + 1))[:size]


def frame_of(first, payload):
    """With whatever bits, legal or not."""
    return bytes([first]) + make_frame(0, payload)[1:]


def fragments_of(case):
    """The frames that the client sends, as first bytes and payloads."""
    frames = case["in"]
    if case["fragment"]:
        (first, payload), size = frames[0], case["fragment"]
        pieces = [payload[at:at + size] for at in range(0, len(payload), size)]
        frames = [(0 if index else first & 15, piece) for index, piece in enumerate(pieces)]
        frames[-1] = (frames[-1][0] | FIN, frames[-1][1])
    return frames


def compress_whole(frames, websocket):
    """The frames, those of each message that is whole and legal compressed, in as many as there were."""
    result, begun = list(frames), []
    for index, (first, _) in enumerate(frames):
        if first & 0x70 or first & 15 > BINARY or (first & 15 == 0) != bool(begun):
            continue
        begun.append(index)
        if first & FIN:
            whole = websocket.compress(b"".join(frames[at][1] for at in begun))
            size = -(-len(whole) // len(begun))
            for number, at in enumerate(begun):
                result[at] = (frames[at][0] | (0 if number else RSV1),
                              whole[number * size:(number + 1) * size])
            begun = []
    return result


def frames_of(case, websocket):
    """What the client sends, byte for byte."""
    frames = fragments_of(case)
    if websocket.deflate:
        frames = compress_whole(frames, websocket)
    if not case["code"]:
        frames = [*frames, (FIN | CLOSE, NORMAL)]
    return b"".join(frame_of(*frame) for frame in frames)


class Cases(ServerCase):
    def open(self, deflate, offer=True):
        websocket = WebSocket(self.server.address,
                              f"/ws/echo?deflate={deflate}&bytes_max={16 * MIB}",
                              deflate=deflate != "off" and offer)
        self.addCleanup(websocket.close)
        return websocket

    def play(self, case, deflate, chopped):
        websocket = self.open(deflate)
        data = frames_of(case, websocket)
        if chopped and len(data) <= CHOPPED_BYTES_MAX:
            pieces = [data[at:at + 1] for at in range(len(data))]
        else:
            pieces = [data]
        try:
            for piece in pieces:
                websocket.send(piece)
        except ConnectionError:
            # It is refused before it is sent whole; what the server has said is looked at anyway.
            pass
        self.expect_end(websocket, case)

    def expect_end(self, websocket, case):
        code = case["code"] or 1000
        if case["name"] == "3.4" and websocket.deflate:
            # RFC 7692, 6: the bit says that it is compressed, which it is not.
            code = 1007
        expected = [(first & 15, payload) for first, payload in case["out"]]
        if case["code"] == 0 or case["unclean"]:
            expected.append((CLOSE, struct.pack(">H", code)))
        heard = [websocket.hear()]
        while heard[-1][0] != CLOSE:
            heard.append(websocket.hear())
        if case["name"] == "7.1.6" and len(heard) == 2:
            # RFC 6455, 5.5.1: a close is answered as soon as practical, and nothing may follow that. Before
            # the second message is echoed there has to be room, which the first one takes.
            del expected[1]
        self.assertEqual(heard, expected)
        self.assert_closes(websocket)
        websocket.close()

    def play_all(self, deflate, chopped=False):
        for case in read_cases():
            with self.subTest(case=case["name"]):
                self.play(case, deflate, chopped)

    def test_table(self):
        self.play_all("off")

    def test_table_chopped(self):
        self.play_all("off", chopped=True)

    def test_table_compressed_each_by_itself(self):
        self.play_all("each")

    def test_table_compressed_with_takeover(self):
        self.play_all("takeover")

    def test_impossible_text_is_refused_before_its_end(self):
        # 6.4: the last of the second part makes it impossible, and there is a third that is never sent.
        kosme, rest = "κόσμε".encode(), b"\xf4\x90\x80\x80edited"
        text, frame = kosme + rest, make_frame(TEXT, kosme + rest)
        for number, first, second in ((1, 0, 4), (2, 1, 2)):
            first, second = len(kosme) + first, len(kosme) + second
            with self.subTest(case=f"6.4.{number}"):
                self.refuses_the_second(make_frame(TEXT, text[:first], fin=False),
                                        make_frame(0, text[first:second], fin=False))
            with self.subTest(case=f"6.4.{number + 2}"):
                self.refuses_the_second(frame[:6 + first], frame[6 + first:6 + second])

    def refuses_the_second(self, first, second):
        websocket = self.open("off")
        websocket.send(first + make_frame(PING, b"?") if first[0] < FIN else first)
        if first[0] < FIN:
            self.assertEqual(websocket.hear(), (PONG, b"?"))
        websocket.send(second)
        self.assertEqual(websocket.hear(), (CLOSE, struct.pack(">H", 1007)))
        self.assert_closes(websocket)

    def assert_echoed(self, websocket, opcode, payload, fragment=None):
        # What is sent may have to wait for what comes back.
        sender = threading.Thread(target=websocket.say, args=(opcode, payload, fragment))
        sender.start()
        heard = websocket.hear()
        sender.join(TIMEOUT_S)
        self.assertEqual(heard[0], opcode)
        self.assertTrue(heard[1] == payload, f"{len(heard[1])} bytes of {len(payload)}")

    def test_limits(self):
        # 9.1 to 9.4, whose texts and bytes are not all the same here.
        for group, opcode, unit in ((1, TEXT, b"BAsd7&jh23"), (2, BINARY, b"\x00\xfe\x23\xfa\xf0")):
            for number, size in enumerate((MIB // 16, MIB // 4, MIB, 4 * MIB, 8 * MIB, 16 * MIB), 1):
                with self.subTest(case=f"9.{group}.{number}"), self.open("off") as websocket:
                    self.assert_echoed(websocket, opcode, unfold(unit, size))
                    self.assertEqual(websocket.leave(), (CLOSE, NORMAL))
            for number in range(1, 10):
                with self.subTest(case=f"9.{group + 2}.{number}"), self.open("off") as websocket:
                    self.assert_echoed(websocket, opcode, unfold(unit, 4 * MIB), 16 << 2 * number)
                    self.assertEqual(websocket.leave(), (CLOSE, NORMAL))

    def test_chops(self):
        # 9.5 and 9.6: a frame of 1 MiB that comes in writes of so many bytes.
        for group, opcode in ((5, TEXT), (6, BINARY)):
            payload = unfold(b"BAsd7&jh23", MIB)
            frame = make_frame(opcode, payload)
            for number in range(1, 7):
                size = 32 << number
                with self.subTest(case=f"9.{group}.{number}"), self.open("off") as websocket:
                    for at in range(0, len(frame), size):
                        websocket.send(frame[at:at + size])
                    self.assertEqual(websocket.hear(), (opcode, payload))
                    self.assertEqual(websocket.leave(), (CLOSE, NORMAL))

    def test_one_message_after_the_other(self):
        for group, opcode, unit in ((7, TEXT, b"*"), (8, BINARY, b"\xfe")):
            for number, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
                with self.subTest(case=f"9.{group}.{number}"), self.open("off") as websocket:
                    for _ in range(1000):
                        websocket.say(opcode, unit * size)
                        self.assertEqual(websocket.hear(), (opcode, unit * size))
                    self.assertEqual(websocket.leave(), (CLOSE, NORMAL))

    def compress_sizes(self, group, deflate, offer, agreed, opcode, data):
        for number, (size, fragment) in enumerate(COMPRESSED_SIZES, 1):
            with self.subTest(case=f"{group}.{number}", deflate=deflate), \
                    self.open(deflate, offer) as websocket:
                for parameter in agreed:
                    self.assertIn(parameter, websocket.head)
                for index in range(min(CASE_BYTES // size, MESSAGES_MAX)):
                    at = index * size % (len(data) - size)
                    self.assert_echoed(websocket, opcode, data[at:at + size], fragment)
                self.assertEqual(websocket.leave(), (CLOSE, NORMAL))

    def test_compressed_kinds_of_data(self):
        for deflate in ("each", "takeover"):
            for number, (opcode, make) in enumerate(KINDS, 1):
                self.compress_sizes(f"12.{number}", deflate, True, (), opcode, make())

    def test_compressed_by_each_offer(self):
        opcode, make = KINDS[0]
        for deflate in ("each", "takeover"):
            for number, (offer, agreed) in enumerate(OFFERS, 1):
                self.compress_sizes(f"13.{number}", deflate, offer, agreed, opcode, make())


if __name__ == "__main__":
    main()
