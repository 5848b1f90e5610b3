"""What each path of the demo answers."""

import email.utils
import json
import re
import time

from http_client import mask_dates
from ouro_server import ServerCase, main

TEXT = "text/plain; charset=utf-8"


class Paths(ServerCase):
    def get(self, target, status=200):
        response = self.server.get(target)
        self.assertEqual(response.status, status, response)
        return response

    def test_root_is_a_page(self):
        response = self.get("/")
        self.assertEqual(response.value("content-type"), "text/html; charset=utf-8")
        self.assertTrue(response.body.startswith(b"<!doctype html>"))

    def test_plaintext_to_the_byte(self):
        response = self.get("/plaintext")
        self.assertEqual(mask_dates(response.head + response.body),
                         b"HTTP/1.1 200 OK\r\n"
                         b"date: DATE\r\n"
                         b"content-type: text/plain; charset=utf-8\r\n"
                         b"content-length: 13\r\n"
                         b"\r\n"
                         b"Hello, World!")

    def test_date_is_now(self):
        before = time.time()
        text = self.get("/plaintext").value("date")
        date = email.utils.parsedate_to_datetime(text)
        self.assertEqual(email.utils.format_datetime(date, usegmt=True), text)
        self.assertLessEqual(date.timestamp(), time.time())
        self.assertGreater(date.timestamp(), before - 3)

    def test_date_goes_on(self):
        # A server that nobody talks to must not answer with the date of the last request.
        with self.server.connect() as connection:
            first = connection.get("/plaintext").value("date")
            time.sleep(1.1)
            self.assertNotEqual(connection.get("/plaintext").value("date"), first)

    def test_json(self):
        response = self.get("/json")
        self.assertEqual(response.value("content-type"), "application/json")
        self.assertEqual(response.body, b'{"message":"Hello, World!"}')

    def test_users(self):
        for target, name in (
                ("/users/42", "42"),
                ("/users/ada%20lovelace", "ada lovelace"),
                ("/users/J%C3%BCrgen", "Jürgen"),
                ("/users/a%2Fb", "a/b"),
                ("/users/a%2fb%2F", "a/b/"),
                ("/users/a+b", "a+b"),
                ("/users/%25", "%"),
                ("/users/..%2F..", "../.."),
                ("/users/x?y=z", "x"),
                ("/users/" + "n" * 4000, "n" * 4000)):
            with self.subTest(target=target[:40]):
                response = self.get(target)
                self.assertEqual(response.value("content-type"), TEXT)
                self.assertEqual(response.body.decode(), name)

    def test_users_bad_escape(self):
        for target in ("/users/%zz", "/users/%2", "/users/a%", "/users/%%20", "/users/a%00"):
            with self.subTest(target=target):
                self.get(target, 400)

    def test_users_other_segments(self):
        for target in ("/users", "/users/", "/users/a/b", "/users//"):
            with self.subTest(target=target):
                self.get(target, 404)

    def test_query(self):
        for query, pairs in (
                ("", []),
                ("?", []),
                ("?a=1", [["a", "1"]]),
                ("?a=1&b=two+words&a=2", [["a", "1"], ["b", "two words"], ["a", "2"]]),
                ("?n=J%C3%BCrgen&%26=%3D", [["n", "Jürgen"], ["&", "="]]),
                ("?a&b=&=c", [["a", ""], ["b", ""], ["", "c"]]),
                ("?q=%22%5C%0A%01", [["q", '"\\\n\x01']]),
                ("?a=b=c?d", [["a", "b=c?d"]])):
            with self.subTest(query=query):
                response = self.get("/query" + query)
                self.assertEqual(response.value("content-type"), "application/json")
                self.assertEqual(json.loads(response.body), pairs)

    def test_query_not_utf8(self):
        self.assertEqual(json.loads(self.get("/query?a=%ff").body), [["a", "\ufffd"]])

    def test_query_bad_escape(self):
        for query in ("?a=%zz", "?%=1", "?a=1&b=%4"):
            with self.subTest(query=query):
                self.get("/query" + query, 400)

    def test_echo_without_body(self):
        response = self.get("/echo")
        self.assertEqual(response.body, b"")
        self.assertEqual(response.value("content-length"), "0")

    def test_slow(self):
        begin = time.monotonic()
        self.assertEqual(self.get("/slow?ms=200").body, b"ok")
        self.assertGreaterEqual(time.monotonic() - begin, 0.199)

    def test_slow_bad_number(self):
        self.assertEqual(self.get("/slow?ms=0").body, b"ok")
        for query in ("?ms=-1", "?ms=1s", "?ms=60001", "?ms=99999999999999999999"):
            with self.subTest(query=query):
                self.get("/slow" + query, 400)

    def test_metrics(self):
        response = self.get("/metrics")
        self.assertEqual(response.value("content-type"),
                         "text/plain; version=0.0.4; charset=utf-8")
        for family in re.split(r"^(?=# HELP )", response.body.decode(), flags=re.M)[1:]:
            text, kind, *samples = family.splitlines()
            name = text.split(" ")[2]
            self.assertIn(kind, (f"# TYPE {name} counter", f"# TYPE {name} gauge"))
            self.assertEqual(name.endswith("_total"), kind.endswith(" counter"))
            self.assertTrue(samples)
            for sample in samples:
                self.assertRegex(sample, rf'^{name}({{loop="\d+"}})? \d+$')

    def test_metrics_count(self):
        with self.server.connect() as connection:
            before = self.server.metrics()
            for _ in range(10):
                connection.get("/plaintext")
            connection.get("/nowhere")
            after = self.server.metrics()
        # The second look counts itself too.
        self.assertEqual(after["requests_total"] - before["requests_total"], 12)
        self.assertEqual(after["responses_4xx_total"] - before["responses_4xx_total"], 1)
        self.assertEqual(after["responses_5xx_total"], 0)

    def test_nothing_is_copied(self):
        # The head of a request that comes in one piece is read where it lies.
        with self.server.connect() as connection:
            before = self.server.metrics()["bytes_copied_total"]
            for target in ("/", "/plaintext", "/json", "/users/ada", "/query?a=1") * 10:
                self.assertEqual(connection.get(target).status, 200)
            self.assertEqual(self.server.metrics()["bytes_copied_total"], before)

    def test_paths_are_routed_by_their_canonical_form(self):
        for target in ("/plaintext/", "//plaintext", "/%70laintext", "/./plaintext",
                       "/users/../plaintext", "/users/%2e%2E//plaintext/"):
            with self.subTest(target=target):
                self.assertEqual(self.get(target).body, b"Hello, World!")

    def test_orders(self):
        self.assertEqual(self.get("/orders/007").body, b"007")

    def test_stream(self):
        response = self.get("/stream?chunks=20&bytes=100000")
        self.assertEqual(len(response.body), 2000000)
        self.get("/stream?chunks=x", 400)

    def test_panic(self):
        response = self.get("/panic", 500)
        self.assertIn(b"panicked", response.body)
        self.assertEqual(response.value("connection"), "close")

    def test_not_found(self):
        for target in ("/nowhere", "/Plaintext", "/plaintext%2F", "/json/x", "/orders/x"):
            with self.subTest(target=target):
                response = self.get(target, 404)
                self.assertIsNone(response.value("connection"))
                self.assertEqual(response.value("content-type"), TEXT)


if __name__ == "__main__":
    main()
