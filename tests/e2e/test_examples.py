"""The examples, built against the installed library, shared and static, do what they say."""

import functools
import os
import pathlib
import shutil
import socket
import struct
import tempfile
import threading
import time
import unittest

from http_client import make_chunked, make_request
from installed import BUILD, Installed, has_package
from ouro_server import Server, environment, eventually, main
from postgres import Database, find_programs
from ws_client import BINARY, CLOSE, TEXT, WebSocket

SANITIZED = "sanitize" in os.environ.get("SANITIZE", "")
# A sanitized library needs the program to be sanitized too: then it is what was built with it.
LINKAGES = ("tree",) if SANITIZED else ("shared", "static")

install = functools.cache(Installed)


class Example:
    """What the tests of one example share: its server, and ways to ask it."""

    name = None
    packages = ()
    linkage = None
    env = {}

    @classmethod
    def setUpClass(cls):
        for package in cls.packages:
            if not has_package(package):
                raise unittest.SkipTest(f"{cls.name} needs {package}, which is not here")
        env = environment(**cls.env)
        if cls.linkage == "tree":
            program = BUILD / "examples" / cls.name
        else:
            # To optimise all of the library for each would take most of the test's time; that it can
            # be done, test_install.py shows.
            program = install().build(cls.name, cls.linkage, cls.packages, flags=("-fno-lto",))
            env |= install().environment(cls.linkage)
        cls.server = Server(command=[program], env=env)
        cls.addClassCleanup(cls.server.stop)

    def ask(self, method, target, *fields, body=b"", connection=None):
        """The response to one request, on a connection of its own unless one is given."""
        with (connection or self.server.connect()) as own:
            own.send(make_request(method, target, *fields, body=body))
            return own.read_response(method)

    def get(self, target, *fields):
        return self.ask("GET", target, *fields)

    def assert_answers(self, response, status, body):
        self.assertEqual((response.status, response.body), (status, body))

    def in_background(self, *request, **others):
        """Asks on another thread; call what is returned for the response."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.ask(*request, **others)))
        thread.start()

        def wait():
            thread.join(60)
            return answers[0]
        self.addCleanup(thread.join, 60)
        return wait


class Hello(Example):
    name = "hello"

    def test_parameter(self):
        self.assert_answers(self.get("/hello/world"), 200, b"world")

    def test_timing_is_said_and_more_than_nothing(self):
        timing = self.get("/hello/world").value("server-timing")
        self.assertRegex(timing, r"^app;dur=\d+\.\d{3}$")
        self.assertLess(float(timing.removeprefix("app;dur=")), 1000)

    def test_timing_is_said_of_what_no_route_fits(self):
        response = self.get("/nowhere")
        self.assertEqual(response.status, 404)
        self.assertTrue(response.value("server-timing"))


class Echo(Example):
    name = "echo"

    def test_counted(self):
        body = bytes(range(256)) * 40
        self.assert_answers(self.ask("POST", "/echo", body=body), 200, body)

    def test_chunked(self):
        request = make_chunked(b"one", b"two" * 1000)
        self.assert_answers(self.ask("PUT", "/echo", "Transfer-Encoding: chunked", body=request),
                            200, b"one" + b"two" * 1000)

    def test_empty(self):
        self.assert_answers(self.ask("POST", "/echo"), 200, b"")

    def test_many_times_what_may_be_queued(self):
        """64 MiB, which no queue would hold: it is read as fast as it is sent back."""
        piece, count = os.urandom(1 << 20), 64
        with self.server.connect() as connection:
            connection.send(make_request("POST", "/echo", f"Content-Length: {count << 20}"))
            sender = threading.Thread(target=lambda: [connection.send(piece)
                                                      for _ in range(count)])
            sender.start()
            self.assertEqual(connection.read_head().status, 200)
            for _ in range(count):
                self.assertEqual(connection.read_bytes(1 << 20), piece)
            sender.join()

    def test_half_a_body_is_not_all(self):
        with self.server.connect() as connection:
            connection.send(make_request("POST", "/echo", "Transfer-Encoding: chunked"))
            connection.send(b"3\r\none\r\n")
            self.assertEqual(connection.read_head().status, 200)
            connection.read_until(b"one\r\n")
            connection.send(b"malformed\r\n")
            with self.assertRaises((EOFError, ConnectionResetError)):
                connection.read_until(b"0\r\n\r\n")


class Files(Example):
    name = "files"
    env = {"OURO_ROOT": os.path.dirname(os.path.abspath(__file__))}

    def test_directory(self):
        with open(__file__, "rb") as file:
            content = file.read()
        name = "/" + os.path.basename(__file__)
        response = self.get(name)
        self.assert_answers(response, 200, content)
        self.assertEqual(response.value("cache-control"), "max-age=60")
        self.assert_answers(self.get(name, "Range: bytes=5-9"), 206, content[5:10])
        self.assert_answers(self.get(name, f"If-None-Match: {response.value('etag')}"), 304, b"")
        self.assertIn(name[1:].encode(), self.get("/").body)
        self.assertEqual(self.get("/..%2f..%2fmeson.build").status, 404)

    def test_files_that_the_program_names(self):
        with open("/etc/os-release", "rb") as file:
            content = file.read()
        response = self.get("/reports/2?key=sesame")
        self.assert_answers(response, 200, content)
        self.assertEqual(response.value("content-disposition"),
                         'attachment; filename="system.txt"')
        self.assert_answers(self.get("/reports/2?key=sesame", "Range: bytes=0-3"), 206,
                            content[:4])
        self.assertEqual(self.get("/reports/2").status, 403)
        self.assertEqual(self.get("/reports/3?key=sesame").status, 404)


class Send(Example):
    name = "send"
    env = {"OURO_FILE": __file__}

    def test_gathered(self):
        body = self.get("/report").body
        self.assertEqual(body[:16], b"report of today\n")
        self.assertEqual(len(body), 16 + 256 * 1024)

    def test_what_is_being_read_stays_until_it_was_read(self):
        with self.server.connect(receive_buffer_bytes=4096) as slow:
            slow.send(make_request("GET", "/report") * 20)
            eventually(lambda: b" 1 in memory" not in self.ask("POST", "/report").body,
                       "the old report is not kept")
            for _ in range(20):
                text = slow.read_response().body.partition(b"\n")[2]
                self.assertEqual(text, text[:1] * (256 * 1024), "it changed while it was read")
        eventually(lambda: b" 1 in memory" in self.ask("POST", "/report").body,
                   "the old report is not let go")

    def test_file(self):
        with open(__file__, "rb") as file:
            self.assert_answers(self.get("/file"), 200, file.read())

    def test_hints_and_trailers(self):
        with self.server.connect() as connection:
            connection.send(make_request("GET", "/log"))
            hints = connection.read_response()
            self.assertEqual((hints.status, hints.value("link")),
                             (103, "</style.css>; rel=preload; as=style"))
            response = connection.read_response()
        self.assertEqual(response.body.count(b"\n"), 1000)
        self.assertEqual(response.trailers, [("x-lines", "1000")])


class Receive(Example):
    """That what it stores is right, test_body_to_file.py shows."""

    name = "receive"

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.env = {"RECEIVE_DIRECTORY": cls.directory}
        super().setUpClass()

    def stored(self, name):
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()

    def test_small_and_large(self):
        for body in (b"hello", os.urandom(3 << 20), b""):
            self.assert_answers(self.ask("PUT", "/files/a", body=body), 201,
                                b"%d\n" % len(body))
            self.assertEqual(self.stored("a"), body)

    def test_chunked(self):
        self.assert_answers(self.ask("PUT", "/files/b", "Transfer-Encoding: chunked",
                                     body=make_chunked(b"one", b"two")), 201, b"6\n")
        self.assertEqual(self.stored("b"), b"onetwo")

    def test_names_stay_beneath_the_directory(self):
        before = sorted(os.listdir(self.directory))
        for name in ("..%2Fevil", "%2Fetc%2Fpasswd", ".hidden", "a%00b", "x" * 256):
            self.assertEqual(self.ask("PUT", "/files/" + name, body=b"x").status, 400, name)
        self.assertEqual(sorted(os.listdir(self.directory)), before)

    def test_a_directory_in_its_place_is_an_error(self):
        os.mkdir(os.path.join(self.directory, "taken"))
        self.assertEqual(self.ask("PUT", "/files/taken", body=b"x").status, 500)


class Groups(Example):
    name = "groups"
    ada = "Authorization: Bearer ada-token"
    bob = "Authorization: Bearer bob-token"

    def test_who_is_unknown_stays_outside(self):
        response = self.get("/api/v1/me")
        self.assertEqual(response.status, 401)
        self.assertEqual(response.value("www-authenticate"), "Bearer")
        self.assertEqual(self.get("/api/v1/admin/users", "Authorization: Bearer x").status, 401)

    def test_the_handler_is_told_who_it_is(self):
        self.assert_answers(self.get("/api/v1/me", self.ada), 200, b"ada")
        self.assert_answers(self.get("/api/v1/me", self.bob), 200, b"bob")

    def test_the_inner_group_has_middleware_of_its_own(self):
        self.assert_answers(self.get("/api/v1/admin/users", self.ada), 200, b"2\n")
        self.assertEqual(self.get("/api/v1/admin/users", self.bob).status, 403)

    def test_named_route(self):
        response = self.ask("POST", "/api/v1/notes", self.bob, body=b"a note")
        self.assertEqual((response.status, response.value("location")), (201, "/api/v1/notes/17"))
        self.assert_answers(self.get("/api/v1/notes/17", self.bob), 200, b"17")

    def test_typed_parameter(self):
        self.assertEqual(self.get("/api/v1/notes/x", self.bob).status, 404)

    def test_limit_of_a_route(self):
        self.assertEqual(self.ask("POST", "/api/v1/notes", self.bob, body=b"x" * 5000).status, 413)

    def test_guards(self):
        self.assert_answers(self.get("/report"), 200, b"the report\n")
        self.assert_answers(self.get("/report", "X-Beta: 1"), 200, b"the new report\n")
        self.assert_answers(self.get("/report?form=brief"), 200, b"brief\n")

    def test_mounted_twice(self):
        self.assert_answers(self.get("/health/live"), 200, b"alive\n")
        self.assert_answers(self.get("/internal/health/live"), 200, b"alive\n")


class Hooks(Example):
    name = "hooks"

    def counts(self):
        return dict(pair.split("=") for pair in self.get("/counts").body.decode().split())

    def test_response_hook(self):
        response = self.get("/divide/7/2", "X-Request-Id: the-clients")
        self.assert_answers(response, 200, b"3\n")
        self.assertEqual(response.value("x-request-id"), "the-clients")
        self.assertEqual(len(self.get("/divide/7/2").value("x-request-id")), 32)

    def test_request_hook(self):
        self.assert_answers(self.get("/divide/7/2", "X-Blocked: 1"), 403,
                            b"sorry: 403, blocked\n")

    def test_error_hook(self):
        response = self.get("/nowhere")
        self.assertEqual(response.status, 404)
        self.assertTrue(response.body.startswith(b"sorry: 404"), response)
        response = self.ask("POST", "/counts")
        self.assertEqual((response.status, response.value("allow")), (405, "GET, HEAD, OPTIONS"))
        self.assertTrue(response.body.startswith(b"sorry: 405"), response)

    def test_panic(self):
        response = self.get("/panic")
        self.assert_answers(response, 500, b"this was our fault\n")
        self.assertEqual(response.value("connection"), "close")
        eventually(lambda: "the moon is in the seventh house" in self.server.log(), "not logged")
        self.assertEqual(self.get("/divide/7/2").status, 200)

    def test_a_check_that_fails_runs_what_was_deferred(self):
        self.assert_answers(self.get("/divide/7/0"), 500, b"this was our fault\n")
        eventually(lambda: "divisor != 0 does not hold" in self.server.log(), "not logged")
        self.assertEqual(self.counts()["held"], "0")

    def test_connections_are_counted_up_and_down(self):
        with self.server.connect() as one, self.server.connect() as other:
            one.get("/counts")
            other.get("/counts")
            self.assertGreaterEqual(int(self.counts()["connections"]), 3)
        eventually(lambda: self.counts()["connections"] == "1", "close hooks did not run")


class Data(Example):
    name = "data"
    packages = ("yyjson",)

    def cookie(self, response):
        """The one that `response` sets, as a field of a request."""
        return "Cookie: " + response.value("set-cookie").split(";")[0]

    def test_plain_cookie(self):
        cookie = self.get("/theme/dark").value("set-cookie")
        self.assertTrue(cookie.startswith("theme=dark; "), cookie)
        self.assertNotIn("HttpOnly", cookie)
        self.assertEqual(self.get("/theme/a%3Bb").status, 400)

    def test_signed_cookie(self):
        first = self.get("/visits")
        self.assertEqual(first.body, b"1")
        second = self.get("/visits", self.cookie(first))
        self.assertEqual(second.body, b"2")
        forged = self.cookie(second)
        forged = forged[:-1] + ("A" if forged[-1] != "A" else "B")
        self.assertEqual(self.get("/visits", forged).body, b"1")

    def test_form_and_sealed_cookie(self):
        form = "Content-Type: application/x-www-form-urlencoded"
        response = self.ask("POST", "/login", form, body=b"user=Ada+L%C3%B6w&password=lovelace")
        self.assertEqual((response.status, response.value("location")), (303, "/me"))
        cookie = self.cookie(response)
        self.assertNotIn("Ada", cookie)
        self.assert_answers(self.get("/me", cookie), 200, "Ada Löw".encode())
        self.assertEqual(self.get("/me").status, 401)
        self.assertEqual(self.ask("POST", "/login", form, body=b"user=a&password=b").status, 403)
        self.assertEqual(self.ask("POST", "/login", form, body=b"user=%zz").status, 400)
        self.assertEqual(self.ask("POST", "/login", "Content-Type: text/plain",
                                  body=b"user=a").status, 415)

    def test_json(self):
        json = "Content-Type: application/json"
        response = self.ask("POST", "/sum", json, body=b'{"numbers":[1,2,3.5]}')
        self.assert_answers(response, 200, b'{"count":3,"sum":6.5}')
        self.assertEqual(response.value("content-type"), "application/json")
        response = self.ask("POST", "/sum", json, body=b'{"numbers":[1,,2]}')
        self.assertEqual(response.status, 400)
        self.assertIn(b"byte 14", response.body)
        self.assertEqual(self.ask("POST", "/sum", json, body=b'{"numbers":1}').status, 422)
        self.assertEqual(self.ask("POST", "/sum", body=b"{}").status, 415)

    def test_negotiation(self):
        self.assertEqual(self.get("/greeting").value("content-type"), "text/plain; charset=utf-8")
        response = self.get("/greeting", "Accept: application/json, text/html;q=0.5")
        self.assertEqual(response.value("content-type"), "application/json")
        self.assertEqual(response.value("vary").lower(), "accept")
        self.assertEqual(self.get("/greeting", "Accept: image/png").status, 406)


class Upload(Example):
    name = "upload"
    type = "Content-Type: multipart/form-data; boundary=b"

    @classmethod
    def setUpClass(cls):
        cls.uploads = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.uploads)
        cls.temporary = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.temporary)
        cls.env = {"UPLOADS": str(cls.uploads), "TMPDIR": str(cls.temporary)}
        super().setUpClass()

    def tearDown(self):
        for file in self.uploads.iterdir():
            file.unlink()
        self.assertEqual(list(self.temporary.iterdir()), [])

    def form(self, *parts):
        """Pairs of a name, with what may follow it in its field, and the data."""
        return b"".join(b'--b\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s\r\n' % part
                        for part in parts) + b"--b--\r\n"

    def post(self, target, *parts):
        return self.ask("POST", target, self.type, body=self.form(*parts))

    def test_files_are_saved(self):
        photo = os.urandom(3 << 20)
        response = self.post("/files", (b"a", b"no file"), (b"p; filename=one", photo),
                             (b'p; filename=""', b""), (b'p; filename="../two"', b"2"))
        self.assert_answers(response, 200, b"2 files, %d bytes\n" % (len(photo) + 1))
        self.assertEqual(sorted(file.read_bytes() == photo for file in self.uploads.iterdir()),
                         [False, True])

    def test_half_a_file_is_not_kept(self):
        body = self.form((b"p; filename=one", os.urandom(1 << 20)))
        response = self.ask("POST", "/files", self.type, body=body[:-10])
        self.assertEqual(response.status, 400)
        self.assertIn(b"the body ends within a part", response.body)
        self.assertEqual(list(self.uploads.iterdir()), [])

    def test_whose_client_goes_is_not_kept(self):
        with self.server.connect() as connection:
            connection.send(make_request("POST", "/files", self.type, "Content-Length: 1000000"))
            connection.send(self.form((b"p; filename=one", b"x" * 100000))[:-9])
            eventually(lambda: list(self.uploads.iterdir()), "nothing is being saved")
        eventually(lambda: not list(self.uploads.iterdir()), "the file stays")

    def test_message(self):
        response = self.post("/message", (b"text", b"hello"), (b"attachment; filename=f", b"123"))
        self.assert_answers(response, 200, b"5 bytes of text, 3 bytes attached, in memory\n")
        response = self.post("/message", (b"attachment", b"x" * 1000000), (b"text", b"hello"))
        self.assert_answers(response, 200, b"5 bytes of text, 1000000 bytes attached, in a file\n")
        self.assertEqual(self.post("/message", (b"x", b"y")).status, 422)
        self.assertEqual(self.post("/message", *[(b"x", b"y")] * 9).status, 413)
        self.assertEqual(self.ask("POST", "/message", body=b"text=hello").status, 415)


class Wait(Example):
    name = "wait"

    def test_time(self):
        start = time.monotonic()
        self.assert_answers(self.get("/sleep/150"), 200, b"awake\n")
        self.assertGreaterEqual(time.monotonic() - start, 0.15)

    def test_handler_timeout(self):
        self.assertEqual(self.get("/hasty/20000").status, 503)
        self.assert_answers(self.get("/hasty/1"), 200, b"awake\n")

    def test_work_on_another_thread(self):
        self.assert_answers(self.get("/primes/1000"), 200, b"168\n")

    def test_a_thread_of_the_program(self):
        waits = [self.in_background("GET", "/dice") for _ in range(8)]
        for wait in waits:
            self.assertIn(int(wait().body), range(1, 7))

    def test_a_client_that_goes_before_its_throw_harms_nobody(self):
        for _ in range(5):
            with self.server.connect() as connection:
                connection.send(make_request("GET", "/dice"))
        self.assertIn(int(self.get("/dice").body), range(1, 7))

    def publish_to(self, count, news):
        """Publishes until `count` readers have been woken: they need time to come."""
        def try_once():
            nonlocal count
            count -= int(self.ask("POST", "/publish", body=news).body)
            return count <= 0
        eventually(try_once, "not everybody was there to read")
        self.assertEqual(count, 0)

    def test_long_poll(self):
        waits = [self.in_background("GET", "/poll") for _ in range(10)]
        self.publish_to(10, b"extra, extra")
        for wait in waits:
            self.assert_answers(wait(), 200, b"extra, extra")

    def test_who_has_gone_is_not_woken(self):
        with self.server.connect() as connection:
            connection.send(make_request("GET", "/poll"))
            time.sleep(0.2)
        time.sleep(0.2)
        self.assert_answers(self.ask("POST", "/publish", body=b"x"), 200, b"0\n")


class WebSockets(Example):
    name = "ws"

    def test_in_a_straight_line(self):
        with WebSocket(self.server.address, "/echo") as websocket:
            websocket.say(BINARY, b"one")
            self.assertEqual(websocket.hear(), (BINARY, b"one"))
            websocket.say(TEXT, b"x" * 70000)
            self.assertEqual(websocket.hear(), (CLOSE, struct.pack(">H", 1009)))

    def test_in_callbacks(self):
        with WebSocket(self.server.address, "/count", deflate=True) as websocket:
            self.assertEqual(websocket.hear(), (TEXT, b"say something"))
            for index in (1, 2):
                websocket.say(TEXT, b"x" * 1000)
                self.assertEqual(websocket.hear(),
                                 (TEXT, b"message %d had 1000 bytes" % index))
            self.assertEqual(websocket.leave(), (CLOSE, b"\x03\xe8"))

    def test_one_that_does_not_ask_for_it(self):
        self.assertEqual(self.get("/count").status, 426)


class Chat(Example):
    name = "chat"

    def enter(self, target):
        websocket = WebSocket(self.server.address, target)
        self.addCleanup(websocket.close)
        return websocket

    def test_all_in_a_room_hear_all(self):
        ada, bob = self.enter("/rooms/one?user=ada"), self.enter("/rooms/one")
        other = self.enter("/rooms/other")
        stream = self.server.connect()
        self.addCleanup(stream.close)
        stream.send(make_request("GET", "/rooms/one/events", version="1.0"))
        stream.read_head()
        ada.say(TEXT, b"hello")
        for websocket in (ada, bob):
            self.assertEqual(websocket.hear(), (TEXT, b"hello"))
        self.assertTrue(stream.read_until(b"\n\n").endswith(b"\ndata: hello\n\n"))
        bob.say(BINARY, b"\xff")
        self.assertEqual(ada.hear(), (BINARY, b"\xff"))
        other.say(TEXT, b"alone")
        self.assertEqual(other.hear(), (TEXT, b"alone"))

    def test_one_client(self):
        websocket = self.enter("/rooms/two?user=cid")
        other = self.enter("/rooms/two")
        self.assert_answers(self.ask("POST", "/users/cid", body=b"psst"), 200, b"told\n")
        self.assertEqual(websocket.hear(), (TEXT, b"psst"))
        other.say(TEXT, b"x")
        self.assertEqual(other.hear(), (TEXT, b"x"))
        self.assertEqual(self.ask("POST", "/users/nobody", body=b"psst").status, 404)

    def test_who_leaves_is_not_reached(self):
        with self.enter("/rooms/three?user=dan") as websocket:
            self.assertEqual(websocket.leave(), (CLOSE, b"\x03\xe8"))
        eventually(lambda: self.ask("POST", "/users/dan", body=b"x").status == 404, "he is still there")


class EmbedLibuv(Example):
    name = "embed_libuv"
    packages = ("libuv",)

    def ticks(self):
        return int(self.get("/ticks").body)

    def test_both_loops_go_on(self):
        first = self.ticks()
        eventually(lambda: self.ticks() > first + 2, "the program's own timer stands still")

    def test_a_handler_that_waits_holds_up_neither(self):
        first = self.ticks()
        wait = self.in_background("GET", "/slow")
        eventually(lambda: self.ticks() > first, "the program's own timer stands still")
        self.assertGreaterEqual(int(wait().body), first + 5)

    def test_shutdown_lets_requests_finish(self):
        """A server of its own: the handler answers though SIGTERM has come."""
        server = Server(command=self.server.process.args, env=self.own_env())
        with server, server.connect() as connection:
            connection.send(make_request("GET", "/slow"))
            time.sleep(0.1)
            server.signal(15)
            self.assertEqual(connection.read_response().status, 200)
            self.assertEqual(server.wait(), 0)

    def own_env(self):
        return environment() | ({} if self.linkage == "tree"
                                else install().environment(self.linkage))


@functools.cache
def database():
    programs = find_programs()
    if not programs:
        raise unittest.SkipTest("PostgreSQL's initdb and postgres are not here")
    started = Database(programs)
    unittest.addModuleCleanup(started.stop)
    return started


class Postgres(Example):
    name = "postgres"
    packages = ("libpq",)

    @classmethod
    def setUpClass(cls):
        cls.env = {"DATABASE_URL": database().url}
        super().setUpClass()

    def running(self):
        """How many of the queries that sleep the database is at."""
        return int(database().ask("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
                                  "AND query LIKE '%pg_sleep($1%' "
                                  "AND pid <> pg_backend_pid()"))

    def test_query(self):
        response = self.get("/now")
        self.assertEqual(response.status, 200)
        self.assertRegex(response.body, rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")

    def test_a_query_that_fails_leaves_the_session_usable(self):
        for _ in range(10):
            self.assertEqual(self.get("/sleep?ms=x").status, 502)
        self.assertEqual(self.get("/now").status, 200)

    def test_the_loop_serves_others_meanwhile(self):
        wait = self.in_background("GET", "/sleep?ms=2000")
        start = time.monotonic()
        eventually(self.running, "the query did not start")
        for _ in range(20):
            self.assert_answers(self.get("/plaintext"), 200, b"Hello, World!")
        self.assertEqual(self.get("/now").status, 200)
        self.assertLess(time.monotonic() - start, 1.9)
        self.assert_answers(wait(), 200, b"slept")

    def test_more_requests_than_sessions(self):
        start = time.monotonic()
        waits = [self.in_background("GET", "/sleep?ms=200") for _ in range(12)]
        for wait in waits:
            self.assertEqual(wait().status, 200)
        # Twelve queries, four at a time.
        self.assertGreaterEqual(time.monotonic() - start, 0.6)

    def test_a_client_that_goes_cancels_its_query(self):
        with self.server.connect() as connection:
            connection.send(make_request("GET", "/sleep?ms=60000"))
            eventually(lambda: self.running() == 1, "the query did not start")
        eventually(lambda: self.running() == 0, "the query goes on", 10)

    def test_clients_that_reset_while_they_queue(self):
        """All sessions are taken, others queue, all go: what was taken comes back."""
        connections = [self.server.connect() for _ in range(10)]
        for connection in connections:
            connection.send(make_request("GET", "/sleep?ms=60000"))
        eventually(lambda: self.running() == 4, "the queries did not start")
        for connection in reversed(connections):
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
            connection.close()
        eventually(lambda: self.running() == 0, "the queries go on", 10)
        waits = [self.in_background("GET", "/now") for _ in range(8)]
        for wait in waits:
            self.assertEqual(wait().status, 200)


class Events(Example):
    name = "events"

    def listen(self, target, *fields):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.send(make_request("GET", target, *fields, version="1.0"))
        self.assertEqual(connection.read_head().value("content-type"), "text/event-stream")
        return connection

    def test_clock(self):
        connection = self.listen("/clock")
        self.assertEqual(connection.read_until(b"\n\n"), b"retry: 2000\n\n")
        self.assertTrue(connection.read_until(b"\n\n").startswith(b"event: tick\ndata: "))

    def test_rooms(self):
        first, second = self.listen("/rooms/lobby"), self.listen("/rooms/lobby")
        self.assert_answers(self.ask("POST", "/rooms/lobby", body=b"hello"), 200, b"2 are here\n")
        event = first.read_until(b"\n\n")
        self.assertTrue(event.endswith(b"\ndata: hello\n\n"), event)
        self.assertEqual(second.read_until(b"\n\n"), event)
        last = event[len(b"id: "):event.index(b"\n")].decode()
        self.ask("POST", "/rooms/lobby", body=b"missed")
        back = self.listen("/rooms/lobby", f"Last-Event-ID: {last}")
        self.assertTrue(back.read_until(b"\n\n").endswith(b"\ndata: missed\n\n"))


for example in (Hello, Echo, Send, Files, Receive, Groups, Hooks, Data, Upload, Wait, WebSockets, Chat, Events,
                EmbedLibuv, Postgres):
    for linked in LINKAGES:
        cls_name = example.__name__ + linked.capitalize()
        globals()[cls_name] = type(cls_name, (example, unittest.TestCase), {"linkage": linked})

if __name__ == "__main__":
    main()
