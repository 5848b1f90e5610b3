"""Which backend serves: asked for, or found out, with io_uring there or really refused.

It is refused by a seccomp filter, which is how containers do it.
"""

import errno
import functools
import unittest

from forbid import fail_io_uring
from ouro_server import Server, environment, main, run_ouro, skip_without_backend

REASONS = {
    errno.EPERM: "io_uring is forbidden here",
    errno.ENOSYS: "this kernel has no io_uring",
    errno.ENOMEM: "memlock",
}


class Allowed(unittest.TestCase):
    def assert_backend(self, name, **others):
        with Server(**others) as server:
            self.assertEqual(server.backend, name)
            self.assertEqual(server.get("/plaintext").body, b"Hello, World!")
            self.assertEqual(len(server.log().splitlines()), 1, server.log())

    def test_flag(self):
        for name in ("uring", "epoll"):
            self.assert_backend(name, backend=name)

    def test_auto(self):
        self.assert_backend("uring", backend="auto")
        self.assert_backend("uring", backend=None)

    def test_environment(self):
        for name in ("uring", "epoll"):
            self.assert_backend(name, backend=None, env=environment(OURO_BACKEND=name))
            self.assert_backend(name, backend="auto", env=environment(OURO_BACKEND=name))
        for word in ("auto", ""):
            self.assert_backend("uring", backend=None, env=environment(OURO_BACKEND=word))

    def test_flag_before_environment(self):
        self.assert_backend("epoll", backend="epoll", env=environment(OURO_BACKEND="uring"))
        self.assert_backend("uring", backend="uring", env=environment(OURO_BACKEND="epoll"))


class Refused(unittest.TestCase):
    def test_auto_falls_back(self):
        for number, reason in REASONS.items():
            prepare = functools.partial(fail_io_uring, number)
            with self.subTest(errno=errno.errorcode[number]), \
                    Server(backend="auto", prepare=prepare) as server:
                self.assertEqual(server.backend, "epoll")
                self.assertEqual(server.get("/plaintext").body, b"Hello, World!")
                said = [line for line in server.log().splitlines() if "listening" not in line]
                self.assertEqual(len(said), 1, server.log())
                self.assertIn("using epoll", said[0])
                self.assertIn(reason, said[0])

    def test_uring_is_an_error(self):
        for number, reason in REASONS.items():
            with self.subTest(errno=errno.errorcode[number]):
                result = run_ouro("demo", "--listen", "tcp://127.0.0.1:0", "--backend", "uring",
                                  prepare=functools.partial(fail_io_uring, number))
                self.assertEqual(result.returncode, 1)
                self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
                self.assertIn(reason, result.stderr)

    def test_epoll_does_not_care(self):
        prepare = functools.partial(fail_io_uring, errno.EPERM)
        with Server(backend="epoll", prepare=prepare) as server:
            self.assertEqual(len(server.log().splitlines()), 1, server.log())

    def test_features_say_why(self):
        for number, reason in REASONS.items():
            result = run_ouro("--features", prepare=functools.partial(fail_io_uring, number))
            self.assertEqual(result.returncode, 0)
            self.assertRegex(result.stdout, r"^uring\s+no\s")
            self.assertIn(reason, result.stdout)
            self.assertIn("epoll is used", result.stdout)


if __name__ == "__main__":
    skip_without_backend("uring")
    main()
