"""ab with 1,000 connections, kept open and not: not one failure."""

import subprocess

from http_client import TIMEOUT_S
from ouro_server import ServerCase, main, raise_open_files, skip

CONNECTIONS = 1000


class Ab(ServerCase):
    def load(self, requests, *arguments):
        command = ["ab", "-q", "-s", "60", "-n", str(requests), "-c", str(CONNECTIONS), *arguments,
                   self.server.base + "/plaintext"]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=2 * TIMEOUT_S, check=False)
        print(result.stdout)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, rf"Complete requests:\s+{requests}\n")
        self.assertRegex(result.stdout, r"Failed requests:\s+0\n")
        self.assertNotIn("Non-2xx", result.stdout)
        return result.stdout

    def test_keep_alive(self):
        report = self.load(20000, "-k")
        self.assertRegex(report, r"Keep-Alive requests:\s+20000\n")

    def test_close(self):
        self.load(10000)


if __name__ == "__main__":
    try:
        subprocess.run(["ab", "-V"], capture_output=True, check=False)
    except OSError as failure:
        skip(f"there is no ab here: {failure}")
    files = raise_open_files()
    if files < CONNECTIONS + 100:
        skip(f"only {files} open files are allowed here (ulimit -Hn)")
    main()
