"""A memlock limit that leaves no room for a ring. Not every kernel charges rings to that limit;
where none is charged, the error itself is tested all the same, made by a filter
(test_backend_choice.py)."""

import resource
import subprocess
import unittest

from forbid import drop_memlock_privilege
from ouro_server import Server, main, skip, skip_without_backend


def no_locked_memory():
    drop_memlock_privilege()
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))


class Memlock(unittest.TestCase):
    def test_auto_falls_back(self):
        with Server(backend="auto", prepare=no_locked_memory) as server:
            self.assertEqual(server.backend, "epoll")
            self.assertIn("ulimit -l", server.log())
            self.assertEqual(server.get("/plaintext").body, b"Hello, World!")


if __name__ == "__main__":
    skip_without_backend("uring")
    try:
        with Server(backend="auto", prepare=no_locked_memory) as server:
            if server.backend == "uring":
                skip("this kernel does not charge rings to the memlock limit")
    except subprocess.SubprocessError as error:
        skip(f"a privileged user may lock as much as it likes, and cannot give that up: {error}")
    main()
