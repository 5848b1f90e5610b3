"""A crash is reported with a backtrace and ends the process as it would have."""

import os
import signal
import unittest

from ouro_server import Server, main, skip

NAMES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")


class Crash(unittest.TestCase):
    def test_a_crash_is_reported_and_ends_the_process(self):
        for name in NAMES:
            with self.subTest(signal=name):
                server = Server()
                server.signal(getattr(signal, name))
                self.assertEqual(server.wait(), -getattr(signal, name))
                self.assertIn(f"ouro: error: crash: {name} at address 0x", server.log())
                self.assertRegex(server.log(), r"(?m)^.*\[0x[0-9a-f]+\]$")


if __name__ == "__main__":
    if os.environ.get("SANITIZE"):
        skip("the sanitizer reports crashes itself")
    main()
