"""A real browser on the demo's page: figures, chat, event streams; and what it misses when the server
is started anew, which must be nothing, or be told."""

import json
import random
import signal
import socket
import unittest

from browser import Browser, prepare
from http_client import make_request
from ouro_server import Server, ServerCase, eventually, main
from redis_server import Redis, why_not

# Keeps the events of event streams in window.heard, by the name that each was given, and the streams.
LISTEN = """
window.heard = {};
window.listen = (name, path) => {
  const heard = window.heard[name] = [], source = heard.source = new EventSource(path);
  source.onmessage = event => heard.push({id: event.lastEventId, data: event.data});
  source.addEventListener('tick', source.onmessage);
  source.addEventListener('gap', () => heard.push('gap'));
  return new Promise(resolve => source.onopen = () => resolve(true));
};
"""


def chat_of(page):
    return page.texts("#chat li")


def open_room(case, browser, server, room, name):
    page = browser.open(f"{server.base}/#{room}")
    case.addCleanup(page.close)
    page.wait_for_text("#chat-state", "/^connected/")
    page.wait_for_text("#topic-state", "/^connected/")
    page.wait_for_text("#figures-state", "/live/")
    page.fill("#name", name)
    return page


def say(page, text):
    page.fill("#text", text)
    page.click("#send")


def publish(server, topic, body):
    """How many had the topic."""
    with server.connect() as connection:
        connection.send(make_request("POST", f"/publish/{topic}", body=body))
        response = connection.read_response()
    assert response.status == 200, response
    return int(response.body)


def first_figures(server, topic):
    """What /sse/metrics begins with."""
    with server.connect() as connection:
        connection.send(make_request("GET", f"/sse/metrics?topic={topic}", version="1.0"))
        assert connection.read_head().status == 200
        assert connection.read_until(b"\n\n") == b"retry: 1000\n\n"
        return json.loads(connection.read_until(b"\n\n").decode().removeprefix("data: "))


class BrowserCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser(DIRECTORY)
        cls.addClassCleanup(cls.browser.stop)

    def assert_without_faults(self, *pages):
        for page in pages:
            self.assertEqual(page.faults(), [])


class Figures(BrowserCase, ServerCase):
    def test_they_come_and_grow(self):
        page = self.browser.open(self.server.base + "/")
        self.addCleanup(page.close)
        page.wait("document.body.dataset.ready === 'yes'")
        self.assertRegex(page.wait_for_text("#latency", "/ ms$/"), r"^\d+\.\d\d ms$")
        page.wait_for_text("#rate", r"/^\d/")
        number = "(id => Number(document.getElementById(id).textContent.replace(/\\D/g, '')))"
        before = {name: page.evaluate(f"{number}('{name}')")
                  for name in ("requests", "messages", "events")}
        with self.connect() as connection:
            for _ in range(100):
                connection.get("/plaintext")
        page.wait(f"{number}('requests') >= {before['requests'] + 100}")
        page.wait(f"{number}('messages') > {before['messages']}")
        page.wait(f"{number}('events') > {before['events']}")
        page.wait("document.getElementById('connections').textContent >= '2'")
        self.assert_without_faults(page)

    def test_events_are_the_counters_as_json(self):
        figures = first_figures(self.server, "nobody")
        names = {name.removesuffix("_total") for name in self.server.metrics()}
        self.assertEqual(set(figures) - {"time_ms", "subscribers"}, names)
        self.assertEqual(figures["subscribers"], 0)
        self.assertGreaterEqual(figures["requests"], 1)


class Rooms(BrowserCase, ServerCase):
    def test_two_pages_chat(self):
        ada = open_room(self, self.browser, self.server, "two", "ada")
        bob = open_room(self, self.browser, self.server, "two", "bob")
        say(ada, "hello, bob")
        bob.wait_for_text("#chat li:last-child", "/hello, bob/")
        say(bob, "good day, ada")
        for page in (ada, bob):
            page.wait_for_text("#chat li:last-child", "/good day, ada/")
            self.assertEqual(chat_of(page), ["adahello, bob", "bobgood day, ada"])
            page.wait_for_text("#members", "/^4$/")
        self.assert_without_faults(ada, bob)

    def test_another_room_is_another_topic(self):
        ada = open_room(self, self.browser, self.server, "here", "ada")
        bob = open_room(self, self.browser, self.server, "there", "bob")
        say(ada, "anybody here?")
        ada.wait_for_text("#chat li:last-child", "/here/")
        bob.fill("#room", "here")
        bob.click("#who button")
        bob.wait_for_text("#topic-path", "/here$/")
        say(bob, "I am")
        ada.wait_for_text("#chat li:last-child", "/I am/")
        bob.wait_for_text("#chat li:last-child", "/I am/")
        self.assertEqual(chat_of(bob), ["bobI am"])
        self.assert_without_faults(ada, bob)

    def test_what_others_write_is_text(self):
        attack = "<img src=x onerror='alert(1)'><script>alert(2)</script>"
        ada = open_room(self, self.browser, self.server, "markup", attack[:40])
        bob = open_room(self, self.browser, self.server, "markup", "bob")
        say(ada, attack)
        ada.wait_for_text("#chat li", "/img/")
        publish(self.server, "markup", attack.encode())
        for page in (ada, bob):
            page.wait_for_text("#chat li:nth-child(2)", "/img/")
            page.wait_for_text("#topic li:nth-child(2)", "/img/")
            self.assertEqual(chat_of(page), [attack[:40] + attack, "published" + attack])
            self.assertTrue(page.texts("#topic li")[1].endswith(attack))
            self.assertEqual(page.texts("li img, li script"), [])
        self.assert_without_faults(ada, bob)

    def test_what_is_published_comes_to_web_sockets_and_event_streams(self):
        ada = open_room(self, self.browser, self.server, "both", "ada")
        bob = open_room(self, self.browser, self.server, "both", "bob")
        self.assertEqual(publish(self.server, "both", b"from outside"), 4)
        for page in (ada, bob):
            page.wait_for_text("#chat li:last-child", "/^publishedfrom outside$/")
            page.wait_for_text("#topic li:last-child", "/from outside$/")
        say(ada, "by hand")
        for page in (ada, bob):
            page.wait_for_text("#topic li:last-child", "/by hand/")
        self.assertEqual(ada.texts("#topic li"), bob.texts("#topic li"))
        self.assert_without_faults(ada, bob)


def start_at_a_fixed_port(*flags):
    """A server at a port that outgoing connections do not get: one that a browser makes to it while it is
    down could otherwise be from that very port, and so to itself."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first = int(file.read().split()[0])
    ports = range(1024 + (first - 1024) // 2, first)
    for port in random.sample(ports, 50):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return Server(*flags, listen=(f"tcp://127.0.0.1:{port}",))
    raise AssertionError("there is no free port")


class Restarting(BrowserCase):
    """@server is ended and started again, with pages in its rooms."""

    def start(self, *flags):
        self.flags = flags
        self.server = start_at_a_fixed_port(*flags)
        self.addCleanup(lambda: self.server.stop())

    def end(self, number):
        self.server.signal(number)
        code = self.server.wait()
        self.assertEqual(code, 0 if number == signal.SIGTERM else -number, self.server.log())

    def start_again(self):
        self.server = Server(*self.flags, listen=(self.server.urls[0],))

    def listener(self, room):
        """A page in the room, which listens to the clock as well, and once more to the topic."""
        page = open_room(self, self.browser, self.server, room, "ada")
        page.evaluate(LISTEN)
        page.evaluate("Promise.all([listen('clock', '/sse/clock'), "
                      f"listen('topic', '/sse/topic/{room}')])")
        return page

    def heard(self, page, name):
        return page.evaluate(f"[...heard.{name}]")


class Restarts(Restarting):
    def check_restart(self, number):
        self.start()
        page = self.listener("anew")
        publish(self.server, "anew", b"before")
        page.wait("heard.topic.length === 1")
        page.wait_for_text("#topic li:last-child", "/before/")
        page.wait("heard.clock.length > 0")
        self.end(number)
        page.wait_for_text("#chat-state", "/reconnecting/")
        page.wait_for_text("#topic-state", "/reconnecting/")
        page.wait("heard.clock.source.readyState !== EventSource.OPEN")
        ticks = page.evaluate("heard.clock.length")
        self.start_again()
        early = publish(self.server, "anew", b"early")

        # Two event streams and the chat.
        eventually(lambda: first_figures(self.server, "anew")["subscribers"] == 3,
                   "not all have come back")
        publish(self.server, "anew", b"after")
        page.wait("heard.topic.some(event => event.data === 'after')")
        topic = [event if event == "gap" else event["data"] for event in self.heard(page, "topic")]
        # The hub of one process begins anew with it, and says so before it says anything else.
        self.assertEqual(topic[:2], ["before", "gap"])
        self.assertIn(topic[2:], [["after"], ["early", "after"]])
        self.assertTrue(early == 0 or "early" in topic, topic)
        page.wait_for_text("#topic li:last-child", "/after/")
        self.assertIn("gap", "".join(page.texts("#topic li.told")))

        page.wait(f"heard.clock.length > {ticks}")
        ids = [event["id"] for event in self.heard(page, "clock")]
        self.assertEqual(ids, [str(i + 1) for i in range(len(ids))])

        page.wait_for_text("#chat-state", "/^connected/")
        say(page, "still here")
        page.wait_for_text("#chat li:last-child", "/still here/")
        page.wait_for_text("#figures-state", "/live/")
        self.assert_without_faults(page)

    def test_after_sigterm(self):
        self.check_restart(signal.SIGTERM)

    def test_after_sigkill(self):
        self.check_restart(signal.SIGKILL)


class RestartsBesideOthers(Restarting):
    """With a hub what others publish while a server is down is there for its clients afterwards."""

    def setUp(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)
        redis = Redis()
        self.addCleanup(redis.stop)
        self.other = Server("--hub", redis.url)
        self.addCleanup(self.other.stop)
        self.start("--hub", redis.url)

    def check_restart(self, number):
        page = self.listener("kept")
        publish(self.other, "kept", b"before")
        page.wait("heard.topic.length === 1")
        self.end(number)
        page.wait("heard.topic.source.readyState !== EventSource.OPEN")
        meanwhile = [f"{i} meanwhile" for i in range(20)]
        for text in meanwhile:
            publish(self.other, "kept", text.encode())
        self.start_again()
        publish(self.other, "kept", b"after")
        page.wait("heard.topic.some(event => event.data === 'after')")
        publish(self.server, "kept", b"last")
        page.wait("heard.topic.some(event => event.data === 'last')")
        self.assertEqual([event if event == "gap" else event["data"]
                          for event in self.heard(page, "topic")],
                         ["before", *meanwhile, "after", "last"])
        page.wait_for_text("#chat-state", "/^connected/")
        say(page, "still here")
        page.wait_for_text("#chat li:last-child", "/still here/")
        self.assert_without_faults(page)

    def test_after_sigterm(self):
        self.check_restart(signal.SIGTERM)

    def test_after_sigkill(self):
        self.check_restart(signal.SIGKILL)


if __name__ == "__main__":
    DIRECTORY = prepare()
    main()
