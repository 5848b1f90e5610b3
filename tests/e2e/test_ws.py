"""WebSockets over sockets: messages of any size, compressed ones, many clients, and a server that goes."""

import os
import signal
import struct
import threading

from http_client import TIMEOUT_S, make_request
from ouro_server import ServerCase, eventually, main
from ws_client import BINARY, CLOSE, PING, PONG, TEXT, WebSocket, make_frame, make_handshake

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

    def test_as_large_as_its_client_wants(self):
        target = f"/ws/echo?bytes_max={2 * MIB}"
        with WebSocket(self.server.address, target) as websocket:
            self.assert_echoed(websocket, BINARY, os.urandom(2 * MIB))
            websocket.send(make_frame(BINARY, bytes(2 * MIB + 1))[:14])
            self.assertEqual(websocket.hear(), (CLOSE, struct.pack(">H", 1009)))

    def test_compressed_as_its_client_wants(self):
        for choice in ("off", "each", "takeover"):
            with WebSocket(self.server.address, f"/ws/echo?deflate={choice}",
                           deflate=choice != "off") as websocket:
                self.assertEqual("no_context_takeover" in websocket.head,
                                 choice == "each")
                self.assert_echoed(websocket, TEXT, b"ouro " * 1000)

    def test_choices_that_there_are_not(self):
        for query in ("deflate=", "deflate=On", "deflate=eac", "bytes_max=x", "bytes_max=67108865",
                      "bytes_max=-1", "bytes_max=18446744073709551617"):
            with self.subTest(query=query), self.server.connect() as connection:
                connection.send(make_handshake(f"/ws/echo?{query}", key="A" * 22 + "=="))
                self.assertEqual(connection.read_response().status, 400)

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


class Chat(ServerCase):
    def enter(self, room, **options):
        websocket = WebSocket(self.server.address, f"/ws/chat?room={room}", **options)
        self.addCleanup(websocket.close)
        return websocket

    def listen(self, room):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.send(make_request("GET", f"/sse/topic/{room}", version="1.0"))
        self.assertEqual(connection.read_head().status, 200)
        return connection

    def next_event(self, connection):
        lines = connection.read_until(b"\n\n").split(b"\n")
        return next(line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: "))

    def publish(self, room, text):
        with self.server.connect() as connection:
            connection.send(make_request("POST", f"/publish/{room}", body=text))
            return int(connection.read_response().body)

    def test_websockets_and_event_streams_hear_one_another(self):
        first, second, stream = self.enter("a"), self.enter("a", deflate=True), self.listen("a")
        first.say(TEXT, b"one")
        self.assertEqual(second.hear(), (TEXT, b"one"))
        long = b"some text " * 500
        second.say(TEXT, long)
        # What another connection says next must not overtake it.
        self.assertEqual(second.hear(), (TEXT, long))
        self.assertEqual(self.publish("a", b"three"), 3)
        for websocket, texts in ((first, (b"one", long, b"three")), (second, (b"three",))):
            for text in texts:
                self.assertEqual(websocket.hear(), (TEXT, text))
        for text in (b"one", long, b"three"):
            self.assertEqual(self.next_event(stream), text)

    def test_all_threads_hear_all_in_order(self):
        websockets = [self.enter("many", deflate=index % 2 == 0) for index in range(20)]
        texts = [b"%d " % number * (1 + number * 20) for number in range(30)]
        for number, text in enumerate(texts):
            websockets[number % 20].say(TEXT, text)
            # What another client says next must not overtake it.
            self.assertEqual(websockets[0].hear(), (TEXT, text))
        for websocket in websockets[1:]:
            for text in texts:
                self.assertEqual(websocket.hear(), (TEXT, text))

    def test_a_client_that_does_not_read_loses_messages_and_nobody_else(self):
        slow, fast = self.enter("slow"), self.enter("slow")
        for number in range(200):
            text = b"%d," % number + b"x" * 65536
            self.assertEqual(self.publish("slow", text), 2)
            self.assertEqual(fast.hear(), (TEXT, text))
        eventually(lambda: self.server.metrics()["ws_messages_dropped_total"] > 0,
                   "all were queued")
        self.assertTrue(slow.hear()[1].startswith(b"0,"))

    def test_who_goes_is_no_subscriber(self):
        leaving, gone = self.enter("going"), self.enter("going")
        self.assertEqual(self.publish("going", b"x"), 2)
        self.assertEqual(leaving.hear(), (TEXT, b"x"))
        self.assertEqual(leaving.leave(), (CLOSE, b"\x03\xe8"))
        gone.close()
        eventually(lambda: self.publish("going", b"x") == 0, "they are still there")

    def test_without_a_name_it_is_the_lobby(self):
        with WebSocket(self.server.address, "/ws/chat") as websocket:
            self.publish("lobby", b"hello")
            self.assertEqual(websocket.hear(), (TEXT, b"hello"))

    def test_what_is_not_text(self):
        websocket = self.enter("text")
        websocket.say(BINARY, b"\xff")
        opcode, payload = websocket.hear()
        self.assertEqual((opcode, payload[:2]), (CLOSE, struct.pack(">H", 1003)))

    def test_rooms_that_cannot_be(self):
        for room in ("", "x" * 257, "%zz", "%"):
            with self.subTest(room=room), self.server.connect() as connection:
                connection.send(make_handshake(f"/ws/chat?room={room}", key="A" * 22 + "=="))
                self.assertEqual(connection.read_response().status, 400)
        self.enter("x" * 256)


class Going(ServerCase):
    def test_clients_are_told_that_the_server_goes(self):
        with (WebSocket(self.server.address, "/ws/echo") as websocket,
              WebSocket(self.server.address, "/ws/chat") as chatting):
            self.server.process.send_signal(signal.SIGTERM)
            self.assertEqual(websocket.hear(), (CLOSE, struct.pack(">H", 1001)))
            websocket.send(make_frame(CLOSE, struct.pack(">H", 1001)))
            self.assertEqual(websocket.read_to_end(), b"")
            self.assertEqual(chatting.hear(), (CLOSE, struct.pack(">H", 1001)))
            chatting.send(make_frame(CLOSE, struct.pack(">H", 1001)))
            self.assertEqual(chatting.read_to_end(), b"")
        self.assertEqual(self.server.process.wait(TIMEOUT_S), 0)


if __name__ == "__main__":
    main()
