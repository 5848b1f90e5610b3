"""Event streams over real sockets: a clock, topics on several threads, clients that go, the end."""

import contextlib
import json
import signal
import time
import unittest
import zlib

from http_client import make_request
from ouro_server import Server, ServerCase, eventually, main


class Stream:
    """An event stream of HTTP/1.0, whose bytes come without chunks: a client that reads events."""

    def __init__(self, connection, target, *fields):
        self.connection = connection
        connection.send(make_request("GET", target, *fields, version="1.0"))
        self.head = connection.read_head()
        assert self.head.status == 200, self.head
        assert self.head.value("content-type") == "text/event-stream", self.head

    def event(self):
        """The next event's fields; a comment has the name ''."""
        lines = self.connection.read_until(b"\n\n")[:-2].decode().split("\n")
        fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = fields[name] + "\n" + value if name in fields else value
        return fields


def decoded(stream):
    """What each of the reads that brought something was."""
    decoder, connection = zlib.decompressobj(wbits=31), stream.connection
    while True:
        if connection.unread:
            got, connection.unread = decoder.decompress(connection.unread), b""
            if got:
                yield got
        connection._more()


class Case(ServerCase):
    def setUp(self):
        self.streams = contextlib.ExitStack()
        self.addCleanup(self.streams.close)

    def listen(self, target, *fields, server=None):
        connection = self.streams.enter_context((server or self.server).connect())
        return Stream(connection, target, *fields)

    def publish(self, topic, body, *fields, expected=None):
        with self.connect() as connection:
            connection.send(make_request("POST", f"/publish/{topic}", *fields, body=body))
            response = connection.read_response()
        self.assertEqual(response.status, 200, response)
        count = int(response.body)
        if expected is not None:
            self.assertEqual(count, expected)
        return count

    def subscribers(self, topic):
        return self.publish(topic, b"")


class Clock(Case):
    def test_an_event_a_second(self):
        stream = self.listen("/sse/clock")
        start = time.monotonic()
        events = [stream.event() for _ in range(3)]
        self.assertEqual([event["id"] for event in events], ["1", "2", "3"])
        self.assertTrue(all(event["event"] == "tick" and "GMT" in event["data"]
                            for event in events))
        self.assertGreater(time.monotonic() - start, 1.8)

    def test_who_comes_back_goes_on(self):
        self.assertEqual(self.listen("/sse/clock", "Last-Event-ID: 41").event()["id"], "42")

    def test_compressed_events_arrive_one_by_one(self):
        stream = self.listen("/sse/clock", "Accept-Encoding: gzip")
        self.assertEqual(stream.head.value("content-encoding"), "gzip")
        events = decoded(stream)
        for number in (1, 2):
            event = next(events)
            self.assertIn(b"id: %d\n" % number, event)
            self.assertEqual(event.count(b"event:"), 1)

    def test_a_browser_gets_chunks(self):
        with self.connect() as connection:
            connection.send(make_request("GET", "/sse/clock"))
            head = connection.read_head()
            self.assertEqual(head.value("transfer-encoding"), "chunked")
            self.assertEqual(head.value("cache-control"), "no-store")
            size = int(connection.read_until(b"\r\n"), 16)
            self.assertTrue(connection.read_bytes(size).endswith(b"\n\n"))


class Topics(Case):
    def test_all_threads_get_all_in_order(self):
        streams = [self.listen("/sse/topic/many") for _ in range(20)]
        for number in range(30):
            self.publish("many", b"%d" % number, expected=20)
        for stream in streams:
            self.assertEqual([stream.event()["data"] for _ in range(30)],
                             [str(number) for number in range(30)])

    def test_json_says_event_and_id(self):
        stream = self.listen("/sse/topic/json")
        message = {"data": "a\nb", "event": "news", "id": "seven"}
        self.publish("json", json.dumps(message).encode(), "Content-Type: application/json")
        self.assertEqual(stream.event(), message)

    def test_what_is_not_a_message(self):
        for body in (b"[]", b"{\"data\":1}", b"{\"data\":\"x\",\"id\":\"a\\nb\"}"):
            with self.subTest(body=body), self.connect() as connection:
                connection.send(make_request("POST", "/publish/x", "Content-Type: application/json",
                                             body=body))
                self.assertEqual(connection.read_response().status, 400)

    def test_who_comes_back_gets_what_was_missed(self):
        stream = self.listen("/sse/topic/back")
        self.publish("back", b"one")
        last = stream.event()["id"]
        stream.connection.close()
        eventually(lambda: self.subscribers("back") == 0, "the client is still there")
        self.publish("back", b"two")
        stream = self.listen("/sse/topic/back", f"Last-Event-ID: {last}")
        data = ""
        while data != "two":
            event = stream.event()
            self.assertNotEqual(event.get("event"), "gap")
            data = event["data"]

    def test_an_unknown_id_is_a_gap(self):
        stream = self.listen("/sse/topic/gap", "Last-Event-ID: nobody-knows")
        self.assertEqual(stream.event()["event"], "gap")

    def test_clients_that_go_are_no_subscribers(self):
        streams = [self.listen("/sse/topic/going") for _ in range(10)]
        self.assertEqual(self.subscribers("going"), 10)
        for stream in streams:
            stream.connection.close()
        eventually(lambda: self.subscribers("going") == 0, "they are still there")

    def test_a_client_that_does_not_read_loses_messages_and_nobody_else(self):
        slow = self.streams.enter_context(self.server.connect(receive_buffer_bytes=4096))
        slow.send(make_request("GET", "/sse/topic/slow", version="1.0"))
        slow.read_head()
        fast = self.listen("/sse/topic/slow")
        for number in range(200):
            self.publish("slow", b"%d," % number + b"x" * 65536, expected=2)
            self.assertTrue(fast.event()["data"].startswith(f"{number},"))

    def test_compressed(self):
        stream = self.listen("/sse/topic/zip", "Accept-Encoding: gzip")
        events = decoded(stream)
        for text in (b"some text " * 100, b"another text " * 100):
            self.publish("zip", text, expected=1)
            self.assertIn(text, next(events))


class End(unittest.TestCase):
    def test_streams_are_ended_in_order(self):
        with Server("--drain-timeout-ms", "600000") as server:
            clocks = [server.connect() for _ in range(4)]
            topics = [server.connect() for _ in range(4)]
            for target, connections in (("/sse/clock", clocks), ("/sse/topic/a", topics)):
                for connection in connections:
                    connection.send(make_request("GET", target))
                    connection.read_head()
            server.signal(signal.SIGTERM)
            for connection in clocks + topics:
                self.assertTrue(connection.read_to_end().endswith(b"0\r\n\r\n"))
                connection.close()
            self.assertEqual(server.wait(), 0)


if __name__ == "__main__":
    main()
