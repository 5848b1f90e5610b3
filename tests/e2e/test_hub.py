"""Rooms that two processes share by a Redis server, which is killed, frozen, late, or keeps them out."""

import contextlib
import itertools
import signal
import socket
import threading
import time
import unittest

from http_client import make_request
from ouro_server import Server, eventually, main, skip
from redis_server import Redis, why_not
from ws_client import TEXT, WebSocket

# Enough for who comes back to a process that has not had the topic, however many came meanwhile.
KEEPING = ("--replay-count-max", "20000", "--replay-bytes-max", "4000000")


class Listener(threading.Thread):
    """Reads an event stream into `events`, pairs of id and data; a gap has no data."""

    is_told_of_gaps = True

    def __init__(self, server, topic, after=None):
        super().__init__(daemon=True)
        self.events = []
        self.connection = self.open(server, topic, after)
        self.start()

    def open(self, server, topic, after):
        connection = server.connect()
        fields = [f"Last-Event-ID: {after}"] if after else []
        connection.send(make_request("GET", f"/sse/topic/{topic}", *fields, version="1.0"))
        assert connection.read_head().status == 200
        return connection

    def run(self):
        try:
            while True:
                self.take()
        except (EOFError, OSError):
            pass

    def take(self):
        event = self.connection.read_until(b"\n\n").decode()
        fields = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line)
        if fields.get("event") == "gap":
            self.events.append((None, None))
        elif "data" in fields:
            self.events.append((fields.get("id"), fields["data"]))

    def data(self):
        return [data for _, data in self.events]

    def close(self):
        # That ends the read in the other thread as well.
        with contextlib.suppress(OSError):
            self.connection.socket.shutdown(socket.SHUT_RDWR)
        self.join()
        self.connection.close()


class Member(Listener):
    """The same of a WebSocket, whose messages have no ids; the demo's chat tells of no gaps."""

    is_told_of_gaps = False

    def open(self, server, topic, after):
        return WebSocket(server.address, f"/ws/chat?room={topic}")

    def take(self):
        opcode, payload = self.connection.hear()
        if opcode == TEXT:
            self.events.append((None, payload.decode()))


class Publisher:
    """Publishes "name/0", "name/1" and so on, one after the other."""

    def __init__(self, server, topic, name):
        self.connection = server.connect()
        self.topic, self.name = topic, name
        self.count = 0

    def try_to_publish(self, text=None):
        """False where too much waits for Redis: it was not published."""
        body = text or f"{self.name}/{self.count}"
        response = self.connection.ask("POST", f"/publish/{self.topic}", body=body.encode())
        assert response.status in (200, 503), response
        self.count += text is None and response.status == 200
        return response.status == 200

    def publish(self, text=None):
        assert self.try_to_publish(text), "it was refused"

    def close(self):
        self.connection.close()


class Running(threading.Thread):
    """A publisher that goes on until it is stopped, no faster than listeners in Python can follow."""

    def __init__(self, publisher):
        super().__init__(daemon=True)
        self.publisher = publisher
        self.is_over = threading.Event()
        self.error = None
        self.start()

    def run(self):
        try:
            while not self.is_over.wait(0.001):
                self.publisher.try_to_publish()
        except (AssertionError, OSError, EOFError) as error:
            self.error = error

    def stop(self):
        self.is_over.set()
        self.join()
        if self.error:
            raise self.error


def check_one(listener):
    """Of each publisher the numbers grow, and where one is missing there was a gap since the last."""
    check_data(listener.data(), listener.is_told_of_gaps)


def check_data(events, is_told_of_gaps=True):
    last, gaps, seen = {}, 0, set()
    for data in events:
        if data is None:
            gaps += 1
            continue
        assert data not in seen, f"{data} came twice"
        seen.add(data)
        name, _, number = data.rpartition("/")
        before, gaps_before = last.get(name, (None, 0))
        if before is not None:
            assert int(number) > before, f"{data} came after {name}/{before}"
            if is_told_of_gaps and int(number) != before + 1:
                assert gaps > gaps_before, f"{data} came after {name}/{before} without a gap"
        last[name] = int(number), gaps


def check_order(one, other):
    """What both have had, they have had in the same order."""
    common = set(one) & set(other) - {None}
    assert [data for data in one if data in common] == [data for data in other if data in common]


class Case(unittest.TestCase):
    def run_redis(self, **others):
        redis = Redis(**others)
        self.addCleanup(redis.stop)
        return redis

    def run_server(self, url, *flags, connected=True):
        server = Server("--hub", url, *KEEPING, *flags)
        # Shown where it fails, as it is not when it is left by a with statement.
        self.addCleanup(server.stop)
        if connected:
            self.await_connection(server)
        return server

    def run_two(self, redis, *flags):
        return [self.run_server(redis.url, *flags) for _ in range(2)]

    def await_connection(self, server, is_there=1):
        eventually(lambda: server.metrics()["hub_connected"] == is_there,
                   f"the connection is not {is_there}:\n{server.log()}")

    def listen(self, server, topic, after=None, kind=Listener):
        listener = kind(server, topic, after)
        self.addCleanup(listener.close)
        return listener

    def publisher(self, server, topic, name):
        publisher = Publisher(server, topic, name)
        self.addCleanup(publisher.close)
        return publisher

    def await_data(self, listener, data):
        eventually(lambda: data in listener.data(), f"{data} did not come: {listener.events}")

    def greet(self, listeners, publishers):
        """Sees that all hear all: publishes until they do."""
        for number in itertools.count():
            for publisher in publishers:
                publisher.publish(f"hello-{publisher.name}/{number}")
            heard = [{data.partition("/")[0] for data in listener.data() if data}
                     for listener in listeners]
            if all(len(names) == len(publishers) for names in heard):
                break
            assert number < 3000, heard
            time.sleep(0.01)
        for publisher in publishers:
            publisher.publish(f"ready-{publisher.name}/0")
        for listener, publisher in itertools.product(listeners, publishers):
            self.await_data(listener, f"ready-{publisher.name}/0")


class Sharing(Case):
    def setUp(self):
        self.redis = self.run_redis()
        self.servers = self.run_two(self.redis)

    def test_what_is_published_at_one_comes_to_both(self):
        listeners = [self.listen(server, "room") for server in self.servers]
        publishers = [self.publisher(server, "room", name)
                      for server, name in zip(self.servers, "ab")]
        self.greet(listeners, publishers)
        for _ in range(50):
            for publisher in publishers:
                publisher.publish()
        for listener in listeners:
            self.await_data(listener, "b/49")
            self.await_data(listener, "a/49")
            check_one(listener)
            self.assertNotIn(None, listener.data())
        # The same ids, too: a client may come back to either.
        self.assertEqual(*[[event for event in listener.events if event[1][:2] in ("a/", "b/")]
                           for listener in listeners])

    def test_websockets_and_event_streams_of_both_hear_one_another(self):
        listeners = [self.listen(server, "chat", kind=kind)
                     for server in self.servers for kind in (Listener, Member)]
        publishers = [self.publisher(server, "chat", name)
                      for server, name in zip(self.servers, "ab")]
        self.greet(listeners, publishers)
        for member in listeners[1::2]:
            member.connection.say(TEXT, b"said/0")
            for listener in listeners:
                self.await_data(listener, "said/0")
                listener.events.clear()

    def test_the_count_is_of_the_process(self):
        self.listen(self.servers[0], "count")
        self.listen(self.servers[0], "count")
        for server, expected in zip(self.servers, (b"2\n", b"0\n")):
            with server.connect() as connection:
                self.assertEqual(connection.ask("POST", "/publish/count", body=b"x").body, expected)

    def test_a_client_goes_back_and_forth_and_misses_nothing(self):
        publishers = [self.publisher(server, "hop", name)
                      for server, name in zip(self.servers, "ab")]
        listener = Listener(self.servers[0], "hop")
        self.greet([listener], publishers)
        running = [Running(publisher) for publisher in publishers]
        events = []
        for number in range(1, 21):
            eventually(lambda at=len(listener.events) + 20: len(listener.events) >= at, "nothing comes")
            listener.close()
            events += listener.events
            listener = Listener(self.servers[number % 2], "hop", events[-1][0])
        for thread in running:
            thread.stop()
        for publisher in publishers:
            publisher.publish(f"end-{publisher.name}/0")
            self.await_data(listener, f"end-{publisher.name}/0")
        listener.close()
        data = [data for _, data in events + listener.events]
        check_data(data)
        self.assertNotIn(None, data)


class Losing(Case):
    def test_redis_is_killed_and_loses_all_while_both_publish(self):
        redis = self.run_redis()
        servers = self.run_two(redis)
        listeners = [self.listen(server, "room", kind=kind)
                     for server in servers * 2 for kind in (Listener, Member)]
        publishers = [self.publisher(server, "room", name)
                      for server, name in zip(servers * 2, "abcd")]
        self.greet(listeners, publishers)
        running = [Running(publisher) for publisher in publishers]
        for _ in range(3):
            at = len(listeners[0].events) + 100
            eventually(lambda at=at: len(listeners[0].events) >= at, "nothing comes")
            redis.kill()
            # They go on, and what they publish waits.
            at = publishers[0].count + 20
            eventually(lambda at=at: publishers[0].count >= at, "publishing stalls")
            redis.start()
            for server in servers:
                self.await_connection(server)
        for thread in running:
            thread.stop()
        for publisher in publishers:
            publisher.publish(f"end-{publisher.name}/0")
        for listener, publisher in itertools.product(listeners, publishers):
            self.await_data(listener, f"end-{publisher.name}/0")
        for listener in listeners:
            check_one(listener)
        for one, other in itertools.combinations(listeners, 2):
            check_order(one.data(), other.data())

    def test_ids_of_before_are_a_gap_and_then_what_there_is(self):
        redis = self.run_redis()
        # Their ids are of a time that never comes.
        redis.ask("XADD ouro:topic:room 99999999999999-0 x y")
        servers = self.run_two(redis)
        listener = self.listen(servers[0], "room")
        publisher = self.publisher(servers[0], "room", "a")
        self.greet([listener], [publisher])
        last = listener.events[-1][0]
        self.assertTrue(last.startswith("99999999999999-"))
        redis.kill()
        for server in servers:
            self.await_connection(server, is_there=0)
        redis.start()
        for server in servers:
            self.await_connection(server)
        publisher.publish()
        publisher.publish()
        self.await_data(listener, "a/1")
        self.assertEqual(listener.data()[-3:], [None, "a/0", "a/1"])
        for server in servers:
            back = self.listen(server, "room", last)
            self.await_data(back, "a/1")
            self.assertEqual(back.data(), [None, "a/0", "a/1"])


class Absence(Case):
    def test_redis_comes_later(self):
        redis = self.run_redis(started=False)
        servers = [self.run_server(redis.url, connected=False) for _ in range(2)]
        publisher = self.publisher(servers[0], "room", "a")
        for _ in range(3):
            publisher.publish()
        self.assertEqual(servers[0].metrics()["hub_queued"], 3)
        self.assertEqual(servers[0].get("/plaintext").status, 200)
        # That is time for several attempts, each of which fails.
        time.sleep(1)
        for server in servers:
            eventually(lambda at=server: "redis:" in at.log(), "it is not said")
            self.assertEqual(server.log().count("redis:"), 1, server.log())
        redis.start()
        for server in servers:
            self.await_connection(server)
            # The line comes by a pipe, and may come a little later.
            eventually(lambda at=server: "redis: connected" in at.log(), "it is not said")
            self.assertEqual(server.log().count("redis:"), 2, server.log())
        eventually(lambda: servers[0].metrics()["hub_queued"] == 0, "it is not sent")
        listener = self.listen(servers[1], "room", "0-0")
        self.await_data(listener, "a/2")
        self.assertEqual(listener.data()[-3:], ["a/0", "a/1", "a/2"])

    def test_what_waits_is_bounded(self):
        redis = self.run_redis(started=False)
        server = self.run_server(redis.url, connected=False)
        with server.connect() as connection:
            statuses = []
            for _ in range(50):
                connection.send(make_request("POST", "/publish/room", body=b"x") * 100)
                statuses += [connection.read_response().status for _ in range(100)]
        self.assertEqual(statuses, [200] * 4096 + [503] * 904)
        self.assertEqual(server.metrics()["hub_queued"], 4096)
        redis.start()
        eventually(lambda: server.metrics()["hub_queued"] == 0, "it is not sent")
        self.publisher(server, "room", "a").publish()
        self.assertTrue(redis.ask("XLEN ouro:topic:room").startswith(":"))

    def test_a_wrong_password_is_said_and_not_shown(self):
        redis = self.run_redis(password="sesame")
        server = self.run_server(f"redis://:wr%6fng@127.0.0.1:{redis.port}", connected=False)
        eventually(lambda: "authenticating: WRONGPASS" in server.log(), "it is not said")
        self.assertEqual(server.get("/plaintext").status, 200)
        metrics = server.get("/metrics").body.decode()
        self.assertIn("ouro_hub_connected 0", metrics)
        self.assertNotIn("wrong", server.log() + metrics)
        self.assertNotIn("wr%6f", server.log() + metrics)

    def test_the_right_one_is_decoded(self):
        redis = self.run_redis(password="p@:/w")
        self.run_server(f"redis://default:p%40:%2fw@localhost:{redis.port}/1")


class Silence(Case):
    def test_redis_that_does_not_read_holds_up_nothing(self):
        redis = self.run_redis()
        servers = self.run_two(redis)
        listeners = [self.listen(server, "room") for server in servers]
        publisher = self.publisher(servers[0], "room", "a")
        self.greet(listeners, [publisher])
        redis.freeze()
        for _ in range(200):
            publisher.publish()
            self.assertEqual(servers[0].get("/plaintext").body, b"Hello, World!")
        self.assertEqual(servers[0].metrics()["hub_queued"], 200)
        redis.thaw()
        for listener in listeners:
            self.await_data(listener, "a/199")
            check_one(listener)
            self.assertNotIn(None, listener.data())


class End(Case):
    def test_what_was_published_is_seen_off(self):
        redis = self.run_redis()
        servers = [Server("--hub", redis.url, "--drain-timeout-ms", "60000"),
                   self.run_server(redis.url)]
        with servers[0] as ending:
            self.await_connection(ending)
            listener = self.listen(servers[1], "room")
            publisher = self.publisher(ending, "room", "a")
            self.greet([listener], [publisher])
            redis.freeze()
            for _ in range(20):
                publisher.publish()
            ending.signal(signal.SIGTERM)
            eventually(lambda: "stopping" in ending.log(), "it does not stop")
            self.assertFalse(ending.has_ended())
            redis.thaw()
            self.assertEqual(ending.wait(), 0)
        self.await_data(listener, "a/19")
        check_one(listener)

    def test_redis_that_is_away_is_waited_for_no_longer_than_for_requests(self):
        redis = self.run_redis(started=False)
        with Server("--hub", redis.url, "--drain-timeout-ms", "300") as server:
            self.publisher(server, "room", "a").publish()
            start = time.monotonic()
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            self.assertGreater(time.monotonic() - start, 0.25)
            self.assertIn("1 published messages, which it has not taken, are lost", server.log())

    def test_without_anything_to_see_off_it_ends_at_once(self):
        redis = self.run_redis(started=False)
        with Server("--hub", redis.url, "--drain-timeout-ms", "600000") as server:
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)


if __name__ == "__main__":
    if why_not():
        skip(why_not())
    main()
