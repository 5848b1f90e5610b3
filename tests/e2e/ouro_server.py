"""Runs `ouro demo`, or another server, for a test, and ends it.

The environment says which: OURO is the command's path, OURO_BACKEND_UNDER_TEST is uring or epoll
(for tests that run once for both, it is not set). Whatever the server wrote to standard error is
shown when its test fails, and a sanitizer's report in it is a failure.
"""

import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import unittest

from http_client import TIMEOUT_S, Connection

OURO = os.environ.get("OURO", "ouro")
BACKEND = os.environ.get("OURO_BACKEND_UNDER_TEST", "epoll")

LISTENING = re.compile(r"listening on (\S+) \((\w+), (\d+) thread")
SANITIZER = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:")


def environment(**changes):
    """The environment for the command: the test's own choice of a backend must not reach it."""
    env = {name: value for name, value in os.environ.items() if name != "OURO_BACKEND"}
    return env | changes


def run_ouro(*arguments, env=None, prepare=None):
    """Runs the command to its end; the result has text in stdout and stderr."""
    result = subprocess.run([OURO, *arguments], env=env or environment(), preexec_fn=prepare,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=TIMEOUT_S, check=False)
    assert not SANITIZER.search(result.stderr), result.stderr
    return result


def eventually(condition, message, seconds=TIMEOUT_S):
    """Waits until `condition()` is true and returns what it gave."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, message
        time.sleep(0.01)
    return result


def parse_address(url):
    """What `socket.connect` takes for a URL that the server has logged."""
    if url.startswith("unix:"):
        return url.removeprefix("unix:")
    host, port = url.removeprefix("tcp://").rsplit(":", 1)
    return host.strip("[]"), int(port)


class Server:
    """`ouro demo`, from the moment it listens. `prepare` is called in the child before it becomes
    the server; `inherit` are descriptors that it gets; `wrapper` is a command before it, `program` another
    copy of it. Instead of the demo it may be `command`, a program that is told by its environment."""

    def __init__(self, *flags, listen=("tcp://127.0.0.1:0",), backend=BACKEND, threads=2, env=None,
                 prepare=None, inherit=(), command=None, wrapper=(), program=None):
        env = env or environment()
        if command:
            env = env | {"OURO_LISTEN": listen[0]} | ({"OURO_BACKEND": backend} if backend else {})
            arguments = [*command]
        else:
            arguments = [*wrapper, program or OURO, "demo", "--threads", str(threads)]
            for url in listen:
                arguments += ["--listen", url]
            if backend:
                arguments += ["--backend", backend]
        self.lines = []
        self.process = subprocess.Popen([*arguments, *flags], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=env,
                                        preexec_fn=prepare, pass_fds=inherit, text=True)
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        try:
            eventually(lambda: self.has_ended() or len(self.listening()) == len(listen),
                       "the server did not say where it listens")
            assert not self.has_ended(), f"the server did not start:\n{self.log()}"
        except AssertionError:
            self.kill()
            raise
        self.urls = [match[1] for match in self.listening()]
        self.backend = self.listening()[0][2]
        self.address = parse_address(self.urls[0])
        self.base = "http://127.0.0.1:" + self.urls[0].rsplit(":", 1)[1]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.kill()
            print(f"the server's log:\n{self.log()}", file=sys.stderr)
        else:
            self.stop()

    def _read_log(self):
        with self.process.stderr as log:
            for line in log:
                self.lines.append(line)

    def log(self):
        return "".join(self.lines)

    def listening(self):
        return list(LISTENING.finditer(self.log()))

    def has_ended(self):
        return self.process.poll() is not None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Waits for the end of the process; returns its exit code. Its log is complete then."""
        code = self.process.wait(TIMEOUT_S)
        self.reader.join(TIMEOUT_S)
        return code

    def kill(self):
        self.process.kill()
        self.wait()

    def stop(self):
        """Ends the server as its user would, and checks that it was well until then."""
        if not self.has_ended():
            self.signal(signal.SIGTERM)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not end the server:\n{self.log()}") from None
        assert code == 0, f"exit code {code}:\n{self.log()}"
        assert not SANITIZER.search(self.log()), self.log()

    def connect(self, **others):
        return Connection(self.address, **others)

    def get(self, target):
        """One request on a connection of its own."""
        with self.connect() as connection:
            return connection.get(target)

    def metrics(self):
        """The counters by name, without their common prefix."""
        text = self.get("/metrics").body.decode()
        return {name: int(value)
                for name, value in re.findall(r"^ouro_(\w+) (\d+)$", text, re.MULTILINE)}

    def cpu_seconds(self):
        """What the process has used so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class ServerCase(unittest.TestCase):
    """Tests that share one server with `flags`."""

    flags = ()
    threads = 2

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.flags, threads=cls.threads)
        cls.addClassCleanup(cls.server.stop)

    def connect(self, **others):
        connection = self.server.connect(**others)
        self.addCleanup(connection.close)
        return connection

    def assert_closes(self, connection):
        """The server has nothing more to say and ends the connection in order."""
        self.assertEqual(connection.read_to_end(), b"")


def raise_open_files():
    """Allows this process as many descriptors as it may have; returns their number."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def skip(reason):
    """Ends the whole test as skipped. The last thing it prints is why."""
    print(f"skipped: {reason}", flush=True)
    sys.exit(77)


def skip_without_backend(backend):
    if backend == "uring":
        features = run_ouro("--features").stdout
        if re.match(r"uring\s+no\b", features):
            skip(features.strip())


def main():
    """Runs the tests of the main module."""
    skip_without_backend(BACKEND)
    # A client that is told to go away must not end the test.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    unittest.main(verbosity=2)
