"""wrk with 360 connections: not one error."""

import re
import subprocess

from http_client import TIMEOUT_S
from ouro_server import ServerCase, main, raise_open_files, skip


class Wrk(ServerCase):
    def load(self, target, *arguments):
        command = ["wrk", "-t2", "-c360", "-d2s", "--timeout", "30s", *arguments,
                   self.server.base + target]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=2 * TIMEOUT_S, check=False)
        print(result.stdout)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("Socket errors", result.stdout)
        self.assertNotIn("Non-2xx", result.stdout)
        self.assertGreater(int(re.search(r"(\d+) requests in", result.stdout)[1]), 360)

    def test_keep_alive(self):
        self.load("/plaintext")

    def test_close(self):
        self.load("/json", "-H", "Connection: close")


if __name__ == "__main__":
    try:
        subprocess.run(["wrk", "--version"], capture_output=True, check=False)
    except OSError as failure:
        skip(f"there is no wrk here: {failure}")
    raise_open_files()
    main()
