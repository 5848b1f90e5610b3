"""Static files of the demo over real sockets: what is sent, and that nothing else ever is."""

import email.utils
import gzip
import hashlib
import html.parser
import json
import os
import pathlib
import random
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from http_client import make_request
from ouro_server import OURO, Server, environment, eventually, main, run_ouro

SECRET = b"nobody may see this"
NOBODY = 65534
LARGE = 8 << 20

# Targets that must never lead to the file "secret" beside the directory that is served.
HOSTILE = [
    "/files/../secret", "/files/..", "/files/../", "/files/../../../../../../etc/passwd",
    "/files/%2e%2e/secret", "/files/%2E%2E/secret", "/files/.%2e/secret", "/files/%2e./secret",
    "/files/..%2fsecret", "/files/..%2Fsecret", "/files/%2e%2e%2fsecret",
    "/files/%2e%2e%5csecret", "/files/..\\secret", "/files/..%5csecret", "/files/%5c..%5csecret",
    "/files/%252e%252e/secret", "/files/%252e%252e%252fsecret", "/files/..%252fsecret",
    "/files/%c0%ae%c0%ae/secret", "/files/..%c0%afsecret", "/files/..%c1%9csecret",
    "/files/%e0%80%ae%e0%80%ae/secret", "/files/%uff0e%uff0e/secret",
    "/files/....//secret", "/files/.../secret", "/files/..;/secret", "/files/..%20/secret",
    "/files/..%00/secret", "/files/a.txt%00", "/files/a.txt%00.html", "/files/%00", "/files/..%0d",
    "/files/dir/../../secret", "/files/dir/../../../secret", "/files/dir/%2e%2e/%2e%2e/secret",
    "/files/dir/..%2f..%2fsecret", "/files/./../secret", "/files/.//..//secret",
    "/files//secret", "/files//etc/passwd", "/files/%2fetc/passwd", "/files/%2Fetc%2Fpasswd",
    "/files/a.txt/../../secret", "/files/none/../../secret", "//files/../secret",
    "/files/" + "../" * 100 + "etc/passwd", "/files/" + "%2e%2e/" * 100 + "etc/passwd",
    "/files/" + "..%2f" * 100 + "etc%2fpasswd", "/files/" + "dir/../" * 100 + "../secret",
    "/files/" + "a" * 300, "/files/" + "a/" * 2000, "/files/" + "%41" * 1000,
    "/files/out", "/files/out-absolute", "/files/out-dir/secret", "/files/dir/out",
    "/files/fifo", "/files/socket", "/files/device", "/files/loop", "/files/dir", "/files/dir/",
    "/files/proc/self/root/etc/passwd", "/files/.hidden", "/files/.git/config", "/files/~root",
    "/files/C:/Windows/win.ini", "/files/file:///etc/passwd", "/files/%u002e%u002e/secret",
    "/files/*", "/files/a.txt?/../../secret", "/files/?file=../secret", "/files/%", "/files/%2",
    "http://localhost/files/../secret", "http://localhost/files/%2e%2e/secret",
]

# Of these the path is that of the demo's page, or of a file.
HARMLESS = ["/files/..", "/files/../", "/files/a.txt?/../../secret"]


def make_tree(parent):
    """A directory to serve with a secret beside it, and what there may be in one."""
    root = pathlib.Path(parent) / "root"
    (root / "dir").mkdir(parents=True)
    (root / "with").mkdir()
    (root / ".git").mkdir()
    (root.parent / "secret").write_bytes(SECRET)
    (root / "a.txt").write_bytes(b"hello")
    (root / "dir" / "b.html").write_bytes(b"<p>b</p>")
    (root / "with" / "index.html").write_bytes(b"<p>index</p>")
    (root / ".hidden").write_bytes(SECRET)
    (root / ".git" / "config").write_bytes(SECRET)
    (root / "large").write_bytes(random.Random(1).randbytes(LARGE))
    (root / "digits").write_bytes(random.Random(2).randbytes(20000))
    (root / "out").symlink_to("../secret")
    (root / "out-absolute").symlink_to("/etc/passwd")
    (root / "out-dir").symlink_to("..")
    (root / "proc").symlink_to("/proc")
    (root / "dir" / "out").symlink_to("../../secret")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(root / "socket"))
    try:
        os.mknod(root / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # zeros without end
    except PermissionError:
        print("skipped: devices cannot be made here")
    return root


class FilesCase(unittest.TestCase):
    """Tests that share a directory and a server of it."""

    flags = ()

    @classmethod
    def setUpClass(cls):
        parent = tempfile.TemporaryDirectory()
        cls.addClassCleanup(parent.cleanup)
        os.chmod(parent.name, 0o755)
        cls.root = make_tree(parent.name)
        cls.server = Server("--root", str(cls.root), *cls.flags)
        cls.addClassCleanup(cls.server.stop)

    def get(self, target, *fields, method="GET"):
        with self.server.connect() as connection:
            return connection.ask(method, target, *fields)


class Files(FilesCase):
    flags = ("--files-cache-control", "max-age=60", "--head-bytes-max", "300000")

    def test_a_file_has_all_that_is_known_of_it(self):
        response = self.get("/files/a.txt")
        modified = (self.root / "a.txt").stat().st_mtime
        self.assertEqual((response.status, response.body), (200, b"hello"))
        self.assertEqual(response.value("content-type"), "text/plain; charset=utf-8")
        self.assertEqual(response.value("last-modified"),
                         email.utils.formatdate(int(modified), usegmt=True))
        self.assertRegex(response.value("etag"), r'^"[0-9a-f-]+"$')
        self.assertEqual(response.value("accept-ranges"), "bytes")
        self.assertEqual(response.value("cache-control"), "max-age=60")
        self.assertEqual(response.value("x-content-type-options"), "nosniff")

    def test_large_files_come_whole(self):
        with self.server.connect() as connection:
            for _ in range(5):
                self.assertEqual(hashlib.sha256(connection.get("/files/large").body).digest(),
                                 hashlib.sha256((self.root / "large").read_bytes()).digest())

    def test_many_in_a_row(self):
        """Pipelined, small ones from memory among those that are sent from where they lie."""
        names = ["a.txt", "digits", "none", "with/", "large"] * 20
        with self.server.connect() as connection:
            connection.send(b"".join(make_request("GET", f"/files/{name}") for name in names))
            for name in names:
                response = connection.read_response()
                if name == "none":
                    self.assertEqual(response.status, 404)
                    continue
                path = self.root / name
                path = path / "index.html" if path.is_dir() else path
                self.assertEqual(response.body, path.read_bytes())

    def test_nothing_else_is_ever_sent(self):
        for target in HOSTILE:
            with self.subTest(target=target[:60]):
                response = self.get(target)
                if target not in HARMLESS:
                    self.assertIn(response.status, (308, 400, 404), response)
                self.assertNotIn(SECRET, response.body)
                self.assertNotIn(b"root:", response.body)

    def test_head_has_no_body(self):
        response = self.get("/files/large", method="HEAD")
        self.assertEqual(response.value("content-length"), str(LARGE))
        self.assertEqual(response.body, b"")

    def test_other_methods(self):
        response = self.get("/files/a.txt", method="DELETE")
        self.assertEqual(response.status, 405)
        self.assertEqual(response.value("allow"), "GET, HEAD, OPTIONS")

    def test_directories(self):
        for target, location in (("/files", "/files/"), ("/files/with?a=b", "/files/with/?a=b")):
            response = self.get(target)
            self.assertEqual((response.status, response.value("location")), (308, location))
        self.assertEqual(self.get("/files/with/").body, b"<p>index</p>")
        self.assertEqual(self.get("/files/dir/").status, 404)

    def test_conditions(self):
        """All of them with each other, by the order of RFC 9110, 13.2.2."""
        first = self.get("/files/a.txt")
        tag, modified = first.value("etag"), first.value("last-modified")
        earlier = "Thu, 01 Jan 1998 00:00:00 GMT"
        later = "Thu, 01 Jan 2099 00:00:00 GMT"
        tags = {None: None, tag: True, "W/" + tag: "weak", '"x"': False, "*": True,
                f'"x", {tag}': True, "": False}
        dates = {None: None, modified: "same", earlier: "earlier", later: "later", "x": None}
        with self.server.connect() as connection:
            for match, match_is in tags.items():
                for none_match, none_match_is in tags.items():
                    for since, since_is in dates.items():
                        for unless, unless_is in dates.items():
                            expected = 200
                            if match is not None:
                                expected = 200 if match_is is True else 412
                            elif unless_is == "earlier":
                                expected = 412
                            if expected == 200 and none_match is not None:
                                expected = 304 if none_match_is in (True, "weak") else 200
                            elif expected == 200 and since_is in ("same", "later"):
                                expected = 304
                            fields = [f"{name}: {value}" for name, value in (
                                ("If-Match", match), ("If-None-Match", none_match),
                                ("If-Modified-Since", since), ("If-Unmodified-Since", unless))
                                      if value is not None]
                            response = connection.get("/files/a.txt", *fields)
                            self.assertEqual(response.status, expected, fields)

    def test_ranges_are_slices(self):
        content = (self.root / "digits").read_bytes()
        numbers = random.Random(3)
        with self.server.connect() as connection:
            for _ in range(500):
                first, last = sorted(numbers.randrange(len(content) + 2000) for _ in range(2))
                kind = numbers.randrange(3)
                text = (f"{first}-{last}", f"{first}-", f"-{first}")[kind]
                part = (content[first:last + 1], content[first:],
                        content[max(0, len(content) - first):] if first else b"")[kind]
                response = connection.get("/files/digits", f"Range: bytes={text}")
                if not part:
                    self.assertEqual(response.status, 416, text)
                    self.assertEqual(response.value("content-range"), "bytes */20000")
                    continue
                self.assertEqual((response.status, response.body == part), (206, True), text)
                begin = len(content) - len(part) if kind else first
                self.assertEqual(response.value("content-range"),
                                 f"bytes {begin}-{begin + len(part) - 1}/20000")

    def test_parts_are_slices(self):
        content = (self.root / "large").read_bytes()
        numbers = random.Random(4)
        for _ in range(30):
            # Apart from each other, so that none are joined, and in any order.
            begins = numbers.sample(range(0, LARGE - 100000, 100000), 8)
            ranges = [(begin, begin + numbers.randrange(1, 90000)) for begin in begins]
            response = self.get("/files/large", "Range: bytes=" + ",".join(
                f"{first}-{last}" for first, last in ranges))
            self.assertEqual(response.status, 206)
            kind, boundary = response.value("content-type").split("; boundary=")
            self.assertEqual(kind, "multipart/byteranges")
            expected = b"".join(
                b"--%s\r\nContent-Type: application/octet-stream\r\n"
                b"Content-Range: bytes %d-%d/%d\r\n\r\n%s\r\n"
                % (boundary.encode(), first, last, LARGE, content[first:last + 1])
                for first, last in ranges) + b"--" + boundary.encode() + b"--\r\n"
            self.assertTrue(response.body == expected)

    def test_ranges_that_overflow(self):
        for text in ("18446744073709551615-", "18446744073709551616-", "-18446744073709551616",
                     "0-18446744073709551616", "9223372036854775808-9223372036854775809",
                     "99999999999999999999999999999-", "0-0,-0", "5-2", "--5", "0-0-0", "+1-2",
                     "0x1-2", " ", ",", "-", "1", "a-", "1-a", "\xff-"):
            with self.subTest(text=text):
                response = self.get("/files/digits", f"Range: bytes={text}")
                self.assertIn(response.status, (200, 206, 416))
                if response.status == 206:
                    self.assertLessEqual(len(response.body), 20000)

    def test_ten_thousand_ranges(self):
        for text in (",".join(f"{i * 2}-{i * 2}" for i in range(10000)), ",".join(["0-"] * 10000),
                     ",".join(["-1"] * 10000), "0-0," * 10000):
            begin = time.monotonic()
            response = self.get("/files/digits", f"Range: bytes={text}")
            self.assertIn(response.status, (200, 206, 416))
            self.assertLessEqual(len(response.body), 20000)
            self.assertLess(time.monotonic() - begin, 5)

    def test_if_range(self):
        first = self.get("/files/digits")
        for value, status in ((first.value("etag"), 206), ("W/" + first.value("etag"), 200),
                              ('"x"', 200), ("Thu, 01 Jan 1998 00:00:00 GMT", 200)):
            response = self.get("/files/digits", "Range: bytes=0-9", f"If-Range: {value}")
            self.assertEqual(response.status, status, value)

    def test_curl_resumes(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write((self.root / "large").read_bytes()[:1234567])
            file.flush()
            subprocess.run(["curl", "-sS", "--fail", "-C", "-", "-o", file.name,
                            self.server.base + "/files/large"], check=True, timeout=60)
            self.assertTrue(pathlib.Path(file.name).read_bytes() ==
                            (self.root / "large").read_bytes())


class Options(FilesCase):
    flags = ("--files-list", "--files-precompressed", "--files-symlinks", "--files-dotfiles",
             "--files-fallback", "with/index.html")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for directory in (cls.root / "dir", cls.root / "dir" / "a<b>&\"'c d"):
            directory.mkdir(exist_ok=True)
            for name in ("plain", "sp ace", "per%cent", "que?ry", "ha#sh", "co:lon", "<tag>",
                         "am&p", "quo\"te", "apo'strophe", "back\\slash", "new\nline", "\u00fc",
                         "a+b", "semi;colon", ".dot"):
                (directory / name).write_text(name)
        (cls.root / "to-a").symlink_to("a.txt")
        (cls.root / "dir" / "up").symlink_to("../a.txt")
        (cls.root / "page.html").write_bytes(b"<p>page</p>" * 1000)
        (cls.root / "page.html.gz").write_bytes(gzip.compress(b"<p>page</p>" * 1000))

    def test_links_that_stay_inside(self):
        self.assertEqual(self.get("/files/to-a").body, b"hello")
        self.assertEqual(self.get("/files/dir/up").body, b"hello")
        for name in ("out", "out-absolute", "out-dir/secret", "dir/out", "loop",
                     "proc/self/root/etc/passwd"):
            self.assertEqual(self.get(f"/files/{name}").status, 404, name)

    def test_hostile_targets_are_no_better_off(self):
        for target in HOSTILE:
            with self.subTest(target=target[:60]):
                response = self.get(target)
                self.assertIn(response.status, (200, 308, 400, 404))
                if ".hidden" not in target and ".git" not in target:
                    self.assertNotIn(SECRET, response.body)
                self.assertNotIn(b"root:", response.body)

    def listed(self, target):
        """What the page at `target` links to: texts by addresses."""
        links = {}

        class Links(html.parser.HTMLParser):
            href = None

            def handle_starttag(self, tag, attrs):
                if tag == "a":
                    self.href = dict(attrs)["href"]

            def handle_data(self, data):
                if self.href:
                    links[self.href] = links.get(self.href, "") + data

            def handle_endtag(self, tag):
                if tag == "a":
                    self.href = None

        response = self.get(target)
        self.assertEqual(response.status, 200)
        self.assertEqual(response.value("content-type"), "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", response.value("content-security-policy"))
        Links().feed(response.body.decode())
        return links

    def test_every_link_of_a_list_leads_to_its_file(self):
        for target in ("/files/dir/", "/files/dir/" + urllib.parse.quote("a<b>&\"'c d/")):
            links = self.listed(target)
            self.assertEqual(links.pop("../"), "../")
            self.assertGreater(len(links), 15)
            for href, text in links.items():
                response = self.get(urllib.parse.urljoin(target, href))
                self.assertEqual(response.status, 200, href)
                if text not in ("b.html", "up") and not text.endswith("/"):
                    self.assertEqual(response.body.decode(), text)

    def test_lists_leave_out_what_is_404(self):
        names = self.listed("/files/").values()
        self.assertIn("to-a", names)
        self.assertIn(".hidden", names)
        for name in ("out", "out-absolute", "out-dir/", "proc/", "loop", "fifo", "socket",
                     "device"):
            self.assertNotIn(name, names)

    def test_a_list_as_json(self):
        response = self.get("/files/dir/", "Accept: application/json")
        self.assertEqual(response.value("content-type"), "application/json")
        entries = json.loads(response.body)["entries"]
        names = [entry["name"] for entry in entries]
        self.assertEqual(names, sorted(names, key=str.encode))
        self.assertEqual(set(names), {path.name for path in (self.root / "dir").iterdir()} - {"out"})
        for entry in entries:
            path = self.root / "dir" / entry["name"]
            if entry["type"] == "file":
                self.assertEqual(entry["size"], path.stat().st_size)

    def test_precompressed(self):
        plain = self.get("/files/page.html")
        coded = self.get("/files/page.html", "Accept-Encoding: gzip, br;q=0.1")
        self.assertEqual(coded.value("content-encoding"), "gzip")
        self.assertEqual(gzip.decompress(coded.body), plain.body)
        self.assertLess(len(coded.body), len(plain.body))
        self.assertNotEqual(coded.value("etag"), plain.value("etag"))
        for response in (plain, coded):
            self.assertEqual(response.value("vary"), "accept-encoding")
            self.assertEqual(response.value("content-type"), "text/html; charset=utf-8")
        output = subprocess.run(["curl", "-sS", "--compressed",
                                 self.server.base + "/files/page.html"],
                                check=True, timeout=60, capture_output=True).stdout
        self.assertEqual(output, plain.body)

    def test_fallback(self):
        browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        self.assertEqual(self.get("/files/app/route", browser).body, b"<p>index</p>")
        self.assertEqual(self.get("/files/app/route").status, 404)
        self.assertEqual(self.get("/files/app.js", "Accept: */*").status, 404)


class Changing(unittest.TestCase):
    """What is changed while it is served, and what others may not read."""

    def setUp(self):
        parent = tempfile.TemporaryDirectory()
        self.addCleanup(parent.cleanup)
        os.chmod(parent.name, 0o755)
        self.parent = pathlib.Path(parent.name)
        self.root = self.parent / "root"
        self.root.mkdir()
        self.content = random.Random(5).randbytes(LARGE)
        (self.root / "file").write_bytes(self.content)

    def serve(self, *flags, **others):
        server = Server("--root", str(self.root), "--files-revalidate-ms", "50", *flags, threads=1,
                        **others)
        self.addCleanup(server.stop)
        return server

    def slow_client(self, server):
        """A client that was sent the head and takes no more for now."""
        connection = server.connect(receive_buffer_bytes=4096)
        self.addCleanup(connection.close)
        connection.send(make_request("GET", "/files/file"))
        self.assertEqual(connection.read_head().value("content-length"), str(LARGE))
        return connection

    def test_clients_that_go_do_not_end_the_server(self):
        """sendfile(2) raises SIGPIPE, which would: its default is what the server has here."""
        server = self.serve()
        for _ in range(20):
            connection = self.slow_client(server)
            connection.close()
        self.assertEqual(server.get("/files/file").body, self.content)
        self.assertFalse(server.has_ended())

    def test_a_file_that_was_cut_ends_the_connection(self):
        connection = self.slow_client(self.serve())
        os.truncate(self.root / "file", LARGE // 2)
        received = connection.unread
        with self.assertRaises((EOFError, ConnectionResetError)):
            while True:
                connection.unread = b""
                connection._more()
                received += connection.unread
        # What had been sent before it was cut may have come; nothing was made up behind it.
        self.assertLess(len(received), LARGE)
        self.assertTrue(self.content.startswith(received))

    def test_a_file_that_was_replaced_is_sent_to_its_end(self):
        server = self.serve()
        connection = self.slow_client(server)
        (self.root / "new").write_bytes(b"new")
        os.replace(self.root / "new", self.root / "file")
        eventually(lambda: server.get("/files/file").body == b"new", "the new file is not seen")
        self.assertTrue(connection.read_bytes(LARGE) == self.content)
        self.assertEqual(connection.get("/files/file").body, b"new")

    def test_a_file_that_was_removed_is_sent_to_its_end(self):
        server = self.serve()
        connection = self.slow_client(server)
        (self.root / "file").unlink()
        eventually(lambda: server.get("/files/file").status == 404, "it is still there")
        self.assertTrue(connection.read_bytes(LARGE) == self.content)

    def test_what_is_written_in_place_is_seen(self):
        server = self.serve()
        for i in range(20):
            (self.root / "small").write_text(f"content {i:3}")
            eventually(lambda: server.get("/files/small").body == b"content %3d" % i,
                       "the change is not seen")

    def test_a_file_that_becomes_a_fifo_is_not_opened(self):
        server = self.serve()
        self.assertEqual(server.get("/files/file").status, 200)
        (self.root / "file").unlink()
        os.mkfifo(self.root / "file")
        eventually(lambda: server.get("/files/file").status == 404, "it is still there")

    def test_the_directory_that_was_opened_counts(self):
        server = self.serve()
        self.root.rename(self.parent / "moved")
        self.root.mkdir()
        (self.root / "file").write_bytes(SECRET)
        self.assertEqual(len(server.get("/files/file").body), LARGE)

    def test_descriptors_are_bounded(self):
        server = self.serve("--files-cached-max", "16", "--files-memory-bytes-max", "1")
        for i in range(100):
            (self.root / f"f{i}").write_text(f"file {i}")
        before = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        with server.connect() as connection:
            for i in range(100):
                self.assertEqual(connection.get(f"/files/f{i}").body, b"file %d" % i)
            after = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        self.assertLessEqual(after - before, 16 + 2)

    def test_files_that_the_server_may_not_read(self):
        if os.getuid() != 0:
            self.skipTest("cannot be another user")
        (self.root / "unreadable").write_bytes(SECRET)
        (self.root / "unreadable").chmod(0)
        (self.root / "closed").mkdir(mode=0o700)
        (self.root / "closed" / "file").write_bytes(SECRET)
        program = shutil.copy(OURO, self.parent / "ouro")
        server = self.serve(program=program, wrapper=("setpriv", f"--reuid={NOBODY}",
                                                      f"--regid={NOBODY}", "--clear-groups"))
        self.assertEqual(server.get("/files/file").status, 200)
        self.assertEqual(server.get("/files/unreadable").status, 403)
        self.assertEqual(server.get("/files/closed/file").status, 403)

    def test_a_directory_that_is_not_there(self):
        result = run_ouro("demo", "--listen", "tcp://127.0.0.1:0", "--root", "/none")
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot serve files of /none: No such file or directory", result.stderr)

    def test_options_that_cannot_be(self):
        result = run_ouro("demo", "--root", ".", "--files-fallback", "../x")
        self.assertEqual(result.returncode, 2)
        self.assertIn("files of .: its fallback is no path", result.stderr)


class Traced(unittest.TestCase):
    """What a server opens while everything hostile is asked of it, as the kernel saw it."""

    def setUp(self):
        # Under qemu, in some containers, or by policy no process may watch another.
        if not shutil.which("strace"):
            self.skipTest("strace is not here")
        check = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True,
                               check=False)
        if check.returncode:
            self.skipTest(f"strace cannot be used: {check.stderr.decode().strip()}")

    def opened(self, *strace_flags, flags=()):
        """Lines of the trace that name paths, from the first request on."""
        with tempfile.TemporaryDirectory() as parent:
            os.chmod(parent, 0o755)
            root = make_tree(parent)
            (root / "begin").write_bytes(b"begin")
            (root / "end").write_bytes(b"end")
            trace = pathlib.Path(parent) / "trace"
            env = environment()
            env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
            with Server("--root", str(root), *flags, env=env,
                        wrapper=("strace", "-D", "-f", "-y", "-qq", "-s", "5000", "-o", str(trace),
                                 "-e", "trace=%file,openat2", *strace_flags)) as server:
                self.assertEqual(server.get("/files/begin").body, b"begin")
                for target in HOSTILE:
                    server.get(target)
                self.assertEqual(server.get("/files/end").body, b"end")
            text = eventually(lambda: trace.read_text() if '"end"' in trace.read_text() else "",
                              "the trace has no end")
            lines = text.splitlines()
            first = next(i for i, line in enumerate(lines) if '"begin"' in line)
            last = next(i for i, line in enumerate(lines) if '"end"' in line)
            return str(root), lines[first:last + 1]

    def check(self, root, lines):
        opened = 0
        for line in lines:
            # A descriptor of the directory or of something below it, and a path from there.
            call = re.search(r"\b(open\w*|statx|readlink\w*|newfstatat)\((\d+)<([^>]*)>", line)
            self.assertTrue(call, line)
            inside = (root, root + "/")
            self.assertTrue(call[3] == root or call[3].startswith(inside[1]), line)
            result = re.search(r"= \d+<([^>]*)>$", line)
            if call[1].startswith("open") and result:
                opened += 1
                self.assertTrue(result[1] == root or result[1].startswith(inside[1]), line)
                if "O_PATH" not in line:
                    # Nothing but plain files, and never so that it could wait.
                    self.assertNotRegex(result[1], r"/(fifo|socket|device|out[^/]*|loop)$")
                    self.assertIn("O_NONBLOCK", line)
        self.assertGreater(opened, 2)

    def finished(self, lines):
        """Calls that another thread interrupted, put together again."""
        waiting, whole = {}, []
        for line in lines:
            pid, rest = line.split(None, 1)
            if rest.endswith("<unfinished ...>"):
                waiting[pid] = rest.removesuffix("<unfinished ...>").rstrip()
            elif resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", rest):
                whole.append(waiting.pop(pid, "") + resumed[1])
            else:
                whole.append(rest)
        return [line for line in whole if not line.startswith(("+++", "---"))]

    def test_the_kernel_resolves_and_stays_beneath(self):
        for flags in ((), ("--files-symlinks", "--files-dotfiles", "--files-precompressed")):
            root, lines = self.opened(flags=flags)
            lines = self.finished(lines)
            self.check(root, lines)
            for line in lines:
                if "openat2(" in line:
                    self.assertIn("RESOLVE_BENEATH", line)
                    self.assertIn("RESOLVE_NO_MAGICLINKS", line)
                    self.assertEqual("RESOLVE_NO_SYMLINKS" in line, not flags, line)
                self.assertNotRegex(line, r"\bopen(at)?\(")

    def test_without_openat2_the_own_walk_stays_beneath(self):
        for flags in ((), ("--files-symlinks", "--files-dotfiles")):
            root, lines = self.opened("-e", "inject=openat2:error=ENOSYS", flags=flags)
            lines = [line for line in self.finished(lines) if "openat2(" not in line]
            self.check(root, lines)
            for line in lines:
                if opened := re.search(r'\bopenat\(\d+<[^>]*>, "([^"]*)"', line):
                    self.assertNotIn("/", opened[1])
                    self.assertIn("O_NOFOLLOW", line)
                    self.assertNotEqual(opened[1], "..")


if __name__ == "__main__":
    main()
