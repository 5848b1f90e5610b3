"""WebSockets over sockets: messages of any size, compressed ones, many clients, and a server that goes."""

import os
import signal
import struct
import threading

from http_client import TIMEOUT_S
from ouro_server import ServerCase, eventually, main
from ws_client import BINARY, CLOSE, PING, PONG, TEXT, WebSocket, make_frame

MIB = 1 << 20
CLIENTS = 50


class Echo(ServerCase):
    def open(self, **options):
        websocket = WebSocket(self.server.address, "/ws/echo", **options)
        self.addCleanup(websocket.close)
        return websocket

    def assert_echoed(self, websocket, opcode, payload):
        # What is sent may have to wait for what comes back.
        sender = threading.Thread(target=websocket.say, args=(opcode, payload))
        sender.start()
        heard = websocket.hear()
        sender.join(TIMEOUT_S)
        self.assertEqual(heard[0], opcode)
        self.assertTrue(heard[1] == payload, f"{len(heard[1])} bytes of {len(payload)}")

    def test_text_and_binary_of_many_sizes(self):
        with self.open() as websocket:
            for size in (0, 1, 125, 126, 65535, 65536, MIB):
                self.assert_echoed(websocket, TEXT, b"x" * size)
                self.assert_echoed(websocket, BINARY, os.urandom(size))
            self.assertEqual(websocket.leave(), (CLOSE, b"\x03\xe8"))

    def test_compressed(self):
        with self.open(deflate=True) as websocket:
            for size in (0, 1, 300, MIB):
                self.assert_echoed(websocket, TEXT, (b"ouro " * size)[:size])
            # What does not compress gets larger, and frames have a limit too.
            for size in (1, 300, MIB - 4096):
                self.assert_echoed(websocket, BINARY, os.urandom(size))
            self.assertEqual(websocket.leave(), (CLOSE, b"\x03\xe8"))

    def test_fragments_with_a_ping_between(self):
        with self.open() as websocket:
            websocket.send(make_frame(TEXT, b"Hel", fin=False) + make_frame(PING, b"?")
                           + make_frame(0, b"lo"))
            self.assertEqual(websocket.hear(), (PONG, b"?"))
            self.assertEqual(websocket.hear(), (TEXT, b"Hello"))

    def test_frames_in_the_segment_of_the_handshake(self):
        with self.open(behind=make_frame(TEXT, b"one") + make_frame(TEXT, b"two")) as websocket:
            self.assertEqual(websocket.hear(), (TEXT, b"one"))
            self.assertEqual(websocket.hear(), (TEXT, b"two"))

    def test_what_is_too_large(self):
        with self.open() as websocket:
            # The head alone says so.
            websocket.send(make_frame(BINARY, bytes(MIB + 1))[:14])
            self.assertEqual(websocket.hear(), (CLOSE, struct.pack(">H", 1009)))

    def test_many_at_a_time(self):
        websockets = [self.open() for _ in range(CLIENTS)]
        for index, websocket in enumerate(websockets):
            websocket.say(TEXT, b"%d" % index)
        for index, websocket in enumerate(websockets):
            self.assertEqual(websocket.hear(), (TEXT, b"%d" % index))
        for websocket in websockets:
            websocket.close()
        eventually(lambda: self.server.metrics()["connections"] == 1, "the server keeps them")

    def test_plain_requests_are_told(self):
        response = self.server.get("/ws/echo")
        self.assertEqual(response.status, 426)
        self.assertEqual(response.value("upgrade"), "websocket")
        self.assertEqual(response.value("sec-websocket-version"), "13")

    def test_counted(self):
        before = self.server.metrics()
        with self.open() as websocket:
            websocket.say(TEXT, b"x")
            websocket.hear()
            websocket.leave()
        after = self.server.metrics()
        for name in ("ws_upgrades_total", "ws_messages_in_total", "ws_messages_out_total"):
            self.assertEqual(after[name], before[name] + 1, name)


class Going(ServerCase):
    def test_clients_are_told_that_the_server_goes(self):
        with WebSocket(self.server.address, "/ws/echo") as websocket:
            self.server.process.send_signal(signal.SIGTERM)
            self.assertEqual(websocket.hear(), (CLOSE, struct.pack(">H", 1001)))
            websocket.send(make_frame(CLOSE, struct.pack(">H", 1001)))
            self.assertEqual(websocket.read_to_end(), b"")
        self.assertEqual(self.server.process.wait(TIMEOUT_S), 0)


if __name__ == "__main__":
    main()
