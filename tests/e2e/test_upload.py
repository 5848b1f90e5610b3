"""Forms with files, sent to /upload in any pieces, by curl, malformed, and large."""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import unittest

from http_client import TIMEOUT_S, make_request
from ouro_server import Server, ServerCase, environment, eventually, main

BOUNDARY = "----a boundary"
TYPE = f'Content-Type: multipart/form-data; boundary="{BOUNDARY}"'
DELIMITER = b"--" + BOUNDARY.encode()

# A sanitized server takes ten times as long for the same.
SANITIZED = "sanitize" in os.environ.get("SANITIZE", "")
LARGE_BYTES = (2 if SANITIZED else 20) << 20
HUGE_BYTES = (20 if SANITIZED else 200) << 20
RSS_GROWTH_MAX = (40 if SANITIZED else 8) << 20


class Part:
    def __init__(self, name, data, filename=None, content_type=None):
        self.data = data
        self.told = {"name": name, "filename": filename, "content_type": content_type,
                     "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def head(self):
        """The part up to its data."""
        lines = [DELIMITER, f'Content-Disposition: form-data; name="{self.told["name"]}"'.encode()]
        if self.told["filename"] is not None:
            lines[1] += f'; filename="{self.told["filename"]}"'.encode()
        if self.told["content_type"] is not None:
            lines.append(b"Content-Type: " + self.told["content_type"].encode())
        return b"\r\n".join([*lines, b"", b""])


def make_form(*parts):
    return b"".join(part.head() + part.data + b"\r\n" for part in parts) + DELIMITER + b"--\r\n"


def make_data(count):
    """Bytes that look like a boundary here and there."""
    source = random.Random(count)
    data = bytearray(source.randbytes(count))
    nearly = b"\r\n" + DELIMITER
    for at in range(0, count - len(nearly), 4093):
        length = source.randrange(1, len(nearly))
        data[at:at + length + 1] = nearly[:length] + b"!"
    return bytes(data)


def resident_bytes(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


class Upload(ServerCase):
    def post(self, body, *fields, connection=None, kind=TYPE, step=None):
        """Sends the form, in pieces of `step`, and reads the answer."""
        connection = connection or self.connect()
        step = step or len(body) or 1
        connection.send(make_request("POST", "/upload", kind, f"Content-Length: {len(body)}",
                                     *fields))
        view = memoryview(body)
        for at in range(0, len(body), step):
            connection.send(view[at:at + step])
        return connection.read_response()

    def assert_told(self, response, *parts):
        self.assertEqual((response.status, response.value("content-type")),
                         (200, "application/json"), response)
        self.assertEqual(json.loads(response.body), [part.told for part in parts])

    def assert_refused(self, response, status, reason):
        self.assertEqual(response.status, status, response)
        self.assertIn(reason, response.body.decode())


class Pieces(Upload):
    def test_nothing(self):
        self.assert_told(self.post(DELIMITER + b"--\r\n"))

    def test_fields_and_files(self):
        parts = (Part("a", b"1"), Part("", b""), Part("file", b"\r\n\r\n", "x.txt", "text/plain"),
                 Part("file", b"", "", "application/octet-stream"),
                 Part("\u00fc", bytes(range(256)), "\u00e4\\b/..", "a/b; c=\"d\""))
        connection = self.connect()
        for _ in range(2):
            self.assert_told(self.post(make_form(*parts), connection=connection), *parts)

    def test_byte_by_byte(self):
        """Writes of one byte each, which travel as they are; twenty mebibytes of pieces of one byte are in
        server/test_multipart.c."""
        parts = (Part("a", make_data(64 << 10), "f"), Part("b", b"x"))
        self.assert_told(self.post(make_form(*parts), step=1), *parts)

    def test_twenty_mebibytes_in_pieces_of_any_size(self):
        parts = (Part("before", b"x"), Part("file", make_data(LARGE_BYTES), "f", "image/png"))
        body = make_form(*parts)
        for step in (1 << 10, 64 << 10, None):
            with self.subTest(step=step):
                self.assert_told(self.post(body, step=step), *parts)

    def test_chunked(self):
        parts = (Part("a", make_data(100000), "f"), Part("b", b"x"))
        body, connection = make_form(*parts), self.connect()
        connection.send(make_request("POST", "/upload", TYPE, "Transfer-Encoding: chunked"))
        for at in range(0, len(body), 7):
            piece = body[at:at + 7]
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")
        self.assert_told(connection.read_response(), *parts)

    def test_others_are_answered_meanwhile(self):
        body = make_form(Part("file", make_data(LARGE_BYTES), "f"))
        responses = []
        thread = threading.Thread(target=lambda: responses.append(self.post(body)))
        thread.start()
        while thread.is_alive():
            self.assertEqual(self.server.get("/plaintext").body, b"Hello, World!")
        thread.join()
        self.assertEqual(responses[0].status, 200)

    def test_memory_does_not_grow(self):
        """A body of which no part could be kept: read as it comes."""
        piece, head = make_data(1 << 20), Part("f", b"", "huge").head()
        tail = b"\r\n" + DELIMITER + b"--"
        digest = hashlib.sha256()
        connection = self.connect()
        self.assertEqual(self.post(make_form(Part("a", piece)), connection=connection).status, 200)
        before = resident_bytes(self.server)
        length = len(head) + HUGE_BYTES + len(tail)
        connection.send(make_request("POST", "/upload", TYPE, f"Content-Length: {length}") + head)
        most = before
        for _ in range(HUGE_BYTES >> 20):
            connection.send(piece)
            digest.update(piece)
            most = max(most, resident_bytes(self.server))
        connection.send(tail)
        response = connection.read_response()
        self.assertEqual(json.loads(response.body)[0]["sha256"], digest.hexdigest())
        self.assertLess(most - before, RSS_GROWTH_MAX)


class Malformed(Upload):
    """What is refused is refused with a reason; the connection goes on, for the body was announced."""

    def assert_refused_and_goes_on(self, body, status, reason, kind=TYPE):
        connection = self.connect()
        self.assert_refused(self.post(body, connection=connection, kind=kind), status, reason)
        part = Part("a", b"1")
        self.assert_told(self.post(make_form(part), connection=connection), part)

    def test_no_multipart(self):
        self.assert_refused_and_goes_on(b"a=b", 415, "content type",
                                        "Content-Type: application/x-www-form-urlencoded")
        self.assert_refused_and_goes_on(b"a=b", 415, "content type", "X-No-Content-Type: 1")

    def test_no_boundary(self):
        form = make_form(Part("a", b"1"))
        for kind, reason in (("multipart/form-data", "no boundary"),
                             ("multipart/form-data; boundary=", "malformed boundary"),
                             ("multipart/form-data; boundary=" + "x" * 71, "malformed boundary")):
            self.assert_refused_and_goes_on(form, 400, reason, f"Content-Type: {kind}")

    def test_another_boundary(self):
        self.assert_refused_and_goes_on(b"--x\r\n" + b"y" * 20000, 400, "no boundary is at the")

    def test_a_boundary_that_never_ends(self):
        self.assert_refused_and_goes_on(DELIMITER + b"-" * 100000, 400,
                                        "something is behind a boundary")
        self.assert_refused_and_goes_on(DELIMITER + b" " * 100000, 413, "too many blanks")

    def test_a_header_that_never_ends(self):
        start = DELIMITER + b"\r\nContent-Disposition: form-data; name=\"a\"\r\nX: "
        self.assert_refused_and_goes_on(start + b"x" * 100000, 413, "the header of a part")
        self.assert_refused_and_goes_on(DELIMITER + b"\r\n" + b"x: y\r\n" * 20000, 413,
                                        "too many fields")

    def test_no_end(self):
        form = make_form(Part("a", b"1" * 1000))
        self.assert_refused_and_goes_on(form[:-100], 400, "the body ends within a part")
        self.assert_refused_and_goes_on(form[:-4], 400, "within the line of a boundary")

    def test_lf_alone(self):
        form = make_form(Part("a", b"1")).replace(b"\r\n", b"\n")
        self.assert_refused_and_goes_on(form, 400, f"byte {len(DELIMITER)}: the line of a boundary")

    def test_too_many_parts(self):
        self.assert_refused_and_goes_on(make_form(*[Part("a", b"1")] * 129), 413, "too many parts")

    def test_problem_details(self):
        response = self.post(DELIMITER + b"\n", "Accept: application/problem+json")
        self.assertEqual(response.value("content-type"), "application/problem+json")
        self.assertIn("LF alone", json.loads(response.body)["detail"])

    def test_the_answer_is_read_by_a_client_that_sends_on(self):
        """It never ends, and the answer comes all the same; the connection is closed at last."""
        for start, status in ((DELIMITER + b"\n", 400), (DELIMITER + b"\r\nX: " + b"x" * 9000, 413)):
            connection = self.connect()
            connection.send(make_request("POST", "/upload", TYPE, f"Content-Length: {1 << 29}"))
            connection.send(start)
            stop = threading.Event()

            def send_on(connection=connection, stop=stop):
                with contextlib.suppress(OSError):
                    while not stop.is_set():
                        connection.send(b"x" * 65536)
            thread = threading.Thread(target=send_on)
            thread.start()
            response = connection.read_response()
            stop.set()
            thread.join()
            self.assertEqual(response.status, status)

    def test_larger_than_the_route_takes(self):
        connection = self.connect()
        connection.send(make_request("POST", "/upload", TYPE, f"Content-Length: {(1 << 30) + 1}"))
        with contextlib.suppress(OSError):
            connection.send(b"x" * 100000)
        response = connection.read_response()
        self.assertEqual((response.status, response.value("connection")), (413, "close"))
        self.assert_closes(connection)

    def test_a_client_that_goes(self):
        body = make_form(Part("a", make_data(100000), "f"))
        for cut in (10, 1000, 50000, len(body) - 1):
            with self.server.connect() as connection:
                connection.send(make_request("POST", "/upload", TYPE,
                                             f"Content-Length: {len(body)}") + body[:cut])
        eventually(lambda: self.server.metrics()["connections"] == 1, "connections stay")


@unittest.skipUnless(shutil.which("curl"), "there is no curl here")
class Curl(Upload):
    def curl(self, *arguments):
        result = subprocess.run(["curl", "-q", "-sS", "--noproxy", "*", *arguments,
                                 self.server.base + "/upload"], stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=TIMEOUT_S, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_several_files(self):
        with tempfile.TemporaryDirectory() as directory:
            files = {}
            for name, count in (("one.txt", 10), ("two.png", 3 << 20), ("empty", 0)):
                files[name] = make_data(count) if count > 100 else b"x" * count
                pathlib.Path(directory, name).write_bytes(files[name])
            arguments = ["-F", "field=value; with more"]
            for name in files:
                arguments += ["-F", f"file=@{directory}/{name}"]
            for more in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect:")):
                told = self.curl(*arguments, *more)
                self.assertEqual([part["name"] for part in told], ["field"] + ["file"] * 3)
                self.assertEqual([part["filename"] for part in told], [None, *files])
                self.assertEqual([part["content_type"] for part in told],
                                 [None, "text/plain", "image/png", "application/octet-stream"])
                self.assertEqual([part["sha256"] for part in told[1:]],
                                 [hashlib.sha256(data).hexdigest() for data in files.values()])

    def test_quotes_in_names(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "f")
            path.write_bytes(b"1")
            told = self.curl("-F", f'a"b=@{path};filename="c\\"d.txt"')
            self.assertEqual((told[0]["name"], told[0]["filename"]), ('a"b', 'c"d.txt'))


class Temporary(unittest.TestCase):
    """Whatever is uploaded to the demo, nothing is left in the folder for temporary files."""

    def test_stays_empty(self):
        body = make_form(Part("file", make_data(LARGE_BYTES), "f"))
        with tempfile.TemporaryDirectory() as directory:
            with Server(env=environment(TMPDIR=directory)) as server:
                for end in (len(body), len(body) - 10):
                    with server.connect() as connection:
                        connection.send(make_request("POST", "/upload", TYPE,
                                                     f"Content-Length: {end}") + body[:end])
                        connection.read_response()
                with server.connect() as connection:
                    connection.send(make_request("POST", "/upload", TYPE, "Content-Length: "
                                                 f"{len(body)}") + body[:LARGE_BYTES // 2])
                self.assertEqual(os.listdir(directory), [])
            self.assertEqual(os.listdir(directory), [])


del Upload

if __name__ == "__main__":
    main()
