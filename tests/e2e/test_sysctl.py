"""The server where the whole machine forbids io_uring: kernel.io_uring_disabled is 2.

The setting is put back by a process of its own, which lives until this one has ended in whatever
way. Servers that run already keep their rings; only who starts in these moments does not get one.
"""

import contextlib
import os
import pathlib
import unittest

from ouro_server import Server, main, run_ouro, skip, skip_without_backend

SETTING = pathlib.Path("/proc/sys/kernel/io_uring_disabled")


@contextlib.contextmanager
def io_uring_disabled():
    before = SETTING.read_text(encoding="ascii")
    watched, held = os.pipe()
    guard = os.fork()
    if guard == 0:
        os.setsid()
        os.close(held)
        os.read(watched, 1)
        SETTING.write_text(before, encoding="ascii")
        os._exit(0)
    os.close(watched)
    try:
        SETTING.write_text("2\n", encoding="ascii")
        yield
    finally:
        os.close(held)
        os.waitpid(guard, 0)


class Sysctl(unittest.TestCase):
    def test_fallback_and_error(self):
        before = SETTING.read_text(encoding="ascii")
        with contextlib.ExitStack() as stack:
            with io_uring_disabled():
                server = stack.enter_context(Server(backend="auto"))
                uring = run_ouro("demo", "--listen", "tcp://127.0.0.1:0", "--backend", "uring")
            self.assertEqual(SETTING.read_text(encoding="ascii"), before)
            self.assertEqual(server.backend, "epoll")
            self.assertIn("using epoll: io_uring is forbidden here", server.log())
            self.assertIn("kernel.io_uring_disabled", server.log())
            self.assertEqual(server.get("/plaintext").body, b"Hello, World!")
        self.assertEqual(uring.returncode, 1)
        self.assertIn("no uring backend: io_uring is forbidden here", uring.stderr)


if __name__ == "__main__":
    if not SETTING.exists():
        skip(f"this kernel has no {SETTING}")
    if not os.access(SETTING, os.W_OK):
        skip(f"{SETTING} cannot be written: not root, or a container")
    skip_without_backend("uring")
    main()
