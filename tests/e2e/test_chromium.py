"""A browser loads the demo's page, and its script shows figures."""

import re
import shutil
import subprocess
import tempfile

from http_client import TIMEOUT_S
from ouro_server import ServerCase, main, skip

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or \
    shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--no-proxy-server", "--virtual-time-budget=3000",
         "--dump-dom")


class Chromium(ServerCase):
    def test_page_becomes_ready(self):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            result = subprocess.run([BROWSER, *FLAGS, f"--user-data-dir={profile}",
                                     self.server.base + "/"], stdin=subprocess.DEVNULL,
                                    capture_output=True, text=True, timeout=2 * TIMEOUT_S,
                                    check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('data-ready="yes"', result.stdout, result.stderr)
        for name in ("requests", "connections", "copied"):
            figure = re.search(rf'<b id="{name}">([^<]*)</b>', result.stdout)
            self.assertRegex(figure[1], r"^\d[\d,.]*$", name)
        self.assertGreater(self.server.metrics()["requests_total"], 2)


if __name__ == "__main__":
    if not BROWSER:
        skip("there is no Chromium here")
    main()
